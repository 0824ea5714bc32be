"""What Modbus runs over: TCP, TLS and serial lines, each as a transport for one receiver of answers; it repeats nothing."""

import asyncio
import contextlib
import os
import secrets
import socket
import ssl
import termios
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from domain.connection import Parity, Serial
from domain.errors import LinkLost, LinkTimeout, RemoteProtocolError
from wire.modbus_frames import Frames, Request, RtuFrames, TcpFrames

USER_TIMEOUT_MS = 5000
"""Unacknowledged bytes give the connection up after this: a hung PLC must not read a write much later."""
CHARACTER_BITS = 11
"""Start, 8 data, parity, stop (MODBUS over Serial Line V1.02, 2.5.1)."""
SILENCE_CHARACTERS = 3.5
SILENCE_S_MIN = 0.00175
"""Silence before a frame: 3.5 characters, at more than 19,200 baud a fixed time (the same, 2.5.1.1)."""
READ_BYTES = 1024


class Transport(Protocol):
    """The few things that are done with a connection."""

    def write(self, data: bytes) -> None:
        """Send."""

    def abort(self) -> None:
        """End at once, without sending what still waits."""


class Way(Protocol):
    """How a line reaches its PLCs."""

    @property
    def name(self) -> str:
        """For people: host and port, or the serial device."""

    @property
    def is_shared(self) -> bool:
        """Whether many units hang on one wire, which is not given up because one of them does not answer."""

    @property
    def silence_s(self) -> float:
        """Wall seconds of silence that a frame needs before it."""

    async def open(self) -> "Receiver":
        """Connect. Raises OSError."""


class Receiver(asyncio.Protocol):
    """Takes the answers of one connection. Bytes that nobody waits for are looked at and forgotten."""

    def __init__(self, frames: Frames) -> None:
        self.frames = frames
        self.is_lost = False
        self.heard_s = 0.0
        """Loop time of the last bytes."""
        self._loop = asyncio.get_running_loop()
        self._transport: Transport | None = None
        self._answer: asyncio.Future[bytes] | None = None
        self._until_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    async def exchange(self, unit: int, request: Request, timeout_s: float) -> bytes:
        """Send `request` and return the PDU that answers it.

        Raises LinkTimeout, LinkLost, or RemoteProtocolError when what comes cannot be an answer.
        """
        assert self._answer is None, "one request at a time"
        if self._transport is None or self.is_lost:
            raise LinkLost("connection lost")
        answer: asyncio.Future[bytes] = self._loop.create_future()
        self._answer = answer
        self._transport.write(self.frames.wrap(unit, request))
        self._until_s = self._loop.time() + timeout_s
        if self._timer is None or self._timer.when() > self._until_s:
            self._watch(self._until_s)
        try:
            return await answer
        finally:
            self._answer = None

    def connected_by(self, transport: Transport) -> None:
        """Use `transport` from now on."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        answer = self._answer
        self.heard_s = self._loop.time()
        try:
            pdu = self.frames.feed(data)
        except RemoteProtocolError as error:
            if answer is not None and not answer.done():
                answer.set_exception(error)
            elif self.frames.is_numbered:
                self.close()  # of this stream nothing more can be understood
            return
        if pdu is not None and answer is not None and not answer.done():
            answer.set_result(pdu)

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(LinkLost(str(exc) if exc else "connection closed"))
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        """End the connection."""
        self.is_lost = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._transport is not None:
            self._transport.abort()

    def _watch(self, at_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(at_s, self._look)

    def _look(self) -> None:
        """End the request that is over time. One timer serves many requests: answered ones need no look."""
        self._timer = None
        if self._answer is None or self._answer.done():
            return
        if self._loop.time() < self._until_s:
            self._watch(self._until_s)
        else:
            self._answer.set_exception(LinkTimeout("no answer"))


def _mbap() -> Frames:
    # A converter may pass on what it still owes an earlier connection: each begins elsewhere.
    return TcpFrames(first=secrets.randbelow(0x10000))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tcp:
    """Modbus TCP, with TLS if a context is given; or serial frames over TCP, as device servers have them."""

    host: str
    port: int
    make_frames: Callable[[], Frames] = field(default=_mbap)
    tls: ssl.SSLContext | None = None
    server_name: str | None = None
    """Name in the PLC's certificate; None: the host."""

    @property
    def name(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def is_shared(self) -> bool:
        return False

    @property
    def silence_s(self) -> float:
        return 0.0

    async def open(self) -> Receiver:
        name = (self.server_name or self.host) if self.tls else None
        transport, receiver = await asyncio.get_running_loop().create_connection(
            lambda: Receiver(self.make_frames()), self.host, self.port, ssl=self.tls, server_hostname=name
        )
        peer = transport.get_extra_info("socket")
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
        receiver.connected_by(transport)
        return receiver


@dataclass(frozen=True, slots=True, kw_only=True)
class Rtu:
    """Modbus RTU on a serial device."""

    port: Serial

    @property
    def name(self) -> str:
        return self.port.path

    @property
    def is_shared(self) -> bool:
        return True

    @property
    def silence_s(self) -> float:
        return max(SILENCE_CHARACTERS * CHARACTER_BITS / self.port.baud, SILENCE_S_MIN)

    async def open(self) -> Receiver:
        fd = os.open(self.port.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            _make_raw(fd, self.port)
        except (OSError, termios.error) as error:
            os.close(fd)
            raise OSError(str(error)) from error
        receiver = Receiver(RtuFrames())
        receiver.connected_by(_SerialTransport(fd, receiver))
        return receiver


class _SerialTransport:
    """A serial device that the loop reads from, without a thread."""

    def __init__(self, fd: int, receiver: Receiver) -> None:
        self._loop = asyncio.get_running_loop()
        self._fd = fd
        self._receiver = receiver
        self._is_open = True
        self._loop.add_reader(fd, self._ready)

    def write(self, data: bytes) -> None:
        """Send one frame, which the kernel's buffer of 4 KB takes whole; a device that takes less is lost."""
        if self._is_open:
            try:
                is_whole = os.write(self._fd, data) == len(data)
            except OSError as error:
                self._lose(error)
            else:
                if not is_whole:
                    self._lose(OSError("the serial device takes no more"))

    def abort(self) -> None:
        if self._is_open:
            self._is_open = False
            self._loop.remove_reader(self._fd)
            with contextlib.suppress(OSError, termios.error):
                termios.tcflush(self._fd, termios.TCIOFLUSH)
            os.close(self._fd)

    def _ready(self) -> None:
        try:
            data = os.read(self._fd, READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(error)
            return
        if data:
            self._receiver.data_received(data)
        else:
            self._lose(OSError("the serial device is gone"))

    def _lose(self, error: OSError) -> None:
        self.abort()
        self._loop.call_soon(self._receiver.connection_lost, error)


_BAUDS = {
    baud: getattr(termios, f"B{baud}")
    for baud in (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)
}


def _make_raw(fd: int, port: Serial) -> None:
    """Set the line: 8 data bits, no flow control, no character means anything."""
    speed = _BAUDS[port.baud]
    flags = termios.CS8 | termios.CREAD | termios.CLOCAL
    if port.parity is not Parity.NONE:
        flags |= termios.PARENB
    if port.parity is Parity.ODD:
        flags |= termios.PARODD
    if port.stop_bits == 2:
        flags |= termios.CSTOPB
    input_flags = termios.INPCK if port.parity is not Parity.NONE else 0
    characters = termios.tcgetattr(fd)[6]
    termios.tcsetattr(fd, termios.TCSANOW, [input_flags, 0, flags, 0, speed, speed, characters])
    termios.tcflush(fd, termios.TCIOFLUSH)
