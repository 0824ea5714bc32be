"""The explanation says of every moment what the gate itself decides in it, and what it asks for would be enough."""

from collections.abc import Iterator
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.admission import Situation, admit
from domain.command import Action
from domain.explained import Effect, Kind, Node
from domain.explanation import explain
from domain.ids import FacilityId
from domain.interlock import Truth
from domain.order import Order, OrderKind, OrderSet
from domain.refusal import Admitted, Code
from stoplog.verify.world import unit_of
from tests.properties.test_verify_translation import ACTUATORS, PARK, _all, memory, moments


def nodes(node: Node) -> Iterator[Node]:
    yield node
    for part in node.parts:
        yield from nodes(part)


@settings(max_examples=120, deadline=None)
@given(
    data=st.data(),
    key=st.sampled_from(ACTUATORS),
    action=st.sampled_from([*Action]),
    executing=st.sampled_from([None, Action.OPEN, Action.CLOSE]),
    in_doubt=st.booleans(),
    kinds=st.sets(st.sampled_from([OrderKind.KEEP_CLOSED, OrderKind.TAG_OUT, OrderKind.OVERRIDE])),
    is_commissioned=st.booleans(),
)
def test_it_blocks_and_warns_exactly_where_the_gate_does(
    data: st.DataObject,
    key: FacilityId,
    action: Action,
    executing: Action | None,
    in_doubt: bool,
    kinds: set[OrderKind],
    is_commissioned: bool,
) -> None:
    actuator = PARK.actuators[key]
    if not is_commissioned:
        actuator = replace(actuator, commissioned_by=None)
    locks = (*actuator.permits, *actuator.inhibits)
    orders = [
        Order(id=kind, kind=kind, actuator=key, by="wang", reason="x", since_ms=1, second="li")
        for kind in kinds
    ]
    on = {lock.id: orders[-1] for lock in locks[:1] if OrderKind.OVERRIDE in kinds}
    situation = Situation(
        read=data.draw(moments(_all(actuator))).__getitem__,
        unit_of=lambda ref: unit_of(PARK, ref),
        orders=OrderSet().with_orders(*orders),
        executing=executing,
        is_in_doubt=in_doubt,
        recall=memory(data, tuple(op for lock in locks for op in lock.expression.timed)).get,
        overridden=on,
    )
    percent = 40.0 if action is Action.SET else None
    decided = admit(actuator, action, situation, opening_percent=percent)
    tree = explain(actuator, action, situation, PARK, opening_percent=percent)

    assert (tree.effect is not Effect.BLOCKS) == isinstance(decided, Admitted)
    blocking = {part.code for part in tree.parts if part.effect is Effect.BLOCKS}
    if isinstance(decided, Admitted):
        warned = {part.code for part in tree.parts if part.effect is Effect.WARNS}
        assert warned == {cause.code for cause in decided.warnings} - {Code.OVERRIDDEN}
        assert (tree.effect is Effect.WARNS) == bool(warned)
    else:
        assert blocking == {cause.code for cause in decided.reasons}
    for node in nodes(tree):
        assert node.words.zh
        assert node.words.en
        is_so = node.truth is (Truth.TRUE if node.wanted else Truth.FALSE)
        if node.kind not in {Kind.ACTION, Kind.CHECK, Kind.PERMIT, Kind.INHIBIT, Kind.CONSTANT}:
            assert (node.effect is Effect.PASSES) == is_so
            assert (node.change is None) == is_so
        if node.effect is Effect.BLOCKS and node.kind is Kind.CHECK:
            assert node.change is not None
        if node.kind in {Kind.SEVERAL, Kind.NOT}:
            good = sum(part.effect is Effect.PASSES for part in node.parts)
            assert (good >= (node.need or 0)) == is_so, "its parts are why"


@settings(max_examples=30, deadline=None)
@given(data=st.data(), key=st.sampled_from(ACTUATORS))
def test_every_point_of_an_interlock_is_shown_with_its_value(data: st.DataObject, key: FacilityId) -> None:
    actuator = PARK.actuators[key]
    situation = Situation(
        read=data.draw(moments(_all(actuator))).__getitem__,
        unit_of=lambda ref: unit_of(PARK, ref),
        orders=OrderSet(),
    )
    for action in (Action.OPEN, Action.CLOSE):
        for part in explain(actuator, action, situation, PARK).parts:
            if part.kind in {Kind.PERMIT, Kind.INHIBIT}:
                lock = next(
                    item for item in (*actuator.permits, *actuator.inhibits) if item.id == part.interlock
                )
                shown = {seen.point for node in nodes(part) for seen in node.values}
                assert shown == lock.expression.references
