"""One Modbus TCP connection to one PLC: one request in flight, commands before polls, repaired when lost.

It decides nothing about values. A write is sent once and never repeated by itself.
"""

import asyncio
import contextlib
import logging
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from enum import IntEnum

import numpy as np
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.pdu import ModbusPDU

from domain.drive import Table, Write
from domain.errors import LinkLost, LinkTimeout, ProtocolError, StoplogError
from domain.park import Device
from gateway.poll_plan import Block
from runtime.clock import Clock
from wire.modbus import BIT_TABLES, Words

BACK_OFF_S_MIN = 0.2
BACK_OFF_S_MAX = 5.0
"""Wall seconds between attempts to connect, doubling, each drawn from the upper half of its span."""
USER_TIMEOUT_MS = 5000
"""Unacknowledged bytes give the connection up after this: a hung PLC must not read a write much later."""

# The library logs each unanswered request; we log changes of state.
logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)


class ModbusCode(IntEnum):
    """Exception codes (Modbus Application Protocol V1.1b3, 7) that mean something to us."""

    ILLEGAL_FUNCTION = 1
    ILLEGAL_ADDRESS = 2
    ILLEGAL_VALUE = 3


class DeviceRefused(ProtocolError):
    """The PLC answered, and refuses the request."""

    def __init__(self, code: int) -> None:
        super().__init__(f"the device answers with exception {code}")
        self.code = code


class Withheld(StoplogError):
    """The last check before the bytes said no: nothing was sent."""


class PlcLink:
    """The only way to one PLC."""

    def __init__(self, device: Device, *, host: str, port: int, clock: Clock) -> None:
        self.device = device
        self.fault: str | None = "not connected yet"
        """Why there is no connection; None while there is one."""
        self.connections = 0
        self._host = host
        self._port = port
        self._clock = clock
        self._client: AsyncModbusTcpClient | None = None
        self._lane = asyncio.Lock()
        self._urgent = 0
        """Commands that wait for the lane or use it: polls stand back."""
        self._no_command = asyncio.Event()
        self._no_command.set()
        self._attempt = 0
        self._retry_s = 0.0

    async def read(self, block: Block) -> Words:
        """Return the registers, or bits as 0 and 1, of `block`.

        Raises LinkLost, LinkTimeout (both leave the link to be repaired by the next call) or DeviceRefused.
        """
        await self._no_command.wait()
        async with self._lane:
            client = await self._connected()
            answer = await self._ask(client, _READS[block.table](client, block, self.device.unit_id))
        if block.table in BIT_TABLES:
            return np.array(answer.bits[: block.count], dtype=np.uint16)
        words = np.array(answer.registers, dtype=np.uint16)
        if len(words) != block.count:
            self._drop("a short answer")
            message = f"{len(words)} registers instead of {block.count}"
            raise LinkLost(message)
        return words

    async def write(self, write: Write, *, permit: Callable[[], bool]) -> None:
        """Send one write, if `permit` still holds right before the bytes; return when the PLC has answered.

        Raises Withheld when it does not hold, LinkLost when there was no connection: in both cases nothing was sent. Raises
        LinkTimeout when the PLC did not answer: whether it acts is not known. Raises DeviceRefused.
        """
        async with self._before_polls():
            client = await self._connected()
            if not permit():
                raise Withheld
            unit, value = self.device.unit_id, write.value
            if write.table is Table.COIL:
                request = client.write_coil(write.address, bool(value), device_id=unit)
            else:
                request = client.write_register(write.address, value, device_id=unit)
            try:
                await self._ask(client, request)
            except LinkLost as error:
                # The bytes may have gone before the connection did.
                raise LinkTimeout(str(error)) from error

    def close(self) -> None:
        """Leave."""
        self._drop("closed")

    @contextlib.asynccontextmanager
    async def _before_polls(self) -> AsyncIterator[None]:
        self._urgent += 1
        self._no_command.clear()
        try:
            async with self._lane:
                yield
        finally:
            self._urgent -= 1
            if self._urgent == 0:
                self._no_command.set()

    async def _connected(self) -> AsyncModbusTcpClient:
        if self._client is not None and self._client.connected:
            return self._client
        now_s = self._clock.monotonic()
        if now_s < self._retry_s:
            message = f"{self.device.id}: {self.fault}"
            raise LinkLost(message)
        self._drop(self.fault or "lost")
        client = AsyncModbusTcpClient(
            self._host,
            port=self._port,
            name=self.device.id,
            timeout=self.device.timeout_s,
            retries=0,
            reconnect_delay=0,
        )
        is_up = False
        with contextlib.suppress(OSError, ModbusException):
            is_up = await client.connect()
        if not is_up:
            client.close()
            self._attempt += 1
            span_s = min(BACK_OFF_S_MAX, BACK_OFF_S_MIN * 2 ** min(self._attempt, 10))
            self._retry_s = self._clock.monotonic() + span_s * (0.5 + secrets.randbelow(500) / 1000)
            self.fault = f"no connection to {self._host}:{self._port}"
            raise LinkLost(f"{self.device.id}: {self.fault}")
        _tune(client)
        self._client, self.fault, self._attempt = client, None, 0
        self.connections += 1
        return client

    async def _ask(self, client: AsyncModbusTcpClient, request: Awaitable[ModbusPDU]) -> ModbusPDU:
        try:
            async with asyncio.timeout(self.device.timeout_s * 1.5):
                answer = await request
            _pass_on_cancellation()
        except TimeoutError as error:
            self._drop("no answer")
            raise LinkTimeout(f"{self.device.id}: no answer") from error
        except (ModbusException, OSError) as error:
            _pass_on_cancellation()
            was_connected = client.connected
            self._drop("no answer" if was_connected else "connection lost")
            kind = LinkTimeout if was_connected else LinkLost
            raise kind(f"{self.device.id}: {error}") from error
        if answer.isError():
            raise DeviceRefused(int(getattr(answer, "exception_code", 0)))
        return answer

    def _drop(self, fault: str) -> None:
        if self._client is not None:
            self._client.close()
        self._client, self.fault = None, fault


def _pass_on_cancellation() -> None:
    """Whoever cancelled us must get what was asked.

    The library turns a cancellation into an error of its own, and Python 3.11's `wait_for`, which it uses, drops one that
    comes together with the answer.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _tune(client: AsyncModbusTcpClient) -> None:
    assert client.ctx.transport is not None
    peer = client.ctx.transport.get_extra_info("socket")
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)


_Read = Callable[[AsyncModbusTcpClient, Block, int], Awaitable[ModbusPDU]]
_READS: dict[Table, _Read] = {
    Table.COIL: lambda client, b, unit: client.read_coils(b.start, count=b.count, device_id=unit),
    Table.DISCRETE: lambda client, b, unit: client.read_discrete_inputs(
        b.start, count=b.count, device_id=unit
    ),
    Table.INPUT: lambda client, b, unit: client.read_input_registers(b.start, count=b.count, device_id=unit),
    Table.HOLDING: lambda client, b, unit: client.read_holding_registers(
        b.start, count=b.count, device_id=unit
    ),
}
