"""One PLC as its poller and its commands see it: reads as registers, writes once; the line does the rest."""

from collections.abc import Callable

import numpy as np

from domain.connection import Writes
from domain.drive import Table, Write
from domain.park import Device
from gateway.modbus_line import Line, LinkGarbled, Withheld
from gateway.poll_plan import Block
from wire.modbus import BIT_TABLES, Words
from wire.modbus_frames import DeviceRefused, ModbusCode, Request, read_request, write_request

__all__ = ["DeviceRefused", "LinkGarbled", "ModbusCode", "PlcLink", "Withheld"]

REQUESTS_MAX = 1024
"""Requests kept ready; a device is asked for few different blocks. When full all are forgotten and made again."""


class PlcLink:
    """The only way to one PLC."""

    def __init__(self, device: Device, line: Line) -> None:
        self.device = device
        self._line = line
        self._line.users += 1
        self._requests: dict[tuple[Table, int, int], Request] = {}

    @property
    def fault(self) -> str | None:
        """Why there is no connection; None while there is one."""
        return self._line.fault

    @property
    def connections(self) -> int:
        """How many there have been."""
        return self._line.connections

    async def read(self, block: Block) -> Words:
        """Return the registers, or bits as 0 and 1, of `block`.

        Raises LinkLost, LinkTimeout (both leave the link to be repaired by the next call) or DeviceRefused.
        """
        key = (block.table, block.start, block.count)
        request = self._requests.get(key)
        if request is None:
            if len(self._requests) >= REQUESTS_MAX:
                self._requests.clear()
            request = self._requests[key] = read_request(*key)
        device = self.device
        data = await self._line.ask(device.unit_id, request, timeout_s=device.timeout_s)
        if block.table in BIT_TABLES:
            bits = np.unpackbits(np.frombuffer(data, dtype=np.uint8), bitorder="little", count=block.count)
            return bits.astype(np.uint16)
        return np.frombuffer(data, dtype=">u2").astype(np.uint16)

    async def write(self, write: Write, *, permit: Callable[[], bool]) -> None:
        """Send one write, if `permit` still holds right before the bytes; return when the PLC has answered.

        Raises Withheld when it does not hold, LinkLost when there was no connection: in both cases nothing was sent. Raises
        LinkTimeout when the PLC did not answer: whether it acts is not known. Raises DeviceRefused.
        """
        device = self.device
        value = int(bool(write.value)) if write.table is Table.COIL else write.value
        request = write_request(write.table, write.address, [value], as_many=device.writes is Writes.MULTIPLE)
        await self._line.order(device.unit_id, request, timeout_s=device.timeout_s, permit=permit)

    def close(self) -> None:
        """Leave the line, which ends with its last user."""
        self._line.users -= 1
        if self._line.users <= 0:
            self._line.close()
