"""Modbus requests and answers as bytes: framing over TCP and over serial lines, and what an answer must look like.

Answers are believed only as a whole: the asked-for transaction, unit, function and length. It sends and waits for nothing.
Clauses are of the Modbus Application Protocol V1.1b3, and of MODBUS over Serial Line V1.02 where said.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from domain.drive import Table
from domain.errors import ProtocolError, RemoteProtocolError

PDU_BYTES_MAX = 253
"""Clause 4.1."""
FRAME_BYTES_MAX = 260
"""Clause 4.1: the longest frame of any kind. A peer that sends more without making an answer is not listened to."""

_READS = {Table.COIL: 1, Table.DISCRETE: 2, Table.HOLDING: 3, Table.INPUT: 4}
_BIT_READS = frozenset({1, 2})
_REFUSAL = 0x80
"""Added to the function code by a device that refuses."""
_HEADER = struct.Struct(">HHHB")
"""Transaction, protocol (0), bytes that follow, unit: MODBUS Messaging on TCP/IP V1.0b, 3.1.3."""


class ModbusCode(IntEnum):
    """Exception codes (clause 7) that mean something to us."""

    ILLEGAL_FUNCTION = 1
    ILLEGAL_ADDRESS = 2
    ILLEGAL_VALUE = 3


class DeviceRefused(ProtocolError):
    """The PLC answered, and refuses the request."""

    def __init__(self, code: int) -> None:
        super().__init__(f"the device answers with exception {code}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Request:
    """One request without its frame, and what its answer has to be."""

    pdu: bytes
    answer_bytes: int
    """Length of the answer's PDU."""
    echo: bytes
    """What the answer begins with."""

    @property
    def function(self) -> int:
        """Function code."""
        return self.pdu[0]


def read_request(table: Table, start: int, count: int) -> Request:
    """Return the request for `count` registers or bits from `start` (clauses 6.1 to 6.4)."""
    function = _READS[table]
    size = (count + 7) // 8 if function in _BIT_READS else 2 * count
    return Request(struct.pack(">BHH", function, start, count), 2 + size, bytes((function, size)))


def write_request(table: Table, start: int, values: Sequence[int], *, as_many: bool = False) -> Request:
    """Return the request that writes `values` from `start`: functions 5 and 6 for one, 15 and 16 for several or `as_many`.

    Clauses 6.5, 6.6, 6.11 and 6.12.
    """
    if len(values) == 1 and not as_many:
        if table is Table.COIL:
            pdu = struct.pack(">BHH", 5, start, 0xFF00 if values[0] else 0)
        else:
            pdu = struct.pack(">BHH", 6, start, values[0])
        return Request(pdu, 5, pdu)
    if table is Table.COIL:
        data = bytearray((len(values) + 7) // 8)
        for place, value in enumerate(values):
            data[place // 8] |= bool(value) << place % 8
        head = struct.pack(">BHH", 15, start, len(values))
    else:
        data = bytearray(struct.pack(f">{len(values)}H", *values))
        head = struct.pack(">BHH", 16, start, len(values))
    return Request(head + bytes((len(data),)) + data, 5, head)


def open_answer(request: Request, pdu: bytes) -> bytes:
    """Return what follows the head of the answer `pdu`: the data of a read, nothing of a write.

    Raises DeviceRefused, or RemoteProtocolError when it does not answer `request`.
    """
    if len(pdu) == request.answer_bytes and pdu.startswith(request.echo):
        return pdu[len(request.echo) :]
    if len(pdu) == 2 and pdu[0] == request.function | _REFUSAL:
        raise DeviceRefused(pdu[1])
    if pdu and pdu[0] & ~_REFUSAL != request.function:
        message = f"an answer of function {pdu[0]} to function {request.function}"
    elif len(pdu) != request.answer_bytes:
        message = f"an answer of {len(pdu)} bytes instead of {request.answer_bytes}"
    else:
        message = f"an answer to another request: {pdu[:6].hex(' ')}"
    raise RemoteProtocolError(message)


class Frames(Protocol):
    """The frames of one connection, one request at a time."""

    is_numbered: bool
    """Whether an answer says which request it answers; if not, one that comes late may be taken for another."""

    def wrap(self, unit: int, request: Request) -> bytes:
        """Return the frame of `request`, whose answer is expected from now on."""

    def feed(self, data: bytes) -> bytes | None:
        """Take bytes as they come; return the PDU of the answer when it is whole.

        Raises RemoteProtocolError when this can be no answer any more. Holds at most one frame.
        """


class TcpFrames:
    """Frames with a header (MBAP). One of another transaction is passed over: it answers what nobody waits for any more."""

    is_numbered = True

    def __init__(self, *, first: int = 0) -> None:
        """`first` is the number before that of the first request."""
        self._number = first
        self._unit = 0
        self._held = b""

    def wrap(self, unit: int, request: Request) -> bytes:
        self._number = (self._number + 1) & 0xFFFF
        self._unit = unit
        return _HEADER.pack(self._number, 0, len(request.pdu) + 1, unit) + request.pdu

    def feed(self, data: bytes) -> bytes | None:
        held = self._held + data if self._held else data
        while len(held) >= 8:
            number, protocol, size, unit = _HEADER.unpack_from(held)
            if protocol != 0 or not 3 <= size <= PDU_BYTES_MAX + 1:
                message = f"no Modbus header: {held[:8].hex(' ')}"
                raise RemoteProtocolError(message)
            end = 6 + size
            if len(held) < end:
                break
            if number == self._number:
                if unit != self._unit:
                    message = f"an answer of unit {unit} for unit {self._unit}"
                    raise RemoteProtocolError(message)
                if len(held) > end:
                    message = f"{len(held) - end} bytes after the answer"
                    raise RemoteProtocolError(message)
                self._held = b""
                return held[7:end]
            held = held[end:]
        self._held = held
        return None


class RtuFrames:
    """Frames of a serial line, told apart by their length and checked by their CRC (Serial Line, 2.5.1).

    A sound frame of another unit or function is passed over. An answer names no request: whoever has given up waiting for
    one must see to it that it is not taken for the next.
    """

    is_numbered = False

    def __init__(self) -> None:
        self._unit = self._function = 0
        self._held = b""

    def wrap(self, unit: int, request: Request) -> bytes:
        self._unit, self._function, self._held = unit, request.function, b""
        body = bytes((unit,)) + request.pdu
        return body + crc(body)

    def feed(self, data: bytes) -> bytes | None:
        held = self._held + data
        while len(held) >= 5:
            end = _rtu_end(held)
            if len(held) < end:
                break
            frame, held = held[:end], held[end:]
            if crc(frame[:-2]) != frame[-2:]:
                message = f"a wrong checksum in {frame[:6].hex(' ')}…"
                raise RemoteProtocolError(message)
            if frame[0] == self._unit and frame[1] & ~_REFUSAL == self._function:
                if held:
                    message = f"{len(held)} bytes after the answer"
                    raise RemoteProtocolError(message)
                self._held = b""
                return frame[1:-2]
        self._held = held
        return None


def _rtu_end(held: bytes) -> int:
    """Return the length of the frame that begins so; raises RemoteProtocolError for a function that we never ask."""
    function = held[1]
    if function & _REFUSAL:
        return 5
    if function in (1, 2, 3, 4):
        return 5 + held[2]
    if function in (5, 6, 15, 16):
        return 8
    message = f"no Modbus answer: {held[:6].hex(' ')}"
    raise RemoteProtocolError(message)


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
        table.append(value)
    return tuple(table)


_CRC = _crc_table()


def crc(data: bytes) -> bytes:
    """Return the CRC of `data`, low byte first (Serial Line, 6.2.2)."""
    value = 0xFFFF
    for byte in data:
        value = value >> 8 ^ _CRC[(value ^ byte) & 0xFF]
    return bytes((value & 0xFF, value >> 8))
