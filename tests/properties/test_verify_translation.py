"""The formulas of `stoplog verify` say of every moment what the gate itself decides in it."""

from pathlib import Path

import z3
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.admission import Situation, admit
from domain.command import Action
from domain.ids import FacilityId, PointRef
from domain.interlock import Expression, Truth, evaluate, parse
from domain.operators import Held, Rate
from domain.order import OrderSet
from domain.park import Actuator, Point
from domain.quality import Quality, Reason
from domain.refusal import Admitted
from domain.sample import Reading, Value
from runtime.parkfiles.loading import load_park
from stoplog.verify.conditions import known
from stoplog.verify.gate import admitted
from stoplog.verify.world import CLOSING, OPENING, RESTING, World, number, unit_of

PARK = load_park(Path("parks/lingang"))
ACTUATORS = sorted(PARK.actuators)
LOCKS = [lock for item in PARK.actuators.values() for lock in (*item.permits, *item.inhibits)]
CONDITIONS = [
    *(lock.expression for lock in LOCKS),
    *map(
        parse,
        (
            "held(hc_pool.level >= 4.9 * m, 30 * s)",
            "not held(hc_analyser.ph >= 6 * pH or hc_outlet.closed, 5 * min)",
            "count(2, hc_pool.level >= 4.9 * m, hc_outlet.closed, not hc_outlet.fault)",
            "not count(1, hc_pool.level >= 4.9 * m, held(hc_outlet.closed, 10 * s))",
            "rate(hc_pool.level, 60 * s) <= 0.5 * m / min",
            "held(count(1, held(hc_outlet.closed, 10 * s), rate(hc_pool.level, 60 * s) > 0.1 * m / min), 30 * s)",
        ),
    ),
]
Memory = dict[str, Truth | float | None]


def readings(point: Point) -> st.SearchStrategy[Reading]:
    low = -1.0 if point.range_min is None else point.range_min
    high = 1e4 if point.range_max is None else point.range_max
    edges = st.sampled_from([0.3, 4.5, 4.8, 4.9, 4.95, 6.0, 9.0, 15.0, 100.0, 750.0, 900.0, 1125.0])
    values: st.SearchStrategy[Value] = st.booleans()
    if not point.is_boolean:
        values = st.one_of(edges.filter(lambda x: low <= x <= high), st.floats(low, high, width=32))
    return st.builds(
        lambda value, trusted: Reading(
            value=value,
            quality=Quality.GOOD if trusted else Quality.BAD,
            reason=None if trusted else Reason.STALE,
            age_s=0.1,
            fresh=trusted,
        ),
        values,
        st.booleans(),
    )


@st.composite
def moments(draw: st.DrawFn, refs: frozenset[PointRef]) -> dict[PointRef, Reading]:
    found = {ref: draw(readings(PARK.points[ref])) for ref in sorted(refs)}
    for key in {FacilityId(ref.partition("/")[0]) for ref in refs} & PARK.actuators.keys():
        names = PARK.actuators[key].feedback
        opened, closed = PARK.actuators[key].point(names.opened), PARK.actuators[key].point(names.closed)
        if opened in found and closed in found and found[opened].value and found[closed].value:
            found[closed] = Reading(
                value=False,
                quality=found[closed].quality,
                reason=found[closed].reason,
                fresh=found[closed].fresh,
            )
    return found


def memory(data: st.DataObject, operators: tuple[Held | Rate, ...]) -> Memory:
    """What may be remembered: of a rate anything that two values within the range allow."""
    found: Memory = {}
    for item in operators:
        if isinstance(item, Held):
            found[item.text] = data.draw(st.sampled_from(Truth), label=item.text)
        else:
            point = PARK.points[item.point]
            span = (point.range_max or 0.0) - (point.range_min or 0.0)
            rates = st.floats(-span, span).map(lambda change, item=item: change / item.over_s)
            found[item.text] = data.draw(st.one_of(st.none(), rates), label=item.text)
    return found


def remembered(world: World, operators: tuple[Held | Rate, ...], seen: Memory) -> list[z3.BoolRef]:
    said = []
    for item in operators:
        value = seen[item.text]
        if isinstance(item, Held):
            said += [
                world.flag(f"{item.text} so far") == z3.BoolVal(value is Truth.TRUE),
                world.flag(f"{item.text} broken") == z3.BoolVal(value is Truth.FALSE),
            ]
        else:
            slope = world.rate(item)
            if isinstance(value, float):
                said += [slope.is_known == world.trust(item.point), slope.value == number(value)]
            else:
                said.append(z3.Not(slope.is_known))
    return said


def facts(world: World, moment: dict[PointRef, Reading]) -> list[z3.BoolRef]:
    said = []
    for ref, reading in moment.items():
        unknown = world.value(ref)
        wanted = (
            z3.BoolVal(reading.value)
            if isinstance(reading.value, bool)
            else number(float(reading.value or 0))
        )
        said += [unknown == wanted, world.trust(ref) == z3.BoolVal(reading.is_trusted)]
    return said


def holds(formula: z3.BoolRef, world: World, said: list[z3.BoolRef]) -> bool:
    solver = z3.Solver()
    solver.add(*said, *world.laws)
    assert solver.check() == z3.sat, "the moment itself must be possible"
    solver.add(formula)
    return solver.check() == z3.sat


@settings(max_examples=40, deadline=None)
@given(data=st.data(), condition=st.sampled_from(CONDITIONS))
def test_a_condition_is_known_true_and_known_false_exactly_when_it_evaluates_so(
    data: st.DataObject, condition: Expression
) -> None:
    moment = data.draw(moments(condition.references))
    past = memory(data, condition.timed)
    world = World(PARK, "now")
    both = known(condition, world)
    said = [*facts(world, moment), *remembered(world, condition.timed, past)]
    truth = evaluate(condition, moment.__getitem__, lambda ref: unit_of(PARK, ref), past.get)
    assert holds(both.true, world, said) == (truth is Truth.TRUE)
    assert holds(both.false, world, said) == (truth is Truth.FALSE)


@settings(max_examples=80, deadline=None)
@given(
    data=st.data(),
    key=st.sampled_from(ACTUATORS),
    action=st.sampled_from([Action.OPEN, Action.CLOSE]),
    executing=st.sampled_from([None, Action.OPEN, Action.CLOSE]),
    in_doubt=st.booleans(),
)
def test_the_gate_lets_through_exactly_what_the_formula_does(
    data: st.DataObject, key: FacilityId, action: Action, executing: Action | None, in_doubt: bool
) -> None:
    actuator = PARK.actuators[key]
    moment = data.draw(moments(_all(actuator)))
    timed = tuple(op for lock in (*actuator.permits, *actuator.inhibits) for op in lock.expression.timed)
    past = memory(data, timed)
    situation = Situation(
        read=moment.__getitem__,
        unit_of=lambda ref: unit_of(PARK, ref),
        recall=past.get,
        orders=OrderSet(),
        executing=executing,
        is_in_doubt=in_doubt,
    )
    world = World(PARK, "now")
    formula = admitted(actuator, action, world)
    said = [*facts(world, moment), *remembered(world, timed, past)]
    move = {None: RESTING, Action.OPEN: OPENING, Action.CLOSE: CLOSING}[executing]
    said += [world.move(key) == move, world.flag(f"{key} in doubt") == in_doubt]
    said += [z3.Not(world.flag(f"{key} {what}")) for what in ("tagged out", "under a keep-closed order")]
    decided = admit(actuator, action, situation)
    assert holds(formula, world, said) == isinstance(decided, Admitted), decided


def _all(actuator: Actuator) -> frozenset[PointRef]:
    names = actuator.feedback
    own = [name for name in (names.opened, names.closed, names.remote, names.fault) if name is not None]
    locks = (*actuator.permits, *actuator.inhibits)
    return frozenset(actuator.point(name) for name in own).union(
        *(lock.expression.references for lock in locks)
    )
