"""A serial line made of a pty pair, with units on it that hold registers and misbehave as a test tells them."""

import asyncio
import contextlib
import os
import struct
import tty
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from wire.modbus_frames import crc


@dataclass
class Unit:
    """One device: tables of registers and bits, and how it answers."""

    registers: dict[int, int] = field(default_factory=dict)
    bits: dict[int, bool] = field(default_factory=dict)
    delay_s: float = 0.0
    is_mute: bool = False
    noise: bytes = b""
    """Goes before the next answer, once."""
    asked: list[int] = field(default_factory=list)
    """Functions."""

    def answer(self, pdu: bytes) -> bytes:
        function, first, second = struct.unpack(">BHH", pdu[:5])
        self.asked.append(function)
        places = range(first, first + second)
        match function:
            case 1 | 2:
                data = bytearray((second + 7) // 8)
                for n, place in enumerate(places):
                    data[n // 8] |= self.bits.get(place, False) << n % 8
                return bytes((function, len(data))) + data
            case 3 | 4:
                if not all(place in self.registers for place in places):
                    return bytes((function | 0x80, 2))
                words = struct.pack(f">{second}H", *(self.registers[place] for place in places))
                return bytes((function, len(words))) + words
            case 5:
                self.bits[first] = second == 0xFF00
                return pdu
            case 6:
                self.registers[first] = second
                return pdu
            case 15:
                for n, place in enumerate(places):
                    self.bits[place] = bool(pdu[6 + n // 8] >> n % 8 & 1)
                return pdu[:5]
            case 16:
                for n, place in enumerate(places):
                    self.registers[place] = int.from_bytes(pdu[6 + 2 * n : 8 + 2 * n], "big")
                return pdu[:5]
            case _:
                return bytes((function | 0x80, 1))


class Bus:
    """The far end of the line."""

    def __init__(self, units: dict[int, Unit]) -> None:
        self.units = units
        self.overlaps = 0
        """Requests that came while another was not answered yet."""
        self._fd, self._near = os.openpty()
        tty.setraw(self._fd)
        self.path = os.ttyname(self._near)
        self._held = b""
        self._answering: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["Bus"]:
        loop = asyncio.get_running_loop()
        loop.add_reader(self._fd, self._ready)
        try:
            yield self
        finally:
            loop.remove_reader(self._fd)
            for task in self._answering:
                task.cancel()
            await asyncio.gather(*self._answering, return_exceptions=True)
            os.close(self._near)
            os.close(self._fd)

    def _ready(self) -> None:
        self._held += os.read(self._fd, 4096)
        while (size := self._size()) is not None and len(self._held) >= size:
            frame, self._held = self._held[:size], self._held[size:]
            assert crc(frame[:-2]) == frame[-2:]
            self.overlaps += any(not task.done() for task in self._answering)
            task = asyncio.ensure_future(self._answer(frame[0], frame[1:-2]))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)

    def _size(self) -> int | None:
        if len(self._held) < 8:
            return None
        return 9 + self._held[6] if self._held[1] in (15, 16) else 8

    async def _answer(self, number: int, pdu: bytes) -> None:
        unit = self.units.get(number)
        if unit is None:
            return
        answer = unit.answer(pdu)
        if unit.is_mute:
            return
        await asyncio.sleep(unit.delay_s)
        body = bytes((number,)) + answer
        os.write(self._fd, unit.noise + body + crc(body))
        unit.noise = b""
