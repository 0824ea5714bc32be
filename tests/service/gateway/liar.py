"""A PLC on a real port that answers as a test tells it: right, wrong, in drips or never."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from domain.ids import DeviceId, GatewayId
from domain.park import Device
from domain.words import Words
from stoplog.demo.ports import free_ports

HOST = "127.0.0.1"
CLOSING_TURNS = 5
"""Turns of the loop in which what was begun on a connection comes to be, or to its end."""
Answer = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]
"""Takes one request frame and does with its connection what it likes."""


def device(port: int, *, timeout_s: float = 0.3, **other: object) -> Device:
    return Device(
        id=DeviceId("d"),
        gateway=GatewayId("g"),
        words=Words("机", "device"),
        host=HOST,
        port=port,
        unit_id=17,
        template="t",
        timeout_s=timeout_s,
        groups={},
        **other,  # type: ignore[arg-type]
    )


def registers(request: bytes) -> bytes:
    """Return the PDU of an honest answer to a read: each register holds its own address, each bit is 1."""
    function, start = request[7], int.from_bytes(request[8:10], "big")
    count = int.from_bytes(request[10:12], "big")
    if function in (1, 2):
        return bytes((function, (count + 7) // 8)) + b"\xff" * ((count + 7) // 8)
    data = b"".join((start + n).to_bytes(2, "big") for n in range(count))
    return bytes((function, len(data))) + data


def framed(request: bytes, pdu: bytes, *, number: int = 0, unit: int = 0) -> bytes:
    """Return the frame of an answer; `number` and `unit` are how far it lies."""
    transaction = (int.from_bytes(request[:2], "big") + number) & 0xFFFF
    head = transaction.to_bytes(2, "big") + b"\0\0" + (len(pdu) + 1).to_bytes(2, "big")
    return head + bytes((request[6] + unit,)) + pdu


async def honest(request: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(framed(request, registers(request)))


@dataclass
class Liar:
    """The server; `answer` may be changed at any time."""

    answer: Answer = honest
    port: int = field(default_factory=lambda: free_ports(1)[0])
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0

    @contextlib.asynccontextmanager
    async def serving(self, tls: ssl.SSLContext | None = None) -> AsyncIterator["Liar"]:
        talks: set[asyncio.Task[None]] = set()

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.connections += 1
            task = asyncio.current_task()
            assert task is not None
            talks.add(task)
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while True:
                    head = await reader.readexactly(6)
                    request = head + await reader.readexactly(int.from_bytes(head[4:6], "big"))
                    self.requests.append(request)
                    await self.answer(request, writer)
            writer.close()

        server = await asyncio.start_server(talk, HOST, self.port, ssl=tls)
        try:
            yield self
        finally:
            server.close()
            for _ in range(
                CLOSING_TURNS
            ):  # a connection that is being taken in begins its talk, and can be ended
                await asyncio.sleep(0)
            for task in talks:
                task.cancel()
            await asyncio.gather(*talks, return_exceptions=True)
            for _ in range(CLOSING_TURNS):
                await asyncio.sleep(0)
            await server.wait_closed()
