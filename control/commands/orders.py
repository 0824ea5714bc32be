"""Keeps the standing orders: keep-closed orders, tag-outs and tombstones, from the centre and from the edges alike."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from control.commands.pending import Pending
from control.database.tables import ORDERS
from domain.commissioning import is_commissioned
from domain.definition import definition_hashes
from domain.ids import FacilityId, GatewayId
from domain.order import OF_COMMISSIONING, Order, OrderKind, OrderSet
from domain.park import Park
from domain.refusal import Cause, Code
from domain.words import Words

WAITING_MAX = 20
"""Wishes that may wait for a second person; one more is refused: each is a question to somebody."""
TOO_MANY = Cause(code=Code.MODE, detail=Words("待复核的申请过多", "too many wait for a second person"))


class Orders:
    """The whole set; what was added here is already written by whoever adds it."""

    def __init__(self, park: Park) -> None:
        self._park = park
        self.drives = {key: definition_hashes(park, actuator)[0] for key, actuator in park.actuators.items()}
        """Actuator → hash of its drive: what a commissioning is signed for."""
        self.held = OrderSet()
        self.waiting: dict[str, Pending] = {}
        """What waits for a second person; kept in memory only: after a restart it is asked again."""
        self.revision = 0
        """Grows with every change, so that the edges are told at once."""

    async def load(self, engine: AsyncEngine) -> None:
        """Take what the database holds."""
        async with engine.connect() as connection:
            rows = (await connection.execute(select(ORDERS))).all()
        self.held = OrderSet().with_orders(
            *(
                Order(
                    id=row.id,
                    kind=OrderKind(row.kind),
                    actuator=FacilityId(row.actuator),
                    by=row.by,
                    reason=row.reason,
                    since_ms=row.since_ms,
                    until_ms=row.until_ms,
                    interlock=row.interlock,
                    condition=row.condition,
                    second=row.second,
                )
                for row in rows
            )
        )
        self.held = self.held.with_tombstones(row.id for row in rows if row.is_released)

    def add(self, *orders: Order) -> None:
        """Add orders; one that is held already stays as it is."""
        self.held = self.held.with_orders(*orders)
        self.revision += 1

    def release(self, ids: Iterable[str]) -> None:
        """Bury orders; they are dead for ever."""
        self.held = self.held.with_tombstones(ids)
        self.revision += 1

    def standing(self, actuator: FacilityId, kind: OrderKind) -> tuple[Order, ...]:
        """Return the orders of `kind` that stand on `actuator`."""
        return self.held.standing(actuator, kind)

    def signed(self, actuator: FacilityId) -> Order | None:
        """Return the newest signature for `actuator` with the drive that it has."""
        found = self.held.standing(actuator, OrderKind.COMMISSIONED)
        return next((order for order in reversed(found) if order.condition == self.drives[actuator]), None)

    def is_commissioned(self, actuator: FacilityId) -> bool:
        """Whether somebody's word stands for `actuator`."""
        return is_commissioned(self._park.actuators[actuator], self.drives[actuator], self.held)

    def all_standing(self) -> tuple[Order, ...]:
        """Return every order that people work under, oldest first; who signed for a device is shown with the device."""
        alive = (
            order
            for order in self.held.orders.values()
            if order.id not in self.held.tombstones and order.kind not in OF_COMMISSIONING
        )
        return tuple(sorted(alive, key=lambda order: (order.since_ms, order.id)))

    @property
    def is_waiting_full(self) -> bool:
        """Whether no more may wait for a second person."""
        return len(self.waiting) >= WAITING_MAX

    def waiting_on(self, actuator: FacilityId) -> tuple[Pending, ...]:
        """Return what waits for a second person on `actuator`."""
        return tuple(item for item in self.waiting.values() if item.order.actuator == actuator)

    def of(self, gateway: GatewayId) -> OrderSet:
        """Return the part of the set that `gateway` has to hold."""
        own = [key for key in self._park.actuators if self._park.gateway_of(key) == gateway]
        return self.held.on(frozenset(own))
