"""Gives and releases the orders that keep actuators at their safe positions (禁开令, 禁关令); who may is decided by its callers."""

from collections.abc import Sequence

from control.audit.entry import Entry
from control.commands.entries import order_row
from control.commands.orders import Orders
from control.database.change import Change
from control.database.recorder import Recorder
from domain.ids import FacilityId
from domain.order import KIND_WORDS, Order
from domain.park import Park
from domain.words import Words
from runtime.clock import Clock
from wire.canonical import Json


class Keeping:
    """The pen for keep-closed and keep-open orders."""

    def __init__(self, park: Park, orders: Orders, recorder: Recorder, clock: Clock) -> None:
        self._park = park
        self._orders = orders
        self._recorder = recorder
        self._clock = clock

    async def give(
        self, actuator: FacilityId, *, order_id: str, by: str, reason: str, run: str | None = None
    ) -> Order:
        """Keep `actuator` at its safe position; it holds from this moment, whatever the database does."""
        order = Order(
            id=order_id,
            kind=self._park.actuators[actuator].safe_position.kept_by,
            actuator=actuator,
            by=by,
            reason=reason,
            since_ms=self._clock.now_ms(),
        )
        kind = KIND_WORDS[order.kind]
        entry = self._entry(f"order.{order.kind.value}", actuator, by, kind, {"order": order_id, "run": run})
        self._orders.add(order)
        await self._recorder.keep(Change(writes=(order_row(order),), entries=(entry,)))
        return order

    async def release(self, orders: Sequence[Order], *, by: str, body: dict[str, Json]) -> None:
        """Bury exactly these orders of one actuator; it holds once it is written. Raises StorageError."""
        actuator = orders[0].actuator
        assert all(order.actuator == actuator for order in orders)
        released: list[Json] = [order.id for order in orders]
        entry = self._entry(
            "order.released", actuator, by, Words("解除禁令", "orders released"), {**body, "orders": released}
        )
        rows = tuple(order_row(order, is_released=True) for order in orders)
        await self._recorder.commit(Change(writes=rows, entries=(entry,)))
        self._orders.release(order.id for order in orders)

    def _entry(self, kind: str, actuator: FacilityId, by: str, what: Words, body: dict[str, Json]) -> Entry:
        name = self._park.facilities[actuator].words
        return Entry(
            at_ms=self._clock.now_ms(),
            actor=by,
            kind=kind,
            object=actuator,
            words=Words(f"{name.zh}:{what.zh}", f"{name.en}: {what.en}"),
            body=body,
        )
