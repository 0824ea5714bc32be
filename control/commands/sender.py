"""Sends what is signed until the edge has answered, and ends what is not answered in time; no command waits for another."""

import asyncio
from dataclasses import replace

from control.bell import Bell
from control.commands.book import Book
from control.commands.desk import Desk
from control.commands.entries import changed, row
from control.commands.patience import is_overdue
from control.commands.pen import Pen
from control.commands.tracked import Tracked
from control.database.change import Change
from control.database.recorder import Recorder
from control.live.image import Image
from domain.command import Phase
from domain.errors import LinkError, StorageError
from domain.ids import CommandId, GatewayId
from runtime.clock import Clock
from runtime.log import logger
from runtime.mqtt import MqttLink
from wire.topics import Channel, ours

RESEND_S = 1.0
"""Wall seconds between two sendings of the same bytes."""
TURN_S = 0.5
"""Wall seconds between two looks at what is under way."""

_log = logger("control")


class Sender:
    """Owns what goes out on the command topic."""

    def __init__(
        self,
        link: MqttLink,
        image: Image,
        book: Book,
        pen: Pen,
        desk: Desk,
        recorder: Recorder,
        clock: Clock,
        changes: Bell,
    ) -> None:
        self._link = link
        self._image = image
        self._book = book
        self._pen = pen
        self._desk = desk
        self._recorder = recorder
        self._clock = clock
        self._changes = changes
        self._sent_s: dict[tuple[CommandId, Phase], float] = {}
        self._turning: set[CommandId] = set()
        """Commands that wait for the disk or the broker just now."""

    async def run(self) -> None:
        """Look at every open command when something changed, and twice a second."""
        async with asyncio.TaskGroup() as turns:
            while True:
                while (void := self._book.take_void(self._heard_s)) is not None:
                    await self._desk.reissue(void)
                now_s, now_ms = self._clock.monotonic(), self._clock.now_ms()
                for tracked in self._book.open():
                    if tracked.id not in self._turning and self._is_due(tracked, now_s=now_s, now_ms=now_ms):
                        self._turning.add(tracked.id)
                        turns.create_task(self._turn(tracked.id), name=f"send {tracked.id}")
                self._end_doubts()
                self._forget()
                await self._changes.heard(timeout_s=TURN_S)

    def _heard_s(self, gateway: GatewayId) -> float:
        return self._image.pulses[gateway].received_s

    def _is_due(self, tracked: Tracked, *, now_s: float, now_ms: int) -> bool:
        """Whether there is anything to do for `tracked` now: most looks at most commands find nothing."""
        if (
            tracked.is_awaiting
            and tracked.wanted is not None
            and self._may_go(tracked, tracked.wanted, now_s)
            and self._link.is_connected
            and self._pen.can_sign(tracked)
        ):
            return True
        actuator = self._image.park.actuators.get(tracked.command.actuator)
        return is_overdue(tracked, actuator, now_ms=now_ms, speed=self._clock.speed)

    def _may_go(self, tracked: Tracked, phase: Phase, now_s: float) -> bool:
        """Whether it has not just been sent."""
        last_s = self._sent_s.get((tracked.id, phase))
        return last_s is None or now_s - last_s >= RESEND_S

    async def _turn(self, command: CommandId) -> None:
        try:
            tracked = self._book.get(command)
            if tracked is not None and not tracked.state.is_final:
                await self._further(tracked)
        finally:
            self._turning.discard(command)

    async def _further(self, tracked: Tracked) -> None:
        actuator = self._image.park.actuators.get(tracked.command.actuator)
        if is_overdue(tracked, actuator, now_ms=self._clock.now_ms(), speed=self._clock.speed):
            await self._end(tracked)
        elif tracked.is_awaiting and self._clock.now_ms() < tracked.expires_ms:
            await self._send(tracked)

    async def _send(self, tracked: Tracked) -> None:
        phase = tracked.wanted
        assert phase is not None
        if not self._may_go(tracked, phase, self._clock.monotonic()) or not self._link.is_connected:
            return
        is_first = phase not in tracked.sent
        tracked = self._pen.sign(tracked)
        if phase not in tracked.messages:
            return  # the gateway is not heard; a challenge of before would be void
        if is_first and not await self._note(tracked.published()):
            return
        self._sent_s[tracked.id, phase] = self._clock.monotonic()
        topic = ours(self._image.park.id, tracked.gateway, Channel.COMMAND)
        try:
            await self._link.publish(topic, tracked.messages[phase].encode(), qos=1)
        except LinkError as error:
            _log.warning("command not sent", command=tracked.id, phase=phase.value, reason=str(error))

    async def _note(self, tracked: Tracked) -> bool:
        """Write before the bytes leave that they do; return whether they may.

        After a crash the same bytes go again, or the outcome is unknown, never new ones. What moves away from safe leaves only once
        the database has that; the rest waits for no disk.
        """
        self._book.put(tracked, now_s=self._clock.monotonic())
        change = Change(writes=(row(tracked),))
        if not tracked.is_away or tracked.wanted is not Phase.OPERATE:
            await self._recorder.keep(change)
            return True
        try:
            await self._recorder.commit(change)
        except StorageError:
            held = self._book.get(tracked.id) or tracked
            unsent = replace(held, sent=held.sent - {Phase.OPERATE})
            self._book.put(unsent, now_s=self._clock.monotonic())
            return False
        held = self._book.get(tracked.id) or tracked
        return held.is_awaiting and held.wanted is tracked.wanted

    async def _end(self, tracked: Tracked) -> None:
        ended = tracked.timed_out(now_ms=self._clock.now_ms())
        self._book.put(ended, now_s=self._clock.monotonic())
        self._changes.ring()
        change = changed(ended, self._image.park, cause="time-out", at_ms=self._clock.now_ms())
        await self._recorder.keep(change)

    def _end_doubts(self) -> None:
        """Feedback read after an outcome became unknown says again where the actuator stands (I5)."""
        now_s = self._clock.monotonic()
        for key in self._book.doubted():
            actuator = self._image.park.actuators.get(key)
            if actuator is None:  # the park has it no more: nobody can know, or has to
                self._book.end_doubt(key)
                continue
            names = (actuator.feedback.opened, actuator.feedback.closed)
            readings = [self._image.reading(actuator.point(name), now_s=now_s) for name in names]
            since_s = self._book.doubt_since_s(key)
            assert since_s is not None
            if all(
                reading.is_trusted and reading.age_s is not None and now_s - reading.age_s > since_s
                for reading in readings
            ):
                self._book.end_doubt(key)
                self._changes.ring()

    def _forget(self) -> None:
        if len(self._sent_s) > 1000:
            alive = {tracked.id for tracked in self._book.open()}
            self._sent_s = {key: at_s for key, at_s in self._sent_s.items() if key[0] in alive}
