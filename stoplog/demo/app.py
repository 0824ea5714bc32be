"""`stoplog demo`: brings the whole park up on this machine, says where the console is, and keeps it up until Ctrl-C."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import httpx

from domain.errors import LinkError, StoplogError
from domain.park import Park
from runtime.clock import RealClock
from runtime.exits import Exit
from runtime.mqtt import BrokerSettings, check_broker
from runtime.parkfiles import load_park
from simulators.client import SimulatorClient
from stoplog.demo import lock
from stoplog.demo.parts import parts
from stoplog.demo.ports import HOST, require_free
from stoplog.demo.settings import Broker, Layout, Run, make_layout, write_all
from stoplog.demo.supervise import Supervisor
from stoplog.plain_http import NO_CERTIFICATES

LIVE_S_MAX = 60.0
"""Seconds from the last part's start until every device answers."""
BROKER_S_MAX = 5.0
"""Seconds for the user's own broker to answer."""
REPORT_S = 60.0
"""A line of progress this often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line asks for."""

    park: Path
    state: Path
    broker: Broker | None
    port: int
    """Of the console."""
    speed: float
    scenario: Path | None
    seed: int | None
    journal_bytes_max: int
    keep_freed: bool = False


def say(text: str) -> None:
    """Speak to the terminal."""
    print(text, flush=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """A running demonstration."""

    layout: Layout
    park: Park
    supervisor: Supervisor


@contextlib.asynccontextmanager
async def running(options: Options, run: Run) -> AsyncIterator[Demo]:
    """Bring everything up and take it down at the end. Raises StoplogError when a part does not come up."""
    park = load_park(options.park)
    require_free(options.port, remedy="name another port with --port, or stop what listens there")
    held = lock.take(options.state)
    layout = make_layout(
        options.state.resolve(),
        options.park,
        park,
        options.broker,
        console_port=options.port,
        journal_bytes_max=options.journal_bytes_max,
    )
    logs = layout.state / "logs"
    for name in lock.end_leftovers(logs):
        say(f"  ended {name}, left over from an earlier run")
    write_all(layout, park, run)
    await _meet(layout)
    supervisor = Supervisor(parts(layout, park), logs=logs, clock=RealClock(), say=say)
    try:
        say(
            f"Starting {park.words.zh} ({park.words.en}): {len(park.devices)} PLCs, {len(park.points)} points"
        )
        await supervisor.start_all()
        supervisor.watch()
        await wait_live(layout)
        yield Demo(layout=layout, park=park, supervisor=supervisor)
    finally:
        await supervisor.stop()
        held.close()


async def _meet(layout: Layout) -> None:
    """Check the user's own broker before anything starts. Raises LinkError when it is not there or lets us not in."""
    if layout.broker.is_embedded:
        return
    password = (layout.state / "secrets" / "control.password").read_text(encoding="utf-8").strip()
    broker = BrokerSettings(
        host=layout.broker.host, port=layout.broker.port, username="control", password=password, tls=None
    )
    await check_broker(broker, BROKER_S_MAX)


async def wait_live(layout: Layout) -> None:
    """Wait until every gateway has read every one of its PLCs. Raises StoplogError after LIVE_S_MAX."""
    clock = RealClock()
    until_s = clock.monotonic() + LIVE_S_MAX
    async with httpx.AsyncClient(timeout=2.0, trust_env=False, verify=NO_CERTIFICATES) as client:
        while True:
            waiting = [
                name for name, port in layout.gateway_metrics_ports.items() if not await _all_up(client, port)
            ]
            if not waiting:
                return
            if clock.monotonic() > until_s:
                raise StoplogError(
                    f"not live after {LIVE_S_MAX:.0f} s: {', '.join(waiting)} cannot read all PLCs"
                )
            await asyncio.sleep(0.2)


async def _all_up(client: httpx.AsyncClient, port: int) -> bool:
    try:
        return (await client.get(f"http://{HOST}:{port}/health/ready")).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def interactive(options: Options) -> int:
    """Run until Ctrl-C; return the exit status."""
    return asyncio.run(_interactive(options))


async def _interactive(options: Options) -> int:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    main = asyncio.current_task()
    assert main is not None

    def stop() -> None:
        if stopped.is_set():
            return
        stopped.set()
        main.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    run = Run(
        speed=options.speed,
        scenario=options.scenario or _quiet_day(options.park),
        seed=options.seed,
        keep_freed=options.keep_freed,
        with_link=True,
    )
    began_s = RealClock().monotonic()
    try:
        async with running(options, run) as demo:
            _greet(demo, RealClock().monotonic() - began_s)
            await _report(demo)
    except asyncio.CancelledError:
        if not stopped.is_set():
            raise
        say("Stopped.")
    return Exit.OK


def _greet(demo: Demo, took_s: float) -> None:
    token = demo.layout.link_token.read_text(encoding="utf-8").strip()
    console = demo.layout.console
    say(
        f"\n园区已上线 — the park is live after {took_s:.0f} s\n"
        f"  控制台 / console:        {console}/\n"
        f"  一次性登录 / sign in once: {console}/#/enter?token={token}\n"
        f"  泄漏演示 / try a spill:   {_command()} spill hc --kg 240 --minutes 20 --state {demo.layout.state}\n"
        f"  日志 / logs:             {demo.layout.state / 'logs'}\n"
        "  Ctrl-C 停止 / stops everything\n"
    )


def _command() -> str:
    """Return how this very program is called, so that what is printed can be pasted."""
    called = Path(sys.argv[0])
    return str(called) if called.name == "stoplog" else f"{sys.executable} -m stoplog"


def _quiet_day(park: Path) -> Path | None:
    """Return the park's scenario for a demonstration without an accident; None when it has none."""
    file = park / "scenarios" / "quiet-day.yaml"
    return file if file.exists() else None


async def _report(demo: Demo) -> None:
    """Say every minute how the park stands."""
    while True:
        await asyncio.sleep(REPORT_S)
        try:
            async with SimulatorClient(demo.layout.simulator_port) as simulator:
                status = await simulator.status()
        except (LinkError, OSError):
            continue
        speed = cast("Mapping[str, float]", status["speed"])["now"]
        escaped = cast("Mapping[str, float]", status["escaped_kg"])["park"]
        say(
            f"  {status['model_time']}  × {speed:.0f}  rain {status['rain_mm_h']} mm/h, {escaped:.1f} kg past the park"
        )


__all__ = ["Demo", "Options", "interactive", "running", "say"]
