"""One connection that carries Modbus: one request in flight, commands before polls, repaired when lost.

It knows frames and no values; a request is sent once and never repeated by itself.
"""

import asyncio
import secrets
from collections.abc import Callable

from domain.errors import LinkError, LinkLost, LinkTimeout, RemoteProtocolError, StoplogError
from gateway.modbus_ways import Receiver, Way
from runtime.clock import Clock
from wire.modbus_frames import DeviceRefused, Request, open_answer

BACK_OFF_S_MIN = 0.2
BACK_OFF_S_MAX = 5.0
"""Wall seconds between attempts, doubling, each drawn from the upper half of its span."""
LATE_S = 5.0
"""Wall seconds for which a unit is asked nothing after it did not answer, where answers carry no number."""
NOISE_S = 0.1
"""Wall seconds of silence after something unreadable on a shared wire."""
SILENCE_TRIES = 5
"""A wire on which somebody talks without end is asked nevertheless: the answer will tell."""


class Withheld(StoplogError):
    """The last check before the bytes said no: nothing was sent."""


class LinkGarbled(LinkLost):
    """What came was no answer to the request."""


class Line:
    """The connection, and whose turn it is on it."""

    def __init__(self, way: Way, *, clock: Clock) -> None:
        self.fault: str | None = "not connected yet"
        """Why there is no connection; None while there is one."""
        self.connections = 0
        self.users = 0
        """Devices that are asked over it."""
        self._way = way
        self._clock = clock
        self._receiver: Receiver | None = None
        self._turn = asyncio.Lock()
        self._urgent = 0
        """Commands that wait for their turn or have it: polls stand back."""
        self._no_command = asyncio.Event()
        self._no_command.set()
        self._failures = 0
        """In a row: attempts to connect, and requests that got no sound answer."""
        self._retry_s = 0.0
        self._late_until_s: dict[int, float] = {}
        self._is_noisy = False

    async def ask(self, unit: int, request: Request, *, timeout_s: float) -> bytes:
        """Return the data of the answer to a read.

        Raises LinkLost, LinkTimeout (both leave the line to be repaired by the next call) or DeviceRefused.
        """
        while True:
            await self._no_command.wait()
            async with self._turn:
                if self._urgent == 0:
                    return await self._ask(unit, request, timeout_s)

    async def order(
        self, unit: int, request: Request, *, timeout_s: float, permit: Callable[[], bool]
    ) -> None:
        """Send a write before any poll that waits, if `permit` still holds right before the bytes; await its answer.

        Raises Withheld when it does not hold, LinkLost when there was no connection: in both cases nothing was sent. Raises
        LinkTimeout when there was no sound answer: whether the PLC acts is not known. Raises DeviceRefused.
        """
        self._urgent += 1
        self._no_command.clear()
        try:
            async with self._turn:
                receiver = await self._connected(timeout_s, is_urgent=True)
                if not permit():
                    raise Withheld
                try:
                    await self._exchange(receiver, unit, request, timeout_s)
                except LinkLost as error:
                    # The bytes may have gone before the connection did.
                    raise LinkTimeout(str(error)) from error
        finally:
            self._urgent -= 1
            if self._urgent == 0:
                self._no_command.set()

    def close(self) -> None:
        """Leave."""
        self._drop("closed")

    async def _ask(self, unit: int, request: Request, timeout_s: float) -> bytes:
        if self._late_until_s and self._clock.monotonic() < self._late_until_s.get(unit, 0.0):
            message = f"{self._way.name}: an answer of unit {unit} may still come"
            raise LinkLost(message)
        return await self._exchange(await self._connected(timeout_s), unit, request, timeout_s)

    async def _connected(self, timeout_s: float, *, is_urgent: bool = False) -> Receiver:
        """Return the connection, made anew when it must be; one who commands waits for no back-off."""
        receiver = self._receiver
        if receiver is None or receiver.is_lost:
            if self._clock.monotonic() < self._retry_s and not is_urgent:
                message = f"{self._way.name}: {self.fault}"
                raise LinkLost(message)
            receiver = await self._connect(timeout_s)
        if self._way.silence_s:
            await self._silence(receiver)
        return receiver

    async def _connect(self, timeout_s: float) -> Receiver:
        self._drop(self.fault or "lost")
        try:
            async with asyncio.timeout(timeout_s):
                receiver = await self._way.open()
        except (OSError, TimeoutError) as error:
            self._back_off()
            self.fault = f"no connection to {self._way.name}: {_words(error)}"
            raise LinkLost(self.fault) from error
        self._receiver, self.fault = receiver, None
        self.connections += 1
        return receiver

    async def _silence(self, receiver: Receiver) -> None:
        """Wait until the wire has been silent for as long as a frame needs before it."""
        silence_s = NOISE_S if self._is_noisy else self._way.silence_s
        self._is_noisy = False
        for _ in range(SILENCE_TRIES):
            left_s = receiver.heard_s + silence_s - asyncio.get_running_loop().time()
            if left_s <= 0:
                break
            await asyncio.sleep(left_s)

    async def _exchange(self, receiver: Receiver, unit: int, request: Request, timeout_s: float) -> bytes:
        try:
            data = open_answer(request, await receiver.exchange(unit, request, timeout_s))
        except LinkTimeout as error:
            self._expect_late(receiver, unit)
            raise self._unanswered("no answer", LinkTimeout) from error
        except RemoteProtocolError as error:
            self._is_noisy = True
            raise self._unanswered(str(error), LinkGarbled) from error
        except LinkLost as error:
            raise self._unanswered(str(error), LinkLost) from error
        except DeviceRefused:
            self._failures = 0
            raise
        except asyncio.CancelledError:
            self._expect_late(receiver, unit)
            raise
        self._failures = 0
        return data

    def _unanswered(self, why: str, kind: type[LinkError]) -> LinkError:
        """Give the connection up, unless others share it; the first time it is made anew at once."""
        if not self._way.is_shared or kind is LinkLost:
            self._drop(why)
            if self._failures > 0:
                self._back_off()
            else:
                self._failures = 1
        return kind(f"{self._way.name}: {why}")

    def _expect_late(self, receiver: Receiver, unit: int) -> None:
        if not receiver.frames.is_numbered:
            self._late_until_s[unit] = self._clock.monotonic() + LATE_S

    def _back_off(self) -> None:
        self._failures += 1
        span_s = min(BACK_OFF_S_MAX, BACK_OFF_S_MIN * 2 ** min(self._failures, 10))
        self._retry_s = self._clock.monotonic() + span_s * (0.5 + secrets.randbelow(500) / 1000)

    def _drop(self, fault: str) -> None:
        if self._receiver is not None:
            self._receiver.close()
        self._receiver, self.fault = None, fault


def _words(error: Exception) -> str:
    return "no answer" if isinstance(error, TimeoutError) else str(error)
