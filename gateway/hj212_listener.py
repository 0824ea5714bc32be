"""Listens for data loggers (数采仪) on TCP and hands their packets to whom they belong; decides nothing about values.

Bytes are only kept where they arrive. One worker takes a kilobyte of each connection in turn, so that a flood on one
delays no other, and a connection that sends more than its rate is read no further until its rate allows it.
"""

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import cast

from domain.errors import LinkError
from gateway.hj212_logger import LoggerStation
from gateway.hj212_metrics import LoggerMetrics
from runtime.clock import Clock
from runtime.log import logger
from wire.hj212 import Frame, encode
from wire.hj212_stream import FrameStream, Rubbish

STRANGERS_MAX = 32
"""Connections that have not shown a logger's number and password; beyond it the oldest goes."""
STRANGER_S_MAX = 30.0
"""Wall seconds to show them."""
STRANGER_FAULTS_MAX = 3
"""Wrong packets, of whatever kind, until a stranger is sent away."""
FAULTS_MAX = 200
"""Wrong packets, one after the other, until even a known logger's connection is closed: nobody guesses passwords on it."""
TURN_BYTES = 1024
"""Taken of one connection before the next has its turn: some four packets, two milliseconds of work."""
KEPT_BYTES_MAX = 65_536
"""Kept of one connection; when full its socket is read no further."""
RATE_BYTES_S = 16_384.0
"""Taken of one connection in a wall second over time: some 60 packets, where a logger sends one in 30 s."""
BURST_BYTES = 524_288.0
"""Taken at once by a connection that was quiet: a logger that sends a day's minutes again."""
UNREAD_BYTES_MAX = 65_536
"""Answers that the peer does not read; beyond it the connection is closed."""
TICK_S = 0.25
"""Wall seconds between looks at silence, requests and slow connections."""
FLUSH_S = 2.0
"""Wall seconds without a byte after which a packet without its tail is taken as it is."""
SPOKEN_S = 60.0
"""Wall seconds between two lines of the log about who was sent away."""


class Connection(asyncio.Protocol):
    """One accepted connection."""

    def __init__(self, listener: "LoggerListener") -> None:
        self._listener = listener
        self._transport: asyncio.Transport | None = None
        self.stream = FrameStream()
        self.station: LoggerStation | None = None
        """Whose it is; None until a packet has shown it."""
        self.kept = bytearray()
        self.came_s = 0.0
        self.credit = BURST_BYTES
        self.faults = 0
        self.is_queued = False
        self.is_closed = False
        """Whether we have closed it; nothing more of it is taken."""
        self.opened_s = 0.0
        self.peer = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have all that asyncio's have, and are no subclass of them.
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self.peer = str(peer[0]) if peer else ""
        plug = transport.get_extra_info("socket")
        if plug is not None:
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._listener.opened(self)

    def data_received(self, data: bytes) -> None:
        self.kept += data
        if len(self.kept) >= KEPT_BYTES_MAX and self._transport is not None:
            self._transport.pause_reading()
        self._listener.came(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  (as asyncio calls it)
        self._transport = None
        self._listener.closed(self)

    def take(self) -> bytes:
        """Return the bytes of one turn."""
        size = min(TURN_BYTES, max(int(self.credit), 0))
        data = bytes(self.kept[:size])
        del self.kept[:size]
        self.credit -= len(data)
        if len(self.kept) < KEPT_BYTES_MAX // 2 and self._transport is not None:
            self._transport.resume_reading()
        return data

    def send(self, frame: Frame) -> None:
        """Send, unless the peer has stopped reading: then close."""
        if self._transport is None:
            return
        if self._transport.get_write_buffer_size() > UNREAD_BYTES_MAX:
            self._transport.abort()
            return
        self._transport.write(encode(frame))

    def close(self) -> None:
        """Leave at once."""
        self.is_closed = True
        self.kept.clear()
        if self._transport is not None:
            self._transport.abort()


class LoggerListener:
    """All connections of data loggers to one gateway."""

    def __init__(
        self,
        stations: Iterable[LoggerStation],
        *,
        host: str,
        port: int,
        allow: Sequence[IPv4Network | IPv6Network] = (),
        clock: Clock,
        metrics: LoggerMetrics,
    ) -> None:
        """`allow` are the networks of loggers; none: they may come from anywhere."""
        self._stations: Mapping[str, LoggerStation] = {station.logger.mn: station for station in stations}
        self._host = host
        self._port = port
        self._allow = tuple(allow)
        self._clock = clock
        self._metrics = metrics
        self._log = logger("loggers")
        self._server: asyncio.Server | None = None
        self._connections: dict[Connection, None] = {}
        """In the order of their opening."""
        self._of: dict[str, Connection] = {}
        """MN → the connection on which the logger was last heard."""
        self._queue: deque[Connection] = deque()
        self._some = asyncio.Event()
        self._spoken_s = -SPOKEN_S
        self._unspoken = 0

    @property
    def port(self) -> int:
        """The port listened on; 0 before the start."""
        return self._server.sockets[0].getsockname()[1] if self._server is not None else 0

    async def start(self) -> None:
        """Listen. Raises LinkError when the port is taken."""
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(lambda: Connection(self), self._host, self._port)
        except OSError as error:
            message = f"the port {self._host}:{self._port} for data loggers: {error.strerror or error}"
            raise LinkError(message) from error
        self._log.info("listening", host=self._host, port=self.port, loggers=len(self._stations))

    async def work(self) -> None:
        """Take what has come, each connection a little in turn, for ever."""
        try:
            while True:
                await self._some.wait()
                self._some.clear()
                while self._queue:
                    self._turn(self._queue.popleft())
                    # Polls and commands have their turn between any two of ours.
                    await asyncio.sleep(0)
        finally:
            self._close_all()

    async def tick(self, breathe: Callable[[], None]) -> None:
        """Notice silence, send requests, and send slow strangers away, for ever."""
        while True:
            breathe()
            await self._clock.sleep(0.0, floor_s=TICK_S)
            now_s = self._clock.monotonic()
            for mn, station in self._stations.items():
                station.look()
                connection = self._of.get(mn)
                if connection is not None and (request := station.due()) is not None:
                    connection.send(request)
            for connection in list(self._connections):
                self._tend(connection, now_s)

    def opened(self, connection: Connection) -> None:
        """Welcome a connection; the oldest stranger makes room."""
        connection.opened_s = connection.came_s = self._clock.monotonic()
        self._connections[connection] = None
        self._metrics.connections(len(self._connections))
        if not self._is_allowed(connection.peer):
            self._send_away(connection, "address")
            return
        strangers = [item for item in self._connections if item.station is None and not item.is_closed]
        if len(strangers) > STRANGERS_MAX:
            self._send_away(strangers[0], "crowd")

    def came(self, connection: Connection) -> None:
        """Bytes are there."""
        connection.came_s = self._clock.monotonic()
        if not connection.is_queued and connection.credit >= 1:
            connection.is_queued = True
            self._queue.append(connection)
            self._some.set()

    def closed(self, connection: Connection) -> None:
        """It is gone; what it had sent is still taken."""
        self._connections.pop(connection, None)
        self._metrics.connections(len(self._connections))
        for mn in [mn for mn, speaks in self._of.items() if speaks is connection]:
            del self._of[mn]
            self._stations[mn].disconnected()

    def _turn(self, connection: Connection) -> None:
        connection.is_queued = False
        for found in connection.stream.feed(connection.take()):
            if not connection.is_closed:
                self._found(connection, found)
        if connection.kept:
            self.came(connection)

    def _tend(self, connection: Connection, now_s: float) -> None:
        connection.credit = min(BURST_BYTES, connection.credit + RATE_BYTES_S * TICK_S)
        if connection.kept:
            self.came(connection)
        elif now_s - connection.came_s > FLUSH_S:
            for found in connection.stream.flush():
                self._found(connection, found)
        is_stranger = connection.station is None and not connection.is_closed
        if is_stranger and now_s - connection.opened_s > STRANGER_S_MAX:
            self._send_away(connection, "silence")

    def _found(self, connection: Connection, found: Frame | Rubbish) -> None:
        if isinstance(found, Rubbish):
            if connection.station is not None:
                connection.station.rubbish(found.why)
            self._blame(connection, "rubbish")
            return
        station = self._stations.get(found.mn)
        if station is None:
            self._blame(connection, "number")
        elif not station.admits(found):
            self._blame(connection, "password")
        else:
            connection.faults = 0
            self._adopt(connection, station)
            answer = station.take(found)
            if answer is not None:
                connection.send(answer)

    def _is_allowed(self, peer: str) -> bool:
        if not self._allow:
            return True
        try:
            address = ip_address(peer)
        except ValueError:
            return False
        return any(address in network for network in self._allow)

    def _adopt(self, connection: Connection, station: LoggerStation) -> None:
        """The logger speaks here now: a connection on which it spoke before is half-open, and is closed."""
        before = self._of.get(station.logger.mn)
        if before is connection:
            return
        connection.station = station
        self._of[station.logger.mn] = connection
        if before is not None:
            station.disconnected()
            before.close()

    def _blame(self, connection: Connection, why: str) -> None:
        self._metrics.refused(why)
        connection.faults += 1
        most = STRANGER_FAULTS_MAX if connection.station is None else FAULTS_MAX
        if connection.faults >= most and not connection.is_closed:
            self._send_away(connection, why)

    def _send_away(self, connection: Connection, why: str) -> None:
        self._metrics.refused(why)
        now_s = self._clock.monotonic()
        if now_s - self._spoken_s >= SPOKEN_S:
            self._log.warning("sent away", peer=connection.peer, why=why, others=self._unspoken)
            self._spoken_s, self._unspoken = now_s, 0
        else:
            self._unspoken += 1
        connection.close()

    def _close_all(self) -> None:
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.close()
