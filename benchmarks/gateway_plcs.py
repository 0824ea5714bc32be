"""A process of lean PLCs: answers every read of registers from a noise table, each value new at each read; knows nothing else.

Register 0 is the monotonic clock of this machine in units of 0.1 ms, so that who hears the value knows how old it is.
"""

import asyncio
import itertools
import json
import mmap
import os
import struct
import sys
from pathlib import Path
from typing import cast

import uvloop

from runtime.clock import RealClock

HOST = "127.0.0.1"
TICKS_PER_S = 10_000
TICKS_MAX = 65_536
"""A 16-bit register turns over after 6.6 s: what is older than that is not seen as such."""
SERVED = struct.Struct("<QQ")
"""Reads and registers served, at the start of the file that is named on the command line."""

_REQUEST = struct.Struct(">HHHBBHH")
_HEAD = struct.Struct(">HHHBBB")
_FIRST = struct.Struct(">H")
_CLOCK = RealClock()
_NOISE_WORDS = 65_536
# A step of 257 visits every word once, so that no two neighbours are equal and none repeats for long.
_NOISE = struct.pack(f">{_NOISE_WORDS}H", *(n * 257 % 65_521 for n in range(_NOISE_WORDS)))


class Plc(asyncio.Protocol):
    """One connection to one PLC."""

    def __init__(self, served: mmap.mmap) -> None:
        self._served = served
        self._turns = itertools.cycle(range(_NOISE_WORDS - 200))
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transport is none by class.
        self._write = cast("asyncio.Transport", transport).write

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        while len(data) >= _REQUEST.size:
            number, _, _, unit, function, start, count = _REQUEST.unpack_from(data)
            data = data[_REQUEST.size :]
            self._write(self._answer(number, unit, function, start, count))
        self._rest = data

    def _answer(self, number: int, unit: int, function: int, start: int, count: int) -> bytes:
        reads, registers = SERVED.unpack_from(self._served)
        SERVED.pack_into(self._served, 0, reads + 1, registers + count)
        turn = 2 * next(self._turns)
        head = _HEAD.pack(number, 0, 3 + 2 * count, unit, function, 2 * count)
        if start:
            return head + _NOISE[turn : turn + 2 * count]
        ticks = int(_CLOCK.monotonic() * TICKS_PER_S) % TICKS_MAX
        return head + _FIRST.pack(ticks) + _NOISE[turn + 2 : turn + 2 * count]


async def serve(ports: list[int], served: mmap.mmap) -> None:
    """Answer for ever."""
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(lambda: Plc(served), HOST, port) for port in ports]
    print("ready", flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


def main() -> None:
    ports, path = json.loads(sys.argv[1]), Path(sys.argv[2])
    path.write_bytes(bytes(SERVED.size))
    fd = os.open(path, os.O_RDWR)
    uvloop.run(serve(ports, mmap.mmap(fd, SERVED.size)))


if __name__ == "__main__":
    main()
