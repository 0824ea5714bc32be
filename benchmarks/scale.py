"""Measures what a point costs a gateway from 1,000 points on 10 PLCs to 100,000 on 500, at one rate of points; draws it."""

import asyncio
from collections.abc import Sequence

from benchmarks.chart import Series, chart
from benchmarks.gateway_park import Load
from benchmarks.gateway_rig import Measured, our_gateway
from benchmarks.report import Report, Row, Size

NAME = "scale"

RATE = 40_000
"""Points a second, the same at every size: only the size differs."""
SHAPES = ((10, 100), (20, 100), (50, 100), (100, 100), (200, 100), (500, 100), (500, 200))
"""PLCs and points of each."""
SMALL = ((2, 20),)
NOTES = (
    (
        f"{RATE:,} points a second at every size, so that the period grows with the size: 25 ms for 1,000 points, 2.5 s for 100,000."
        " 500 x 200 reads each PLC in two blocks."
    ),
)


def run(size: Size) -> Report:
    """Measure every size."""
    shapes = SMALL if size is Size.SMALL else SHAPES
    found = asyncio.run(_measured(shapes, rate=400 if size is Size.SMALL else RATE))
    costs = [item.cpu_s_per_million for _, item in found]
    rows = [row for load, item in found for row in _rows(load, item)]
    return Report(
        benchmark=NAME,
        rows=rows,
        ratios={"cost per point, dearest size / cheapest": max(costs) / min(costs) if min(costs) else 1.0},
        notes=NOTES,
        charts={"cost per point by number of points": _chart(found)},
    )


async def _measured(shapes: Sequence[tuple[int, int]], *, rate: int) -> list[tuple[Load, Measured]]:
    found = []
    for plcs, points in shapes:
        period_s = plcs * points / rate
        load = Load(name=f"{plcs}x{points}", plcs=plcs, points=points, period_s=period_s)
        async with our_gateway(load) as (rig, gateway):
            if rate == RATE:
                await rig.settle(gateway)
            found.append((load, await rig.window(gateway, 4 * max(period_s, 2.5) if rate == RATE else 1.0)))
    return found


def _rows(load: Load, item: Measured) -> list[Row]:
    return [
        Row(load=load.name, metric="points", value=load.plcs * load.points, unit="points"),
        Row(load=load.name, metric="points_per_s", value=item.points_per_s, unit="points/s"),
        Row(load=load.name, metric="cpu_s_per_million_points", value=item.cpu_s_per_million, unit="CPU-s"),
        Row(load=load.name, metric="latency_p99_ms", value=item.p99_ms, unit="ms"),
        Row(load=load.name, metric="rss_mb", value=item.rss_mb, unit="MB"),
    ]


def _chart(found: Sequence[tuple[Load, Measured]]) -> str:
    places = [
        (float(load.plcs * load.points), item.cpu_s_per_million, f"{load.plcs} PLCs") for load, item in found
    ]
    return chart(
        [Series(name="CPU-s per million points", points=places)],
        x="points of the gateway",
        y="CPU-s per million points",
    )
