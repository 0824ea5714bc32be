"""Sends again what the receivers have not acknowledged, behind live data, and takes their acknowledgements."""

import asyncio
import contextlib
from typing import Literal

from domain.errors import LinkError, RemoteProtocolError, StorageError
from gateway.lane import Lane
from runtime.clock import Clock
from runtime.journal import Journal
from runtime.log import logger
from runtime.mqtt import MqttLink
from wire.messages import acknowledgement
from wire.signing import Role, Verifier

LOOK_S = 0.2
"""Wall seconds between looks at what is due when no acknowledgement comes."""
BEHIND_S = 0.02
"""Wall seconds between single payloads while live data waits: it goes first, and the backlog never stands still."""
TURN = 20
"""Payloads sent again before the loop gets a turn: a poll, a command or a heartbeat goes between."""
PACK_S = 0.5
"""Wall seconds between packings: in an outage a segment of 100,000 points closes every second at most."""
SYNC_S = 1.0
"""Wall seconds: at most that much is lost by a power cut."""


class Backfill:
    """The resending of one journal on one topic."""

    def __init__(
        self,
        journal: Journal,
        link: MqttLink,
        *,
        topic: str,
        qos: Literal[0, 1],
        clock: Clock,
        verifier: Verifier,
        receiver: Role,
        gateway: str,
        behind: Lane,
    ) -> None:
        """`receiver` is the role whose acknowledgements count; while `behind` has something waiting, one goes at a time."""
        self._journal = journal
        self._link = link
        self._topic = topic
        self._qos = qos
        self._clock = clock
        self._verifier = verifier
        self._receiver = receiver
        self._gateway = gateway
        self._behind = behind
        self._answered = asyncio.Event()
        self._fault: str | None = None
        self._log = logger("backfill").bind(topic=topic)
        self.refused = 0
        """Acknowledgements that were not believed."""

    def acknowledge(self, token: bytes) -> None:
        """Take an acknowledgement; one that is forged, malformed or of another gateway is counted and dropped."""
        try:
            message = acknowledgement(self._verifier.verify(token, roles={self._receiver}).body)
        except RemoteProtocolError as error:
            self.refused += 1
            if self.refused == 1:
                self._log.warning("acknowledgement refused", reason=str(error))
            return
        if message.gateway != self._gateway:
            self.refused += 1
            return
        self._journal.received(message.epoch, message.received)
        self._journal.durable(message.epoch, message.durable)
        self._answered.set()

    async def run(self) -> None:
        """Send again for ever: at each acknowledgement, which gives credit, and every LOOK_S; behind live data."""
        while True:
            self._answered.clear()
            with contextlib.suppress(LinkError):  # due again later; the link says why
                while self._link.is_connected and await self._send_chunk():
                    pass
            if not self._behind.is_empty:
                await self._clock.sleep(0.0, floor_s=BEHIND_S)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._answered.wait()

    async def _send_chunk(self) -> bool:
        """Send what is due and in memory; return whether there may be more to send now."""
        now_s = self._clock.monotonic()
        fetch = self._journal.fetcher(now_s)
        if fetch is not None:
            # The disk, inflating and restoring take tens of milliseconds, in which a command must not wait.
            await asyncio.to_thread(fetch)
        sent = 0
        for entry in self._journal.due(now_s, only_fetched=True):
            await self._link.publish(self._topic, entry.payload, qos=self._qos)
            sent += 1
            if not self._behind.is_empty:
                return False
            if sent % TURN == 0:
                await asyncio.sleep(0)
        self._say(self._journal.read_fault)
        return sent > 0

    async def keep(self) -> None:
        """Sync, pack and trim for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._sync(), name="to disk")
            tasks.create_task(self._pack(), name="packing")

    async def _sync(self) -> None:
        while True:
            await self._clock.sleep(0.0, floor_s=SYNC_S)
            try:
                sync = self._journal.syncer()
                if sync is not None:
                    await asyncio.to_thread(sync)
            except (OSError, StorageError) as error:
                self._journal.is_full = True
                self._log.error("journal not synced", reason=str(error))
            if lost := self._journal.trim():
                self._log.error("journal bound reached: oldest payloads dropped", payloads=lost)

    async def _pack(self) -> None:
        while True:
            await self._clock.sleep(0.0, floor_s=PACK_S)
            job = self._journal.packer()
            if job is not None:
                path, pack = job
                self._journal.packed(path, await asyncio.to_thread(pack, path))

    def _say(self, fault: str | None) -> None:
        if fault != self._fault and fault is not None:
            self._log.error("journal cannot be read", reason=fault)
        self._fault = fault
