"""Standing orders: what stands until its own tombstone, and a hash that both ends can compare."""

import hashlib
import json
from dataclasses import asdict, replace

import pytest

from domain.ids import FacilityId
from domain.order import Order, OrderKind, OrderSet, named_by

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


def test_a_tag_beyond_its_announced_end_is_overdue_while_it_hangs() -> None:
    tag = replace(order("t", kind=OrderKind.TAG_OUT), until_ms=10)
    held = OrderSet().with_orders(
        tag, replace(tag, id="later", until_ms=11), replace(tag, id="open", until_ms=None),
        replace(tag, id="no tag", kind=OrderKind.OVERRIDE),
    )  # fmt: skip
    assert [one.id for one in held.overdue(now_ms=10)] == ["t"]
    assert held.overdue(now_ms=9) == ()
    assert held.with_tombstones(["t"]).overdue(now_ms=10) == ()


def test_the_part_on_some_actuators_keeps_their_tombstones_only() -> None:
    other = replace(order("o"), actuator=FacilityId("other"))
    held = OrderSet().with_orders(order("a"), order("b"), other).with_tombstones(["a", "o", "never"])
    mine = held.on({GATE})
    assert (set(mine.orders), mine.tombstones) == ({"a", "b"}, {"a"})


def test_an_id_says_whose_order_it_is() -> None:
    assert named_by("0" * 32) is None
    assert named_by(f"gw_1:{'0' * 32}:12") == "gw_1"
    for wrong in (
        "",
        "0" * 31,
        f"Gw:{'0' * 32}:1",
        f"gw:{'0' * 32}:",
        f"gw:{'0' * 32}:{'1' * 20}",
        "0" * 32 + "\n",
    ):
        with pytest.raises(ValueError, match="neither a command's id nor gateway:epoch:offset"):
            named_by(wrong)


def test_the_hash_is_over_orders_and_tombstones_in_a_fixed_order() -> None:
    held = OrderSet().with_orders(order("b"), order("a")).with_tombstones(["z", "y"])
    texts = ", ".join(json.dumps(asdict(order(name)), sort_keys=True, ensure_ascii=False) for name in "ab")
    content = f'{{"orders": [{texts}], "tombstones": ["y", "z"]}}'
    assert held.hash() == hashlib.sha256(content.encode()).hexdigest()
    named = replace(order("a"), reason="泄漏")
    assert "泄漏" in json.dumps(asdict(named), ensure_ascii=False)
    text = json.dumps(asdict(named), sort_keys=True, ensure_ascii=False)
    made = OrderSet().with_orders(named).hash()
    assert made == hashlib.sha256(f'{{"orders": [{text}], "tombstones": []}}'.encode()).hexdigest()
