"""Measures the whole gateway: PLCs → `stoplog gateway` with its journal → mosquitto → a subscriber that acknowledges."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import gateway_peers
from benchmarks.gateway_park import Load
from benchmarks.gateway_rig import Measured, Rig, cpu_of, our_gateway, rss_mb_of
from benchmarks.report import OURS, Report, Row, Size, with_peers
from runtime.clock import RealClock

NAME = "gateway"

AT_100_MS = Load(name="100x100@100ms", plcs=100, points=100, period_s=0.1)
FLAT_OUT = Load(name="flat-out", plcs=20, points=100, period_s=0.001)
"""Asks for 2,000,000 points a second: more than anybody answers, so that nobody waits."""
NODE_RED_BEST = Load(name="20x100@10ms", plcs=20, points=100, period_s=0.01)
"""The load at which Node-RED brings most; beyond it its queues grow and it brings less."""
SMALL = Load(name="4x20@100ms", plcs=4, points=20, period_s=0.1)

NOTES = (
    (
        "Ours: the real process with its journal on a disk, qualities and Sparkplug B to Debian's mosquitto (QoS 0); a stand-in for"
        " ingest and control acknowledges four times a second, signed. Latency: from the moment at which the PLC answers to the"
        " subscriber. Every value changes at every read."
    ),
    "pymodbus: polls alone, no quality, no journal, nothing published; its CPU is that of the polling.",
)
PEER_NOTES = (
    (
        "Node-RED 4.1.15 with node-red-contrib-modbus 5.60.2, one JSON message a read; its flat-out is 20 PLCs at 10 ms, the load at"
        " which it brings most."
    ),
)
_CLOCK = RealClock()


def run(size: Size) -> Report:
    """Measure ours, then the others at the same load."""
    return asyncio.run(_run(size))


async def _run(size: Size) -> Report:
    if size is Size.SMALL:
        rows = [row async for row in _ours(SMALL, 1.0, is_settled=False)]
        rows += [row async for row in _pymodbus(SMALL, "asyncio", 0.5)]
        return Report(benchmark=NAME, rows=rows, ratios=_ratios(rows))
    rows = [row async for row in _ours(AT_100_MS, 15.0)]
    rows += [row async for row in _ours(FLAT_OUT, 15.0)]
    for loop in ("asyncio", "uvloop"):
        rows += [row async for row in _pymodbus(FLAT_OUT, loop, 8.0)]
    if with_peers():
        for load, setting in ((AT_100_MS, AT_100_MS), (FLAT_OUT, NODE_RED_BEST)):
            rows += rows_of(load.name, gateway_peers.WHO, await gateway_peers.measure(setting, 10.0))
    notes = (*NOTES, *(PEER_NOTES if with_peers() else ()))
    return Report(benchmark=NAME, rows=rows, ratios=_ratios(rows), notes=notes)


async def _ours(load: Load, window_s: float, *, is_settled: bool = True) -> AsyncIterator[Row]:
    async with our_gateway(load) as (rig, gateway):
        if is_settled:
            await rig.settle(gateway)
        for row in rows_of(load.name, OURS, await rig.window(gateway, window_s)):
            yield row


def rows_of(load: str, who: str, found: Measured) -> list[Row]:
    """Return what was measured of one gateway."""
    return [
        Row(load=load, who=who, metric="points_per_s", value=found.points_per_s, unit="points/s"),
        Row(load=load, who=who, metric="polled_points_per_s", value=found.served / found.seconds, unit="points/s"),
        Row(load=load, who=who, metric="latency_p50_ms", value=found.p50_ms, unit="ms"),
        Row(load=load, who=who, metric="latency_p99_ms", value=found.p99_ms, unit="ms"),
        Row(load=load, who=who, metric="cpu_percent", value=100 * found.cpu_s / found.seconds, unit="% of a core"),
        Row(load=load, who=who, metric="cpu_s_per_million_points", value=found.cpu_s_per_million, unit="CPU-s"),
        Row(load=load, who=who, metric="rss_mb", value=found.rss_mb, unit="MB"),
    ]  # fmt: skip


async def _pymodbus(load: Load, loop: str, seconds: float) -> AsyncIterator[Row]:
    who = f"pymodbus on {loop}, polling only"
    with TemporaryDirectory() as folder:
        rig = Rig(Path(folder), load)
        try:
            await rig.start_plcs()
            command = (json.dumps(rig.ports.plcs), str(load.points), str(seconds), loop)
            bare = await rig.run(
                sys.executable, "-m", "benchmarks.gateway_bare", *command, name="bare", speaks=True
            )
            while rig.served() == 0:  # another process
                await _CLOCK.sleep(0.02)
            before_s = cpu_of(bare.pid)
            assert bare.stdout is not None
            points = int(await bare.stdout.readline())
            cpu_s, rss_mb = cpu_of(bare.pid) - before_s, rss_mb_of(bare.pid)
        finally:
            await rig.close()
    yield Row(load=load.name, who=who, metric="points_per_s", value=points / seconds, unit="points/s")
    yield Row(
        load=load.name, who=who, metric="cpu_s_per_million_points", value=cpu_s / points * 1e6, unit="CPU-s"
    )
    yield Row(load=load.name, who=who, metric="rss_mb", value=rss_mb, unit="MB")


def _ratios(rows: list[Row]) -> dict[str, float]:
    """Return ours by each other's at the same load: how many times the points, and how many times the CPU for each."""
    found = {(row.load, row.who, row.metric): row.value for row in rows}
    ratios: dict[str, float] = {}
    for (of, who, metric), value in found.items():
        ours = found.get((of, OURS, metric))
        if who == OURS or ours is None or not value:
            continue
        if metric == "points_per_s":
            ratios[f"points/s, {of}: stoplog / {who}"] = ours / value
        elif metric == "cpu_s_per_million_points":
            ratios[f"CPU per point, {of}: stoplog / {who}"] = ours / value
    return ratios
