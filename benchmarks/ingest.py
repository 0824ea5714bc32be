"""Measures ingest: a producer's payloads → mosquitto → `stoplog ingest` → store → signed acknowledgements, received and durable."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.gateway_park import PARK, Load
from benchmarks.gateway_rig import cpu_of
from benchmarks.ingest_rig import LOAD, IngestRig, Measured
from benchmarks.report import OURS, Report, Row, Size
from domain.ids import ParkId, PointRef
from runtime.clock import RealClock
from stores.line_writer import LineWriter
from stores.lines import LineEncoder
from stores.port import Columns
from stores.settings import StoreSettings

NAME = "ingest"

ROOT = Path(__file__).parents[1]
SQLITE_S, VICTORIA_S, PACED_S = 60.0, 30.0, 20.0
WINDOW = 1500
"""Payloads unacknowledged at flat-out."""
PACED = 500.0
"""Payloads a second at which delays are measured: 50,000 points."""
SMALL = Load(name="4x20", plcs=4, points=20, period_s=1.0)
TO_SQLITE, TO_VICTORIA = "1 worker → SQLite", "1 worker → VictoriaMetrics"
TWO_TO_VICTORIA = "2 workers → VictoriaMetrics"
PACED_LOAD = "{} at 50,000 points/s"
BARE, CLIENT = "bare paho, counting only", "influxdb-client, lines only"
NOTES = (
    (
        "Ours: the real worker processes with a quarantine of their own, every acknowledgement signed, verified and held against what"
        " was sent; each payload carries 100 doubles in our gateways' layout. The producer keeps"
        f" {WINDOW:,} payloads unacknowledged at flat-out, so that a delay there is mostly waiting; delays are measured at 50,000"
        " points/s. Durable: committed (SQLite, which packs meanwhile), or under a snapshot (VictoriaMetrics, one every few seconds)."
        " Broker, producer, VictoriaMetrics and workers share the machine's cores."
    ),
    "Bare paho: a client that counts messages. influxdb-client: ready-made lines written in batches of 10,000, nothing received.",
)
_CLOCK = RealClock()


def run(size: Size) -> Report:
    """Measure ours, then what it stands on."""
    return asyncio.run(_run(size))


async def _run(size: Size) -> Report:
    if size is Size.SMALL:
        rows = [row async for row in _sqlite(SMALL, 1.0, 1.0)]
        return Report(benchmark=NAME, rows=rows)
    rows = [row async for row in _sqlite(LOAD, SQLITE_S, PACED_S)]
    for workers in (1, 2):
        rows += [row async for row in _victoria(workers)]
    rows += [*await _bare(10.0), *await _client(5.0)]
    return Report(benchmark=NAME, rows=rows, ratios=_ratios(rows), notes=NOTES)


async def _sqlite(load: Load, seconds: float, paced_s: float) -> AsyncIterator[Row]:
    async with _rig(load) as rig:
        store = StoreSettings(kind="sqlite", path=rig.folder / "store.sqlite")
        await rig.start_workers(1, store)
        found = await rig.measure(seconds, store, window=WINDOW)
        for row in _rows(TO_SQLITE, found, load):
            yield row
        again = await rig.measure(paced_s, store, window=WINDOW, rate=PACED)
        for row in _delays(
            PACED_LOAD.format(TO_SQLITE), again, load, found.outcome.sent + again.outcome.sent
        ):
            yield row


async def _victoria(workers: int) -> AsyncIterator[Row]:
    async with _rig(LOAD) as rig:
        store = await rig.start_victoria()
        await rig.start_workers(workers, store)
        found = await rig.measure(VICTORIA_S, store, window=WINDOW * workers)
        for row in _rows(TO_VICTORIA if workers == 1 else TWO_TO_VICTORIA, found, LOAD):
            yield row
        if workers == 1:
            again = await rig.measure(PACED_S, store, window=20 * WINDOW, rate=PACED)
            sent = found.outcome.sent + again.outcome.sent
            for row in _delays(PACED_LOAD.format(TO_VICTORIA), again, LOAD, sent):
                yield row


async def _bare(seconds: float) -> list[Row]:
    async with _rig(LOAD) as rig:
        counter = await rig.start_counter()
        before_s = cpu_of(counter.pid)
        found = await rig.produce(seconds, window=WINDOW)
        cpu_s = cpu_of(counter.pid) - before_s
        points = found.sent * LOAD.points
    return [
        Row(load=TO_VICTORIA, who=BARE, metric="points_per_s", value=found.received_per_s, unit="points/s"),
        Row(load=TO_VICTORIA, who=BARE, metric="cpu_s_per_million_points", value=cpu_s / points * 1e6, unit="CPU-s"),
    ]  # fmt: skip


async def _client(seconds: float) -> list[Row]:
    """Write ready-made lines with the client that our adapter uses, into an empty server."""
    async with _rig(LOAD) as rig:
        store = await rig.start_victoria()
        writer, written = LineWriter(store, token=""), 0
        began_s = _CLOCK.monotonic()
        for batch in _batches():
            await writer.write(batch)
            written += LOAD.plcs * LOAD.points
            if _CLOCK.monotonic() - began_s > seconds:
                break
        rate = written / (_CLOCK.monotonic() - began_s)
        await writer.close()
    return [Row(load=TO_VICTORIA, who=CLIENT, metric="points_per_s", value=rate, unit="points/s")]


def _batches() -> Iterator[str]:
    lines = LineEncoder(ParkId(PARK))
    values = np.round(np.random.default_rng(1).integers(0, 65_536, LOAD.points) * 0.1, 1)
    devices = [tuple(PointRef(f"d{plc:04d}/r{n}") for n in range(LOAD.points)) for plc in range(LOAD.plcs)]
    codes = np.zeros(LOAD.points, np.uint8)
    start_ms = _CLOCK.now_ms() - 3_600_000
    made = [
        "".join(
            lines.encode(Columns(points, np.full(LOAD.points, start_ms + turn), values, codes))
            for points in devices
        )
        for turn in range(20)
    ]
    turn = 0
    while True:
        # Only the times are new, so that the making costs next to nothing.
        yield made[turn % 20].replace(f" {start_ms + turn % 20}\n", f" {start_ms + turn}\n")
        turn += 1


@asynccontextmanager
async def _rig(load: Load) -> AsyncIterator[IngestRig]:
    with TemporaryDirectory(dir=ROOT, prefix="state-bench-", ignore_cleanup_errors=True) as folder:
        rig = IngestRig(Path(folder), load)
        try:
            await rig.start_broker()
            yield rig
        finally:
            await rig.close()


def _rows(load: str, found: Measured, of: Load) -> list[Row]:
    _check(found, of, found.outcome.sent)
    outcome, points = found.outcome, found.outcome.sent * of.points
    return [
        Row(load=load, metric="points_per_s", value=outcome.durable_per_s, unit="points/s"),
        Row(load=load, metric="received_points_per_s", value=outcome.received_per_s, unit="points/s"),
        Row(load=load, metric="cpu_s_per_million_points", value=found.cpu_s / points * 1e6, unit="CPU-s"),
        Row(load=load, metric="store_cpu_s_per_million_points", value=found.store_cpu_s / points * 1e6, unit="CPU-s"),
        Row(load=load, metric="rss_mb", value=found.rss_mb, unit="MB"),
        Row(load=load, metric="resent_payloads", value=outcome.resent, unit="payloads"),
    ]  # fmt: skip


def _delays(load: str, found: Measured, of: Load, sent: int) -> list[Row]:
    _check(found, of, sent)
    outcome = found.outcome
    return [
        Row(load=load, metric="received_p50_ms", value=outcome.received_p50_ms, unit="ms"),
        Row(load=load, metric="received_p99_ms", value=outcome.received_p99_ms, unit="ms"),
        Row(load=load, metric="durable_p50_ms", value=outcome.durable_p50_ms, unit="ms"),
        Row(load=load, metric="durable_p99_ms", value=outcome.durable_p99_ms, unit="ms"),
    ]


def _check(found: Measured, of: Load, sent: int) -> None:
    """Raise RuntimeError when what was sent is not what is acknowledged and stored."""
    outcome = found.outcome
    if outcome.durable != outcome.sent or found.stored != sent * of.points:
        message = f"{sent * of.points} samples sent in all, {found.stored} stored; of {outcome.sent} payloads {outcome.durable} durable"
        raise RuntimeError(message)


def _ratios(rows: list[Row]) -> dict[str, float]:
    rates = {(row.load, row.who): row.value for row in rows if row.metric == "points_per_s"}
    one, bare = rates[TO_VICTORIA, OURS], rates[TO_VICTORIA, BARE]
    return {
        "victoriametrics_of_bare_paho": one / bare,
        "victoriametrics_of_influxdb_client": one / rates[TO_VICTORIA, CLIENT],
        "two_workers_of_one": rates[TWO_TO_VICTORIA, OURS] / one,
        "sqlite_of_bare_paho": rates[TO_SQLITE, OURS] / bare,
    }
