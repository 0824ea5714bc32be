"""Measures what each gateway of the demonstration park uses of a core when nothing happens: polls every second, few changes."""

import asyncio
import contextlib
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.gateway_park import Load
from benchmarks.gateway_rig import cpu_of, our_gateway, rss_mb_of
from benchmarks.report import Report, Row, Size
from runtime.clock import RealClock
from stoplog.demo.app import Options, running
from stoplog.demo.ports import free_ports
from stoplog.demo.settings import Run

NAME = "idle"

LOAD = "demonstration park, 1 s polls"
SETTLE_S, WINDOW_S = 15.0, 30.0
SMALL = Load(name="2x20@1s", plcs=2, points=20, period_s=1.0)
NOTES = (
    (
        "The whole demonstration on this machine (`stoplog demo`: simulated PLCs, embedded broker, ingest, control); each gateway's"
        " process alone is counted, over 30 s."
    ),
)
_RUN = Run(speed=1.0, scenario=None, seed=1, keep_freed=False, with_link=False)
_CLOCK = RealClock()


def run(size: Size) -> Report:
    """Measure every gateway of the park."""
    rows = asyncio.run(_small() if size is Size.SMALL else _park())
    most = max(row.value for row in rows if row.metric == "cpu_percent")
    return Report(
        benchmark=NAME, rows=rows, ratios={"busiest gateway / 3 % of a core": most / 3}, notes=NOTES
    )


async def _park() -> list[Row]:
    with TemporaryDirectory(prefix="stoplog-idle-") as folder, contextlib.redirect_stdout(sys.stderr):
        options = Options(
            park=Path("parks/lingang"),
            state=Path(folder),
            broker=None,
            port=free_ports(1)[0],
            speed=1.0,
            scenario=None,
            seed=1,
            journal_bytes_max=100_000_000,
        )
        async with running(options, _RUN) as demo:
            await _CLOCK.sleep(SETTLE_S)
            pids = {name: demo.supervisor.pid(name) for name in demo.park.gateways}
            return await _window(LOAD, {name: pid for name, pid in pids.items() if pid is not None}, WINDOW_S)


async def _small() -> list[Row]:
    async with our_gateway(SMALL) as (_, gateway):
        return await _window(SMALL.name, {"gw": gateway.pid}, 1.0)


async def _window(load: str, pids: dict[str, int], seconds: float) -> list[Row]:
    before_s = {name: cpu_of(pid) for name, pid in pids.items()}
    await _CLOCK.sleep(seconds)
    rows = []
    for name, pid in pids.items():
        share = 100 * (cpu_of(pid) - before_s[name]) / seconds
        rows += [
            Row(load=f"{load}, {name}", metric="cpu_percent", value=share, unit="% of a core"),
            Row(load=f"{load}, {name}", metric="rss_mb", value=rss_mb_of(pid), unit="MB"),
        ]
    return rows
