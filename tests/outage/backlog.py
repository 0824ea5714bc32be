"""Writes what a gateway journals in an outage: its own publisher, journal and packing, driven in model time; measures memory.

No PLC and no broker takes part: the values are drawn here, random walks as instruments give them, and handed to the devices'
images as a poll would. `python -m tests.outage.backlog FOLDER HOURS SEED` prints what it did as JSON.
"""

import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry

from benchmarks.gateway_park import GATEWAY, PARK
from domain.ids import GatewayId, ParkId
from gateway.edge_node import EdgeNode
from gateway.image import DeviceImage
from gateway.lane import Lane
from gateway.poller import Turn
from gateway.publisher import Publisher
from gateway.settings import GatewaySettings
from gateway.stations import build_stations
from gateway.storage import open_storage
from gateway.telemetry_metrics import TelemetryMetrics
from runtime.clock import ManualClock, RealClock
from runtime.parkfiles.loading import load_park
from runtime.settings import read_settings
from wire.modbus import Columns

DEVICES, POINTS = 4, 100
PERIOD_S = 1.0
"""4 × 100 points a second."""
KEEP_EVERY_S = 10
"""Model seconds between the rounds of packing and trimming, that a gateway makes each second."""

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What an outage left behind."""

    epoch: str
    payloads: int
    points: int
    begin_ms: int
    """Time of the first poll; the others follow each second."""
    polls: int
    bytes: int
    """On the disk."""
    dropped: int
    rss_mb_after_an_hour: float
    """Of the process that wrote it, after the first hour, or a tenth of a shorter outage."""
    rss_mb: float
    seconds: float


class Instruments:
    """The values of one device, each new at each poll: a third as 16-bit registers give them, singles, doubles with all digits."""

    def __init__(self, seed: int, device: int) -> None:
        self._chance = np.random.default_rng((seed, device))
        self._walk = self._chance.uniform(20, 80, POINTS)
        self._raw = np.rint(self._walk * 100)
        self._kind = np.arange(POINTS) % 3

    def read(self) -> Values:
        """Return the values of the next poll."""
        steps = self._chance.normal(0, 0.05, POINTS)
        # A step that a single would not show is none.
        self._walk = np.abs(self._walk + np.where(np.abs(steps) < 1e-4, 1e-4, steps))
        raw = np.rint(self._walk * 100)
        self._raw = np.where(raw == self._raw, raw + 1, raw)
        singles = self._walk.astype(np.float32).astype(np.float64)
        return np.where(self._kind == 0, self._raw * 0.01, np.where(self._kind == 1, singles, self._walk))


async def write(settings: Path, *, hours: float, seed: int) -> Written:
    """Journal an outage of `hours` that ends now."""
    block = read_settings(settings, GatewaySettings)
    polls = round(hours * 3600 / PERIOD_S)
    wall = RealClock()
    begun_s = wall.monotonic()
    clock = ManualClock(now_ms=wall.now_ms() - round(polls * PERIOD_S * 1000))
    storage = open_storage(block.journal, gateway=GATEWAY, clock=clock, is_slewed=False)
    journal = storage.samples
    park = load_park(block.park, None)
    metrics = TelemetryMetrics(CollectorRegistry())
    stations = build_stations(
        park, GatewayId(GATEWAY), clock=clock, times=storage.times, metrics=metrics, floor_s=0.1
    )
    images = [station.image for station in stations]
    assert [len(image.points) for image in images] == [POINTS] * DEVICES
    node = EdgeNode(park=ParkId(PARK), gateway=GatewayId(GATEWAY), bd_seq=0)
    publisher = Publisher(node, images, journal, Lane(_unheard), clock=clock, metrics=metrics)
    instruments = [Instruments(seed, device) for device in range(DEVICES)]
    begin_ms, early_mb = clock.now_ms(), 0.0
    for poll in range(polls):
        for image, instrument in zip(images, instruments, strict=True):
            _poll(publisher, image, instrument, clock)
        clock.advance(PERIOD_S)
        if poll % KEEP_EVERY_S == 0:
            while (job := journal.packer()) is not None:
                path, pack = job
                journal.packed(path, pack(path))
            journal.trim()
            journal.sync()
        if poll == min(3600, polls // 10):
            early_mb = _rss_mb()
    written = Written(
        epoch=storage.epoch,
        payloads=journal.depth,
        points=journal.depth * POINTS,
        begin_ms=begin_ms,
        polls=polls,
        bytes=journal.size,
        dropped=journal.dropped,
        rss_mb_after_an_hour=early_mb,
        rss_mb=_rss_mb(),
        seconds=wall.monotonic() - begun_s,
    )
    storage.close()
    return written


def _poll(publisher: Publisher, image: DeviceImage, instrument: Instruments, clock: ManualClock) -> None:
    rows = np.arange(POINTS)
    columns = Columns(values=instrument.read(), is_invalid=np.zeros(POINTS, dtype=np.bool_))
    now_s = clock.monotonic()
    image.is_alive = True
    told = image.take(rows, columns, observed_ms=clock.now_ms(), asked_s=now_s, read_s=now_s)
    assert len(told) == POINTS
    publisher.tell(image, told, Turn.DATA)


def _rss_mb() -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024


async def _unheard(topic: str, payload: bytes, qos: int) -> None:
    raise AssertionError(topic)


def main() -> None:
    settings, hours, seed = Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    print(json.dumps(asdict(asyncio.run(write(settings, hours=hours, seed=seed)))))


if __name__ == "__main__":
    main()
