"""A link to the MQTT broker that repairs itself: it connects, subscribes, tells its owner, and hands over what arrives.

It decides nothing about messages and keeps none that it could not send. MQTT 3.1.1 and clean sessions only: delivery rests
on our own acknowledgements, so any broker will do.
"""

import asyncio
import math
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import aiomqtt

from domain.errors import LinkError, LinkLost, LinkTimeout
from runtime.clock import Clock
from runtime.log import logger
from runtime.mqtt_connection import (
    ANSWER_S_MAX,
    BrokerSettings,
    Subscription,
    TlsSettings,
    Will,
    connection,
    subscribe,
    until_lost,
    writer_of,
)
from runtime.mqtt_writer import MqttWriter

__all__ = ["BrokerSettings", "Message", "MqttLink", "Subscription", "TlsSettings", "Will", "check_broker"]

BACK_OFF_S_MIN = 0.2
BACK_OFF_S_MAX = 5.0
"""Wall seconds between attempts: doubling, each drawn from the upper half of its span, so that many do not knock together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Something that arrived."""

    topic: str
    payload: bytes
    received_s: float
    """By the monotonic clock."""


class MqttLink:
    """One client of one broker.

    The queue of arrivals is bounded by `queue_max` and `queue_bytes_max`; when it is full the oldest is dropped and counted in
    `dropped`, because live data and commands lose their worth with age and everything else is sent again.
    """

    def __init__(
        self,
        broker: BrokerSettings,
        *,
        client_id: str,
        clock: Clock,
        subscriptions: Sequence[Subscription] = (),
        will: Callable[[], Will | None] = lambda: None,
        queue_max: int = 10_000,
        queue_bytes_max: int = 64_000_000,
    ) -> None:
        """`will` is asked once for each connection, just before it."""
        self._broker = broker
        self._client_id = client_id
        self._clock = clock
        self._subscriptions = tuple(subscriptions)
        self._will = will
        self._arrivals: asyncio.Queue[Message] = asyncio.Queue(maxsize=queue_max)
        self._bytes = 0
        self._bytes_max = queue_bytes_max
        self._client: aiomqtt.Client | None = None
        self._writer: MqttWriter | None = None
        self._lost: asyncio.Task[None] | None = None
        self._log = logger("mqtt").bind(client=client_id, broker=f"{broker.host}:{broker.port}")
        self.connections = 0
        """Connections made since start, subscriptions granted."""
        self.dropped = 0
        """Arrivals dropped because the queue was full."""
        self.fault: str | None = None
        """Why there is no connection now; None while there is one or before the first attempt."""

    @property
    def is_connected(self) -> bool:
        """Whether we are connected and every subscription is granted."""
        return self._client is not None

    @property
    def waiting(self) -> int:
        """Arrivals not yet taken."""
        return self._arrivals.qsize()

    async def run(self, on_connected: Callable[[], Awaitable[None]]) -> None:
        """Keep a connection for ever; await `on_connected` at each one, once its subscriptions are granted.

        A LinkError out of `on_connected` drops the connection and tries again; any other error is its owner's bug.
        """
        attempt = 0
        while True:
            before = self.connections
            try:
                await self._hold(on_connected)
            except LinkError as error:
                self._say(str(error))
            attempt = 0 if self.connections > before else attempt + 1
            span_s = min(BACK_OFF_S_MAX, BACK_OFF_S_MIN * 2 ** min(attempt, 10))
            await asyncio.sleep(span_s * (0.5 + secrets.randbelow(500) / 1000))

    async def publish(
        self, topic: str, payload: bytes, *, qos: Literal[0, 1] = 0, retain: bool = False
    ) -> None:
        """Send; at QoS 1 return when the broker has taken it.

        Raises LinkLost at once when there is no connection, or when it goes away meanwhile; LinkTimeout when the broker
        does not answer. In the last two cases the message may have been delivered.
        """
        client, lost = self._client, self._lost
        if client is None or lost is None:
            message = f"no connection to the broker: {self.fault or 'not yet'}"
            raise LinkLost(message)
        if qos == 0 and self.publish_at_once(topic, payload, retain=retain):
            return
        if self._writer is not None:
            self._writer.flush()
        sending = client.publish(topic, payload, qos=qos, retain=retain, timeout=math.inf)
        try:
            # The library tells nobody that a message which waited to be sent is gone with its connection.
            await _unless(lost, sending, timeout_s=ANSWER_S_MAX if qos else None)
        except aiomqtt.MqttError as error:
            raise LinkLost(str(error)) from error

    def publish_at_once(
        self, topic: str, payload: bytes, *, retain: bool = False, gathers: bool = True
    ) -> bool:
        """Send at QoS 0 without waiting, in the order of all that is sent; `gathers`: within 2 ms, together with others.

        False when there is no connection or it takes nothing just now: nothing was sent then.
        """
        writer = self._writer
        return writer is not None and writer.send(topic, payload, retain=retain, gathers=gathers)

    async def next(self) -> Message:
        """Return the next arrival, waiting for it."""
        return self._taken(await self._arrivals.get())

    def next_nowait(self) -> Message | None:
        """Return an arrival that is there already; None when there is none."""
        return None if self._arrivals.empty() else self._taken(self._arrivals.get_nowait())

    def _taken(self, message: Message) -> Message:
        self._bytes -= len(message.payload)
        return message

    async def _hold(self, on_connected: Callable[[], Awaitable[None]]) -> None:
        """Connect and stay until the connection is lost, which raises LinkError."""
        async with connection(
            self._broker, self._client_id, will=self._will(), arrived=self._arrived
        ) as client:
            await subscribe(client, self._subscriptions)
            lost = asyncio.get_running_loop().create_task(until_lost(client), name=f"{self._client_id}: lost")
            self._lost, self._client, self.fault = lost, client, None
            writer = self._writer = writer_of(client)
            self.connections += 1
            self._log.info("link up", connections=self.connections)
            try:
                await _unless(lost, on_connected(), timeout_s=None)
                await lost
            finally:
                self._client = self._writer = None
                writer.close()
                lost.cancel()
                await asyncio.wait({lost})

    def _arrived(self, topic: str, payload: bytes) -> None:
        """Keep one arrival; called by the client from the loop."""
        self._bytes += len(payload)
        while self._arrivals.full() or (self._bytes > self._bytes_max and not self._arrivals.empty()):
            self._taken(self._arrivals.get_nowait())
            self.dropped += 1
        self._arrivals.put_nowait(Message(topic=topic, payload=payload, received_s=self._clock.monotonic()))

    def _say(self, fault: str) -> None:
        if fault != self.fault:
            self._log.warning("link down", reason=fault)
        self.fault = fault


async def check_broker(broker: BrokerSettings, timeout_s: float) -> None:
    """Connect once and leave, before a service starts.

    Raises LinkError in words for a person: AccessRefused when the broker is there and does not let us in.
    """
    name = f"check-{secrets.token_hex(6)}"
    try:
        async with asyncio.timeout(timeout_s), connection(broker, name, will=None, arrived=_unheard):
            pass
    except TimeoutError as error:
        message = f"the broker at {broker.host}:{broker.port} did not answer within {timeout_s:g} s"
        raise LinkTimeout(message) from error


def _unheard(topic: str, payload: bytes) -> None:
    """Take no notice: a check subscribes to nothing."""


async def _unless(lost: asyncio.Task[None], doing: Awaitable[None], *, timeout_s: float | None) -> None:
    """Await `doing` unless the connection is lost first, whose LinkLost is raised, or the time-out, which is LinkTimeout."""
    task = asyncio.ensure_future(doing)
    try:
        await asyncio.wait({task, lost}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
        elif lost.done():
            await lost
        else:
            message = f"the broker did not answer within {timeout_s} s"
            raise LinkTimeout(message)
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
