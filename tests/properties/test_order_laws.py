"""Order sets merge like sets: in any order, any number of times, and a release is never undone."""

from hypothesis import given
from hypothesis import strategies as st

from domain.ids import FacilityId
from domain.order import Order, OrderKind, OrderSet

GATES = [FacilityId("hc_outlet"), FacilityId("ly_outlet")]


def made(name: str) -> Order:
    """The order of this id: one id is one order wherever it is met."""
    number = int(name, 16)
    return Order(
        id=name,
        kind=list(OrderKind)[number % 2],
        actuator=GATES[number // 2 % 2],
        by="op",
        reason="spill",
        since_ms=number,
    )


ids = st.sampled_from([f"{number:x}" for number in range(12)])
order_sets = st.builds(
    lambda orders, dead: OrderSet().with_orders(*map(made, orders)).with_tombstones(dead),
    st.lists(ids, max_size=6),
    st.lists(ids, max_size=4),
)


@given(order_sets, order_sets, order_sets)
def test_merging_is_a_union(one: OrderSet, two: OrderSet, three: OrderSet) -> None:
    assert one.merged(two).hash() == two.merged(one).hash()
    assert one.merged(two).merged(three).hash() == one.merged(two.merged(three)).hash()
    assert one.merged(one).hash() == one.hash()
    assert one.merged(OrderSet()).hash() == one.hash()


@given(order_sets, order_sets)
def test_what_is_released_stays_released(one: OrderSet, two: OrderSet) -> None:
    both = one.merged(two)
    for gate in GATES:
        for kind in OrderKind:
            standing = {order.id for order in both.standing(gate, kind)}
            assert not standing & (one.tombstones | two.tombstones)
            known = {order.id for held in (one, two) for order in held.standing(gate, kind)}
            assert standing == known - one.tombstones - two.tombstones


@given(order_sets, order_sets)
def test_equal_hash_is_equal_content(one: OrderSet, two: OrderSet) -> None:
    assert (one.hash() == two.hash()) == (
        dict(one.orders) == dict(two.orders) and one.tombstones == two.tombstones
    )
