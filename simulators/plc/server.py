"""Serves one PLC's registers over Modbus TCP, writes down what was asked and served, and plays a bad link.

The values are the station's; this is the only module that names pymodbus' server. Two of its insides are used, both held
by a test: `block`, to serve the image without copying, and `handle_later`, which knows request and answer together.
"""

import asyncio
import struct
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from socket import SO_LINGER, SOL_SOCKET
from typing import Protocol

from pymodbus.constants import ExcCodes
from pymodbus.pdu import ExceptionResponse, ModbusPDU
from pymodbus.server import ModbusTcpServer
from pymodbus.server.requesthandler import ServerRequestHandler
from pymodbus.simulator import DataType, SimData, SimDevice
from pymodbus.simulator.simcore import SimCore

from domain.drive import Table
from domain.errors import LinkError
from simulators.plc.station import READ_ONLY, Station, Written

READS: Mapping[int, Table] = {1: Table.COIL, 2: Table.DISCRETE, 3: Table.HOLDING, 4: Table.INPUT}
WRITES: Mapping[int, Table] = {5: Table.COIL, 6: Table.HOLDING, 15: Table.COIL, 16: Table.HOLDING}
"""Other functions are refused: no device of the park needs them."""
_BLOCKS: Mapping[Table, str] = {Table.COIL: "c", Table.DISCRETE: "d", Table.HOLDING: "h", Table.INPUT: "i"}


class Link(StrEnum):
    """How the PLC's network behaves."""

    UP = "up"
    CUT = "cut"
    """Nobody listens; connections were reset."""
    HUNG = "hung"
    """Connections are taken and nothing is ever answered or done."""
    SLOW = "slow"


class Witness(Protocol):
    """Who writes down what the PLC was asked and what it answered."""

    def wrote(
        self, station: Station, function: int, address: int, values: Sequence[int], results: Sequence[Written]
    ) -> None:
        """Write down a write, before anybody learns of it; bits are 0 and 1."""

    def served(self, station: Station, function: int, address: int, values: Sequence[int]) -> None:
        """Write down the values answered; bits are 0 and 1."""


CLOSING_TURNS = 3
"""Turns of the loop in which a connection that was being taken in while the server ended is there to be reset."""


class PlcServer:
    """One PLC on its own port."""

    def __init__(
        self, station: Station, *, host: str, port: int, now_ms: Callable[[], int], witness: Witness
    ) -> None:
        self.station = station
        self.link = Link.UP
        self.slow_s = 0.0
        """Wall seconds until each answer while the link is slow."""
        self._host = host
        self._port = port
        self._now_ms = now_ms
        self._witness = witness
        self._server: _Server | None = None
        self._failure: BaseException | None = None

    async def start(self) -> None:
        """Listen. Raises LinkError when the port is taken."""
        server = _Server(self, self._device(), (self._host, self._port))
        assert isinstance(server.context, SimCore)
        block = server.context.devices[self.station.device.unit_id].block
        for table, cells in self.station.image.tables.items():
            start, count, registers, flags = block[_BLOCKS[table]]
            # pymodbus keeps one register beyond a table.
            cells.registers.extend([0] * (len(registers) - len(cells.registers)))
            assert (start, count) == (cells.start // (16 if cells.of_bits else 1), len(cells.registers))
            block[_BLOCKS[table]] = (start, count, cells.registers, flags)
        try:
            await server.serve_forever(background=True)
        except RuntimeError as error:
            message = (
                f"cannot listen on {self._host}:{self._port} for {self.station.device.id}: the port is taken"
            )
            raise LinkError(message) from error
        self._server = server

    async def stop(self) -> None:
        """Stop listening and reset every connection."""
        if self._server is not None:
            self._server.reset_connections()
            await self._server.shutdown()  # type: ignore[no-untyped-call]
            for _ in range(CLOSING_TURNS):
                await asyncio.sleep(0)
                self._server.reset_connections()
            self._server = None

    async def set_link(self, link: Link, *, slow_s: float = 0.0) -> None:
        """Let the network behave otherwise from now on; connections outlive neither a cut nor a hang.

        Raises LinkError when the port has been taken meanwhile.
        """
        before, self.link, self.slow_s = self.link, link, slow_s
        if link is Link.CUT:
            await self.stop()
        elif self._server is None:
            await self.start()
        elif before is Link.HUNG and link is not Link.HUNG:
            self._server.reset_connections()

    def raise_failure(self) -> None:
        """Raise what ended an answer: a log that cannot be written, or a bug. Does nothing when all is well."""
        if self._failure is not None:
            raise self._failure

    def ended(self, task: asyncio.Task[None]) -> None:
        """Remember the failure of an answer, if it failed."""
        if not task.cancelled() and task.exception() is not None:
            self._failure = task.exception()

    def answer(self, pdu: ModbusPDU) -> ExcCodes | None:
        """Let the PLC's program take a request; a refusal is answered in its place.

        A write is written down before it acts and before anybody learns of it.
        """
        if pdu.dev_id != self.station.device.unit_id:
            return ExcCodes.GATEWAY_NO_RESPONSE
        if pdu.function_code in READS:
            too_many = READS[pdu.function_code] in (Table.HOLDING, Table.INPUT) and (
                pdu.count > self.station.device.block_registers_max
            )
            return ExcCodes.ILLEGAL_VALUE if too_many else None
        table = WRITES.get(pdu.function_code)
        if table is None:
            return ExcCodes.ILLEGAL_FUNCTION
        values = tuple(int(value) for value in (pdu.bits if table is Table.COIL else pdu.registers))
        now_ms = self._now_ms()
        results = [
            self.station.write(table, pdu.address + k, value, now_ms) for k, value in enumerate(values)
        ]
        self._witness.wrote(self.station, pdu.function_code, pdu.address, values, results)
        return ExcCodes.ILLEGAL_ADDRESS if any(r.ignored == READ_ONLY for r in results) else None

    def served(self, request: ModbusPDU, answer: ModbusPDU) -> None:
        """Write down what a read was answered."""
        if request.function_code in READS and not answer.isError():
            is_bits = READS[request.function_code] in (Table.COIL, Table.DISCRETE)
            values = answer.bits[: request.count] if is_bits else answer.registers
            self._witness.served(self.station, request.function_code, request.address, values)

    def _device(self) -> SimDevice:
        def table(which: Table) -> list[SimData]:
            cells = self.station.image.tables[which]
            if cells.of_bits:
                return [SimData(cells.start, values=[False] * cells.count, datatype=DataType.BITS)]
            return [SimData(cells.start, count=cells.count, datatype=DataType.REGISTERS)]

        tables = (table(Table.COIL), table(Table.DISCRETE), table(Table.HOLDING), table(Table.INPUT))
        return SimDevice(id=self.station.device.unit_id, simdata=tables)


class _Server(ModbusTcpServer):
    """pymodbus' server with connections of ours."""

    def __init__(self, plc: PlcServer, device: SimDevice, address: tuple[str, int]) -> None:
        super().__init__(device, address=address)
        self._plc = plc
        self._connections: set[_Connection] = set()

    def callback_new_connection(self) -> "_Connection":
        connection = _Connection(self, self._plc, on_end=self._connections.discard)
        self._connections.add(connection)
        return connection

    def reset_connections(self) -> None:
        for connection in tuple(self._connections):
            connection.reset()


class _Connection(ServerRequestHandler):
    """One master's connection; each request is answered under its own number, however late."""

    def __init__(self, server: _Server, plc: PlcServer, *, on_end: Callable[["_Connection"], None]) -> None:
        super().__init__(server, None, None, None)  # type: ignore[no-untyped-call]
        self._plc = plc
        self._on_end = on_end
        self._answers: set[asyncio.Task[None]] = set()

    def handle_later(self) -> None:
        request = self.last_pdu
        if request is None or self._plc.link is Link.HUNG:
            return
        task = self.loop.create_task(self._answer(request), name="modbus answer")
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)
        task.add_done_callback(self._plc.ended)

    def callback_disconnected(self, exc: Exception | None) -> None:
        super().callback_disconnected(exc)
        self._on_end(self)
        for task in self._answers:
            task.cancel()

    def reset(self) -> None:
        """End the connection as a device without power does, with a reset instead of a farewell."""
        if isinstance(self.transport, asyncio.Transport):
            socket = self.transport.get_extra_info("socket")
            socket.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()

    async def _answer(self, request: ModbusPDU) -> None:
        if self._plc.slow_s > 0:
            await asyncio.sleep(self._plc.slow_s)
        refusal = self._plc.answer(request)
        answer: ModbusPDU
        if refusal is not None:
            answer = ExceptionResponse(request.function_code, refusal)
        else:
            answer = await request.datastore_update(self.server.context, request.dev_id)
            self._plc.served(request, answer)
        answer.transaction_id = request.transaction_id
        answer.dev_id = request.dev_id
        if self.transport is not None:
            self.server_send(answer, None)  # type: ignore[no-untyped-call]
