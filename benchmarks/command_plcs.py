"""A process of PLCs with one gate each, which is at its limit as soon as it is told: what is measured excludes all travel.

Holding register 0 holds the states as bits (0 open, 1 closed, 2 remote), register 1 the value that a cut-off watches; of the others
a tenth changes at each read. Lines on standard input: `raise N` lets PLC N show a value beyond its cut-off and prints when;
`open` lets every gate stand open as if by hand; `unread` prints the PLCs that nobody has read yet; `writes` prints the coils written since the last time, each with the machine's monotonic seconds.
"""

import asyncio
import itertools
import json
import struct
import sys
from dataclasses import dataclass, field
from typing import cast

import uvloop

from runtime.clock import RealClock

HOST = "127.0.0.1"
OPENED, CLOSED, REMOTE = 1, 2, 4
OPEN_COIL, CLOSE_COIL = 0, 1
CALM, BEYOND = 100, 60_000
"""Register 1 before and after `raise`."""
READ, WRITE_COIL = 3, 5

_REQUEST = struct.Struct(">HHHBBHH")
_HEAD = struct.Struct(">HHHBBB")
_CLOCK = RealClock()
_NOISE_WORDS = 65_536
_NOISE = struct.pack(f">{_NOISE_WORDS}H", *(n * 257 % 65_521 for n in range(_NOISE_WORDS)))


@dataclass(slots=True)
class Plc:
    """One PLC: its registers, and the coils that were written."""

    number: int
    registers: bytearray
    writes: list[tuple[float, int, int]] = field(default_factory=list)
    """Monotonic seconds, number of the PLC, coil; one list for all."""
    is_read: bool = False
    asked_s: float = 0.0
    """When register 1 was first given away after `raise`; 0: not since."""

    @classmethod
    def at_rest(cls, number: int, registers: int, writes: list[tuple[float, int, int]]) -> "Plc":
        """Return a PLC whose gate is closed."""
        words = [CLOSED | REMOTE, CALM, *range(registers - 2)]
        return cls(number, bytearray(struct.pack(f">{registers}H", *words)), writes)

    def write(self, coil: int) -> None:
        """Take one coil set to 1: the gate stands where it was told at once."""
        self.writes.append((_CLOCK.monotonic(), self.number, coil))
        state = {OPEN_COIL: OPENED, CLOSE_COIL: CLOSED}.get(coil)
        if state is not None:
            struct.pack_into(">H", self.registers, 0, state | REMOTE)

    def read(self, start: int, count: int, turn: int) -> bytes:
        """Return registers, a tenth of all of them new."""
        self.is_read = True
        changing = max(2, len(self.registers) // 20 * 2)
        self.registers[-changing:] = _NOISE[turn : turn + changing]
        if start <= 1 < start + count and not self.asked_s and self.registers[2:4] == _BEYOND:
            self.asked_s = _CLOCK.monotonic()
        return bytes(self.registers[2 * start : 2 * (start + count)])


_BEYOND = struct.pack(">H", BEYOND)


class Connection(asyncio.Protocol):
    """One connection to one PLC."""

    def __init__(self, plc: Plc) -> None:
        self._plc = plc
        self._turns = itertools.cycle(range(0, 2 * _NOISE_WORDS - 400, 2))
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transport is none by class.
        self._write = cast("asyncio.Transport", transport).write

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        while len(data) >= _REQUEST.size:
            number, _, _, unit, function, start, count = _REQUEST.unpack_from(data)
            request, data = data[: _REQUEST.size], data[_REQUEST.size :]
            if function == WRITE_COIL:
                if count:
                    self._plc.write(start)
                self._write(request)
            else:
                content = self._plc.read(start, count, next(self._turns))
                head = _HEAD.pack(number, 0, 3 + len(content), unit, function, len(content))
                self._write(head + content)
        self._rest = data


async def serve(ports: list[int], registers: int) -> None:
    """Answer until standard input ends."""
    loop = asyncio.get_running_loop()
    writes: list[tuple[float, int, int]] = []
    plcs = [Plc.at_rest(number, registers, writes) for number in range(len(ports))]
    for plc, port in zip(plcs, ports, strict=True):
        await loop.create_server(lambda plc=plc: Connection(plc), HOST, port)  # type: ignore[misc]
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    print("ready", flush=True)
    while line := (await lines.readline()).decode().split():
        match line:
            case ["raise", number]:
                struct.pack_into(">H", plcs[int(number)].registers, 2, BEYOND)
                print(json.dumps(_CLOCK.monotonic()), flush=True)
            case ["open"]:
                for plc in plcs:
                    struct.pack_into(">H", plc.registers, 0, OPENED | REMOTE)
                print("ok", flush=True)
            case ["unread"]:
                print(json.dumps([plc.number for plc in plcs if not plc.is_read]), flush=True)
            case _:
                asked = {plc.number: plc.asked_s for plc in plcs if plc.asked_s}
                print(json.dumps({"writes": writes, "asked": asked}), flush=True)
                writes.clear()


def main() -> None:
    uvloop.run(serve(json.loads(sys.argv[1]), int(sys.argv[2])))


if __name__ == "__main__":
    main()
