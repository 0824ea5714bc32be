"""Takes payloads from the broker, has them stored or quarantined in groups, and acknowledges them afterwards.

Never acknowledges what is not kept. While the store is gone it holds two groups and tries again: the link's bounded queue
fills, drops its oldest, and the gateways send that again from their journals.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from domain.errors import LinkError, StorageError
from domain.park import Park
from ingest.acks import Acks
from ingest.instruments import Instruments
from ingest.judge import WHOLE, Judge, Judged, Span
from ingest.quarantine import Entry, Quarantine
from ingest.subscription import Canary
from ingest.texts import Texts
from runtime.clock import Clock
from runtime.liveness import Breath
from runtime.log import logger
from runtime.mqtt import Message, MqttLink
from stores.port import PayloadName, StoredPayload, TimeSeriesStore
from wire.messages import acknowledgement_body
from wire.signing import Signer
from wire.topics import Channel, ours

GROUP_S = 0.05
"""Wall seconds for which payloads are gathered into one commit: bounds the delay, divides the cost of a sync."""
GROUP_MAX = 2000
"""Payloads in one commit."""
GROUP_BYTES_MAX = 8_000_000
"""Their bytes, about 160,000 samples: bounds a commit and what is held in memory beside the link's queue."""
GROUPS_MAX = 1
"""Groups that are judged while another is being stored."""
TURN = 20
"""Payloads judged before the loop gets a turn."""
SECURE_S = 3.0
"""Wall seconds between two attempts to make durable what a store has only received; a gateway waits 60."""
RETRY_S_MIN = 0.5
RETRY_S_MAX = 5.0
"""Wall seconds between two attempts at a store that is gone; doubling."""
TIDY_S = 3600.0
"""Wall seconds between two looks for texts that are past retention."""
EARLIEST_MS = 946_684_800_000
"""2000-01-01: an older sample comes from a clock that was never set."""
FUTURE_MS = 86_400_000
"""A sample newer than a day ahead of us has a wrong clock; a few minutes are a matter of drift."""
TIMED_MAX = 200_000
"""Payloads whose way to durable is timed; beyond, the oldest is no longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    message: Message
    judged: Judged


class Worker:
    """One worker's whole work between link and store: `gather` and `keep` run side by side, `secure` and `tidy` behind."""

    def __init__(
        self,
        *,
        park: Park,
        link: MqttLink,
        canary: Canary,
        store: TimeSeriesStore,
        quarantine: Quarantine,
        texts: Texts,
        signer: Signer,
        clock: Clock,
        instruments: Instruments,
    ) -> None:
        self._judge = Judge(park)
        self._link = link
        self._canary = canary
        self._store = store
        self._quarantine = quarantine
        self._texts = texts
        self._signer = signer
        self._clock = clock
        self._count = instruments
        # Asked for when somebody looks: while the store is gone nothing is taken from the link.
        instruments.waiting.set_function(lambda: link.waiting)
        instruments.dropped.set_function(lambda: link.dropped)
        self._acks = Acks(park.id)
        self._groups: asyncio.Queue[list[_Taken]] = asyncio.Queue(GROUPS_MAX)
        self._read_ms: dict[PayloadName, int] = {}
        """When the payloads were read that the store has received and are not durable."""
        self._fault: str | None = None
        self._log = logger("ingest")

    def readiness(self) -> tuple[bool, tuple[str, ...]]:
        """Whether samples arrive and are stored now, and why not."""
        reasons = [reason for reason in (self._canary.fault(), self._fault) if reason is not None]
        return not reasons, tuple(reasons)

    def take_park(self, park: Park) -> None:
        """Judge by another definition of the same park from the next message on."""
        self._judge = Judge(park)

    async def gather(self) -> None:
        """Take and judge payloads, for ever."""
        while True:
            taken = await self._take()
            if taken:
                await self._groups.put(taken)

    async def keep(self, breath: Breath) -> None:
        """Keep what was gathered and acknowledge it, for ever; `breath` rests while nothing arrives."""
        while True:
            breath.rest()
            taken = await self._groups.get()
            await self._keep_for_sure(taken, breath)
            await self._acknowledge()
            now_s = self._clock.monotonic()
            for item in taken:
                self._count.ack_lag.observe(now_s - item.message.received_s)

    async def secure(self) -> None:
        """Make durable, for ever, what the store has only received."""
        while True:
            await asyncio.sleep(SECURE_S)
            if not self._read_ms:
                continue
            waiting = tuple(self._read_ms)
            try:
                names = await self._store.secure()
            except StorageError as error:
                self._say(str(error))
                continue
            self._say(None)
            if names:
                self._acks.durable(names)
                self._timed(names)
                await self._acknowledge()
            else:
                # No acknowledgement: their gateways send them again.
                self._log.warning(
                    "store lost what it had received, or threw rows away", payloads=len(waiting)
                )
                for name in waiting:
                    self._read_ms.pop(name, None)
            self._count.insecure.set(len(self._read_ms))

    async def tidy(self) -> None:
        """Take away, for ever, texts that are past the store's retention."""
        while True:
            await asyncio.sleep(TIDY_S)
            try:
                await self._texts.forget(self._store.oldest_ms(self._clock.now_ms()))
            except StorageError as error:
                self._log.warning("old texts not taken away", reason=str(error))

    async def _take(self) -> list[_Taken]:
        """Gather one group; each message is judged once."""
        messages = [await self._link.next()]
        await asyncio.sleep(GROUP_S)
        size = len(messages[0].payload)
        while len(messages) < GROUP_MAX and size < GROUP_BYTES_MAX:
            message = self._link.next_nowait()
            if message is None:
                break
            messages.append(message)
            size += len(message.payload)
        now_ms = self._clock.now_ms()
        oldest_ms = max(EARLIEST_MS, self._store.oldest_ms(now_ms))
        believed = Span(oldest_ms=oldest_ms, newest_ms=now_ms + FUTURE_MS)
        taken = []
        for number, message in enumerate(messages):
            if number % TURN == TURN - 1:
                await asyncio.sleep(0)
            if self._canary.heard(message):
                continue
            judged = self._judge.judge(message.topic, message.payload, believed)
            if judged is None:
                self._count.ignored.inc()
            else:
                taken.append(_Taken(message=message, judged=judged))
        self._count.payloads.inc(len(taken))
        return taken

    async def _keep_for_sure(self, taken: Sequence[_Taken], breath: Breath) -> None:
        wait_s = RETRY_S_MIN
        while True:
            breath()
            try:
                await self._keep(taken)
            except StorageError as error:
                self._count.store_errors.inc()
                self._say(str(error))
                await asyncio.sleep(wait_s)
                wait_s = min(RETRY_S_MAX, 2 * wait_s)
            else:
                self._say(None)
                return

    async def _keep(self, taken: Sequence[_Taken]) -> None:
        """Quarantine and texts first, then store: the store's memory of a payload says that all of it is kept."""
        named = [item.judged for item in taken if item.judged.name is not None]
        names = [judged.name for judged in named if judged.name is not None]
        seen = {name for name in names if self._store.was_seen(name)}
        again = [judged.name for judged in named if judged.name in seen or not judged.is_first]
        held = await self._quarantine.places([name for name in again if name is not None])
        entries = self._entries([item for item in taken if item.judged.name not in seen])
        await self._quarantine.keep(entries)
        await self._texts.keep(
            [
                (judged.name, text)
                for judged in named
                if judged.texts and judged.name is not None
                for text in judged.texts
                if not {WHOLE, text.place} & held.get(judged.name, frozenset())
            ]
        )
        payloads = [_stored(judged, held) for judged in named]
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
        now_ms = self._clock.now_ms()
        self._count.redelivered.inc(sum(name in seen for name in names))
        for payload in payloads:
            samples = payload.samples
            read_ms = int(samples.times_ms[0]) if samples.points else now_ms
            self._read_ms[payload.name] = read_ms
            if payload.name not in seen and samples.points:
                self._count.stored.inc(len(samples.points))
                self._count.delay.observe(max(0.0, (now_ms - read_ms) / 1000))
        if self._store.is_durable_when_written:
            self._acks.durable(names)
            self._timed(names)
        while len(self._read_ms) > TIMED_MAX:
            del self._read_ms[next(iter(self._read_ms))]
        self._count.insecure.set(len(self._read_ms))

    def _timed(self, names: Sequence[PayloadName]) -> None:
        """Count how long payloads took to become durable."""
        now_ms = self._clock.now_ms()
        for name in names:
            read_ms = self._read_ms.pop(name, None)
            if read_ms is not None:
                self._count.durable_delay.observe(max(0.0, (now_ms - read_ms) / 1000))

    async def _acknowledge(self) -> None:
        """Say what is to be said; what is lost on the way is asked for again by a redelivery."""
        for ack in self._acks.take():
            topic = ours(ack.park, ack.gateway, Channel.ACK_SAMPLES)
            try:
                await self._link.publish(topic, self._signer.sign(acknowledgement_body(ack)))
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
    samples = judged.samples
    if places:
        stays = [at for at, place in enumerate(judged.places) if not places & {place, WHOLE}]
        samples = samples.picked(np.array(stays, np.intp))
    return StoredPayload(name=judged.name, samples=samples, is_first=judged.is_first)
