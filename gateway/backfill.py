"""Sends again what the receivers have not acknowledged, behind live data, and takes their acknowledgements."""

import asyncio
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
"""Wall seconds between looks at what is due."""
PACK_S = 30.0
"""Wall seconds between packings of a closed segment that is still held: a healthy receiver frees it before."""
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
        """`receiver` is the role whose acknowledgements count; nothing is sent while `behind` has something waiting."""
        self._journal = journal
        self._link = link
        self._topic = topic
        self._qos = qos
        self._clock = clock
        self._verifier = verifier
        self._receiver = receiver
        self._gateway = gateway
        self._behind = behind
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

    async def run(self) -> None:
        """Send again for ever."""
        while True:
            if self._link.is_connected and self._behind.is_empty:
                try:
                    await self._send_due()
                except LinkError:
                    pass  # due again later; the link says why
                except StorageError as error:
                    self._log.error("journal cannot be read", reason=str(error))
            await self._clock.sleep(0.0, floor_s=LOOK_S)

    async def _send_due(self) -> None:
        for entry in self._journal.due(self._clock.monotonic()):
            await self._link.publish(self._topic, entry.payload, qos=self._qos)
            if not self._behind.is_empty:
                return

    async def keep(self) -> None:
        """Sync, pack and trim for ever."""
        packed_s = self._clock.monotonic()
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
            if self._clock.monotonic() - packed_s > PACK_S:
                packed_s = self._clock.monotonic()
                await self._pack()

    async def _pack(self) -> None:
        job = self._journal.packer()
        if job is not None:
            path, pack = job
            self._journal.packed(path, await asyncio.to_thread(pack, path))
