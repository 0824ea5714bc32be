"""Polls one PLC: its groups in time, critical ones first; notices refusals and silence, and tells what changed."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping
from enum import Enum

import numpy as np

from domain.errors import LinkError, LinkTimeout
from domain.park import PollGroup
from domain.quality import Quality, Reason
from gateway.image import DeviceImage, Rows, period_s
from gateway.plc import DeviceRefused, ModbusCode, PlcLink
from gateway.poll_plan import Block, plan_reads, split
from gateway.telemetry_metrics import TelemetryMetrics
from gateway.timekeeper import Timekeeper
from runtime.clock import Clock
from runtime.log import logger
from wire.modbus import BlockDecoder, Columns

NAP_S_MAX = 0.25
"""Wall seconds: a change of speed and a silence are noticed within this."""
OTHERS_GRACE_S = 1.0
"""Wall seconds more for a group that has not had its turn yet."""
REFUSED_AGAIN_S = 600.0
"""Wall seconds after which addresses that the device refused are asked for again."""


class Turn(Enum):
    """What a poll meant for the device."""

    BIRTH = "birth"
    DATA = "data"
    DEATH = "death"


Tell = Callable[[DeviceImage, Rows, Turn], None]
Observe = Callable[[DeviceImage], None]


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
        self._clock = clock
        self._times = times
        self._tell: Tell = _nobody
        self._observe: Observe = _nobody
        self.breathe: Callable[[], None] = _nobody
        """Called at every turn, so that a poller that hangs is noticed."""
        self._metrics = metrics
        self._floor_s = floor_s
        self._log = logger("poller").bind(device=image.device.id)
        self._started_s = clock.monotonic() + start_after_s
        self._slot_s: dict[str, float] = {}
        """Group → when its last poll was due; the next is due one period later, at the speed of that moment."""
        self._refused: frozenset[int] = frozenset()
        self._refused_s = 0.0
        self._plan: Mapping[str, list[tuple[Block, BlockDecoder]]] = {}
        self._replan()
        self._hurried: dict[str, int] = {}
        for name, rows in image.groups.items():
            if len(rows):
                self._slot_s[name] = self._started_s - self._period_s(name)
        self._wake = asyncio.Event()
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
        now_s = self._clock.monotonic()
        due_s = {name: self._due_s(name) for name in self._slot_s}
        ready = [name for name in due_s if due_s[name] <= now_s]
        if not ready:
            await self._nap(min(due_s.values(), default=now_s + NAP_S_MAX) - now_s)
            return
        name = min(ready, key=self._urgency)
        self._metrics.late(self.image.device.id, now_s - due_s[name])
        await self._poll(name)
        is_late = due_s[name] + self._period_s(name) < self._clock.monotonic()
        self._slot_s[name] = self._clock.monotonic() if is_late else due_s[name]
        # Only now: after a pause of our own process the PLC is asked first, and called silent if it does not answer.
        self._notice_silence(name)

    @contextlib.contextmanager
    def hurry(self, groups: frozenset[str]) -> Iterator[None]:
        """Poll `groups` at the floor rate, beginning now, while the block lasts."""
        for name in groups:
            self._hurried[name] = self._hurried.get(name, 0) + 1
        self.poll_now(groups)
        try:
            yield
        finally:
            for name in groups:
                self._hurried[name] -= 1

    def poll_now(self, groups: frozenset[str]) -> None:
        """Make `groups` due."""
        for name in groups & self._slot_s.keys():
            self._slot_s[name] = self._clock.monotonic() - self._period_s(name)
        self._wake.set()

    async def polled(self, timeout_s: float) -> None:
        """Return after the next poll of any group, at the latest after `timeout_s` wall seconds."""
        self._polled.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._polled.wait()

    async def _nap(self, left_s: float) -> None:
        self._wake.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(max(left_s, 0.001), NAP_S_MAX)):
                await self._wake.wait()

    async def _poll(self, name: str) -> None:
        asked_s = self._clock.monotonic()
        told: list[Rows] = []
        try:
            for block, decoder in self._plan[name]:
                told.append(await self._read(block, decoder))
        except DeviceRefused as refused:
            self._metrics.error(self.image.device.id, f"exception_{refused.code}")
        except LinkError as error:
            kind = "timeout" if isinstance(error, LinkTimeout) else "connection"
            self._metrics.error(self.image.device.id, kind)
        else:
            self._silent.discard(name)
            self._metrics.polled(self.image.device.id, self._clock.monotonic() - asked_s)
        rows = np.concatenate(told) if told else np.empty(0, dtype=np.int64)
        if told and not self.image.is_alive:
            self.image.is_alive, self._is_silence_told = True, False
            self._log.info("device up", connections=self.link.connections)
            self._tell(self.image, rows, Turn.BIRTH)
        elif len(rows):
            self._tell(self.image, rows, Turn.DATA)
        if told:
            self._observe(self.image)
        self._polled.set()

    async def _read(self, block: Block, decoder: BlockDecoder) -> Rows:
        """Read one block into the image and return the rows to tell."""
        asked_s = self._clock.monotonic()
        try:
            words = await self.link.read(block)
        except DeviceRefused as refused:
            if refused.code != ModbusCode.ILLEGAL_ADDRESS:
                raise
            return await self._find_refused(block)
        return self._take(block, decoder.decode(words), asked_s)

    def _take(self, block: Block, columns: Columns, asked_s: float) -> Rows:
        return self.image.take(
            np.array(block.rows),
            columns,
            observed_ms=self._times.stamp(self.image.device.id),
            asked_s=asked_s,
            read_s=self._clock.monotonic(),
            speed=self._clock.speed,
        )

    async def _find_refused(self, block: Block) -> Rows:
        """Ask for each point of a refused block alone; those refused are bad and left out of the plan for a while."""
        told: list[Rows] = []
        for single in split(block, self.image.points):
            asked_s = self._clock.monotonic()
            try:
                words = await self.link.read(single)
            except DeviceRefused as refused:
                if refused.code != ModbusCode.ILLEGAL_ADDRESS:
                    raise
                self._refused |= set(single.rows)
                self._log.warning("address refused", point=self.image.points[single.rows[0]].ref)
                told.append(
                    self.image.doubt(
                        np.array(single.rows),
                        Quality.BAD,
                        Reason.ILLEGAL_ADDRESS,
                        observed_ms=self._times.stamp(self.image.device.id),
                    )
                )
            else:
                decoder = BlockDecoder(
                    [self.image.points[row].register for row in single.rows], start=single.start
                )
                told.append(self._take(single, decoder.decode(words), asked_s))
        self._refused_s = self._clock.monotonic()
        self._replan()
        return np.concatenate(told)

    def _notice_silence(self, polled: str) -> None:
        now_s, speed = self._clock.monotonic(), self._clock.speed
        image = self.image
        if self._refused and now_s - self._refused_s > REFUSED_AGAIN_S:
            self._refused = frozenset()
            self._replan()
        last_s = image.read_s if image.read_s > -np.inf else self._started_s
        if now_s - last_s > image.stale_after_s(speed=speed) and not self._is_silence_told:
            image.is_alive, self._is_silence_told = False, True
            self._log.warning("device silent", reason=self.link.fault or "no good answer")
            self._tell(image, self._doubt_all(Quality.BAD, Reason.LINK), Turn.DEATH)
            return
        if image.is_alive:
            late = {polled} & set(image.stale_groups(now_s=now_s, speed=speed))
            late |= set(image.stale_groups(now_s=now_s - OTHERS_GRACE_S, speed=speed))
            for name in late - self._silent:
                self._silent.add(name)
                at = self._times.stamp(image.device.id)
                rows = image.doubt(image.groups[name], Quality.UNCERTAIN, Reason.STALE, observed_ms=at)
                self._tell(image, rows, Turn.DATA)

    def _doubt_all(self, quality: Quality, reason: Reason) -> Rows:
        every = np.arange(len(self.image.points))
        at = self._times.stamp(self.image.device.id)
        return self.image.doubt(every, quality, reason, observed_ms=at)

    def _replan(self) -> None:
        plan: dict[str, list[tuple[Block, BlockDecoder]]] = {}
        points = self.image.points
        for name, rows in self.image.groups.items():
            outside = frozenset(range(len(points))) - frozenset(rows.tolist())
            blocks = plan_reads(
                points,
                registers_max=self.image.device.block_registers_max,
                skip=outside | self._refused,
                gaps=not self._refused,
            )
            plan[name] = [
                (block, BlockDecoder([points[row].register for row in block.rows], start=block.start))
                for block in blocks
            ]
        self._plan = plan

    def _group(self, name: str) -> PollGroup:
        return self.image.device.groups[name]

    def _period_s(self, name: str) -> float:
        if self._hurried.get(name, 0) > 0:
            return self._floor_s
        return period_s(self._group(name), speed=self._clock.speed, floor_s=self._floor_s)

    def _due_s(self, name: str) -> float:
        return self._slot_s[name] + self._period_s(name)

    def _urgency(self, name: str) -> tuple[bool, bool, float]:
        return (self._hurried.get(name, 0) == 0, not self._group(name).is_critical, self._due_s(name))


def _nobody(*_: object) -> None:
    """Stand in until somebody listens."""
