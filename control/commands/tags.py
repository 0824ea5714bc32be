"""Hangs and takes down tag-outs (检修挂牌): while one stands, an actuator gets no remote output (I7)."""

import secrets
from collections.abc import Callable

from control.audit.entry import Entry
from control.commands.entries import order_row
from control.commands.orders import Orders
from control.database.change import Change
from control.database.recorder import Recorder
from domain.ids import FacilityId
from domain.order import Order, OrderKind
from domain.park import Park
from domain.words import Words
from runtime.clock import Clock


class Tags:
    """Tag-outs as people set them."""

    def __init__(
        self, park: Park, orders: Orders, recorder: Recorder, clock: Clock, on_change: Callable[[], None]
    ) -> None:
        self._park = park
        self._orders = orders
        self._recorder = recorder
        self._clock = clock
        self._on_change = on_change

    async def hang(self, actuator: FacilityId, *, by: str, reason: str, until_ms: int | None) -> Order:
        """Tag `actuator` out; it holds from this moment, whatever the database does."""
        order = Order(
            id=secrets.token_hex(16),
            kind=OrderKind.TAG_OUT,
            actuator=actuator,
            by=by,
            reason=reason,
            since_ms=self._clock.now_ms(),
            until_ms=until_ms,
        )
        self._orders.add(order)
        self._on_change()
        entry = self._entry("tag.hung", actuator, by, Words("检修挂牌", "tagged out"), (order,))
        await self._recorder.keep(Change(writes=(order_row(order),), entries=(entry,)))
        return order

    async def take_down(self, actuator: FacilityId, *, by: str) -> tuple[Order, ...]:
        """Lift every tag on `actuator`; it holds once it is written. Raises StorageError."""
        standing = self._orders.standing(actuator, OrderKind.TAG_OUT)
        if standing:
            entry = self._entry("tag.lifted", actuator, by, Words("摘牌", "tag lifted"), standing)
            rows = tuple(order_row(order, is_released=True) for order in standing)
            await self._recorder.commit(Change(writes=rows, entries=(entry,)))
            self._orders.release(order.id for order in standing)
            self._on_change()
        return standing

    def _entry(
        self, kind: str, actuator: FacilityId, by: str, verb: Words, orders: tuple[Order, ...]
    ) -> Entry:
        name = self._park.facilities[actuator].words
        return Entry(
            at_ms=self._clock.now_ms(),
            actor=by,
            kind=kind,
            object=actuator,
            words=Words(f"{name.zh}{verb.zh}", f"{name.en} {verb.en}"),
            body={"orders": [order.id for order in orders], "reasons": [order.reason for order in orders]},
        )
