"""A lean subscriber: counts the points that arrive and how old they are, and acknowledges what a gateway journalled.

It stands in for ingest (samples) and control (records) with their keys, and answers as they do: ranges of offsets, four times a
second, received and durable at once. Lines on standard input: `begin` starts a window, `end` closes it and prints one line.
"""

import asyncio
import json
import re
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from struct import Struct
from typing import cast

import uvloop

from benchmarks.gateway_park import GATEWAY, PARK
from benchmarks.gateway_plcs import TICKS_MAX, TICKS_PER_S
from domain.ids import GatewayId, ParkId
from runtime.clock import RealClock
from wire.messages import Acknowledgement, acknowledgement_body, record
from wire.signing import Role, Signer, Verifier, load_signer, load_verifier
from wire.sparkplug import decode
from wire.topics import Channel, ours

ACKNOWLEDGE_S = 0.25
CHECK_EVERY = 500
"""One payload in so many is decoded by protobuf and held against the quick count."""

_DOUBLE = Struct("<d")
_DOUBLE_HEAD = b"\x20\x0a\x69"
"""Data type 10, then the tag of a double: before each value of a number."""
_UUID = re.compile(rb"([0-9a-f]{32})-(\d+)\Z")
_CLOCK = RealClock()


@dataclass(slots=True)
class Window:
    """What was heard since it began."""

    began_s: float
    points: int = 0
    messages: int = 0
    history: int = 0
    bytes: int = 0
    checked: int = 0
    ages: "array[int]" = field(default_factory=lambda: array("H"))

    def line(self) -> str:
        """Return it as JSON."""
        ages = sorted(self.ages)

        def at(share: float) -> float:
            return ages[min(int(len(ages) * share), len(ages) - 1)] * 1000 / TICKS_PER_S if ages else 0.0

        return json.dumps(
            {
                "seconds": _CLOCK.monotonic() - self.began_s,
                "points": self.points,
                "messages": self.messages,
                "history": self.history,
                "bytes": self.bytes,
                "checked": self.checked,
                "p50_ms": at(0.5),
                "p99_ms": at(0.99),
                "max_ms": at(1.0),
            }
        )


class Samples:
    """Hears our own payloads."""

    def __init__(self) -> None:
        self.heard: dict[str, list[int]] = {}
        """Epoch → offsets not acknowledged yet."""

    def take(self, payload: bytes, window: Window) -> int | None:
        """Count one payload; return the clock's ticks that it carries."""
        points = payload.count(_DOUBLE_HEAD)
        window.points += points
        if window.messages % CHECK_EVERY == 0:
            assert len(decode(payload).metrics) == points
            window.checked += 1
        name = _UUID.search(payload)
        if name is not None:
            self.heard.setdefault(name[1].decode(), []).append(int(name[2]))
        first = payload.find(_DOUBLE_HEAD)
        if first < 0 or payload.find(b"/r0\x18", 0, first) < 0:
            return None
        return int(_DOUBLE.unpack_from(payload, first + len(_DOUBLE_HEAD))[0])


def ticks_of_json(payload: bytes, window: Window) -> int | None:
    """Count the points of a peer's JSON, `"rN": value`; return the clock's ticks that it carries."""
    window.points += payload.count(b'"r')
    first = payload.find(b'"r0":')
    return int(re.match(rb"\s*(\d+)", payload[first + 5 :])[1]) if first >= 0 else None  # type: ignore[index]


class Mqtt(asyncio.Protocol):
    """The few packets of MQTT 3.1.1 that it takes."""

    def __init__(self, topics: list[str], keys: Path | None) -> None:
        self._topics = topics
        self._samples = Samples() if keys is not None else None
        self._records: dict[str, list[int]] = {}
        self._signers: dict[str, Signer] = {}
        self._verifier: Verifier | None = None
        if keys is not None:
            self._signers = {
                who: load_signer((keys / f"{who}.jwk").read_text()) for who in ("ingest", "control")
            }
            self._verifier = load_verifier((keys / "trusted.jwks").read_text())
        self._rest = b""
        self.window = Window(_CLOCK.monotonic())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transport is none by class.
        transport = self._transport = cast("asyncio.Transport", transport)
        transport.write(_packet(0x10, b"\x00\x04MQTT\x04\x02\x00\x00" + _text(f"listener{id(self):x}")))
        wanted = b"".join(_text(topic) + b"\x00" for topic in self._topics)
        transport.write(_packet(0x82, b"\x00\x01" + wanted))

    def data_received(self, data: bytes) -> None:
        data = self._rest + data if self._rest else data
        position, end = 0, len(data)
        while end - position >= 2:
            length, shift, body = 0, 0, position + 1
            while body < end:
                byte = data[body]
                body += 1
                length |= (byte & 0x7F) << shift
                shift += 7
                if byte < 0x80:
                    break
            else:
                break
            if body + length > end:
                break
            if data[position] & 0xF0 == 0x30:
                topic_end = body + 2 + int.from_bytes(data[body : body + 2], "big")
                self._take(data[body + 2 : topic_end], data[topic_end : body + length])
            position = body + length
        self._rest = data[position:]

    def _take(self, topic: bytes, payload: bytes) -> None:
        window = self.window
        if topic.endswith(b"/records"):
            assert self._verifier is not None
            told = record(self._verifier.verify(payload, roles={Role.GATEWAY}).body)
            self._records.setdefault(told.epoch, []).append(told.offset)
            return
        if self._samples is not None:
            ticks = self._samples.take(payload, window)
        else:
            ticks = ticks_of_json(payload, window)
        window.messages += 1
        window.history += topic.endswith(b"/history")
        window.bytes += len(payload)
        if ticks is not None:
            age = (int(_CLOCK.monotonic() * TICKS_PER_S) - ticks) % TICKS_MAX
            window.ages.append(age)

    def acknowledge(self) -> None:
        """Say what was heard since the last time."""
        if self._samples is not None:
            self._say("ingest", Channel.ACK_SAMPLES, self._samples.heard)
            self._say("control", Channel.ACK_RECORDS, self._records)

    def _say(self, who: str, channel: Channel, heard: dict[str, list[int]]) -> None:
        for epoch, offsets in heard.items():
            ranges = tuple(_ranges(sorted(set(offsets))))
            message = Acknowledgement(
                park=ParkId(PARK), gateway=GatewayId(GATEWAY), epoch=epoch, received=ranges, durable=ranges
            )
            token = self._signers[who].sign(acknowledgement_body(message))
            self._transport.write(_packet(0x30, _text(ours(PARK, GATEWAY, channel)) + token))
        heard.clear()


def _ranges(offsets: list[int]) -> Iterator[tuple[int, int]]:
    first = last = offsets[0]
    for offset in offsets[1:]:
        if offset != last + 1:
            yield first, last
            first = offset
        last = offset
    yield first, last


def _text(text: str) -> bytes:
    return len(text).to_bytes(2, "big") + text.encode()


def _packet(kind: int, body: bytes) -> bytes:
    length, head = len(body), bytearray([kind])
    while True:
        length, byte = length >> 7, length & 0x7F
        head.append(byte | (0x80 if length else 0))
        if not length:
            return bytes(head) + body


async def listen(port: int, topics: list[str], keys: Path | None) -> None:
    """Listen until the end of standard input."""
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    _, client = await loop.create_connection(lambda: Mqtt(topics, keys), "127.0.0.1", port)

    async def acknowledge() -> None:
        while True:
            await _CLOCK.sleep(ACKNOWLEDGE_S)
            client.acknowledge()

    acknowledging = loop.create_task(acknowledge())
    print("ready", flush=True)
    while line := await lines.readline():
        if line == b"begin\n":
            client.window = Window(_CLOCK.monotonic())
        else:
            print(client.window.line(), flush=True)
    acknowledging.cancel()


def main() -> None:
    keys = Path(sys.argv[3]) if len(sys.argv) > 3 else None
    uvloop.run(listen(int(sys.argv[1]), json.loads(sys.argv[2]), keys))


if __name__ == "__main__":
    main()
