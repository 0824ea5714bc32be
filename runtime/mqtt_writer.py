"""Writes QoS 0 messages into the socket of a connected MQTT client, several at once; repairs nothing.

The client library stays the owner of the connection: everything else goes through it, and so does the rest of what the socket
did not take whole, before anything that comes after it.
"""

import asyncio
import contextlib
import ssl

from paho.mqtt.client import Client
from paho.mqtt.enums import MessageType

from domain.errors import LocalProtocolError

PUBLISH, RETAIN = 0x30, 0x01
REMAINING_MAX = 268_435_455
"""MQTT 3.1.1, 2.2.3."""
TOPICS_MAX = 10_000
"""Topics whose bytes are remembered."""
GATHER_S = 0.002
"""Wall seconds for which messages are gathered: a call of the kernel, and waking the broker, cost more than their bytes."""
GATHER_BYTES_MAX = 65_536
"""Sent at once when so much is gathered."""

_WOULD_BLOCK = (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError)


class MqttWriter:
    """The short way into one connection; of one event loop."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._loop = asyncio.get_running_loop()
        self._topics: dict[str, bytes] = {}
        self._gathered: list[bytes | bytearray] = []
        self._bytes = 0
        self._timer: asyncio.TimerHandle | None = None

    def send(self, topic: str, payload: bytes, *, retain: bool = False, gathers: bool = True) -> bool:
        """Send one message, or return False when the connection is gone or cannot take what it has already.

        `gathers` False: with all that was gathered before it, now.
        """
        client = self._client
        if client.socket() is None or client.want_write():
            return False
        self._bytes += self._gather(topic, payload, PUBLISH | RETAIN if retain else PUBLISH)
        if self._bytes >= GATHER_BYTES_MAX or not gathers:
            self.flush()
        elif self._timer is None:
            self._timer = self._loop.call_later(GATHER_S, self.flush)
        return True

    def flush(self) -> None:
        """Send what is gathered."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        data, self._bytes = b"".join(self._gathered), 0
        self._gathered.clear()
        client = self._client
        socket = client.socket()
        if socket is None or not data:
            return
        sent = 0
        if not client.want_write():
            # TLS may have begun a record although it would block: the same bytes must come next, and they do.
            # Any other error meets the library as well, and it says so.
            with contextlib.suppress(*_WOULD_BLOCK, OSError):
                sent = socket.send(data)
        if sent < len(data):
            # At QoS 1 the library reports to nobody when the bytes are out: they belong to no message of its own.
            client._packet_queue(MessageType(PUBLISH), data[sent:], mid=0, qos=1)  # noqa: SLF001

    def close(self) -> None:
        """Forget what is gathered: the connection is gone."""
        self._gathered.clear()
        self.flush()

    def _gather(self, topic: str, payload: bytes, kind: int) -> int:
        name = self._topics.get(topic)
        if name is None:
            if len(self._topics) >= TOPICS_MAX:
                self._topics.clear()
            text = topic.encode()
            name = self._topics[topic] = len(text).to_bytes(2, "big") + text
        left = length = len(name) + len(payload)
        if length > REMAINING_MAX:
            message = f"a message of {length} bytes is longer than MQTT allows"
            raise LocalProtocolError(message)
        head = bytearray((kind,))
        while left >= 0x80:
            head.append(left & 0x7F | 0x80)
            left >>= 7
        head.append(left)
        self._gathered += (head, name, payload)
        return len(head) + length
