"""A broker in the simulated world, and links to it that lose, double, delay and reorder; it knows nothing of what is said.

What services rely on holds: subscriptions with wildcards, retained messages, a will when a client vanishes, QoS 1 answered when
the broker has taken the message, one session for one client id. All else is at the mercy of the weather.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Literal

from domain.errors import LinkError, LinkLost, LinkTimeout
from runtime.mqtt import BACK_OFF_S_MAX, BACK_OFF_S_MIN, Message, MqttLink, Subscription, Will
from runtime.mqtt_connection import ANSWER_S_MAX, KEEPALIVE_S
from tests.simulation.loop import Process, SimLoop
from tests.simulation.trace import Delivered, Lost, Said, Trace

Qos = Literal[0, 1]


@dataclass(slots=True)
class Path:
    """The network between one client and the broker."""

    is_cut: bool = False
    """Nothing passes; nobody is told."""
    keeps: bool = False
    """Whether what was sent into the cut arrives after it, late, as TCP may have it."""
    lost: float = 0.0
    doubled: float = 0.0
    delayed: float = 0.0
    """Chances of one message."""
    delay_s: float = 1.5
    """How late a delayed message is at most; those behind it overtake it."""


class Broker:
    """The broker, and the network to it."""

    def __init__(self, loop: SimLoop, trace: Trace, draw: Random, clock_s: Callable[[], float]) -> None:
        self._loop = loop
        self._trace = trace
        self._draw = draw
        self._clock_s = clock_s
        self._links: dict[str, SimLink] = {}
        self._retained: dict[str, bytes] = {}
        self._count = 0
        self.paths: dict[str, Path] = {}

    def path(self, client: str) -> Path:
        """Return the network of `client`."""
        return self.paths.setdefault(client, Path())

    def attach(self, link: "SimLink") -> None:
        """Begin a session, and end the one that the client had."""
        before = self._links.get(link.client)
        if before is not None and before is not link:
            self.detach(before, says_will=True)
        self._links[link.client] = link
        for topic, payload in self._retained.items():
            if link.hears(topic):
                self._to(link, self._next(), topic, payload)

    def detach(self, link: "SimLink", *, says_will: bool) -> None:
        """End a session; the will speaks when the client has not said goodbye."""
        if self._links.get(link.client) is link:
            del self._links[link.client]
            will, link.will = link.will, None
            if will is not None and says_will:
                self._spread(self._next(), will.topic, will.payload, is_retained=will.retain)

    def take(self, link: "SimLink", topic: str, payload: bytes, *, retain: bool) -> bool:
        """Take what a client publishes, now or later; False: it will never arrive."""
        path, draw, number = self.path(link.client), self._draw, self._next()
        life = link.process.life
        self._trace.put(
            Said(
                at_s=self._clock_s(),
                message=number,
                client=link.client,
                life=life,
                topic=topic,
                payload=payload,
            )
        )
        spread = partial(self._spread, number, topic, payload, is_retained=retain)
        if path.is_cut:
            if path.keeps:
                link.kept.append(spread)
            else:
                self._lose(number, "", "cut")
            return False
        chance = draw.random()
        if chance < path.lost:
            self._lose(number, "", "lost")
            return False
        link.up_s = self._pass_on(path, link.up_s, spread)
        if chance > 1 - path.doubled:
            self._loop.later(self._late_s(path), spread)
        return True

    def healed(self, client: str) -> None:
        """The network of `client` is whole again: what it kept goes on its way."""
        link = self._links.get(client)
        if link is not None:
            kept, link.kept = link.kept, []
            for one in kept:
                link.down_s = self._pass_on(self.path(client), link.down_s, one)

    def notice(self, client: str, *, cut_s: float) -> None:
        """Let both ends find out about a cut that lasts longer than the keep-alive."""
        link = self._links.get(client)
        if link is not None and cut_s > 1.5 * KEEPALIVE_S:
            link.drop("no answer to a ping")

    def vanished(self, process: Process) -> None:
        """A client's process is gone: the broker's next packet to it finds out."""
        link = self._links.get(process.name)
        if link is not None and link.process is process:
            link.is_up = False
            self._loop.later(0.01, partial(self.detach, link, says_will=True))

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _pass_on(self, path: Path, last_s: float, arrive: Callable[[], None]) -> float:
        """Let a message arrive behind those before it, or late, overtaken; return when the last in order arrives."""
        if path.delayed and self._draw.random() < path.delayed:
            self._loop.later(self._late_s(path), arrive)
            return last_s
        at_s = max(last_s, self._loop.now_s + 0.001 + 0.004 * self._draw.random())
        self._loop.later(at_s - self._loop.now_s, arrive)
        return at_s

    def _late_s(self, path: Path) -> float:
        return 0.002 + path.delay_s * self._draw.random()

    def _spread(self, number: int, topic: str, payload: bytes, *, is_retained: bool) -> None:
        if is_retained:
            self._retained[topic] = payload
        for link in list(self._links.values()):
            if link.hears(topic):
                self._to(link, number, topic, payload)

    def _to(self, link: "SimLink", number: int, topic: str, payload: bytes) -> None:
        path = self.path(link.client)
        hand_over = partial(self._hand_over, link, number, topic, payload)
        if path.is_cut:
            if path.keeps:
                link.kept.append(hand_over)
            else:
                self._lose(number, link.client, "cut")
            return
        chance = self._draw.random()
        if chance < path.lost:
            self._lose(number, link.client, "lost")
            return
        link.down_s = self._pass_on(path, link.down_s, hand_over)
        if chance > 1 - path.doubled:
            self._loop.later(self._late_s(path), hand_over)

    def _hand_over(self, link: "SimLink", number: int, topic: str, payload: bytes) -> None:
        if link.process.is_dead or not link.is_up:
            self._lose(number, link.client, "gone")
            return
        self._trace.put(
            Delivered(at_s=self._clock_s(), message=number, client=link.client, life=link.process.life)
        )
        link.arrive(topic, payload)

    def _lose(self, number: int, client: str, why: str) -> None:
        self._trace.put(Lost(at_s=self._clock_s(), message=number, client=client, why=why))


class SimLink(MqttLink):
    """A service's link to the broker of the world."""

    def __init__(
        self,
        broker: Broker,
        process: Process,
        loop: SimLoop,
        *,
        client_id: str,
        subscriptions: Sequence[Subscription],
        will: Callable[[], Will | None],
    ) -> None:
        self.client = "control" if client_id.startswith("stoplog-control") else client_id
        self.process = process
        self.will: Will | None = None
        self.kept: list[Callable[[], None]] = []
        self.up_s = self.down_s = 0.0
        """When the last message that keeps its order arrives at the broker, and here."""
        self.is_up = False
        """Whether the broker may hand over."""
        self.connections = 0
        self.dropped = 0
        self.fault: str | None = None
        self._hub = broker
        self._time = loop
        self._make_will = will
        self._exact = {item.topic for item in subscriptions if not {"#", "+"} & set(item.topic)}
        self._filters = tuple(
            item.topic.split("/") for item in subscriptions if item.topic not in self._exact
        )
        self._heard: dict[str, bool] = {}
        self._arrivals: asyncio.Queue[Message] = asyncio.Queue(maxsize=10_000)
        self._ended: asyncio.Future[None] | None = None
        self._is_connected = False

    @property
    def is_connected(self) -> bool:
        return self._is_connected

    @property
    def waiting(self) -> int:
        return self._arrivals.qsize()

    def hears(self, topic: str) -> bool:
        """Whether a subscription of this link matches `topic`."""
        found = self._heard.get(topic)
        if found is None:
            parts = topic.split("/")
            found = topic in self._exact or any(_matches(item, parts) for item in self._filters)
            self._heard[topic] = found
        return found

    def arrive(self, topic: str, payload: bytes) -> None:
        """Take what the broker hands over."""
        if self._arrivals.full():
            self._arrivals.get_nowait()
            self.dropped += 1
        self._arrivals.put_nowait(Message(topic=topic, payload=payload, received_s=self._time.time()))

    async def run(self, on_connected: Callable[[], Awaitable[None]]) -> None:
        attempt = 0
        while True:
            before = self.connections
            try:
                await self._stay(on_connected)
            except LinkError as error:
                self.fault = str(error)
            attempt = 0 if self.connections > before else attempt + 1
            span_s = min(BACK_OFF_S_MAX, BACK_OFF_S_MIN * 2 ** min(attempt, 10))
            await asyncio.sleep(span_s * (0.5 + secrets.randbelow(500) / 1000))

    async def publish(self, topic: str, payload: bytes, *, qos: Qos = 0, retain: bool = False) -> None:
        ended = self._ended
        if not self._is_connected or ended is None:
            message = f"no connection to the broker: {self.fault or 'not yet'}"
            raise LinkLost(message)
        if not self.process.affects():
            await self._time.create_future()
        is_taken = self._hub.take(self, topic, payload, retain=retain)
        if qos:
            await self._answered(ended, 0.004 if is_taken else ANSWER_S_MAX)
            if ended.done():
                message = "connection lost"
                raise LinkLost(message)
            if not is_taken:
                message = f"the broker did not answer within {ANSWER_S_MAX} s"
                raise LinkTimeout(message)

    async def _answered(self, ended: "asyncio.Future[None]", wait_s: float) -> None:
        """Wait so long, or until the connection ends."""
        done = self._time.create_future()

        def tell(_ended: object = None) -> None:
            if not done.done():
                done.set_result(None)

        timer = self._time.call_later(wait_s, tell)
        ended.add_done_callback(tell)
        try:
            await done
        finally:
            timer.cancel()
            ended.remove_done_callback(tell)

    def publish_at_once(
        self, topic: str, payload: bytes, *, retain: bool = False, gathers: bool = True
    ) -> bool:
        del gathers  # every message goes alone here
        if not self._is_connected:
            return False
        if self.process.affects():
            self._hub.take(self, topic, payload, retain=retain)
        return True

    async def next(self) -> Message:
        return await self._arrivals.get()

    def next_nowait(self) -> Message | None:
        return None if self._arrivals.empty() else self._arrivals.get_nowait()

    def drop(self, why: str) -> None:
        """End the connection from outside: the network, the broker, or its other end noticed something."""
        if not self._is_connected and not self.is_up:
            return
        self._is_connected = self.is_up = False
        self.kept.clear()
        self.fault = why
        self._hub.detach(self, says_will=True)
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)

    async def _stay(self, on_connected: Callable[[], Awaitable[None]]) -> None:
        self.will = self._make_will()
        await asyncio.sleep(0.003)
        if self._hub.path(self.client).is_cut:
            await asyncio.sleep(ANSWER_S_MAX)
            message = "the broker did not answer"
            raise LinkTimeout(message)
        self._ended = self._time.create_future()
        self.is_up = True
        self._hub.attach(self)
        await asyncio.sleep(0.003)
        self._is_connected = True
        self.connections += 1
        self.fault = None
        try:
            await on_connected()
            await self._ended
        finally:
            self.drop("connection lost")
        message = "connection lost"
        raise LinkLost(message)


def _matches(wanted: list[str], parts: list[str]) -> bool:
    for place, want in enumerate(wanted):
        if want == "#":
            return True
        if place >= len(parts) or want not in {"+", parts[place]}:
            return False
    return len(wanted) == len(parts)
