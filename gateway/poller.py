"""Polls one PLC: its groups in time, critical ones first; notices refusals and silence, and tells what changed."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from enum import Enum

import numpy as np

from domain.errors import LinkError, LinkTimeout
from domain.quality import Quality, Reason
from gateway.image import DeviceImage, Rows
from gateway.judgement import Where
from gateway.plc import DeviceRefused, LinkGarbled, ModbusCode, PlcLink
from gateway.poll_plan import Block, PollPlan
from gateway.schedule import Schedule
from gateway.telemetry_metrics import TelemetryMetrics
from gateway.timekeeper import Timekeeper
from runtime.clock import Clock
from runtime.log import logger
from wire.modbus import BlockDecoder, run_of

NAP_S_MAX = 5.0
"""Wall seconds: nobody looks whether a poller turns more often than that; `Poller.wake` tells of a change of speed."""
OTHERS_GRACE_S = 1.0
"""Wall seconds more for a group that has not had its turn yet."""
REFUSED_AGAIN_S = 600.0
"""Wall seconds after which addresses that the device refused are asked for again."""
_UNREADABLE = frozenset({ModbusCode.ILLEGAL_ADDRESS, ModbusCode.ILLEGAL_VALUE})
"""Refusals of what was asked, not of being asked: an address that is none, or more than it answers at once."""


class Turn(Enum):
    """What a poll meant for the device."""

    BIRTH = "birth"
    DATA = "data"
    DEATH = "death"


Tell = Callable[[DeviceImage, Rows, Turn], None]
Observe = Callable[[DeviceImage], None]


class _Read:
    """One read of the plan with all that can be prepared for it."""

    def __init__(self, block: Block, image: DeviceImage) -> None:
        self.block = block
        self.rows: Rows = np.array(block.rows, dtype=np.int64)
        self.where: Where = run_of(block.rows)
        registers = [image.points[row].register for row in block.rows]
        self.decoder = BlockDecoder(registers, start=block.start)


class _Group:
    """What is read for one poll group."""

    def __init__(self, image: DeviceImage, rows: Sequence[int]) -> None:
        self._image = image
        self.plan = PollPlan(image.points, rows, registers_max=image.device.block_registers_max)
        self.reads = self._prepared()
        self.refused_s = 0.0
        """When the device was last asked for what it refuses."""

    def renew(self) -> None:
        """Use what the plan has learnt."""
        self.plan.renew()
        self.reads = self._prepared()

    def _prepared(self) -> list[_Read]:
        return [_Read(block, self._image) for block in self.plan.blocks]


class Poller:
    """The polling of one device."""

    def __init__(
        self,
        image: DeviceImage,
        link: PlcLink,
        *,
        clock: Clock,
        times: Timekeeper,
        metrics: TelemetryMetrics,
        start_after_s: float,
        floor_s: float,
    ) -> None:
        self.image = image
        self.link = link
        self._id = image.device.id
        self._clock = clock
        self._times = times
        self._tell: Tell = _nobody
        self._observe: Observe = _nobody
        self.breathe: Callable[[], None] = _nobody
        """Called at every turn, so that a poller that hangs is noticed."""
        self._metrics = metrics
        self._log = logger("poller").bind(device=self._id)
        self._started_s = clock.monotonic() + start_after_s
        self._groups = {
            name: _Group(image, rows.tolist()) for name, rows in image.groups.items() if len(rows)
        }
        self._schedule = Schedule(
            {name: image.device.groups[name] for name in self._groups},
            first_s=self._started_s,
            floor_s=floor_s,
        )
        self._nap_ends: asyncio.Future[None] | None = None
        self._polled = asyncio.Event()
        self._silent: set[str] = set()
        """Groups whose silence was told."""
        self._is_silence_told = False

    def listen(self, tell: Tell, observe: Observe) -> None:
        """Give what is to be told to `tell`, and the image to `observe` after every poll."""
        self._tell, self._observe = tell, observe

    async def run(self) -> None:
        """Poll for ever."""
        try:
            while True:
                self.breathe()
                await self._turn()
        finally:
            self.link.close()

    async def _turn(self) -> None:
        """Poll the most urgent group that is due, or wait for one."""
        now_s, speed, schedule = self._clock.monotonic(), self._clock.speed, self._schedule
        name = schedule.due(now_s=now_s, speed=speed)
        if name is None:
            wait_s = schedule.wait_s(now_s=now_s, speed=speed)
            await self._nap(NAP_S_MAX if wait_s is None else wait_s)
            return
        due_s = schedule.due_s(name, speed=speed)
        self._metrics.late(self._id, now_s - due_s)
        await self._poll(name)
        schedule.polled(name, due_s=due_s, now_s=self._clock.monotonic(), speed=self._clock.speed)
        # Only now: after a pause of our own process the PLC is asked first, and called silent if it does not answer.
        self._notice_silence(name)

    @contextlib.contextmanager
    def hurry(self, groups: frozenset[str]) -> Iterator[None]:
        """Poll `groups` at the floor rate, beginning now, while the block lasts."""
        self._schedule.hurry(groups)
        self.poll_now(groups)
        try:
            yield
        finally:
            self._schedule.release(groups)

    def poll_now(self, groups: frozenset[str]) -> None:
        """Make `groups` due."""
        self._schedule.make_due(groups, now_s=self._clock.monotonic())
        self.wake()

    async def polled(self, timeout_s: float) -> None:
        """Return after the next poll of any group, at the latest after `timeout_s` wall seconds."""
        self._polled.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._polled.wait()

    async def _nap(self, left_s: float) -> None:
        loop = asyncio.get_running_loop()
        self._nap_ends = loop.create_future()
        timer = loop.call_later(min(max(left_s, 0.001), NAP_S_MAX), self.wake)
        try:
            await self._nap_ends
        finally:
            timer.cancel()
            self._nap_ends = None

    def wake(self) -> None:
        """Look again what is due: time goes at another speed now."""
        if self._nap_ends is not None and not self._nap_ends.done():
            self._nap_ends.set_result(None)

    async def _poll(self, name: str) -> None:
        asked_s = self._clock.monotonic()
        told: list[Rows] = []
        try:
            await self._read_group(self._groups[name], told)
        except DeviceRefused as refused:
            self._metrics.error(self._id, f"exception_{refused.code}")
        except LinkError as error:
            self._metrics.error(self._id, _kind(error))
        else:
            self._silent.discard(name)
            self._metrics.polled(self._id, self._clock.monotonic() - asked_s)
        if told:
            rows = told[0] if len(told) == 1 else np.concatenate(told)
            if not self.image.is_alive:
                self.image.is_alive, self._is_silence_told = True, False
                self._log.info("device up", connections=self.link.connections)
                self._tell(self.image, rows, Turn.BIRTH)
            elif len(rows):
                self._tell(self.image, rows, Turn.DATA)
            self._observe(self.image)
        self._polled.set()

    async def _read_group(self, group: _Group, told: list[Rows]) -> None:
        """Read the group into the image; add the rows to tell to `told`, whatever happens after them."""
        for read in group.reads:
            try:
                told.append(await self._read(read))
            except DeviceRefused as refused:
                if refused.code not in _UNREADABLE:
                    raise
                await self._find_refused(group, read.block, told)
                group.renew()
        if group.plan.refused and self._clock.monotonic() - group.refused_s > REFUSED_AGAIN_S:
            await self._ask_refused_again(group, told)

    async def _read(self, read: _Read) -> Rows:
        """Read one block into the image and return the rows to tell."""
        clock = self._clock
        asked_s = clock.monotonic()
        words = await self.link.read(read.block)
        columns = read.decoder.decode(words)
        observed_ms = self._times.stamp(self._id)
        self.image.is_clock_off = self._times.is_off
        return self.image.take(
            read.rows,
            columns,
            observed_ms=observed_ms,
            asked_s=asked_s,
            read_s=clock.monotonic(),
            speed=clock.speed,
            where=read.where,
        )

    async def _find_refused(self, group: _Group, block: Block, told: list[Rows]) -> bool:
        """Halve a refused block until what is refused stands alone; return whether any address of a point was.

        Where both halves are answered it was the gap between them, or their being asked for together.
        """
        halves = group.plan.halves(block)
        if halves is None:
            self._refuse(group, block, told)
            return True
        is_found = False
        for half in halves:
            try:
                told.append(await self._read(_Read(half, self.image)))
            except DeviceRefused as refused:
                if refused.code not in _UNREADABLE:
                    raise
                is_found |= await self._find_refused(group, half, told)
        if not is_found:
            group.plan.cut(halves[1])
        return is_found

    def _refuse(self, group: _Group, block: Block, told: list[Rows]) -> None:
        group.plan.refuse(block)
        group.refused_s = self._clock.monotonic()
        self._log.warning("address refused", points=[self.image.points[row].ref for row in block.rows])
        at = self._times.stamp(self._id)
        rows = np.array(block.rows, dtype=np.int64)
        told.append(self.image.doubt(rows, Quality.BAD, Reason.ILLEGAL_ADDRESS, observed_ms=at))

    async def _ask_refused_again(self, group: _Group, told: list[Rows]) -> None:
        """A PLC may have been given another program since."""
        group.refused_s = self._clock.monotonic()
        for block in group.plan.again():
            try:
                told.append(await self._read(_Read(block, self.image)))
            except DeviceRefused:
                continue
            group.plan.accept(block)
            self._log.info("address answers", points=[self.image.points[row].ref for row in block.rows])
        group.renew()

    def _notice_silence(self, polled: str) -> None:
        now_s, speed = self._clock.monotonic(), self._clock.speed
        image = self.image
        if not self._is_silence_told:
            last_s = image.read_s if image.read_s > -np.inf else self._started_s
            if now_s - last_s > image.stale_after_s(speed=speed):
                image.is_alive, self._is_silence_told = False, True
                self._log.warning("device silent", reason=self.link.fault or "no good answer")
                every = np.arange(len(image.points))
                at = self._times.stamp(self._id)
                rows = image.doubt(every, Quality.BAD, Reason.LINK, observed_ms=at)
                self._tell(image, rows, Turn.DEATH)
                return
        if image.is_alive:
            for name in self._groups:
                grace_s = 0.0 if name == polled else OTHERS_GRACE_S
                is_stale = image.is_stale(name, now_s=now_s - grace_s, speed=speed)
                if is_stale and name not in self._silent:
                    self._silent.add(name)
                    at = self._times.stamp(self._id)
                    rows = image.doubt(image.groups[name], Quality.UNCERTAIN, Reason.STALE, observed_ms=at)
                    self._tell(image, rows, Turn.DATA)


def _kind(error: LinkError) -> str:
    match error:
        case LinkTimeout():
            return "timeout"
        case LinkGarbled():
            return "garbled"
        case _:
            return "connection"


def _nobody(*_: object) -> None:
    """Stand in until somebody listens."""
