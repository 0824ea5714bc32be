"""Says to all who listen whether this host is here: Sparkplug's STATE, and a denial to whoever says that we are away."""

import json
import math
from collections.abc import Callable

from domain.errors import LinkError
from runtime.clock import Clock
from runtime.log import logger
from runtime.mqtt import MqttLink, Will
from wire.topics import state

DENIAL_S_MIN = 1.0
"""Wall seconds between two denials: a flood of forged certificates gets one answer a second."""
CERTIFICATE_BYTES_MAX = 1_000
"""A longer STATE message is nobody's."""

_log = logger("control")


class Presence:
    """The STATE of one host application."""

    def __init__(
        self, link: MqttLink, clock: Clock, *, host_id: str, speaks: Callable[[], bool] = lambda: True
    ) -> None:
        """`speaks`: whether it is for this control to say; of two that share a park only the one that leads is the host."""
        self._speaks = speaks
        self._link = link
        self._clock = clock
        self._topic = state(host_id)
        self._born_ms = 0
        self._said_s = -math.inf
        self._is_leaving = False
        self._is_denied = False
        """Whether somebody said that we are away and was not answered yet."""

    def will(self) -> Will | None:
        """Return what the broker says when we vanish; asked once for each connection, just before it."""
        if not self._speaks():
            return None
        self._born_ms = self._clock.now_ms()
        payload = certificate(is_online=False, at_ms=self._born_ms)
        return Will(topic=self._topic, payload=payload, qos=1, retain=True)

    async def come(self) -> None:
        """Say that the host is here, with the time of its will. Raises LinkError."""
        self._is_denied, self._said_s = False, self._clock.monotonic()
        if not self._speaks():
            return
        payload = certificate(is_online=True, at_ms=self._born_ms)
        await self._link.publish(self._topic, payload, qos=1, retain=True)

    async def leave(self) -> None:
        """Say that the host goes, and let that stand."""
        self._is_leaving = True
        if not self._speaks():
            return
        payload = certificate(is_online=False, at_ms=self._clock.now_ms())
        try:
            await self._link.publish(self._topic, payload, qos=1, retain=True)
        except LinkError:
            return  # the will says it

    async def hear(self, payload: bytes) -> None:
        """Take what was said of this host; deny that it is away: an old will said so, or a stranger."""
        if not self._is_leaving and says_away(payload):
            self._is_denied = True
            await self.stand()

    async def stand(self) -> None:
        """Give the denial that is due, if one is."""
        if not self._is_denied or not self._link.is_connected:
            return
        if self._clock.monotonic() - self._said_s >= DENIAL_S_MIN:
            try:
                await self.come()
            except LinkError as error:
                self._is_denied = True
                _log.warning("state not sent", reason=str(error))


def certificate(*, is_online: bool, at_ms: int) -> bytes:
    """Return a birth or death certificate (Sparkplug 3.0, 6.4.26); both of one connection have the same time."""
    return json.dumps({"online": is_online, "timestamp": at_ms}).encode()


def says_away(payload: bytes) -> bool:
    """Whether `payload` is a death certificate of a host."""
    if len(payload) > CERTIFICATE_BYTES_MAX:
        return False
    try:
        said = json.loads(payload)
    except (ValueError, RecursionError):
        return False
    return isinstance(said, dict) and said.get("online") is False
