"""Standing orders: what stands until its own tombstone, and a hash that both ends can compare."""

from dataclasses import replace

from domain.ids import FacilityId
from domain.order import Order, OrderKind, OrderSet

GATE = FacilityId("hc_outlet")


def order(name: str, *, since_ms: int = 1, kind: OrderKind = OrderKind.KEEP_CLOSED) -> Order:
    return Order(id=name, kind=kind, actuator=GATE, by="op", reason="spill", since_ms=since_ms)


def test_it_stands_while_any_lacks_its_tombstone() -> None:
    held = OrderSet().with_orders(order("a"), order("b", since_ms=2))
    assert [one.id for one in held.standing(GATE, OrderKind.KEEP_CLOSED)] == ["a", "b"]
    assert [one.id for one in held.with_tombstones(["a"]).standing(GATE, OrderKind.KEEP_CLOSED)] == ["b"]
    assert held.with_tombstones(["a", "b"]).standing(GATE, OrderKind.KEEP_CLOSED) == ()


def test_a_tombstone_releases_no_other_kind_or_actuator() -> None:
    held = OrderSet().with_orders(order("a"), order("t", kind=OrderKind.TAG_OUT))
    assert held.standing(GATE, OrderKind.TAG_OUT)[0].id == "t"
    assert held.standing(FacilityId("ly_outlet"), OrderKind.KEEP_CLOSED) == ()
    assert held.with_tombstones(["t"]).standing(GATE, OrderKind.KEEP_CLOSED)[0].id == "a"


def test_a_tombstone_that_came_first_kills_the_order_that_follows() -> None:
    assert (
        OrderSet().with_tombstones(["a"]).with_orders(order("a")).standing(GATE, OrderKind.KEEP_CLOSED) == ()
    )


def test_an_announced_end_releases_nothing() -> None:
    held = OrderSet().with_orders(replace(order("t", kind=OrderKind.TAG_OUT), until_ms=2))
    assert held.standing(GATE, OrderKind.TAG_OUT)


def test_an_order_once_held_is_not_rewritten() -> None:
    held = OrderSet().with_orders(order("a"))
    assert held.with_orders(replace(order("a"), reason="another")) == held
    assert held.merged(OrderSet().with_orders(replace(order("a"), reason="another"))) == held


def test_the_hash_tells_sets_apart() -> None:
    held = OrderSet().with_orders(order("a"))
    others = [
        OrderSet(),
        held.with_tombstones(["a"]),
        held.with_orders(order("b")),
        OrderSet().with_orders(order("b")),
    ]
    assert len({held.hash(), *(one.hash() for one in others)}) == 5
