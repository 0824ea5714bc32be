"""Reads a connected MQTT client's socket in large pieces and hands QoS 0 messages over; acknowledges nothing and repairs nothing.

The client library stays the owner of the connection: every other packet is read by it, out of what was received here, and so are
the end of the connection and its errors. It alone would ask the kernel four times for each message.
"""

import asyncio
import ssl
from collections.abc import Callable

from paho.mqtt.client import Client

PUBLISH, RETAIN = 0x30, 0x01
CHUNK = 262_144
"""Bytes asked for at once."""
TOPICS_MAX = 10_000
"""Topics whose text is remembered; beyond, all are forgotten."""

_WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)

Arrived = Callable[[str, bytes], None]
Broken = Callable[[Exception], None]


class MqttReader:
    """The short way out of one connection; of one event loop."""

    def __init__(self, client: Client, arrived: Arrived, broken: Broken) -> None:
        """`arrived` is called for each message at QoS 0, `broken` when the library cannot go on."""
        self._client = client
        self._arrived = arrived
        self._broken = broken
        self._rest = b""
        """The beginning of a packet whose end is not here yet."""
        self._packet = b""
        """What the library is to read."""
        self._topics: dict[bytes, str] = {}
        self._fault: OSError | None = None
        self._is_over = False

    def take_over(self) -> None:
        """Read from now on, unless the library is in the middle of a packet: then it goes on as it is used to."""
        socket = self._client.socket()
        if socket is None or self._client._in_packet["command"] != 0:  # noqa: SLF001 # held by a test
            return
        self._client._sock_recv = self._received  # type: ignore[method-assign] # noqa: SLF001
        asyncio.get_running_loop().add_reader(socket.fileno(), self._readable)

    def _readable(self) -> None:
        try:
            is_more = self._read()
        except (OSError, ValueError) as error:
            self._broken(error)
            return
        if is_more:
            asyncio.get_running_loop().call_soon(self._readable)

    def _read(self) -> bool:
        """Take what is there; whether there may be more."""
        socket = self._client.socket()
        if socket is None:
            return False
        try:
            data = socket.recv(CHUNK)
        except _WOULD_BLOCK:
            return False
        except OSError as error:
            self._fault = error
            self._client.loop_read()
            return False
        if not data:
            self._is_over = True
            self._client.loop_read()
            return False
        self._take(self._rest + data)
        # A record may wait inside the library of TLS, where no loop sees it.
        return isinstance(socket, ssl.SSLSocket)

    def _take(self, data: bytes) -> None:
        start, end = 0, len(data)
        while True:
            body, stop = _extent(data, start)
            if stop == 0 or stop > end:
                break
            if data[start] & ~RETAIN == PUBLISH:
                self._message(data, body, stop)
            else:
                self._packet = data[start:stop]
                self._client.loop_read()
            start = stop
        self._rest = data[start:]

    def _message(self, data: bytes, body: int, stop: int) -> None:
        name_end = body + 2 + int.from_bytes(data[body : body + 2], "big")
        name = data[body + 2 : name_end]
        topic = self._topics.get(name)
        if topic is None:
            if name_end > stop:
                message = "a message whose topic is longer than itself"
                raise ValueError(message)
            if len(self._topics) >= TOPICS_MAX:
                self._topics.clear()
            topic = self._topics[name] = name.decode()
        self._arrived(topic, data[name_end:stop])

    def _received(self, bufsize: int) -> bytes:
        """Stand in for the library's way of reading its socket."""
        if self._packet:
            taken, self._packet = self._packet[:bufsize], self._packet[bufsize:]
            return taken
        if self._fault is not None:
            raise self._fault
        if self._is_over:
            return b""
        raise BlockingIOError


def _extent(data: bytes, start: int) -> tuple[int, int]:
    """Return where the body of a packet begins and where the packet ends; (0, 0) when that is not here yet.

    MQTT 3.1.1, 2.2.3: the remaining length has at most four bytes of seven bits.
    """
    length = 0
    for place in range(4):
        at = start + 1 + place
        if at >= len(data):
            return 0, 0
        length |= (data[at] & 0x7F) << (7 * place)
        if data[at] < 0x80:
            return at + 1, at + 1 + length
    message = "a packet whose length has more than four bytes"
    raise ValueError(message)
