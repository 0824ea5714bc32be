"""Takes payloads from the broker, has them stored or quarantined in groups, and acknowledges them afterwards.

Never acknowledges what is not kept. While the store is gone it holds its group and tries again: the link's bounded queue
fills, drops its oldest, and the gateways send that again from their journals.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from domain.errors import LinkError, StorageError
from domain.park import Park
from ingest.acks import Acks
from ingest.instruments import Instruments
from ingest.judge import WHOLE, Judged, Span, judge
from ingest.quarantine import Entry, Quarantine
from ingest.subscription import Canary
from runtime.clock import Clock
from runtime.log import logger
from runtime.mqtt import Message, MqttLink
from stores.port import PayloadName, StoredPayload, TimeSeriesStore
from wire.messages import acknowledgement_body
from wire.signing import Signer
from wire.topics import Channel, ours

GROUP_S = 0.05
"""Wall seconds for which payloads are gathered into one commit: bounds the delay, divides the cost of a sync."""
GROUP_MAX = 500
"""Payloads in one commit."""
TURN = 20
"""Payloads judged before the loop gets a turn."""
SECURE_S = 5.0
"""Wall seconds between two attempts to make durable what a store has only received; a gateway waits 60."""
RETRY_S_MIN = 0.5
RETRY_S_MAX = 5.0
"""Wall seconds between two attempts at a store that is gone; doubling."""
EARLIEST_MS = 946_684_800_000
"""2000-01-01: an older sample comes from a clock that was never set."""
FUTURE_MS = 86_400_000
"""A sample newer than a day ahead of us has a wrong clock; a few minutes are a matter of drift."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    message: Message
    judged: Judged


class Worker:
    """One worker's whole work between link and store."""

    def __init__(
        self,
        *,
        park: Park,
        link: MqttLink,
        canary: Canary,
        store: TimeSeriesStore,
        quarantine: Quarantine,
        signer: Signer,
        clock: Clock,
        instruments: Instruments,
    ) -> None:
        self._park = park
        self._link = link
        self._canary = canary
        self._store = store
        self._quarantine = quarantine
        self._signer = signer
        self._clock = clock
        self._count = instruments
        self._acks = Acks(park.id)
        self._insecure: list[PayloadName] = []
        self._fault: str | None = None
        self._log = logger("ingest")

    def readiness(self) -> tuple[bool, tuple[str, ...]]:
        """Whether samples arrive and are stored now, and why not."""
        reasons = [reason for reason in (self._canary.fault(), self._fault) if reason is not None]
        return not reasons, tuple(reasons)

    async def run(self) -> None:
        """Work for ever."""
        while True:
            taken = await self._take()
            if taken:
                await self._keep_for_sure(taken)
                await self._acknowledge()
                now_s = self._clock.monotonic()
                for item in taken:
                    self._count.ack_lag.observe(now_s - item.message.received_s)

    async def secure(self) -> None:
        """Make durable, for ever, what the store has only received."""
        while True:
            await asyncio.sleep(SECURE_S)
            names, self._insecure = self._insecure, []
            if not names:
                continue
            try:
                is_durable = await self._store.secure()
            except StorageError as error:
                self._insecure = names + self._insecure
                self._say(str(error))
                continue
            if is_durable:
                self._acks.durable(names)
                await self._acknowledge()
            else:
                # No acknowledgement: their gateways send them again.
                self._log.warning("store lost what it had received", payloads=len(names))
            self._count.insecure.set(len(self._insecure))

    async def _take(self) -> list[_Taken]:
        """Gather one group; each message is judged once."""
        first = await self._link.next()
        await asyncio.sleep(GROUP_S)
        messages = [first]
        while len(messages) < GROUP_MAX and (message := self._link.next_nowait()) is not None:
            messages.append(message)
        self._count.waiting.set(self._link.waiting)
        self._count.dropped.set(self._link.dropped)
        now_ms = self._clock.now_ms()
        oldest_ms = max(EARLIEST_MS, self._store.oldest_ms(now_ms))
        believed = Span(oldest_ms=oldest_ms, newest_ms=now_ms + FUTURE_MS)
        taken = []
        for number, message in enumerate(messages):
            if number % TURN == TURN - 1:
                await asyncio.sleep(0)
            if self._canary.heard(message):
                continue
            judged = judge(message.topic, message.payload, park=self._park, believed=believed)
            if judged is None:
                self._count.ignored.inc()
            else:
                taken.append(_Taken(message=message, judged=judged))
        self._count.payloads.inc(len(taken))
        return taken

    async def _keep_for_sure(self, taken: Sequence[_Taken]) -> None:
        wait_s = RETRY_S_MIN
        while True:
            try:
                await self._keep(taken)
            except StorageError as error:
                self._say(str(error))
                await asyncio.sleep(wait_s)
                wait_s = min(RETRY_S_MAX, 2 * wait_s)
            else:
                self._say(None)
                return

    async def _keep(self, taken: Sequence[_Taken]) -> None:
        """Quarantine first, then store: the store's memory of a payload says that all of it is kept."""
        names = [item.judged.name for item in taken if item.judged.name is not None]
        held = await self._quarantine.places(names)
        seen = {name for name in names if self._store.was_seen(name)}
        entries = self._entries([item for item in taken if item.judged.name not in seen])
        await self._quarantine.keep(entries)
        payloads = [_stored(item.judged, held) for item in taken if item.judged.name is not None]
        await self._store.write(payloads)
        for entry in entries:
            self._count.quarantined.labels(why=entry.refused.why.value).inc(entry.refused.samples)
        self._note(names, seen, payloads)

    def _entries(self, taken: Sequence[_Taken]) -> list[Entry]:
        received_ms = self._clock.now_ms()
        return [
            Entry(
                name=item.judged.name,
                refused=refused,
                topic=item.message.topic,
                payload=item.message.payload,
                received_ms=received_ms,
            )
            for item in taken
            for refused in item.judged.refused
        ]

    def _note(
        self, names: Sequence[PayloadName], seen: set[PayloadName], payloads: Sequence[StoredPayload]
    ) -> None:
        self._acks.received(names)
        if self._store.is_durable_when_written:
            self._acks.durable(names)
        else:
            self._insecure += names
            self._count.insecure.set(len(self._insecure))
        now_ms = self._clock.now_ms()
        self._count.redelivered.inc(sum(name in seen for name in names))
        for payload in payloads:
            if payload.name not in seen and payload.rows:
                self._count.stored.inc(len(payload.rows))
                self._count.delay.observe(max(0.0, (now_ms - payload.rows[0].observed_ms) / 1000))

    async def _acknowledge(self) -> None:
        """Say what is to be said; what is lost on the way is asked for again by a redelivery."""
        for ack in self._acks.take():
            topic = ours(ack.park, ack.gateway, Channel.ACK_SAMPLES)
            try:
                await self._link.publish(topic, self._signer.sign(acknowledgement_body(ack)), qos=1)
            except LinkError as error:
                self._log.info("acknowledgement not sent", gateway=ack.gateway, reason=str(error))

    def _say(self, fault: str | None) -> None:
        if fault != self._fault:
            if fault is None:
                self._log.info("store takes writes")
            else:
                self._log.error("store does not take writes", reason=fault)
        self._fault = fault
        self._count.store_up.set(fault is None)


def _stored(judged: Judged, held: Mapping[PayloadName, frozenset[int]]) -> StoredPayload:
    """Return what of a payload goes to the store: all but what is in quarantine already."""
    assert judged.name is not None
    places = held.get(judged.name, frozenset())
    rows = () if WHOLE in places else tuple(row for place, row in judged.rows if place not in places)
    return StoredPayload(name=judged.name, rows=rows)
