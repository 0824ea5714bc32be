"""Keeps at the centre how long each actuator's travels took, as its edge measured them; the edge itself decides by its own."""

from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from control.commands.orders import Orders
from control.database.change import Change, Write
from control.database.tables import TRAVELS
from domain.command import Action, State
from domain.ids import FacilityId
from domain.park import Actuator
from domain.travel import ENOUGH, learned_s, remembered, timeout_s
from wire.canonical import Json
from wire.messages import Record

DIRECTIONS = (Action.OPEN, Action.CLOSE)


class Travels:
    """The newest full travels of every actuator, each as long as its drive stays the same."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._held: dict[tuple[FacilityId, Action], tuple[float, ...]] = {}

    async def load(self, engine: AsyncEngine) -> None:
        """Take what the database holds of drives that are what they were."""
        async with engine.connect() as connection:
            rows = (await connection.execute(select(TRAVELS))).all()
        for row in rows:
            actuator = FacilityId(row.actuator)
            if row.body["drive"] == self._orders.drives.get(actuator):
                held = tuple(float(item) for item in row.body["travels_s"])
                self._held[actuator, Action(row.action)] = held

    def hear(self, record: Record) -> Callable[[], Change] | None:
        """Note the travel that a record tells of; return what is to be written of it."""
        actuator, said = record.actuator, record.body
        execution = said.get("execution")
        travel_ms = execution.get("travel_ms") if isinstance(execution, dict) else None
        action = next((item for item in DIRECTIONS if item.value == said.get("action")), None)
        is_proof = record.kind == "command" and said.get("state") == State.CONFIRMED.value
        if (
            not is_proof
            or action is None
            or actuator not in self._orders.drives
            or not isinstance(travel_ms, int)
        ):
            return None
        assert actuator is not None
        key = (actuator, action)
        held = self._held[key] = remembered(self._held.get(key, ()), travel_ms / 1000)
        body: dict[str, Json] = {"drive": self._orders.drives[actuator], "travels_s": list(held)}
        row: dict[str, Json] = {"actuator": actuator, "action": action.value, "body": body}
        return lambda: Change(writes=(Write(table="travels", row=row),))

    def view(self, actuator: Actuator) -> dict[str, Json]:
        """Return what is reckoned with in each direction."""
        return {action.value: self._direction(actuator, action) for action in DIRECTIONS}

    def _direction(self, actuator: Actuator, action: Action) -> Json:
        held = self._held.get((actuator.facility, action), ())
        declared_s = actuator.travel_time_s
        return {
            "declared_s": declared_s,
            "reckoned_s": learned_s(held, declared_s=declared_s),
            "timeout_s": timeout_s(held, declared_s=declared_s),
            "is_learned": len(held) >= ENOUGH,
            "count": len(held),
            "last_s": held[-1] if held else None,
        }
