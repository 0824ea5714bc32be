"""The ceiling of the sample clock: on the disk ahead of every time issued, never lowered by a thread that comes late."""

import asyncio
import struct
from pathlib import Path

from domain.ids import DeviceId
from gateway.sample_clock import AHEAD_S
from gateway.timekeeper import Timekeeper
from runtime.clock import ManualClock

T0 = 1_780_000_000_000


def on_disk(path: Path) -> int:
    first, second = struct.unpack("<qq", path.read_bytes())
    assert first == second
    return int(first)


def test_a_late_thread_lowers_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ceiling"
    keeper = Timekeeper(path, ManualClock(now_ms=T0), is_slewed=False)
    high = on_disk(path) + 5_000
    keeper._write(high, required=False)
    keeper._write(high - 1, required=False)
    assert on_disk(path) == high


async def test_the_ceiling_runs_ahead_without_the_loop(tmp_path: Path) -> None:
    path, clock = tmp_path / "ceiling", ManualClock(now_ms=T0)
    keeper = Timekeeper(path, clock, is_slewed=False)
    running = asyncio.create_task(keeper.run())
    await asyncio.sleep(0)
    for _ in range(12):
        clock.advance(0.3)
        async with asyncio.timeout(10):
            # A turn of a thread is a turn of the loop at least.
            await asyncio.to_thread(path.stat)
            while on_disk(path) < clock.now_ms() + AHEAD_S * 1000 / 2:
                await asyncio.to_thread(path.stat)
        assert keeper.stamp(DeviceId("d")) <= on_disk(path)
    running.cancel()


def test_a_time_beyond_the_ceiling_is_issued_when_a_higher_one_is_on_the_disk(tmp_path: Path) -> None:
    path, clock = tmp_path / "ceiling", ManualClock(now_ms=T0)
    keeper = Timekeeper(path, clock, is_slewed=False)
    clock.advance(100.0)
    assert keeper.stamp(DeviceId("d")) == T0 + 100_000 <= on_disk(path)
