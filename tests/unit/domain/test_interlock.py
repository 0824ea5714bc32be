"""The interlock language: what it says, what it refuses, and that nothing a person writes can do more than compare."""

import re

import pytest

from domain.ids import PointRef
from domain.interlock import BOOLEAN, LENGTH_MAX, ExpressionError, Truth, evaluate, parse
from domain.operators import points_of, seconds_of
from domain.quality import Quality, Reason
from domain.quantities import check_types
from domain.sample import NEVER_READ, Reading, Value

UNITS = {
    PointRef("pool/volume"): "m3",
    PointRef("pool/level"): "m",
    PointRef("rain/depth"): "mm",
    PointRef("probe/cod"): "mg_L",
    PointRef("probe/trace"): "ug_L",
    PointRef("probe/salt"): "uS_cm",
    PointRef("gate/closed"): BOOLEAN,
    PointRef("gate/count"): "",
}


def good(value: Value) -> Reading:
    return Reading(value=value, quality=Quality.GOOD, observed_ms=1, age_s=0.1, fresh=True)


def truth(text: str, **values: Value | Reading) -> Truth:
    readings = {
        PointRef(name.replace("__", "/")): value if isinstance(value, Reading) else good(value)
        for name, value in values.items()
    }
    expression = parse(text)
    check_types(expression, UNITS.get)
    return evaluate(expression, lambda ref: readings.get(ref, NEVER_READ), lambda ref: UNITS[ref])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pool.volume <= 1800 * m3", Truth.TRUE),
        ("pool.volume < 1500 * m3", Truth.FALSE),
        ("pool.volume + 300 * m3 == 1800 * m3", Truth.TRUE),
        ("2 * pool.level >= 5 * m", Truth.TRUE),
        ("pool.level * 2 >= 5 * m", Truth.TRUE),
        ("pool.level - 500 * mm == 2 * m", Truth.TRUE),
        ("pool.level < 2.5 * m or pool.level > 2.5 * m", Truth.FALSE),
        ("pool.level <= 2.5 * m and pool.level >= 2.5 * m", Truth.TRUE),
        ("pool.level > -1 * m", Truth.TRUE),
        ("pool.level > -(1 * m)", Truth.TRUE),
        ("-pool.level < -2 * m", Truth.TRUE),
        ("-pool.level == 2.5 * m", Truth.FALSE),
        ("rain.depth <= 0.03 * m", Truth.TRUE),
        ("probe.trace == 5 * ug_L", Truth.TRUE),
        ("probe.trace < 0.01 * mg_L", Truth.TRUE),
        ("not gate.closed", Truth.FALSE),
        ("gate.closed and pool.level != 2 * m", Truth.TRUE),
        ("False or gate.closed", Truth.TRUE),
        ("gate.count >= 3", Truth.TRUE),
        ("True", Truth.TRUE),
    ],
)
def test_what_it_says(text: str, expected: Truth) -> None:
    assert (
        truth(
            text,
            pool__volume=1500.0,
            pool__level=2.5,
            rain__depth=30.0,
            probe__trace=5.0,
            gate__closed=True,
            gate__count=3.0,
        )
        is expected
    )


UNTRUSTED = [
    NEVER_READ,
    Reading(value=1.0, quality=Quality.GOOD, observed_ms=1, age_s=60.0, fresh=False),
    Reading(value=1.0, quality=Quality.UNCERTAIN, reason=Reason.FROZEN, observed_ms=1, age_s=0.1, fresh=True),
    Reading(value=1.0, quality=Quality.BAD, reason=Reason.RANGE, observed_ms=1, age_s=0.1, fresh=True),
    Reading(value=float("nan"), quality=Quality.GOOD, observed_ms=1, age_s=0.1, fresh=True),
    Reading(value=float("inf"), quality=Quality.GOOD, observed_ms=1, age_s=0.1, fresh=True),
    Reading(value=None, quality=Quality.GOOD, observed_ms=1, age_s=0.1, fresh=True),
    Reading(value="1", quality=Quality.GOOD, observed_ms=1, age_s=0.1, fresh=True),
]


@pytest.mark.parametrize("reading", UNTRUSTED, ids=lambda reading: f"{reading.quality.word} {reading.fresh}")
def test_an_untrusted_input_is_unknown_unless_the_rest_decides(reading: Reading) -> None:
    assert truth("pool.level < 5 * m", pool__level=reading) is Truth.UNKNOWN
    assert truth("not pool.level < 5 * m", pool__level=reading) is Truth.UNKNOWN
    assert truth("-pool.level < 5 * m", pool__level=reading) is Truth.UNKNOWN
    assert (
        truth("pool.level < 5 * m and gate.closed", pool__level=reading, gate__closed=True) is Truth.UNKNOWN
    )
    assert truth("pool.level < 5 * m and gate.closed", pool__level=reading, gate__closed=False) is Truth.FALSE
    assert truth("pool.level < 5 * m or gate.closed", pool__level=reading, gate__closed=True) is Truth.TRUE
    assert (
        truth("pool.level < 5 * m or gate.closed", pool__level=reading, gate__closed=False) is Truth.UNKNOWN
    )


@pytest.mark.parametrize("value", [1.0, 0.0, "True"])
def test_a_state_that_is_no_boolean_is_unknown(value: Value) -> None:
    assert truth("gate.closed", gate__closed=value) is Truth.UNKNOWN


@pytest.mark.parametrize(
    "text",
    [
        "pool.volume <= 1800",
        "pool.volume <= 1800 * m",
        "pool.volume <= 1800 * mg_L",
        "pool.volume * pool.level > 1 * m3",
        "pool.volume + 3 > 5 * m3",
        "pool.volume > 2 * m3 + 1",
        "pool.volume",
        "m3",
        "5",
        "not pool.volume",
        "gate.closed == 1",
        "gate.closed == gate.closed",
        "gate.closed + 1 > 2",
        "pool.volume and gate.closed",
        "pool.volume <= 5 * cubits",
        "pool.temperature > 5 * degC",
        "lake.level > 5 * m",
        "gate.count >= 3 * m",
    ],
)
def test_units_and_types_that_do_not_agree(text: str) -> None:
    with pytest.raises(ExpressionError):
        check_types(parse(text), UNITS.get)


HOSTILE = [
    "",
    " ",
    "pool.level <",
    "a = 1",
    "x := 1",
    "(x := True)",
    "import os",
    "__import__('os').system('id')",
    "pool.level.__class__.__mro__ > 1",
    "pool.__class__ > 1 * m and open('x')",
    "().__class__",
    "pool['level'] > 1 * m",
    "[x for x in (1, 2)]",
    "lambda: True",
    "f'{pool.level}'",
    "'text' == 'text'",
    "b'x' == b'x'",
    "pool.level > 1 * m if gate.closed else False",
    "pool.level > 1j",
    "2 ** 9999999999 > 1",
    "1 / 0 > 1",
    "1e999 > 1",
    "9" * 400 + " > 1",
    "1 // 2 > 1",
    "1 % 2 > 1",
    "1 << 99999 > 1",
    "~1 > 0",
    "+1 > 0",
    "gate.closed is True",
    "gate.closed in gate.closed",
    "1 < pool.level < 2",
    "None",
    "...",
    "await x",
    "yield",
    "gate.closed & gate.closed",
    "gate.closed; gate.closed",
    "gate.closed\nimport os",
    "max(pool.level, 1 * m) > 1 * m",
    "*a",
    "{1: 2}",
    "{1}",
    "@",
    "\x00",
    "pool.level > 1 * m #" + "x" * LENGTH_MAX,
    "(" * 200 + "True" + ")" * 200 + "or" * 200,
    " or ".join(["gate.closed"] * 60),
    "not " * 124 + "True",
    "-" * 400 + "1 > 0",
]


@pytest.mark.parametrize(
    ("text", "named"),
    [("True if gate.closed else False", "True if gate.closed else False"), ("2 ** 3 > 1", "Pow")],
)
def test_what_is_refused_is_named(text: str, named: str) -> None:
    with pytest.raises(ExpressionError, match=re.escape(f"`{named}` is not part of the language")):
        parse(text)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:24].encode("unicode_escape").decode())
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse(text)


def test_bounds_of_a_condition() -> None:
    names = " or ".join(["m"] * 59)
    for longest, more, said in (
        (f"True{' ' * 496}", " ", "501 characters, at most 500"),
        (names, " or True", "121 terms, at most 120"),
        (f"1 > {10**15}", "01", "is larger than 1e+15"),
    ):
        assert parse(longest).text == longest.strip()
        with pytest.raises(ExpressionError, match=re.escape(said)):
            parse(longest + more)
    with pytest.raises(ExpressionError, match="is larger than"):
        parse(f"1 > {10**15 + 1}")


def test_references_are_those_of_the_points_only() -> None:
    expression = parse("pool.level < 2 * m and not gate.closed or pool.level > 3 * m")
    assert expression.references == {"pool/level", "gate/closed"}


def test_an_expression_is_its_text() -> None:
    assert parse(" gate.closed ") == parse("gate.closed")
    assert hash(parse("gate.closed")) == hash(parse("gate.closed "))
    assert parse("gate.closed") != parse("not gate.closed")
    assert parse("gate.closed") != "gate.closed"


CALLS = [
    "held(gate.closed, 30 * s)",
    "held(pool.level < 2 * m and not gate.closed, 1.5 * min)",
    "not held(held(gate.closed, 1 * s), 24 * h)",
    "count(2, gate.closed, pool.level > 1 * m, not gate.closed)",
    "rate(pool.level, 60 * s) > 0.5 * m / h",
    "rate(pool.level, 60 * s) - 1 * mm / s <= -2 * rate(rain.depth, 5 * min)",
    "rate(gate.count, 10 * s) < 3 / min",
    "held(rate(probe.cod, 60 * s) <= 5 * mg_L / min, 30 * s)",
]


@pytest.mark.parametrize("text", CALLS)
def test_calls_of_the_language(text: str) -> None:
    check_types(parse(text), UNITS.get)
    assert truth(text) is Truth.UNKNOWN, "nothing was seen yet"


def test_a_call_refers_to_its_points_and_says_what_rests_on_the_past() -> None:
    found = parse("held(count(1, gate.closed, rate(pool.level, 60 * s) > 1 * m / h), 30 * s)")
    assert found.references == {"gate/closed", "pool/level"}
    assert [item.text for item in found.timed] == [
        "rate(pool.level, 60 * s)",
        "held(count(1, gate.closed, rate(pool.level, 60 * s) > 1 * m / h), 30 * s)",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("held(gate.closed)", "is no call of the language"),
        ("held(gate.closed, 30)", "is no time: write it as 30 * s"),
        ("held(gate.closed, 30 * m)", "is no time"),
        ("held(gate.closed, 30 * cubits)", "is no time"),
        ("held(gate.closed, pool.level * s)", "is no time"),
        ("held(gate.closed, True * s)", "is no time"),
        ("held(gate.closed, 0.5 * s)", "write 1 s to 24 h"),
        ("held(gate.closed, 25 * h)", "write 1 s to 24 h"),
        ("held(gate.closed, for_s=30 * s)", "is no call of the language"),
        ("held(*gate.closed)", "is no call of the language"),
        ("gate.held(gate.closed, 30 * s)", "is no call of the language"),
        ("hold(gate.closed, 30 * s)", "write held(condition, 30 * s)"),
        ("count(0, gate.closed, gate.closed)", "counts 0 of 2"),
        ("count(3, gate.closed, gate.closed)", "counts 3 of 2"),
        ("count(1, gate.closed)", "counts 1 of 1"),
        ("count(True, gate.closed, gate.closed)", "counts True of 2"),
        ("count(gate.closed, gate.closed)", "is no call of the language"),
        ("rate(2 * pool.level, 60 * s) > 1 * m / h", "is no call of the language"),
        ("rate(pool.level) > 1 * m / h", "is no call of the language"),
        ("pool.level / 2 > 1 * m", "divides by something else than s, min or h"),
        ("pool.level / pool.level > 1", "divides by something else"),
        ("1 / m > 1", "divides by something else"),
        ("1 / cubits > 1", "divides by something else"),
        ("rate(pool.level.mean, 60 * s) > 1 * m / h", "`pool.level.mean` is not `facility.point`"),
        ("__import__('os')", "is no call of the language"),
        ("held(lambda: True, 30 * s)", "is not part of the language"),
    ],
)
def test_what_is_wrong_with_a_call_is_said(text: str, said: str) -> None:
    with pytest.raises(ExpressionError, match=re.escape(said)):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "rate(pool.level, 60 * s)",
        "rate(pool.level, 60 * s) > 1 * m",
        "rate(pool.level, 60 * s) > 1 * m3 / h",
        "rate(gate.closed, 60 * s) > 1 / h",
        "held(pool.level, 30 * s)",
        "count(1, gate.closed, pool.level)",
        "held(gate.closed, 30 * s) > 1",
        "gate.closed / s > 1 / s",
        "pool.level / s / s > 1 * m / s",
        "pool.name > 1",
    ],
)
def test_quantities_of_calls_that_do_not_agree(text: str) -> None:
    units = {**UNITS, PointRef("pool/name"): "text"}
    with pytest.raises(ExpressionError):
        check_types(parse(text), units.get)


def test_what_is_remembered_never_overrules_what_is_seen_now() -> None:
    held = parse("held(gate.closed, 30 * s)")

    def now(reading: Reading, remembered: Truth | float | None) -> Truth:
        return evaluate(held, lambda _: reading, lambda _: BOOLEAN, lambda _: remembered)

    assert now(good(value=True), Truth.TRUE) is Truth.TRUE
    assert now(good(value=True), Truth.FALSE) is Truth.FALSE
    assert now(good(value=True), None) is Truth.UNKNOWN
    assert now(good(value=False), Truth.TRUE) is Truth.FALSE
    assert now(NEVER_READ, Truth.TRUE) is Truth.UNKNOWN
    assert now(NEVER_READ, Truth.FALSE) is Truth.FALSE
    rate = parse("rate(pool.level, 60 * s) > 36 * m / h")
    for reading, remembered, expected in (
        (good(1.0), 0.011, Truth.TRUE),
        (good(1.0), 0.009, Truth.FALSE),
        (good(1.0), None, Truth.UNKNOWN),
        (NEVER_READ, 0.011, Truth.UNKNOWN),
    ):
        assert evaluate(rate, lambda _: reading, lambda _: "m", lambda _: remembered) is expected  # noqa: B023


def test_bounds_of_calls() -> None:
    for text in ("held(gate.closed, 1 * s)", "held(gate.closed, 24 * h)", "held(gate.closed, 1440 * min)"):
        assert seconds_of(parse(text).timed[0]) in {1.0, 86_400.0}
    several = ", ".join(["gate.closed"] * 20)
    check_types(parse(f"count(20, {several})"), UNITS.get)
    with pytest.raises(ExpressionError, match="counts 1 of 21"):
        parse(f"count(1, {several}, gate.closed)")
    with pytest.raises(ExpressionError, match="is 86401 s: write 1 s to 24 h"):
        parse("held(gate.closed, 86401 * s)")
    assert points_of(parse("held(gate.closed and pool.level > 1 * m, 2 * s)").timed[0]) == {
        "gate/closed",
        "pool/level",
    }
    assert points_of(parse("rate(pool.level, 2 * s) > 1 * m / s").timed[0]) == {"pool/level"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pool.level and gate.closed", "`pool.level` is not a condition"),
        ("not pool.level", "`pool.level` is not a condition"),
        ("held(pool.level, 30 * s)", "`pool.level` is not a condition"),
        ("count(1, gate.closed, pool.level)", "`pool.level` is not a condition"),
        ("rate(gate.closed, 60 * s) > 1 / h", "`gate.closed` is a state and has no rate"),
        ("pool.name == pool.name", "`pool.name` is text: it is compared with nothing"),
        ("gate.closed / s > 1 / s", "divides boolean by a time"),
        ("pool.level / s / s > 1 * m / s", "divides length/time by a time"),
        ("rate(pool.level, 60 * s) > 1 * m", "combines length/time with length: give the number its unit"),
        ("pool.volume * pool.level > 1 * m", "one side must be a plain number"),
        ("lake.level > 1 * m", "there is no point `lake.level`"),
        ("pool.level > 1 * cubits", "`cubits` is not a unit; known: m, mm"),
        ("pool.level", "it is a length, not a condition: compare it with something"),
    ],
)
def test_what_does_not_agree_is_said(text: str, said: str) -> None:
    units = {**UNITS, PointRef("pool/name"): "text"}
    with pytest.raises(ExpressionError, match=re.escape(said)):
        check_types(parse(text), units.get)
