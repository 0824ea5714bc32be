"""One simulated PLC on a real socket, asked by a real Modbus client."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException

from domain.errors import LinkError, StorageError
from domain.ids import point_ref
from simulators.plc.server import Link, PlcServer
from simulators.plc.station import Station, Written
from stoplog.demo.ports import free_ports
from tests.unit.simulators.plc.parts import FLOW, GATE, PLC, small_park

FLOWING = point_ref(FLOW, "flow")


@pytest.fixture(autouse=True)
def quiet() -> None:
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)


class Notes:
    """Remembers what a real record would write down."""

    def __init__(self) -> None:
        self.writes: list[tuple[int, int, tuple[int, ...], tuple[Written, ...]]] = []
        self.reads: list[tuple[int, int, tuple[int, ...]]] = []

    def wrote(
        self, station: Station, function: int, address: int, values: Sequence[int], results: Sequence[Written]
    ) -> None:
        self.writes.append((function, address, tuple(values), tuple(results)))

    def served(self, station: Station, function: int, address: int, values: Sequence[int]) -> None:
        self.reads.append((function, address, tuple(int(value) for value in values)))


def free_port() -> int:
    return free_ports(1)[0]


class Bench:
    """A served PLC with its clock in the test's hand."""

    def __init__(self) -> None:
        self.port = free_port()
        self.now_ms = 0
        self.notes = Notes()
        self.station = Station(small_park(), PLC, now_ms=0, openings={GATE: 1.0})
        self.plc = PlcServer(
            self.station, host="127.0.0.1", port=self.port, now_ms=lambda: self.now_ms, witness=self.notes
        )

    @asynccontextmanager
    async def client(self, *, timeout: float = 1.0) -> AsyncIterator[AsyncModbusTcpClient]:
        client = AsyncModbusTcpClient(
            "127.0.0.1", port=self.port, timeout=timeout, retries=0, reconnect_delay=0
        )
        assert await client.connect()
        try:
            yield client
        finally:
            client.close()


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    await made.plc.start()
    yield made
    await made.plc.stop()


async def test_what_is_put_is_served_and_written_down(bench: Bench) -> None:
    """Also holds the two insides of pymodbus that the server rests on."""
    bench.station.image.put(FLOWING, 12.5)
    async with bench.client() as client:
        registers = (await client.read_input_registers(20, count=2, device_id=1)).registers
        bits = (await client.read_discrete_inputs(16, count=7, device_id=1)).bits[:7]
    assert registers == [0, 0x4148]
    assert bits == [True, False, False, True, False, False, True]
    assert bench.notes.reads == [(4, 20, (0, 0x4148)), (2, 16, (1, 0, 0, 1, 0, 0, 1))]


async def test_a_closure_over_the_wire(bench: Bench) -> None:
    async with bench.client() as client:
        assert not (await client.write_coil(1, True, device_id=1)).isError()
        assert (await client.read_coils(1, count=1, device_id=1)).bits[0]
        bench.station.tick(50_000)
        limits = (await client.read_discrete_inputs(16, count=2, device_id=1)).bits[:2]
        assert not (await client.read_coils(1, count=1, device_id=1)).bits[0]
    assert limits == [False, True]
    assert bench.notes.writes == [(5, 1, (1,), (Written(meaning="hc_outlet close", ignored=None),))]


async def test_refusals_of_the_device(bench: Bench) -> None:
    async with bench.client() as client:
        refused = [
            await client.read_input_registers(900, count=2, device_id=1),
            await client.read_input_registers(0, count=61, device_id=1),
            await client.read_input_registers(0, count=2, device_id=9),
            await client.write_register(0, 7, device_id=1),
            await client.mask_write_register(address=0, and_mask=1, or_mask=1, device_id=1),
        ]
    assert [answer.exception_code for answer in refused] == [2, 3, 11, 2, 1]
    assert [write[3][0].ignored for write in bench.notes.writes] == ["read only"]
    assert bench.notes.reads == []


async def test_several_coils_in_one_write(bench: Bench) -> None:
    async with bench.client() as client:
        await client.write_coils(0, [False, True], device_id=1)
    ((_, _, values, results),) = bench.notes.writes
    assert values == (0, 1)
    assert [result.meaning for result in results] == ["hc_outlet release", "hc_outlet close"]


async def test_a_cut_link_resets_and_comes_back(bench: Bench) -> None:
    async with bench.client() as client:
        await client.read_coils(0, count=1, device_id=1)
        await bench.plc.set_link(Link.CUT)
        with pytest.raises(ModbusException):
            await client.read_coils(0, count=1, device_id=1)
        with pytest.raises(ConnectionError):
            await asyncio.open_connection("127.0.0.1", bench.port)
    await bench.plc.set_link(Link.UP)
    bench.station.image.put(FLOWING, 2.0)
    async with bench.client() as client:
        assert (await client.read_input_registers(20, count=2, device_id=1)).registers == [0, 0x4000]


async def test_a_hung_plc_takes_a_write_and_does_nothing(bench: Bench) -> None:
    await bench.plc.set_link(Link.HUNG)
    async with bench.client(timeout=0.2) as client:
        with pytest.raises(ModbusException):
            await client.write_coil(1, True, device_id=1)
        await bench.plc.set_link(Link.UP)
    assert bench.notes.writes == []
    assert not bench.station.actuators[GATE].is_moving


async def test_a_slow_plc_answers_the_right_question_late(bench: Bench) -> None:
    bench.station.image.put(FLOWING, 2.0)
    await bench.plc.set_link(Link.SLOW, slow_s=0.15)
    async with bench.client(timeout=0.1) as client:
        with pytest.raises(ModbusException):
            await client.read_input_registers(20, count=2, device_id=1)
    async with bench.client() as client:
        assert (await client.read_input_registers(20, count=2, device_id=1)).registers == [0, 0x4000]


async def test_a_log_that_cannot_be_written_is_no_secret(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StorageError("writes.jsonl: No space left on device")

    monkeypatch.setattr(bench.notes, "wrote", full)
    async with bench.client(timeout=0.2) as client:
        with pytest.raises(ModbusException):
            await client.write_coil(1, True, device_id=1)
    with pytest.raises(StorageError):
        bench.plc.raise_failure()


async def test_a_taken_port_is_said(bench: Bench) -> None:
    second = PlcServer(
        bench.station, host="127.0.0.1", port=bench.port, now_ms=lambda: 0, witness=bench.notes
    )
    with pytest.raises(LinkError, match=str(bench.port)):
        await second.start()
