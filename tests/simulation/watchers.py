"""Looks at the simulated world as its screens do, counts what came to be, and says when everything has come to rest."""

from collections import Counter
from collections.abc import Mapping

from control.live.views import actuator_view, alarm_view, point_view
from control.plans.run import RunState
from domain.park import Park
from tests.simulation.centre import Centre
from tests.simulation.edge import Edge
from tests.simulation.ground import Ground
from tests.simulation.loop import Sleep
from tests.simulation.many import OPENED
from tests.simulation.trace import AlarmShown, Committed, Held, Recorded, Row, Seen, Shown, Tables
from wire.canonical import Json
from wire.messages import order_body

LOOK_S = 1.5
"""Virtual seconds between two looks at the screen."""


class Watchers:
    """Everybody who only looks."""

    def __init__(self, ground: Ground, park: Park, centre: Centre, edges: tuple[Edge, ...]) -> None:
        self._ground = ground
        self._park = park
        self._centre = centre
        self._edges = edges
        self._at = 0
        self._ids: set[str] = set()
        self.refused = 0
        """Commands that were asked for and never came to be: the gate at the centre refused them, and the audit says so."""
        self._actuators = tuple(park.actuators.values())
        self._points = tuple(park.points)
        self._turn = 0
        self._rows: Mapping[str, tuple[Row, ...]] = {"commands": ()}

    @property
    def commands(self) -> int:
        """How many commands there were, as counted: those that came to be, and those that the centre refused."""
        return len(self._ids) + self.refused

    def count(self) -> None:
        """Count what came to be since the last time."""
        events = self._ground.trace.events
        for event in events[self._at :]:
            if isinstance(event, Committed):
                self.refused += sum(row["kind"] == "command.refused" for row in event.audit)
                self._ids.update(
                    str(row["id"])
                    for table, kind, row in event.writes
                    if (table, kind) == ("commands", "insert")
                )
            elif isinstance(event, Recorded) and event.kind == "command":
                self._ids.add(str(event.body["id"]))
        self._at = len(events)

    async def watch(self) -> None:
        """Look at the screen from time to time, for ever."""
        ground = self._ground
        while True:
            await Sleep(ground.loop, ground.loop.now_s + LOOK_S)
            if self._centre.is_alive and self._centre.parts is not None:
                self._look()

    def is_quiet(self) -> bool:
        """Whether every process lives, no command is open, no record waits and nothing travels.

        A run that waits for a second person waits for nobody now: nothing of it moves.
        """
        core = self._centre.core
        if core is None or not self._centre.is_alive or not core.journal.recorder.is_available:
            return False
        runs = core.runner.runs.values()
        if any(not run.is_over and run.state is not RunState.WAITING_APPROVAL for run in runs):
            return False
        if any(True for _ in core.book.open()):
            return False
        for edge in self._edges:
            if edge.core is None or not edge.is_alive or edge.core.records.pending:
                return False
            if not edge.core.outside.link.is_connected:
                return False
        return not any(item.is_moving for _, item in self._ground.plant.every())

    def outcomes(self) -> Mapping[str, int]:
        """Return how the commands ended, by state."""
        states = Counter(str(row["state"]) for row in self._rows["commands"])
        opened = sum(row["state"] == "confirmed" and row["body"]["is_away"] for row in self._rows["commands"])
        return {**dict(sorted(states.items())), OPENED: opened, "refused at the centre": self.refused}

    def last(self) -> None:
        """Put into the trace what everybody holds at the end."""
        ground = self._ground
        self._rows = self._centre.database.rows()
        ground.trace.put(Tables(at_s=ground.clock_s(), rows=self._rows))
        core = self._centre.core
        if core is not None:
            held = core.orders.held
            self._hold(
                "control",
                {key: order_body(item) for key, item in held.orders.items()},
                held.tombstones,
                core.term.number,
            )
        for edge in self._edges:
            if edge.core is not None:
                ledger = edge.core.storage.ledger
                orders = {key: order_body(item) for key, item in ledger.orders.orders.items()}
                self._hold(edge.gateway, orders, ledger.orders.tombstones, ledger.term)

    def _hold(self, where: str, orders: Mapping[str, Json], tombstones: frozenset[str], term: int) -> None:
        found: dict[str, Row] = {key: item for key, item in sorted(orders.items()) if isinstance(item, dict)}
        self._ground.trace.put(
            Held(
                at_s=self._ground.clock_s(),
                where=where,
                orders=found,
                tombstones=tuple(sorted(tombstones)),
                term=term,
            )
        )

    def _look(self) -> None:
        parts, core, ground = self._centre.parts, self._centre.core, self._ground
        assert parts is not None
        assert core is not None
        now_s, life = self._centre.clock.monotonic(), self._centre.life
        self._turn += 1
        for actuator in self._actuators[self._turn % 2 :: 2]:
            report = parts.hand_reports.of(actuator.facility)
            view = actuator_view(parts.image, parts.orders, parts.book, actuator, report, now_s=now_s)
            ground.trace.put(Shown(at_s=ground.clock_s(), life=life, view=view))
        for ref in self._points[self._turn % 16 :: 16]:
            view = point_view(parts.image, ref, now_s=now_s)
            ground.trace.put(Seen(at_s=ground.clock_s(), life=life, point=ref, view=view))
        if self._turn % 4 == 0:
            for alarm in parts.alarms.watch.standing():
                view = alarm_view(alarm, parts.alarms.watch, self._park)
                ground.trace.put(AlarmShown(at_s=ground.clock_s(), life=life, view=view))
