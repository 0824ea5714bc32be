"""Decides which interlocks of an actuator are overridden now (旁路, I8): one each, with two persons and a compulsory end.

An override lets nothing through but its interlock: local, tag-out, commissioning, doubt, keep-closed orders and the river
tier are asked elsewhere, and know no override.
"""

from collections.abc import Mapping

from domain.interlock import Interlock
from domain.order import Order, OrderKind, OrderSet
from domain.park import Actuator, Tier

LIFE_MS_MAX = 8 * 3_600_000
"""One shift: no override outlives the people who asked for it."""
SKEW_MS_MAX = 5_000
"""As far the clocks of centre and edge may be apart for an override to begin; one from further ahead waits."""


def overridden(
    orders: OrderSet, actuator: Actuator, tier: Tier, *, now_ms: int | None
) -> Mapping[str, Order]:
    """Return interlock → override that stands. `now_ms` None: the time of day is in doubt, and every interlock is back."""
    if now_ms is None or tier is Tier.RIVER:
        return {}
    return {
        order.interlock or "": order
        for order in orders.standing(actuator.facility, OrderKind.OVERRIDE)
        if stands(order, actuator, now_ms=now_ms)
    }


def stands(order: Order, actuator: Actuator, *, now_ms: int) -> bool:
    """Whether `order` is an override as it must be, of an interlock as it is, and has begun and not ended."""
    lock = lock_of(actuator, order.interlock)
    return (
        lock is not None
        and lock.expression.text == order.condition
        and order.second not in {None, "", order.by}
        and order.until_ms is not None
        and order.until_ms - order.since_ms <= LIFE_MS_MAX
        and order.since_ms - SKEW_MS_MAX <= now_ms < order.until_ms
    )


def lock_of(actuator: Actuator, interlock: str | None) -> Interlock | None:
    """Return the interlock of that id; None when the actuator has none."""
    return next((lock for lock in (*actuator.permits, *actuator.inhibits) if lock.id == interlock), None)
