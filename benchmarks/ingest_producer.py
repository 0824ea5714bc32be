"""Plays one gateway for ingest: sends payloads in its layout, each under its own uuid, and times what is acknowledged to it.

It sends as fast as what is unacknowledged stays below a window, so that nothing is dropped on the way, or at a rate. What is not
acknowledged in the end goes again as history, as a gateway does, and is counted.
"""

import asyncio
import json
import secrets
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import uvloop
from numpy.typing import NDArray

from benchmarks.gateway_park import GATEWAY, PARK
from runtime import log
from runtime.clock import RealClock
from runtime.mqtt import BrokerSettings, MqttLink, Subscription
from wire.messages import acknowledgement
from wire.signing import Role, Verifier, load_verifier
from wire.sparkplug import DataType, payload_uuid
from wire.sparkplug_template import PayloadTemplate, payload
from wire.topics import Channel, Kind, ours, sparkplug

COUNTED = "bench/counted"
"""Where a subscriber that only counts says how many it has."""
RESENT_AFTER_S = 5.0
LAST_S_MAX = 40.0
"""Wall seconds for the last payload to be acknowledged."""
TURN = 8
"""Payloads sent before the loop gets a turn."""
_CLOCK = RealClock()


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to send."""

    port: int
    plcs: int
    points: int
    seconds: float
    """Of sending; the first quarter warms up and is not measured."""
    window: int
    """Most payloads unacknowledged."""
    rate: float = 0.0
    """Payloads a second; 0: as fast as the window allows."""
    trusted: str = ""
    """Public keys, to verify the acknowledgements; empty: a subscriber counts."""
    begin_ms: int = 0
    """Time of the first sample, UTC milliseconds; 0: now. A run before has stamped ahead of the clock."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of it; `received` and `durable` are the two marks of an acknowledgement."""

    sent: int
    resent: int
    durable: int
    received_per_s: float
    durable_per_s: float
    received_p50_ms: float
    received_p99_ms: float
    durable_p50_ms: float
    durable_p99_ms: float


class Mark:
    """Which payloads have reached one mark, and when."""

    def __init__(self, count_max: int) -> None:
        self.delays_ms = np.full(count_max, np.nan)
        self.reached: list[tuple[float, int]] = [(0.0, 0)]
        """(wall second, payloads so far)."""

    @property
    def count(self) -> int:
        """How many."""
        return self.reached[-1][1]

    def reach(self, offsets: NDArray[np.int64], sent_ms: NDArray[np.float64]) -> None:
        """Note payloads that have reached it now."""
        now_s = _CLOCK.monotonic()
        fresh = offsets[np.isnan(self.delays_ms[offsets])]
        self.delays_ms[fresh] = now_s * 1000 - sent_ms[fresh]
        self.reached.append((now_s, self.count + len(fresh)))

    def rate(self, from_s: float, to_s: float) -> float:
        """Return payloads a second between the first and the last acknowledgement of a span."""
        inside = [item for item in self.reached if from_s <= item[0] <= to_s]
        if len(inside) < 2 or inside[-1][0] <= inside[0][0]:
            return 0.0
        return (inside[-1][1] - inside[0][1]) / (inside[-1][0] - inside[0][0])

    def steady_until_s(self, to_s: float) -> float:
        """Return `to_s`, or the end when before it there were not two acknowledgements to measure between."""
        inside = sum(at_s <= to_s for at_s, _ in self.reached)
        return to_s if inside > 4 else self.reached[-1][0]

    def percentile(self, share: float, first: int) -> float:
        """Return a percentile of the delays from payload `first` on."""
        delays = self.delays_ms[first:]
        delays = delays[~np.isnan(delays)]
        return float(np.percentile(delays, share)) if len(delays) else 0.0


class Producer:
    """One gateway's payloads."""

    def __init__(self, order: Order, link: MqttLink) -> None:
        self._order = order
        self._link = link
        self._epoch = secrets.token_hex(16)
        count_max = 4_000_000
        self._sent_ms = np.zeros(count_max)
        self.received, self.durable = Mark(count_max), Mark(count_max)
        self.sent = self.resent = 0
        self._rows = np.arange(order.points)
        self._good = np.full(order.points, 192, np.int16), np.zeros(order.points, np.int8)
        self._templates = [
            PayloadTemplate(
                [f"d{plc:04d}/r{n}" for n in range(order.points)], [DataType.DOUBLE] * order.points, [None]
            )
            for plc in range(order.plcs)
        ]
        self._topics = [sparkplug(PARK, Kind.DDATA, GATEWAY, f"plc_d{plc:04d}") for plc in range(order.plcs)]
        self._last_ms = [order.begin_ms] * order.plcs
        dice = np.random.default_rng(20_261_122)
        self._values = np.round(dice.integers(0, 65_536, (64, order.points)) * 0.1, 1)
        self._kept: dict[int, bytes] = {}
        """Payloads not yet durable, to be sent again."""

    async def send(self, until_s: float) -> None:
        """Send until then."""
        start_s = _CLOCK.monotonic()
        while (now_s := _CLOCK.monotonic()) < until_s:
            allowed = self.received.count + self._order.window
            if self._order.rate:
                allowed = min(allowed, round((now_s - start_s) * self._order.rate))
            for _ in range(min(TURN, allowed - self.sent)):
                await self._send_one()
            await asyncio.sleep(0 if allowed > self.sent else 0.002)

    async def finish(self) -> None:
        """Wait for the last acknowledgements; send again what is late."""
        until_s = _CLOCK.monotonic() + LAST_S_MAX
        again_s = _CLOCK.monotonic() + RESENT_AFTER_S
        history = ours(PARK, GATEWAY, Channel.HISTORY)
        while self.durable.count < self.sent and _CLOCK.monotonic() < until_s:
            await asyncio.sleep(0.05)
            if _CLOCK.monotonic() > again_s and self.received.count < self.sent:
                again_s = _CLOCK.monotonic() + RESENT_AFTER_S
                for offset in np.flatnonzero(np.isnan(self.received.delays_ms[: self.sent])).tolist():
                    await self._link.publish(history, self._kept[offset], qos=1)
                    self.resent += 1

    async def _send_one(self) -> None:
        offset, plc = self.sent, self.sent % self._order.plcs
        at_ms = self._last_ms[plc] = max(_CLOCK.now_ms(), self._last_ms[plc] + 1)
        values = self._values[(offset // self._order.plcs) % len(self._values)]
        times = np.full(self._order.points, at_ms)
        metrics = self._templates[plc].metrics(self._rows, values, *self._good, times, {})
        data = payload(metrics, timestamp_ms=at_ms, seq=offset % 256, uuid=payload_uuid(self._epoch, offset))
        self._sent_ms[offset] = _CLOCK.monotonic() * 1000
        self._kept[offset] = data
        self.sent += 1
        if not self._link.publish_at_once(self._topics[plc], data):
            await self._link.publish(self._topics[plc], data)

    async def listen(self, verifier: Verifier | None) -> None:
        """Take acknowledgements, for ever."""
        while True:
            message = await self._link.next()
            if verifier is None:
                counted = np.arange(self.received.count, int(message.payload))
                self._reach(self.received, counted)
                self._reach(self.durable, counted)
                continue
            ack = acknowledgement(verifier.verify(message.payload, roles={Role.INGEST}).body)
            assert ack.epoch == self._epoch
            for mark, ranges in ((self.received, ack.received), (self.durable, ack.durable)):
                for first, last in ranges:
                    self._reach(mark, np.arange(first, last + 1))

    def _reach(self, mark: Mark, offsets: NDArray[np.int64]) -> None:
        mark.reach(offsets, self._sent_ms)
        if mark is self.durable:
            for offset in offsets.tolist():
                self._kept.pop(offset, None)


async def produce(order: Order, verifier: Verifier | None) -> Outcome:
    """Send what is ordered; without a verifier a subscriber counts."""
    link = MqttLink(
        BrokerSettings(host="127.0.0.1", port=order.port), client_id="producer", clock=_CLOCK,
        subscriptions=[
            Subscription(topic=ours(PARK, GATEWAY, Channel.ACK_SAMPLES), qos=1), Subscription(topic=COUNTED)
        ],
        queue_max=100_000,
    )  # fmt: skip
    producer = Producer(order, link)
    async with asyncio.TaskGroup() as tasks:
        connected = asyncio.Event()

        async def is_connected() -> None:
            connected.set()

        helpers = [tasks.create_task(link.run(is_connected)), tasks.create_task(producer.listen(verifier))]
        await connected.wait()
        start_s = _CLOCK.monotonic()
        from_s, to_s = start_s + order.seconds / 4, start_s + order.seconds
        await producer.send(from_s)
        first = producer.sent
        await producer.send(to_s)
        await producer.finish()
        for helper in helpers:
            helper.cancel()
    return Outcome(
        sent=producer.sent,
        resent=producer.resent,
        durable=producer.durable.count,
        received_per_s=producer.received.rate(from_s, to_s) * order.points,
        durable_per_s=producer.durable.rate(from_s, producer.durable.steady_until_s(to_s)) * order.points,
        received_p50_ms=producer.received.percentile(50, first),
        received_p99_ms=producer.received.percentile(99, first),
        durable_p50_ms=producer.durable.percentile(50, first),
        durable_p99_ms=producer.durable.percentile(99, first),
    )


def main(order: Order) -> None:
    """Send what is ordered and say what came of it."""
    log.configure("error")
    verifier = load_verifier(Path(order.trusted).read_text("utf-8")) if order.trusted else None
    print(json.dumps(asdict(uvloop.run(produce(order, verifier)))))


if __name__ == "__main__":
    main(Order(**json.loads(sys.argv[1])))
