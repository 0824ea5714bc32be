"""Counting PLCs on real Modbus TCP ports in a process of their own, whose links go wrong on demand; logs every read it served.

`python -m tests.faults.plcs` reads its points and ports as a line of JSON, then orders `{"plc": 3, "mode": "slow", "delay_s": 2}`
one a line, and answers each with a line. It plays instruments, not networks: what a link loses, it withholds.
"""

import asyncio
import contextlib
import json
import os
import random
import socket
import struct
import sys
import threading
from collections.abc import Callable
from typing import cast

import uvloop

from runtime.clock import RealClock
from stoplog.demo.ports import HOST
from tests.faults.modes import Mode
from tests.faults.registers import Point, ledger_points, reporting_points, words_of
from tests.faults.served import pack_read

_REQUEST = struct.Struct(">HHHBBHH")
"""Transaction, protocol, length, unit, function, address, quantity: what a read request is, to the byte."""
READ_HOLDING = 3
CLOCK = RealClock()
LOG_BYTES_MAX = 32_000
"""Reads that are not in the file yet: they are written at this size, and at every order."""


class Plc:
    """One PLC: a count, a way to misbehave, and its listener."""

    def __init__(self, number: int, port: int, points: tuple[Point, ...], log: bytearray, seed: int) -> None:
        self.number = number
        self.count = 0
        self.mode = Mode.FINE
        self.delay_s = 0.0
        self.connections: set[Connection] = set()
        self.chance = random.Random(seed * 1000 + number)
        self._port = port
        self._points = points
        self._log = log
        self._server: asyncio.Server | None = None
        self._deaf: list[socket.socket] = []

    async def set(self, mode: Mode, delay_s: float) -> None:
        """Behave by `mode` from now on."""
        self.mode, self.delay_s = mode, delay_s
        is_away = mode in {Mode.CUT, Mode.UNREACHABLE}
        if is_away or mode is Mode.RESET:
            for connection in list(self.connections):
                connection.reset()
        if is_away and self._server is not None:
            self._server.close()
            self._server = None
        for each in self._deaf:
            each.close()
        self._deaf.clear()
        if mode is Mode.UNREACHABLE:
            self._deaf = _deaf_ears(self._port)
        elif not is_away and self._server is None:
            self._server = await asyncio.get_running_loop().create_server(
                lambda: Connection(self), HOST, self._port, reuse_address=True
            )

    def read(self, address: int, quantity: int) -> bytes | None:
        """Count one read and return its registers; None beyond the last register."""
        data = words_of(self._points, self.count + 1)[2 * address : 2 * (address + quantity)]
        if len(data) != 2 * quantity:
            return None
        self.count += 1
        self._log += pack_read(self.number, self.count, address, quantity, CLOCK.now_ms(), CLOCK.monotonic())
        return data


class Connection(asyncio.Protocol):
    """One connection of a gateway to one PLC."""

    def __init__(self, plc: Plc) -> None:
        self._plc = plc
        self._transport: asyncio.Transport | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._plc.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._plc.connections.discard(self)
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._received += data
        while len(self._received) >= _REQUEST.size:
            request, self._received = self._received[: _REQUEST.size], self._received[_REQUEST.size :]
            self._answer(request)

    def reset(self) -> None:
        """Break the connection off, so that the peer hears of it at once."""
        if self._transport is not None:
            peer = self._transport.get_extra_info("socket")
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()

    def _answer(self, request: bytes) -> None:
        transaction, _, _, unit, function, address, quantity = _REQUEST.unpack(request)
        mode, plc = self._plc.mode, self._plc
        if mode is Mode.SILENT:
            return
        data = plc.read(address, quantity) if function == READ_HOLDING else None
        if data is None:
            self._say(struct.pack(">HHHBBB", transaction, 0, 3, unit, function | 0x80, 2))
            return
        answer = struct.pack(">HHHBBB", transaction, 0, 3 + len(data), unit, function, len(data)) + data
        match mode:
            case Mode.FINE:
                self._say(answer)
            case Mode.SLOW:
                asyncio.get_running_loop().call_later(plc.delay_s, self._say, answer)
            case Mode.WITHHELD:
                pass
            case Mode.TORN:
                self._say(answer[: plc.chance.randrange(1, len(answer))])
                self.reset()
            case Mode.RESET:
                self.reset()
            case Mode.DRIP:
                self._drip(answer, plc.delay_s)
            case Mode.TWICE:
                self._say(answer + answer)
            case Mode.STALE:
                # Of another transaction, as from a device that mixes up its requests: must not be taken for the answer.
                self._say(
                    struct.pack(">H", (transaction + plc.chance.randrange(1, 0xFFFF)) % 0x10000) + answer[2:]
                )
            case Mode.GARBAGE:
                self._say(plc.chance.randbytes(plc.chance.randrange(1, 400)))
            case Mode.CUT | Mode.UNREACHABLE:
                self.reset()

    def _drip(self, answer: bytes, delay_s: float) -> None:
        """Say it byte by byte within `delay_s`."""
        loop = asyncio.get_running_loop()
        for place in range(len(answer)):
            loop.call_later(delay_s * place / len(answer), self._say, answer[place : place + 1])

    def _say(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)


def _deaf_ears(port: int) -> list[socket.socket]:
    """Listen so that no further connection is answered at all, as behind a cut cable: the queue of one is full."""
    ears = socket.socket()
    ears.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    ears.bind((HOST, port))
    ears.listen(0)
    held = [ears]
    for _ in range(2):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex((HOST, port))
        held.append(filler)
    return held


async def _serve(first: str, orders: Callable[[], str]) -> None:
    asked = json.loads(first)
    points = ledger_points(asked["ledger"]) if asked["ledger"] else reporting_points()
    log = bytearray()
    plcs = [Plc(k, port, points, log, asked["seed"]) for k, port in enumerate(asked["ports"])]
    lines: asyncio.Queue[str] = asyncio.Queue(maxsize=1000)
    loop = asyncio.get_running_loop()

    def listen() -> None:
        while line := orders():
            asyncio.run_coroutine_threadsafe(lines.put(line), loop).result()
        asyncio.run_coroutine_threadsafe(lines.put(""), loop).result()

    for plc in plcs:
        await plc.set(Mode.FINE, 0.0)
    threading.Thread(target=listen, daemon=True).start()
    with contextlib.ExitStack() as at_end:
        fd = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        at_end.callback(os.close, fd)

        def write() -> None:
            os.write(fd, log)
            log.clear()

        _tell("listening")
        while line := await _next(lines, log, write):
            order = json.loads(line)
            if order:
                await plcs[order["plc"]].set(Mode(order["mode"]), order["delay_s"])
            write()
            _tell("done")
        write()


async def _next(lines: "asyncio.Queue[str]", log: bytearray, write: Callable[[], None]) -> str:
    """Return the next order; keep the log small meanwhile."""
    while True:
        try:
            async with asyncio.timeout(0.5):
                return await lines.get()
        except TimeoutError:
            if len(log) > LOG_BYTES_MAX:
                write()


def _tell(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(_serve(sys.stdin.readline(), sys.stdin.readline))
