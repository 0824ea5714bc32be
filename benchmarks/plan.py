"""Measures a one-key plan over many gates: from the request that starts it to the last Modbus write, and to the last proof."""

import asyncio

from benchmarks.command_park import PLAN, Load
from benchmarks.command_plcs import CLOSE_COIL
from benchmarks.command_rig import Person, Rig, command_system
from benchmarks.report import Report, Row, Size
from runtime.clock import RealClock
from wire.canonical import Json

NAME = "plan"

FULL = Load(name="100 gates, 20 gateways", gateways=20, plcs=5, points=20, period_s=1.0)
SMALL = Load(name="4 gates, 1 gateway", gateways=1, plcs=4, points=10, period_s=0.5)
SETTLE_S = 10.0
WINDOW_S = 60.0
ALLOWED_MS = 500.0
NOTES = (
    (
        "Real processes on this machine: twenty `stoplog gateway` with five PLCs each, polled every second, `stoplog control` (SQLite,"
        " every transaction synced) and mosquitto. All steps may begin at once. From the bytes of the request that starts the run, after"
        " its preview, to the last coil written at a PLC; `proved`: until control shows the run as done."
    ),
)
_CLOCK = RealClock()


def run(size: Size) -> Report:
    """Press the key three times, once at small size; the slowest counts."""
    if size is Size.SMALL:
        return asyncio.run(_measured(SMALL, turns=1, settle_s=0.5))
    return asyncio.run(_measured(FULL, turns=3, settle_s=SETTLE_S))


async def _measured(load: Load, *, turns: int, settle_s: float) -> Report:
    last: list[float] = []
    first: list[float] = []
    proved: list[float] = []
    async with command_system(load, with_ingest=False) as (rig, person, _):
        for _turn in range(turns):
            await _CLOCK.sleep(settle_s)
            written, done_ms = await _pressed(rig, person)
            first.append(written[0])
            last.append(written[-1])
            proved.append(done_ms)
    rows = [
        Row(load=load.name, metric="gates", value=load.gates, unit="gates"),
        Row(load=load.name, metric="first_write_ms", value=max(first), unit="ms"),
        Row(load=load.name, metric="last_write_ms", value=max(last), unit="ms"),
        Row(load=load.name, metric="last_write_median_ms", value=sorted(last)[len(last) // 2], unit="ms"),
        Row(load=load.name, metric="proved_ms", value=max(proved), unit="ms"),
    ]
    ratios = {"last write / 500 ms": max(last) / ALLOWED_MS}
    return Report(benchmark=NAME, rows=rows, ratios=ratios, notes=NOTES)


async def _pressed(rig: Rig, person: Person) -> tuple[list[float], float]:
    """Press the key with every gate open; return the milliseconds to each write, in order, and to the end of the run."""
    await rig.open_all()
    await person.until_open(rig.load.gates)
    preview = await person.done("GET", f"/plans/{PLAN}/preview")
    asked: dict[str, Json] = {
        "content_hash": preview.text("content_hash"),
        "reason": "测试 benchmark",
        "accept_warnings": True,
    }
    await rig.writes()
    begun_s = _CLOCK.monotonic()
    run_id = (await person.done("POST", f"/plans/{PLAN}/runs", asked)).text("id")
    until_s = begun_s + WINDOW_S
    while (state := (await person.done("GET", f"/runs/{run_id}")).text("state")) == "running":
        if _CLOCK.monotonic() > until_s:
            message = "the plan never ended"
            raise RuntimeError(message)
        await _CLOCK.sleep(0.05)
    done_ms = 1000 * (_CLOCK.monotonic() - begun_s)
    writes, _ = await rig.writes()
    closed = {
        number: 1000 * (at_s - begun_s) for at_s, number, coil in reversed(writes) if coil == CLOSE_COIL
    }
    if state != "done" or len(closed) < rig.load.gates:
        message = f"the plan ended {state} with {len(closed)} gates written"
        raise RuntimeError(message)
    return sorted(closed.values()), done_ms
