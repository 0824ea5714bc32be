"""Measures a command from the request at control's API to its proof in the audit log, with everything between them running."""

import asyncio
import secrets
from collections.abc import Sequence

from pymodbus.client import AsyncModbusTcpClient

from benchmarks.command_park import Load, gate_name
from benchmarks.command_plcs import CLOSE_COIL, CLOSED, OPEN_COIL
from benchmarks.command_rig import Listener, Person, Rig, command_system
from benchmarks.report import Report, Row, Size
from runtime.clock import RealClock

NAME = "command"

FULL = Load(name="100x100@100ms", gateways=1, plcs=100, points=100, period_s=0.1)
SMALL = Load(name="4x20@100ms", gateways=1, plcs=4, points=20, period_s=0.1)
COMMANDS, COMMANDS_SMALL = 400, 3
WARM_UP = 40
SETTLE_S = 8.0
PAUSE_S = (0.01, 0.05)
"""Between two commands, drawn evenly: no command keeps step with the polls."""
BARE = "pymodbus, write and read-back"
NOTES = (
    (
        "Real processes on this machine: `stoplog gateway`, `stoplog control` (SQLite, every transaction synced, two for each command"
        " and one for each record of the edge), `stoplog ingest` (SQLite), mosquitto, and the PLCs; a tenth of the points changes at"
        " each read and goes to ingest and to control's live image, which no screen watches. From the bytes of the request to control's"
        " acknowledgement of the record of the proof, which it gives after its commit. The gates stand where they were told at once, so"
        " that no travel is in it. `open` is the second of two requests, after the select; the ticket, to which a colleague"
        " agrees, comes before both."
    ),
    (
        "pymodbus: writes the coil and reads the state back over a connection of its own to the same PLCs in the same run; it"
        " authenticates nobody, asks no interlock and records nothing."
    ),
)
_CLOCK = RealClock()


def run(size: Size) -> Report:
    """Measure moves toward safe, moves away from safe, and the bare write."""
    return asyncio.run(_small() if size is Size.SMALL else _full())


async def _small() -> Report:
    async with command_system(SMALL, with_ingest=False) as (rig, person, listener):
        return _report(SMALL, await _measured(rig, person, listener, COMMANDS_SMALL), {})


async def _full() -> Report:
    async with command_system(FULL, with_ingest=True) as (rig, person, listener):
        await _CLOCK.sleep(SETTLE_S)
        await _measured(rig, person, listener, WARM_UP)
        before, begun_s = rig.cpu_s(), _CLOCK.monotonic()
        found = await _measured(rig, person, listener, COMMANDS)
        seconds = _CLOCK.monotonic() - begun_s
        cpu = {name: 100 * (used - before[name]) / seconds for name, used in rig.cpu_s().items()}
        return _report(FULL, found, cpu)


async def _measured(rig: Rig, person: Person, listener: Listener, count: int) -> dict[str, list[float]]:
    """Return the milliseconds of every move, by what it was."""
    found: dict[str, list[float]] = {"close": [], "open": [], "select": [], BARE: []}
    bare = AsyncModbusTcpClient("127.0.0.1", port=rig.ports.plcs[0])
    await bare.connect()
    for turn in range(count):
        gate = gate_name(secrets.randbelow(rig.load.gates - 1) + 1)
        opening = {**_asked(gate, "open"), "ticket": await rig.ticket(person, _asked(gate, "open"))}
        selecting_s = _CLOCK.monotonic()
        chosen = await person.done("POST", "/selects", dict(opening))
        found["select"].append(1000 * (_CLOCK.monotonic() - selecting_s))
        select = chosen.text("id")
        found["open"].append(await _command(person, listener, {**_asked(gate, "open"), "select": select}))
        await _pause()
        found["close"].append(await _command(person, listener, _asked(gate, "close")))
        await _pause()
        found[BARE].append(await _bare(bare, OPEN_COIL if turn % 2 else CLOSE_COIL))
        await _pause()
    bare.close()
    return found


def _asked(gate: str, action: str) -> dict[str, str]:
    return {"actuator": gate, "action": action, "reason": "测试 benchmark"}


async def _command(person: Person, listener: Listener, asked: dict[str, str]) -> float:
    begun_s = _CLOCK.monotonic()
    made = await person.done("POST", "/commands", dict(asked))
    async with asyncio.timeout(30):
        return 1000 * (await listener.proof(made.text("id")) - begun_s)


async def _bare(client: AsyncModbusTcpClient, coil: int) -> float:
    begun_s = _CLOCK.monotonic()
    await client.write_coil(coil, True, device_id=1)  # noqa: FBT003  (the library's own order)
    answer = await client.read_holding_registers(0, count=1, device_id=1)
    assert bool(answer.registers[0] & CLOSED) is (coil == CLOSE_COIL)
    return 1000 * (_CLOCK.monotonic() - begun_s)


async def _pause() -> None:
    least, most = PAUSE_S
    await _CLOCK.sleep(least + (most - least) * secrets.randbelow(1000) / 1000)


def _report(load: Load, found: dict[str, list[float]], cpu: dict[str, float]) -> Report:
    bare = sorted(found[BARE])
    ours = sorted(found["close"] + found["open"])
    rows = [*_latency(load.name, ours)]
    for what in ("close", "open", "select"):
        rows += _latency(f"{load.name}, {what}", sorted(found[what]))
    rows += _latency(load.name, bare, who=BARE)
    rows += [
        Row(load=load.name, metric=f"cpu_percent_{name}", value=value, unit="% of a core")
        for name, value in cpu.items()
    ]
    return Report(
        benchmark=NAME,
        rows=rows,
        ratios={
            "latency p50 / 15 ms": at(ours, 0.5) / 15,
            "latency p99 / 50 ms": at(ours, 0.99) / 50,
            "latency p50, stoplog / bare write and read-back": at(ours, 0.5) / at(bare, 0.5),
        },
        notes=NOTES,
    )


def _latency(load: str, values: Sequence[float], *, who: str | None = None) -> list[Row]:
    more = {} if who is None else {"who": who}
    return [
        Row(load=load, metric="latency_p50_ms", value=at(values, 0.5), unit="ms", **more),
        Row(load=load, metric="latency_p99_ms", value=at(values, 0.99), unit="ms", **more),
        Row(load=load, metric="latency_max_ms", value=values[-1], unit="ms", **more),
    ]


def at(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` of the sorted `values` lie."""
    return values[min(int(len(values) * share), len(values) - 1)]
