"""The only place that reads a clock: model time for what happens in the park, monotonic wall time for what waits on peers.

Model time may run faster than the wall (drills); the page that says how is written by the conductor of the simulators and
shared by every process of the machine.
"""

import asyncio
import mmap
import os
import struct
import time
from pathlib import Path
from typing import Protocol

_PAGE = struct.Struct("<QqddQ")
"""sequence, model milliseconds at the anchor, monotonic seconds at the anchor, model seconds per wall second, sequence."""
PAGE_BYTES = _PAGE.size
_OFFSET = struct.Struct("<q")
"""Milliseconds by which an OffsetClock is wrong."""


class Clock(Protocol):
    """What every service is given instead of reading time itself."""

    @property
    def speed(self) -> float:
        """Model seconds per wall second."""

    def now_ms(self) -> int:
        """Model time, UTC, whole milliseconds since 1970."""

    def monotonic(self) -> float:
        """Wall seconds since an arbitrary instant; never steps, never scaled."""

    async def sleep(self, model_s: float, *, floor_s: float = 0.0) -> None:
        """Wait `model_s` of model time, and at least `floor_s` of wall time."""


class RealClock:
    """The machine's own time: model time is the time of day."""

    @property
    def speed(self) -> float:
        """Always 1."""
        return 1.0

    def now_ms(self) -> int:
        """UTC of the machine's clock, in milliseconds."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """CLOCK_MONOTONIC, in seconds."""
        return time.monotonic()

    async def sleep(self, model_s: float, *, floor_s: float = 0.0) -> None:
        """Wait."""
        await asyncio.sleep(max(model_s, floor_s))


class OffsetClock(RealClock):
    """The machine's own time, put wrong by what a file says: for runs in which the time of day steps."""

    def __init__(self, path: Path) -> None:
        """Open the file: a signed 64-bit little-endian number of milliseconds. Raises OSError when there is none."""
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def now_ms(self) -> int:
        """UTC of the machine's clock and the milliseconds that the file says now; an empty file says none."""
        said = os.pread(self._fd, _OFFSET.size, 0)
        return super().now_ms() + (_OFFSET.unpack(said)[0] if len(said) == _OFFSET.size else 0)


def set_offset(path: Path, offset_ms: int) -> None:
    """Step every OffsetClock that reads the file at `path`; make the file when there is none."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        os.pwrite(fd, _OFFSET.pack(offset_ms), 0)
    finally:
        os.close(fd)


class PageClock:
    """Scaled time read from the conductor's page; CLOCK_MONOTONIC is the same in every process of the machine."""

    def __init__(self, path: Path) -> None:
        """Open the page. Raises OSError when there is none yet."""
        with path.open("rb") as file:
            self._page = mmap.mmap(file.fileno(), PAGE_BYTES, prot=mmap.PROT_READ)

    @property
    def speed(self) -> float:
        """Model seconds per wall second now; 0 while the conductor holds time."""
        return self._read()[2]

    def now_ms(self) -> int:
        """Model time; never later than the machine's own UTC."""
        model_ms, anchor_s, speed = self._read()
        elapsed_s = max(0.0, time.monotonic() - anchor_s)
        return min(model_ms + int(elapsed_s * speed * 1000), time.time_ns() // 1_000_000)

    def monotonic(self) -> float:
        """CLOCK_MONOTONIC, in seconds."""
        return time.monotonic()

    async def sleep(self, model_s: float, *, floor_s: float = 0.0) -> None:
        """Wait in steps of at most a quarter second, so that a change of speed is followed."""
        until_ms = self.now_ms() + round(model_s * 1000)
        if floor_s > 0:
            await asyncio.sleep(floor_s)
        while (left_s := (until_ms - self.now_ms()) / 1000) > 0:
            speed = self.speed
            await asyncio.sleep(min(0.25, left_s / speed) if speed > 0 else 0.05)

    def _read(self) -> tuple[int, float, float]:
        while True:
            before, model_ms, anchor_s, speed, after = _PAGE.unpack(self._page[:PAGE_BYTES])
            if before == after:
                return model_ms, anchor_s, speed


class ClockPage:
    """The conductor's side: sets model time and speed for every process that reads the page."""

    def __init__(self, path: Path, *, start_ms: int, speed: float) -> None:
        """Open the page, or make it: an existing page keeps its model time, so that a restart never steps back."""
        is_new = not path.exists() or path.stat().st_size != PAGE_BYTES
        if is_new:
            draft = path.with_suffix(".new")
            draft.write_bytes(_PAGE.pack(0, start_ms, time.monotonic(), speed, 0))
            draft.replace(path)
        self._fd = os.open(path, os.O_RDWR)
        self._page = mmap.mmap(self._fd, PAGE_BYTES)
        self.clock = PageClock(path)
        if not is_new:
            self.set_speed(speed)

    def set_speed(self, speed: float) -> None:
        """Go on from the present model time at `speed` model seconds per wall second (0 holds time)."""
        self._write(self.clock.now_ms(), speed)

    def skip_to(self, model_ms: int) -> None:
        """Go on from `model_ms` at the same speed; one that is past already changes nothing."""
        if model_ms > self.clock.now_ms():
            self._write(model_ms, self.clock.speed)

    def _write(self, model_ms: int, speed: float) -> None:
        sequence = _PAGE.unpack(self._page[:PAGE_BYTES])[0] + 1
        struct.pack_into("<Q", self._page, 0, sequence)
        struct.pack_into("<qddQ", self._page, 8, model_ms, time.monotonic(), speed, sequence)


class ManualClock:
    """Time that a test moves by hand; both kinds advance together, scaled by `speed`."""

    def __init__(self, *, now_ms: int = 1_700_000_000_000, speed: float = 1.0) -> None:
        self._now_ms = now_ms
        self._monotonic = 1000.0
        self._speed = speed
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []

    @property
    def speed(self) -> float:
        """As given."""
        return self._speed

    def now_ms(self) -> int:
        """Model time."""
        return self._now_ms

    def monotonic(self) -> float:
        """Wall seconds."""
        return self._monotonic

    def advance(self, model_s: float) -> None:
        """Move both times on and wake who waits."""
        self._now_ms += round(model_s * 1000)
        self._monotonic += model_s / self._speed
        due = [future for at_ms, future in self._waiters if at_ms <= self._now_ms and not future.done()]
        self._waiters = [(at_ms, future) for at_ms, future in self._waiters if at_ms > self._now_ms]
        for future in due:
            future.set_result(None)

    def step_wall(self, by_ms: int) -> None:
        """Step model time without the monotonic clock, as a corrected wall clock does."""
        self._now_ms += by_ms

    async def sleep(self, model_s: float, *, floor_s: float = 0.0) -> None:
        """Wait until `advance` has come that far."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append((self._now_ms + round(max(model_s, floor_s * self._speed) * 1000), future))
        await future
