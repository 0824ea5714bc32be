"""The instructor's socket: one JSON object a line in, one out; plays accidents and faults, and tells the score.

    {"do": "spill", "enterprise": "hc", "kg": 240, "minutes": 20}   →   {"ok": true}

Loopback only, for drills and demonstrations: a simulated park has nothing to protect.
"""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum

from domain.errors import LinkError, RemoteProtocolError, StoplogError
from runtime.parkfiles.entry import Entry
from runtime.parkfiles.faults import Faults
from runtime.parkfiles.nodes import parse
from simulators.act_reader import SPEED_MAX, Known, Verb, read_act
from simulators.acts import Order, Question, SpeedAct
from simulators.conductor import Conductor
from simulators.scenario import Scenario
from simulators.water.state import Ledger
from wire.canonical import Json

LINE_BYTES_MAX = 64_000
"""A longer line ends its connection."""
CONNECTIONS_MAX = 16
"""One more is turned away with a word."""


class Do(StrEnum):
    """The verbs of a line."""

    SPILL = "spill"
    FAULT = "fault"
    CLEAR = "clear"
    HAND = "hand"
    RAIN = "rain"
    SPEED = "speed"
    STATUS = "status"
    BASELINE = "baseline"


class ControlSocket:
    """Listens on the loopback interface."""

    def __init__(self, conductor: Conductor, *, known: Known, scenario: Scenario | None, port: int) -> None:
        self._conductor = conductor
        self._known = known
        self._scenario = scenario
        self._port = port
        self._connections = 0

    async def run(self) -> None:
        """Serve until cancelled. Raises LinkError when the port is taken."""
        try:
            server = await asyncio.start_server(self._serve, "127.0.0.1", self._port, limit=LINE_BYTES_MAX)
        except OSError as error:
            message = f"cannot listen on 127.0.0.1:{self._port} for control_port: {error.strerror}"
            raise LinkError(message) from error
        async with server:
            await server.serve_forever()

    async def answer(self, line: str) -> Mapping[str, Json]:
        """Do what one line says and return the answer."""
        try:
            order = read_order(line, self._known)
        except RemoteProtocolError as error:
            return {"ok": False, "error": str(error)}
        conductor = self._conductor
        if isinstance(order, SpeedAct):
            conductor.set_ceiling(order.speed)
            return {"ok": True}
        if isinstance(order, Question):
            return await self._tell(order)
        refused = conductor.world.play(order, conductor.now_ms)
        return {"ok": True} if refused is None else {"ok": False, "error": f"ignored: {refused}"}

    async def _tell(self, question: Question) -> Mapping[str, Json]:
        match question:
            case Question.STATUS:
                return {"ok": True, **status(self._conductor, self._scenario)}
            case Question.BASELINE:
                try:
                    return {"ok": True, "baseline": _ledger(await self._conductor.baseline())}
                except StoplogError as error:
                    return {"ok": False, "error": str(error)}

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        try:
            if self._connections > CONNECTIONS_MAX:
                writer.write(b'{"ok": false, "error": "too many connections"}\n')
                return
            while line := await reader.readline():
                answer = await self.answer(line.decode("utf-8", errors="replace"))
                writer.write(json.dumps(answer, ensure_ascii=False).encode() + b"\n")
                await writer.drain()
        except (OSError, ValueError):
            pass  # a peer that left, or a line without end
        finally:
            self._connections -= 1
            writer.close()


def read_order(line: str, known: Known) -> Order:
    """Return what one line asks. Raises RemoteProtocolError with everything that is wrong with it."""
    faults = Faults()
    block = parse(line, "request", faults)
    entry = None if block is None else Entry(block, faults)
    order = None if entry is None else _order(entry, known)
    if order is not None and entry is not None:
        entry.done()
    if order is None or faults.found:
        wrong = (f"{fault.field}: {fault.message} — {fault.remedy}" for fault in faults.found)
        raise RemoteProtocolError("; ".join(wrong))
    return order


def _order(entry: Entry, known: Known) -> Order | None:
    do = entry.choice("do", Do)
    if not entry.is_sound:
        entry.done()
        return None
    match do:
        case Do.STATUS | Do.BASELINE:
            return Question(do.value)
        case Do.SPEED:
            return SpeedAct(speed=entry.number("x", least=0, most=SPEED_MAX))
        case _:
            return read_act(Verb(do.value), entry, known)


def status(conductor: Conductor, scenario: Scenario | None) -> Mapping[str, Json]:
    """Return how the simulated park is."""
    now_ms, world, meter = conductor.now_ms, conductor.world, conductor.speedometer
    return {
        "model_time": datetime.fromtimestamp(now_ms / 1000, tz=UTC).isoformat(timespec="milliseconds"),
        "model_time_ms": now_ms,
        "speed": {
            "ceiling": conductor.ceiling, "now": conductor.speed, "mean": meter.mean, "min": meter.least,
            "lag_s": conductor.lag_s,
        },
        "scenario": None if scenario is None else {
            "id": scenario.id,
            "start_ms": world.start_ms,
            "elapsed_s": (now_ms - world.start_ms) / 1000,
            "duration_s": scenario.duration_s,
            "fired": world.fired,
            "events": len(scenario.events),
        },
        "water_time_ms": None if conductor.water is None else conductor.water.time_ms,
        "rain_mm_h": None if conductor.water is None else conductor.water.rain_mm_h,
        **({} if conductor.water is None else _ledger(conductor.water.ledger)),
        "faults": [
            {"id": f.id, "kind": f.kind.value, "target": f.target, "value": f.value, "until_ms": f.until_ms}
            for f in world.faults
        ],
        "actuators": {
            name: {"opening": actuator.opening, "moving": actuator.is_moving, "remote": actuator.is_remote}
            for station in world.stations.values() for name, actuator in station.actuators.items()
        },
    }  # fmt: skip


def _ledger(ledger: Ledger) -> dict[str, Json]:
    escaped = ledger.escaped_kg
    return {
        "spilled_kg": ledger.spilled_kg,
        "escaped_kg": {"plant": escaped.plant, "park": escaped.park, "river": escaped.river},
        "held_kg": {name: kg for name, kg in ledger.held_kg.items()},  # noqa: C416  (a dict of plain text)
        "in_network_kg": ledger.in_network_kg,
        "left_kg": ledger.left_kg,
        "surface_kg": ledger.surface_kg,
    }
