"""The PLCs of the simulated world and the wires to them: real stations behind Modbus TCP frames; what they did is the truth.

A wire may be cut, may hang (the PLC reads what was sent only later, or never), may be slow, may lose an answer. A PLC may
restart. Whoever sent a write is told nothing that a real wire would not tell.
"""

import asyncio
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from random import Random

from domain.drive import Table
from domain.ids import DeviceId, FacilityId, PointRef
from domain.park import Device, Park
from gateway.modbus_line import Line
from gateway.modbus_ways import Receiver
from gateway.stations import Lines
from runtime.clock import Clock
from simulators.plc.actuator import Actuator
from simulators.plc.drive import Asked, understand
from simulators.plc.image import Cells
from simulators.plc.station import READ_ONLY, Station
from tests.simulation.loop import Process, SimLoop
from tests.simulation.trace import Measured, Sent, Stood, Trace, Wrote
from wire.modbus_frames import TcpFrames

CALM: Mapping[str, float] = {
    "ph": 7.2, "conductivity": 500.0, "cod": 20.0, "nh3n": 1.0, "level": 1.0, "volume": 100.0,
    "level_up": 2.0, "level_down": 1.5,
}  # fmt: skip
"""What instruments show when nothing is wrong."""
TICK_S = 0.2
"""Virtual seconds between two looks at what travels."""
LATENCY_S = 0.002
READS = {1: Table.COIL, 2: Table.DISCRETE, 3: Table.HOLDING, 4: Table.INPUT}
WRITES = {5: Table.COIL, 6: Table.HOLDING, 15: Table.COIL, 16: Table.HOLDING}
_HEAD = struct.Struct(">HHHB")


@dataclass(slots=True)
class Wire:
    """The network to one PLC."""

    is_cut: bool = False
    """Nothing passes, nothing is refused: connections hang."""
    is_refused: bool = False
    """Nobody listens: connections are reset."""
    is_hung: bool = False
    """The PLC takes bytes and reads them when it wakes up."""
    slow_s: float = 0.0
    answers_lost: float = 0.0
    """Chance that an answer goes nowhere."""
    waiting: list[Callable[[], None]] = field(default_factory=list)
    """What a hung PLC, or TCP over a cut, still holds."""


class Plc:
    """One PLC with its truth."""

    def __init__(self, plant: "Plant", device: Device, openings: Mapping[FacilityId, float]) -> None:
        self.device = device
        self.wire = Wire()
        self.station = Station(plant.park, device.id, now_ms=plant.now_ms(), openings=openings)
        for point in self.station.instruments:
            self.station.image.put(point.ref, False if point.is_boolean else CALM.get(point.name, 0.0))
        self._plant = plant
        self._drives = {key: item for key, item in plant.park.actuators.items() if item.device == device.id}
        self._stood: dict[FacilityId, tuple[object, ...]] = {}
        self._is_ticking = False
        self.look("begin")

    def take(self, frame: bytes, number: int | None) -> bytes:
        """Read one request, do what it asks, and return the answer. `number`: of the write, for the trace."""
        transaction, _, _, unit = _HEAD.unpack_from(frame)
        self._now()
        body = self._answer(frame[7:], number)
        return _HEAD.pack(transaction, 0, len(body) + 1, unit) + body

    def look(self, by: str) -> None:
        """Put into the trace what of the truth has changed, and go on looking while anything travels."""
        for name, actuator in self.station.actuators.items():
            state = _state(actuator)
            if self._stood.get(name) != state:
                self._stood[name] = state
                self._plant.trace.put(_stood(name, actuator, self._plant.clock_s(), by))
        if not self._is_ticking and any(item.is_moving for item in self.station.actuators.values()):
            self._is_ticking = True
            self._plant.loop.later(TICK_S, self._tick)

    def change(self, by: str, doing: Callable[[int], object]) -> None:
        """Let the world do something to the station."""
        self._now()
        doing(self._plant.now_ms())
        self.look(by)

    def restart(self) -> None:
        """The PLC loses its power for a moment: what travels stops, contactors drop."""
        actuators = dict(self.station.actuators)
        self.change("power", lambda now_ms: self.station.restore(actuators, now_ms))

    def put(self, ref: PointRef, value: float | bool | None) -> None:
        """Let an instrument show something else."""
        if self.station.image.put(ref, value):
            self._plant.trace.put(Measured(at_s=self._plant.clock_s(), point=ref, value=value))

    def _tick(self) -> None:
        self._is_ticking = False
        self._now()

    def _now(self) -> None:
        self.station.tick(self._plant.now_ms())
        self.look("travel")

    def _answer(self, pdu: bytes, number: int | None) -> bytes:
        function = pdu[0]
        if function in READS:
            start, count = struct.unpack_from(">HH", pdu, 1)
            data = _read(self.station.image.tables[READS[function]], start, count)
            return bytes((function, len(data))) + data
        address, value = struct.unpack_from(">HH", pdu, 1)
        values = [int(value == 0xFF00) if function == 5 else value]
        if function in (15, 16):
            values = _many(function, pdu, value)
        table = WRITES[function]
        is_known = all(self._write(table, address + place, item, number) for place, item in enumerate(values))
        return pdu[:5] if is_known else bytes((function | 0x80, 2))

    def _write(self, table: Table, address: int, value: int, number: int | None) -> bool:
        station, before = self.station, self._before(table, address)
        asked, name = None, None
        for key, part in self._drives.items():
            asked = understand(part.drive, table, address, value, before=before)
            if asked is not None:
                name = key
                break
        written = station.write(table, address, value, self._plant.now_ms())
        if written.ignored != READ_ONLY:
            self._put(table, address, value)
        self._plant.trace.put(
            _wrote(self._plant.clock_s(), self.device.id, name, asked, written.ignored, number)
        )
        self.look("write")
        return written.ignored != READ_ONLY

    def _before(self, table: Table, address: int) -> int:
        return station_before(self.station, table, address)

    def _put(self, table: Table, address: int, value: int) -> None:
        cells = self.station.image.tables[table]
        if cells.of_bits:
            cells.set_bit(address, to=bool(value))
        else:
            cells.set_words(address, (value,))


class Plant:
    """Every PLC of the world."""

    def __init__(
        self,
        park: Park,
        loop: SimLoop,
        trace: Trace,
        draw: Random,
        *,
        clock_s: Callable[[], float],
        now_ms: Callable[[], int],
        openings: Mapping[FacilityId, float],
    ) -> None:
        self.park = park
        self.loop = loop
        self.trace = trace
        self.draw = draw
        self.clock_s = clock_s
        self.now_ms = now_ms
        self.writes = 0
        self.plcs: dict[DeviceId, Plc] = {
            key: Plc(self, device, openings) for key, device in park.devices.items()
        }

    def of(self, actuator: FacilityId) -> Plc:
        """Return the PLC that drives `actuator`."""
        return self.plcs[self.park.actuators[actuator].device]

    def of_point(self, ref: PointRef) -> Plc:
        """Return the PLC that shows a point."""
        return self.plcs[self.park.points[ref].device]

    def lines(self, process: Process, clock: Clock) -> Lines:
        """Return a gateway's lines to its PLCs."""
        return _SimLines(self, process, clock)

    def wake(self, wire: Wire, *, share: float) -> None:
        """Let a wire that hung or was cut pass on what it holds, each with the chance `share`."""
        waiting, wire.waiting = wire.waiting, []
        for one in waiting:
            if self.draw.random() < share:
                self.loop.later(LATENCY_S * (1 + self.draw.random()), one)

    def every(self) -> Iterable[tuple[FacilityId, Actuator]]:
        """Yield the truth of every actuator."""
        for plc in self.plcs.values():
            yield from plc.station.actuators.items()


class _SimLines(Lines):
    def __init__(self, plant: Plant, process: Process, clock: Clock) -> None:
        super().__init__(clock)
        self._plant = plant
        self._process = process
        self._now = clock

    def of(self, device: Device) -> Line:
        return Line(SimWay(self._plant, self._plant.plcs[device.id], self._process), clock=self._now)


class SimWay:
    """How a line reaches a PLC of the world."""

    is_shared = False
    silence_s = 0.0

    def __init__(self, plant: Plant, plc: Plc, process: Process) -> None:
        self._plant = plant
        self._plc = plc
        self._process = process

    @property
    def name(self) -> str:
        return str(self._plc.device.id)

    async def open(self) -> Receiver:
        wire = self._plc.wire
        await asyncio.sleep(LATENCY_S)
        if wire.is_refused:
            message = "refused"
            raise ConnectionRefusedError(message)
        if wire.is_cut:
            await self._plant.loop.create_future()
        receiver = Receiver(TcpFrames(first=self._plant.draw.randrange(0x10000)))
        receiver.connected_by(SimTransport(self._plant, self._plc, receiver, self._process))
        return receiver


class SimTransport:
    """One connection to a PLC of the world."""

    def __init__(self, plant: Plant, plc: Plc, receiver: Receiver, process: Process) -> None:
        self._plant = plant
        self._plc = plc
        self._receiver = receiver
        self._process = process
        self._is_open = True

    def write(self, data: bytes) -> None:
        """Send one frame."""
        if not self._process.affects():
            return
        number = None
        if data[7] in WRITES:
            number = self._plant.writes = self._plant.writes + 1
            self._plant.trace.put(
                _sent(self._plant.clock_s(), self._process, self._plc.device.id, data, number)
            )
        wire, arrive = self._plc.wire, partial(self._arrive, data, number)
        if wire.is_cut:
            wire.waiting.append(arrive)
        else:
            latency_s = LATENCY_S * (0.5 + self._plant.draw.random())
            self._plant.loop.later(latency_s, arrive)

    def abort(self) -> None:
        """Reset the connection: what a hung PLC holds already, it may still read."""
        self._is_open = False

    def _arrive(self, data: bytes, number: int | None) -> None:
        wire = self._plc.wire
        if wire.is_cut or wire.is_hung:
            wire.waiting.append(partial(self._arrive, data, number))
            return
        if wire.is_refused:
            self._reset()
            return
        if number is None and not self._is_open:
            return
        answer = self._plc.take(data, number)
        if wire.answers_lost and self._plant.draw.random() < wire.answers_lost:
            return
        delay_s = LATENCY_S * (0.5 + self._plant.draw.random()) + wire.slow_s * self._plant.draw.random()
        self._plant.loop.later(delay_s, self._back, answer)

    def _back(self, answer: bytes) -> None:
        if self._is_open and not self._process.is_dead and not self._plc.wire.is_cut:
            self._receiver.data_received(answer)

    def _reset(self) -> None:
        if self._is_open and not self._process.is_dead:
            self._is_open = False
            self._receiver.connection_lost(ConnectionResetError("reset by peer"))


def station_before(station: Station, table: Table, address: int) -> int:
    """Return what a command register holds."""
    cells = station.image.tables[table]
    if not cells.start <= address < cells.start + cells.count:
        return 0
    return int(cells.bit(address)) if cells.of_bits else cells.word(address)


def _read(cells: Cells, start: int, count: int) -> bytes:
    at = start - cells.start
    if not cells.of_bits:
        return struct.pack(f">{count}H", *cells.registers[at : at + count])
    packed = 0
    for place in range(count):
        index, bit = divmod(at + place, 16)
        packed |= (cells.registers[index] >> bit & 1) << place
    return packed.to_bytes((count + 7) // 8, "little")


def _many(function: int, pdu: bytes, count: int) -> list[int]:
    if function == 16:
        return list(struct.unpack_from(f">{count}H", pdu, 6))
    return [pdu[6 + place // 8] >> place % 8 & 1 for place in range(count)]


def _state(actuator: Actuator) -> tuple[object, ...]:
    return (
        actuator.target, actuator.is_remote, actuator.has_power, actuator.has_fault, actuator.jammed_at,
        actuator.is_open, actuator.is_closed, actuator.over_torque,
    )  # fmt: skip


def _stood(name: FacilityId, actuator: Actuator, at_s: float, by: str) -> Stood:
    return Stood(
        at_s=at_s, actuator=name, opening=actuator.opening, target=actuator.target,
        is_remote=actuator.is_remote, has_power=actuator.has_power, has_fault=actuator.has_fault,
        jammed_at=actuator.jammed_at, by=by,
    )  # fmt: skip


def _wrote(
    at_s: float,
    device: DeviceId,
    name: FacilityId | None,
    asked: Asked | None,
    ignored: str | None,
    number: int | None,
) -> Wrote:
    return Wrote(
        at_s=at_s, write=number or 0, device=device, actuator=name,
        ask=asked.ask.value if asked is not None else "nonsense",
        opening=asked.opening if asked is not None else 0.0, ignored=ignored,
    )  # fmt: skip


def _sent(at_s: float, process: Process, device: DeviceId, frame: bytes, number: int) -> Sent:
    function = frame[7]
    address, value = struct.unpack_from(">HH", frame, 8)
    if function == 5:
        value = int(value == 0xFF00)
    elif function in (15, 16):
        value = _many(function, frame[7:], value)[0]
    return Sent(
        at_s=at_s, write=number, gateway=process.name, life=process.life, device=device,
        table=WRITES[function].value, address=address, value=value,
    )  # fmt: skip
