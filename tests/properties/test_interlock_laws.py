"""Kleene's laws hold in the interlock language, and more knowledge never turns a true or false into the other."""

from hypothesis import given
from hypothesis import strategies as st

from domain.ids import PointRef
from domain.interlock import BOOLEAN, ExpressionError, Truth, evaluate, parse
from domain.quality import Quality
from domain.quantities import check_types
from domain.sample import NEVER_READ, Reading

NAMES = ("a", "b", "c", "d")


def reading(value: bool | None) -> Reading:
    if value is None:
        return NEVER_READ
    return Reading(value=value, quality=Quality.GOOD, observed_ms=1, age_s=0.0, fresh=True)


def truth(text: str, world: dict[str, bool | None]) -> Truth:
    expression = parse(text)
    check_types(expression, lambda _: BOOLEAN)
    return evaluate(expression, lambda ref: reading(world[ref[-1]]), lambda _: BOOLEAN)


leaves = st.sampled_from([f"p.{name}" for name in NAMES] + ["True", "False"])
conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        inner.map(lambda text: f"(not {text})"),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda parts: f"({' '.join(parts)})"),
    ),
    max_leaves=8,
)
worlds = st.fixed_dictionaries({name: st.sampled_from([True, False, None]) for name in NAMES})


@given(conditions, worlds)
def test_double_negation(text: str, world: dict[str, bool | None]) -> None:
    assert truth(f"not not {text}", world) is truth(text, world)


@given(conditions, conditions, worlds)
def test_de_morgan(one: str, two: str, world: dict[str, bool | None]) -> None:
    assert truth(f"not ({one} and {two})", world) is truth(f"not {one} or not {two}", world)
    assert truth(f"not ({one} or {two})", world) is truth(f"not {one} and not {two}", world)


@given(conditions, conditions, worlds)
def test_order_and_repetition_do_not_matter(one: str, two: str, world: dict[str, bool | None]) -> None:
    assert truth(f"{one} and {two}", world) is truth(f"{two} and {one}", world)
    assert truth(f"{one} or {two}", world) is truth(f"{two} or {one}", world)
    assert truth(f"{one} and {one}", world) is truth(one, world)
    assert truth(f"{one} or {one}", world) is truth(one, world)
    assert truth(f"{one} and ({one} or {two})", world) is truth(one, world)


@given(conditions, conditions, conditions, worlds)
def test_distribution(one: str, two: str, three: str, world: dict[str, bool | None]) -> None:
    left = truth(f"{one} and ({two} or {three})", world)
    assert left is truth(f"({one} and {two}) or ({one} and {three})", world)


@given(conditions, worlds, st.fixed_dictionaries({name: st.booleans() for name in NAMES}))
def test_what_is_decided_stays_decided_when_more_is_known(
    text: str, world: dict[str, bool | None], filled: dict[str, bool]
) -> None:
    before = truth(text, world)
    after = truth(text, {name: filled[name] if value is None else value for name, value in world.items()})
    assert after is not Truth.UNKNOWN
    assert before in {Truth.UNKNOWN, after}


@given(conditions, worlds)
def test_a_known_world_is_python(text: str, world: dict[str, bool | None]) -> None:
    known = {name: bool(value) for name, value in world.items()}
    plain = text
    for name, value in known.items():
        plain = plain.replace(f"p.{name}", str(value))
    assert truth(text, dict(known)) is (Truth.TRUE if eval(plain, {"__builtins__": {}}) else Truth.FALSE)


@given(st.text(max_size=600))
def test_any_text_is_an_expression_or_an_error_and_nothing_else(text: str) -> None:
    try:
        expression = parse(text)
    except ExpressionError:
        return
    try:
        check_types(expression, lambda _: "m")
    except ExpressionError:
        return
    assert evaluate(expression, lambda _: NEVER_READ, lambda _: "m") in set(Truth)


quantities = st.sampled_from(
    ["p.level", "2 * p.level", "3 * m", "500 * mm", "-p.level", "p.level - 1 * m", "1e15 * m"]
)


@given(quantities, quantities, st.floats(allow_nan=True, allow_infinity=True))
def test_a_comparison_and_its_opposite_never_hold_together(one: str, two: str, level: float) -> None:
    measured = Reading(value=level, quality=Quality.GOOD, observed_ms=1, age_s=0.0, fresh=True)

    def holds(text: str) -> Truth:
        return evaluate(parse(text), lambda _: measured, lambda _: "m")

    assert holds(f"{one} < {two}") is ~holds(f"{one} >= {two}")
    assert holds(f"{one} == {two}") is ~holds(f"{one} != {two}")
    assert holds(f"{one} <= {two}") is holds(f"{two} >= {one}")


def test_points_are_read_by_reference() -> None:
    assert parse("p.a").references == {PointRef("p/a")}
