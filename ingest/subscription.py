"""What a worker subscribes to, and the proof that it is delivered: a canary of its own must come back on each connection."""

import asyncio
import secrets

from domain.errors import LinkError
from domain.ids import ParkId
from runtime.clock import Clock
from runtime.log import logger
from runtime.mqtt import Message, MqttLink, Subscription
from wire.topics import Channel, Kind, ours, sparkplug

GROUP = "ingest"
"""Name of the shared subscription."""
PROOF_S = 2.0
"""Wall seconds after which an unheard canary is sent again."""


def subscriptions(park: ParkId, *, worker: str, is_shared: bool) -> tuple[Subscription, ...]:
    """Return live data, history and the worker's own canary; the canary's group is its own, so that nobody else hears it."""
    group = f"$share/{GROUP}/" if is_shared else ""
    alone = f"$share/{GROUP}-{worker}/" if is_shared else ""
    return (
        Subscription(topic=f"{group}{sparkplug(park, Kind.DDATA, '#')}", qos=0),
        Subscription(topic=f"{group}{ours(park, '+', Channel.HISTORY)}", qos=1),
        Subscription(topic=f"{alone}{ours(park, worker, Channel.CANARY)}", qos=1),
    )


class Canary:
    """Says whether the present connection delivers what we subscribed to."""

    def __init__(self, park: ParkId, *, worker: str, clock: Clock) -> None:
        self._topic = ours(park, worker, Channel.CANARY)
        self._clock = clock
        self._link: MqttLink | None = None
        self._song = b""
        self._sung_s = 0.0
        self._proven = 0
        self._log = logger("ingest")

    def fault(self) -> str | None:
        """Why samples may not be arriving now; None when they are."""
        link = self._link
        if link is None or not link.is_connected:
            return f"no broker: {link.fault}" if link is not None and link.fault else "no broker yet"
        if self._proven != link.connections:
            return "the broker granted the subscriptions and has not delivered the canary (shared subscriptions?)"
        return None

    def heard(self, message: Message) -> bool:
        """Take notice of a message on the canary's topic; whether it was one."""
        if message.topic != self._topic:
            return False
        if (
            self._link is not None
            and message.payload == self._song
            and self._proven != self._link.connections
        ):
            self._proven = self._link.connections
            self._log.info("subscription proven", after_s=round(self._clock.monotonic() - self._sung_s, 3))
        return True

    async def prove(self, link: MqttLink) -> None:
        """Send canaries, for ever, while the present connection is unproven."""
        self._link = link
        silent = 0
        while True:
            if link.is_connected and self._proven != link.connections:
                self._song, self._sung_s = secrets.token_bytes(16), self._clock.monotonic()
                try:
                    await link.publish(self._topic, self._song, qos=1)
                except LinkError:
                    continue
                finally:
                    await asyncio.sleep(0.2 if silent == 0 else PROOF_S)
                silent = silent + 1 if self._proven != link.connections else 0
                if silent == 2:
                    self._log.error("subscription granted and not delivered", reason=self.fault())
            else:
                silent = 0
                await asyncio.sleep(0.1)
