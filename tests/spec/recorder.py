"""An MQTT 3.1.1 broker that grants everything, delivers nothing, and writes down every packet in its order."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from runtime.mqtt import BrokerSettings

CONNECT, PUBLISH, SUBSCRIBE, DISCONNECT = 1, 3, 8, 14


@dataclass(frozen=True)
class Connect:
    level: int
    is_clean: bool
    will_topic: str
    will_payload: bytes
    will_qos: int
    is_will_retained: bool


@dataclass(frozen=True)
class Subscribe:
    topics: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Publish:
    topic: str
    payload: bytes
    qos: int
    is_retained: bool


@dataclass(frozen=True)
class Disconnect:
    """A clean leave."""


Packet = Connect | Subscribe | Publish | Disconnect


@dataclass
class Recorder:
    settings: BrokerSettings
    packets: list[Packet] = field(default_factory=list)
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    def cut(self) -> None:
        """Reset every connection."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(20):
            while len(self.packets) < count:  # noqa: ASYNC110 # a test's own wait
                await asyncio.sleep(0.005)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readexactly(1))[0]
                body = await reader.readexactly(await _length(reader))
                answer = self._take(head >> 4, head & 0x0F, body)
                writer.write(answer)
        writer.close()

    def _take(self, kind: int, flags: int, body: bytes) -> bytes:
        match kind:
            case 1:
                self.packets.append(_connect(body))
                return b"\x20\x02\x00\x00"
            case 8:
                topics, at = [], 2
                while at < len(body):
                    topic, at = _text(body, at)
                    topics.append((topic.decode(), body[at]))
                    at += 1
                self.packets.append(Subscribe(tuple(topics)))
                return b"\x90" + bytes([2 + len(topics)]) + body[:2] + bytes(qos for _, qos in topics)
            case 3:
                topic, at = _text(body, 0)
                qos = flags >> 1 & 3
                self.packets.append(
                    Publish(topic.decode(), body[at + (2 if qos else 0) :], qos, bool(flags & 1))
                )
                return b"\x40\x02" + body[at : at + 2] if qos else b""
            case 14:
                self.packets.append(Disconnect())
                return b""
            case 12:
                return b"\xd0\x00"
            case _:
                return b""


@contextlib.asynccontextmanager
async def recording() -> AsyncIterator[Recorder]:
    """A recorder that listens until the block ends."""
    recorder = Recorder(BrokerSettings(host="127.0.0.1", port=0))
    server = await asyncio.start_server(recorder.serve, "127.0.0.1", 0)
    recorder.settings = BrokerSettings(host="127.0.0.1", port=server.sockets[0].getsockname()[1])
    try:
        yield recorder
    finally:
        server.close()
        await server.wait_closed()


async def _length(reader: asyncio.StreamReader) -> int:
    value = shift = 0
    while True:
        byte = (await reader.readexactly(1))[0]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value
        shift += 7


def _connect(body: bytes) -> Connect:
    _, at = _text(body, 0)
    level, flags = body[at], body[at + 1]
    _, at = _text(body, at + 4)
    will_topic, will_payload = b"", b""
    if flags & 0x04:
        will_topic, at = _text(body, at)
        will_payload, at = _text(body, at)
    return Connect(
        level=level,
        is_clean=bool(flags & 0x02),
        will_topic=will_topic.decode(),
        will_payload=will_payload,
        will_qos=flags >> 3 & 3,
        is_will_retained=bool(flags & 0x20),
    )


def _text(body: bytes, at: int) -> tuple[bytes, int]:
    end = at + 2 + int.from_bytes(body[at : at + 2])
    return body[at + 2 : end], end
