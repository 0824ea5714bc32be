"""Holds the overrides (旁路) at the edge to their end: by the time of day and by the monotonic clock, whichever is first (I8).

Nobody needs to be there for an override to end. While the time of day is in doubt none counts.
"""

from collections.abc import Callable, Mapping

from domain.ids import FacilityId
from domain.order import Order, OrderKind
from domain.override import overridden
from gateway.field import Field
from gateway.ledger import Ledger
from gateway.records import Records
from runtime.clock import Clock
from runtime.elapsed import Elapsed


class Overrides:
    """The overrides of one gateway's interlocks."""

    def __init__(
        self, field: Field, ledger: Ledger, records: Records, clock: Clock, is_time_off: Callable[[], bool]
    ) -> None:
        """`is_time_off` says whether the time of day is in doubt."""
        self._field = field
        self._ledger = ledger
        self._records = records
        self._clock = clock
        self._elapsed = Elapsed(clock)
        self._is_time_off = is_time_off
        self._until_s: dict[str, float] = {}
        """Override → when it ends by the monotonic clock, counted from when this run first saw it."""
        self._ended: set[str] = set()
        """Overrides that have ended: a time of day that goes back brings none of them again."""
        self._standing: dict[str, Order] = {}
        """What stood at the last look."""

    def of(self, actuator: FacilityId) -> Mapping[str, Order]:
        """Return interlock → override that stands on `actuator` now."""
        found = self._field.actuators.get(actuator)
        if found is None:
            return {}
        tier = self._field.park.facilities[actuator].tier
        now_ms = None if self._is_time_off() else self._clock.now_ms()
        standing = overridden(self._ledger.orders, found, tier, now_ms=now_ms)
        return {key: order for key, order in standing.items() if self._is_within(order)}

    def look(self) -> None:
        """Put on the record which overrides have begun to count, and which no longer do."""
        now_ms = self._clock.now_ms()
        held = self._ledger.orders
        for order in held.orders.values():
            if order.kind is OrderKind.OVERRIDE and order.until_ms is not None and now_ms >= order.until_ms:
                self._end(order.id)
        self._forget(held.orders)
        standing = {order.id: order for key in self._field.actuators for order in self.of(key).values()}
        for key, order in standing.items():
            if key not in self._standing:
                self._say(order, "standing")
        for key, order in self._standing.items():
            if key not in standing:
                self._say(order, self._why(order))
        self._standing = standing

    def _is_within(self, order: Order) -> bool:
        if order.id in self._ended or order.until_ms is None:
            return False
        passed_s = self._elapsed()
        left_s = (order.until_ms - self._clock.now_ms()) / 1000
        if passed_s >= self._until_s.setdefault(order.id, passed_s + left_s):
            self._end(order.id)
            return False
        return True

    def _end(self, order: str) -> None:
        self._ended.add(order)

    def _forget(self, held: Mapping[str, Order]) -> None:
        for key in self._ended - held.keys():
            self._ended.discard(key)
        for key in self._until_s.keys() - held.keys():
            del self._until_s[key]

    def _why(self, order: Order) -> str:
        if order.id in self._ledger.orders.tombstones:
            return "lifted"
        return "ended" if order.id in self._ended else "void"

    def _say(self, order: Order, state: str) -> None:
        self._records.make(
            "override",
            {"order": order.id, "interlock": order.interlock, "state": state, "until_ms": order.until_ms},
            actuator=order.actuator,
        )
