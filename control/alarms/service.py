"""Runs the alarms: feeds them with what the live image learns, writes what changed, and takes acknowledgements."""

from collections.abc import Callable, Iterable

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from control.alarms.conditions import (
    DATABASE,
    every,
    journal_full,
    offline,
    reported,
    tag_overdue,
    unreached,
)
from control.alarms.entries import alarm, written
from control.alarms.watch import Watch
from control.audit.entry import SYSTEM
from control.bell import Bell
from control.commands.orders import Orders
from control.database.change import Change
from control.database.recorder import Recorder
from control.database.tables import ALARMS
from control.live.image import Image
from domain.alarm import Alarm
from domain.ids import DeviceId, PointRef, RuleId
from runtime.clock import Clock
from wire.messages import Record

START_S = 15.0
"""Wall seconds after the start before silence counts: gateways need to be heard first."""
UNREACHED_S = 10.0
"""Wall seconds for which a PLC must be stale before it is called silent: one that is only slow, or restarts, is not."""
LOOK_S = 1.0
WAITING_MAX = 10_000
"""Changes not yet written; beyond it the oldest are written no more (they show all the same)."""


class Alarms:
    """The park's alarms."""

    def __init__(
        self,
        watch: Watch,
        image: Image,
        recorder: Recorder,
        clock: Clock,
        changes: Bell,
        *,
        orders: Orders | None = None,
    ) -> None:
        """`orders` are those whose tags are watched for their announced end."""
        self.watch = watch
        self._image = image
        self._recorder = recorder
        self._clock = clock
        self._changes = changes
        self._orders = orders
        self._began_s = clock.monotonic()
        self._stale_s: dict[DeviceId, float] = {}
        """Devices that are stale behind a gateway that is heard, and since when (monotonic)."""
        self._waiting: list[Alarm] = []
        self._noted: dict[RuleId, tuple[object, int]] = {}
        self.changed: set[RuleId] = set()
        """Changed since the last frame was sent; taken by the live hub."""

    async def load(self, engine: AsyncEngine) -> None:
        """Take what the database holds."""
        async with engine.connect() as connection:
            held = (await connection.scalars(select(ALARMS.c.body))).all()
        self.watch.load((alarm(item) for item in held), every(self._image.park))
        self._noted = {key: (item.state, item.occurrence) for key, item in self.watch.alarms.items()}

    def see(self, refs: Iterable[PointRef]) -> None:
        """Look at points that changed, where a threshold watches them: most changes are of points that none does."""
        now_s, now_ms, watched = self._clock.monotonic(), self._clock.now_ms(), self.watch.points
        for ref in refs:
            if ref not in watched:
                continue
            self._note(*self.watch.see(ref, self._image.reading(ref, now_s=now_s), now_ms=now_ms))

    def hear(self, record: Record) -> Callable[[], Change] | None:
        """Take a record that an edge made; return what is written of it in the record's own transaction (I12)."""
        rule = reported(record, self._image.park)
        if rule is None:
            return None
        raised = self.watch.happened(rule, now_ms=record.at_ms)
        self.changed.add(rule.id)
        self._noted[rule.id] = (raised.state, raised.occurrence)
        park, at_ms = self._image.park, self._clock.now_ms()

        def change() -> Change:
            said, now = (
                written(item, self.watch, park, actor=SYSTEM, at_ms=at_ms)
                for item in (raised, self.watch.of(rule.id))
            )
            return Change(writes=now.writes, entries=said.entries)

        return change

    async def acknowledge(self, rule: RuleId, *, occurrence: int, severity: int, person: str) -> Alarm | None:
        """Acknowledge what `person` saw; None when something else stands now. Raises StorageError."""
        before = self.watch.of(rule)
        after = self.watch.acknowledge(rule, occurrence=occurrence, severity=severity, person=person)
        if after is None:
            return None
        change = written(after, self.watch, self._image.park, actor=person, at_ms=self._clock.now_ms())
        self._noted[rule] = (after.state, after.occurrence)
        self.changed.add(rule)
        await self._recorder.keep(change)
        assert before.occurrence == after.occurrence
        return after

    async def run(self) -> None:
        """Look at the system's own conditions and write what changed, for ever."""
        looked_s = 0.0
        while True:
            if self._clock.monotonic() - looked_s >= LOOK_S:
                looked_s = self._clock.monotonic()
                self._look()
            await self._write()
            await self._changes.heard(timeout_s=0.5)

    def _look(self) -> None:
        # A value that came before its heartbeat counts once that is there; one that was counted is not counted again.
        self.see(self.watch.points)
        now_s, now_ms = self._clock.monotonic(), self._clock.now_ms()
        park = self._image.park
        found = [self.watch.holds(DATABASE, is_so=not self._recorder.is_available, now_ms=now_ms)]
        for gateway, pulse in self._image.pulses.items():
            is_silent = pulse.state(now_s=now_s) == "offline" and now_s - self._began_s > START_S
            found.append(self.watch.holds(offline(park, gateway), is_so=is_silent, now_ms=now_ms))
            is_full = pulse.newest is not None and pulse.newest.journal_full
            found.append(self.watch.holds(journal_full(park, gateway), is_so=is_full, now_ms=now_ms))
            if pulse.is_heard(now_s=now_s):
                found += [self._look_at(device.id, now_s, now_ms) for device in park.devices_of(gateway)]
        if self._orders is not None:
            overdue = {order.actuator for order in self._orders.held.overdue(now_ms=now_ms)}
            found += [
                self.watch.holds(tag_overdue(park, key), is_so=key in overdue, now_ms=now_ms)
                for key in park.actuators
                if key in overdue or self.watch.holding(tag_overdue(park, key).id)
            ]
        self._note(*(item for item in found if item is not None))

    def _look_at(self, device: DeviceId, now_s: float, now_ms: int) -> Alarm | None:
        fresh, _ = self._image.trust_of(device, now_s=now_s)
        if fresh:
            self._stale_s.pop(device, None)
        since_s = now_s if fresh else self._stale_s.setdefault(device, now_s)
        is_so = now_s - since_s > UNREACHED_S
        rule = unreached(self._image.park, device)
        return self.watch.holds(rule, is_so=is_so, now_ms=now_ms) if fresh or is_so else None

    def _note(self, *alarms: Alarm) -> None:
        for item in alarms:
            self.changed.add(item.rule)
            # A worse value of the same occurrence shows, and is no change of state to be audited.
            if self._noted.get(item.rule) != (item.state, item.occurrence):
                self._noted[item.rule] = (item.state, item.occurrence)
                self._waiting.append(item)
        del self._waiting[:-WAITING_MAX]

    async def _write(self) -> None:
        waiting, self._waiting = self._waiting, []
        for item in waiting:
            at_ms = self._clock.now_ms()
            await self._recorder.keep(written(item, self.watch, self._image.park, actor=SYSTEM, at_ms=at_ms))
