"""Stamps samples by the sample clock and keeps its ceiling on disk, ahead of every time issued."""

import asyncio
import os
import struct
import threading
from pathlib import Path

from domain.errors import StorageError
from domain.ids import DeviceId
from gateway.sample_clock import SampleClock
from runtime.clock import Clock

_CEILING = struct.Struct("<qq")
"""The ceiling twice: a torn write does not read as a time."""
KEEP_UP_S = 0.25
"""Wall seconds between looks at the ceiling."""


class Timekeeper:
    """The sample clock with its file. The file is written in place, so that it works on a full disk."""

    def __init__(self, path: Path, clock: Clock, *, is_slewed: bool) -> None:
        """Open the file at `path` or make it. Raises StorageError when it cannot be written."""
        self._clock = clock
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
            data = os.pread(self._fd, _CEILING.size, 0)
        except OSError as error:
            message = f"{path}: {error.strerror or error}"
            raise StorageError(message) from error
        first, second = _CEILING.unpack(data) if len(data) == _CEILING.size else (0, 0)
        self._samples = SampleClock(is_slewed=is_slewed, floor_ms=min(first, second))
        self._writing = threading.Lock()
        self._written = 0
        self._raise(required=True)

    @property
    def offset_ms(self) -> int:
        """Wall clock minus sample clock."""
        return self._samples.offset_ms

    @property
    def is_off(self) -> bool:
        """Whether the times stamped now are in doubt."""
        return self._samples.is_off

    def stamp(self, device: DeviceId) -> int:
        """Return the time for what was read from `device` now."""
        time_ms = self._samples.stamp(
            device,
            source_ms=self._clock.now_ms(),
            monotonic_s=self._clock.monotonic(),
            speed=self._clock.speed,
        )
        if time_ms > self._samples.ceiling_ms:
            self._raise(required=False)
        return time_ms

    async def run(self) -> None:
        """Keep the ceiling ahead, from a thread: no poll waits for the disk."""
        while True:
            ceiling = self._wanted()
            if ceiling is not None:
                await asyncio.to_thread(self._write, ceiling, required=False)
                self._samples.ceiling_ms = max(self._samples.ceiling_ms, ceiling)
            await self._clock.sleep(0.0, floor_s=KEEP_UP_S)

    def _wanted(self) -> int | None:
        return self._samples.wanted_ceiling(source_ms=self._clock.now_ms(), speed=self._clock.speed)

    def _raise(self, *, required: bool) -> None:
        ceiling = self._wanted()
        if ceiling is not None:
            self._write(ceiling, required=required)
            self._samples.ceiling_ms = ceiling

    def _write(self, ceiling: int, *, required: bool) -> None:
        """Bring `ceiling` to the disk, unless a higher one is there already."""
        with self._writing:
            if ceiling <= self._written:
                return
            try:
                os.pwrite(self._fd, _CEILING.pack(ceiling, ceiling), 0)
                os.fdatasync(self._fd)
            except OSError as error:
                if required:
                    message = f"the sample clock's file: {error.strerror or error}"
                    raise StorageError(message) from error
                # A failing disk stops no telemetry: rising times are then held by this run alone.
            self._written = ceiling
