"""Measures an edge cut-off: from the sample that satisfies the rule to the Modbus write, with a full load of polling beside it."""

import asyncio
import secrets

from benchmarks.command import at
from benchmarks.command_park import Load
from benchmarks.command_plcs import CLOSE_COIL
from benchmarks.command_rig import Rig, edge_alone
from benchmarks.report import Report, Row, Size
from runtime.clock import RealClock

NAME = "cutoff"

FULL = Load(name="100x100@100ms", gateways=1, plcs=100, points=100, period_s=0.1)
SMALL = Load(name="4x20@100ms", gateways=1, plcs=4, points=20, period_s=0.1)
WINDOW_S = 10.0
"""Wall seconds for a write to come; a cut-off that takes longer is none."""
GRACE_MS = 10.0
NOTES = (
    (
        "One `stoplog gateway` with mosquitto and the PLCs; nobody listens, as when the link to control is gone. Each rule asks for one"
        " sample beyond its limit and latches, so that each PLC cuts off once. `from the value`: since the PLC's register holds it, the"
        " wait for the next poll included. `from the sample`: since the PLC gave it away. Until the write has arrived at the PLC: its"
        " record, order and intent are synced to the disk before."
    ),
)
_CLOCK = RealClock()


def run(size: Size) -> Report:
    """Let each PLC's value pass its limit once."""
    return asyncio.run(
        _measured(SMALL if size is Size.SMALL else FULL, settle_s=0.5 if size is Size.SMALL else 8.0)
    )


async def _measured(load: Load, *, settle_s: float) -> Report:
    async with edge_alone(load) as rig:
        await _CLOCK.sleep(settle_s)
        await rig.writes()
        raised: dict[int, float] = {}
        for number in range(load.gates):
            raised[number] = await rig.raise_value(number)
            await _CLOCK.sleep(0.02 + secrets.randbelow(1000) / 20_000)
        first, given = await _written(rig, load.gates)
    from_value = sorted(1000 * (first[number] - at_s) for number, at_s in raised.items())
    from_sample = sorted(1000 * (first[number] - at_s) for number, at_s in given.items())
    allowed_ms = 1000 * load.period_s + GRACE_MS
    rows = [
        Row(load=f"{load.name}, {what}", metric=metric, value=value, unit="ms")
        for what, values in (("from the value", from_value), ("from the sample", from_sample))
        for metric, value in (
            ("latency_p50_ms", at(values, 0.5)),
            ("latency_p99_ms", at(values, 0.99)),
            ("latency_max_ms", values[-1]),
        )
    ]
    return Report(
        benchmark=NAME,
        rows=rows,
        ratios={
            "slowest from the sample / (poll period + 10 ms)": from_sample[-1] / allowed_ms,
            "slowest from the value / (poll period + 10 ms)": from_value[-1] / allowed_ms,
        },
        notes=NOTES,
    )


async def _written(rig: Rig, gates: int) -> tuple[dict[int, float], dict[int, float]]:
    """Return when each PLC was told to close, and when it had given its sample away. Raises RuntimeError when one was not told."""
    first: dict[int, float] = {}
    given: dict[int, float] = {}
    until_s = _CLOCK.monotonic() + WINDOW_S
    while len(first) < gates and _CLOCK.monotonic() < until_s:
        writes, given = await rig.writes()
        for at_s, number, coil in writes:
            if coil == CLOSE_COIL:
                first.setdefault(number, at_s)
        await _CLOCK.sleep(0.05)
    if len(first) < gates:
        message = f"{gates - len(first)} cut-offs were not written within {WINDOW_S} s"
        raise RuntimeError(message)
    return first, given
