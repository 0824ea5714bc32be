"""Makes records of what happened here: signed, journalled and synced, then published; kept in memory while the disk is full."""

from collections import deque
from collections.abc import Mapping

from domain.errors import StorageError
from domain.ids import FacilityId, GatewayId, ParkId
from gateway.lane import Lane
from runtime.clock import Clock
from runtime.journal import Journal
from runtime.log import logger
from wire.canonical import Json
from wire.messages import Record, record_body
from wire.signing import Signer
from wire.topics import Channel, ours

HELD_MAX = 10_000
"""Records kept in memory while the disk takes none; beyond it a record is published and a note of its loss kept: an hour of alarms."""


class Records:
    """The records of one gateway, numbered without gaps."""

    def __init__(
        self,
        journal: Journal,
        signer: Signer,
        lane: Lane,
        early: Lane,
        *,
        park: ParkId,
        gateway: GatewayId,
        clock: Clock,
    ) -> None:
        self.gateway = gateway
        self.park = park
        self._journal = journal
        self._signer = signer
        self._lane = lane
        self._early = early
        self._clock = clock
        self._held: deque[bytes] = deque()
        self._log = logger("records")
        self._topic = ours(park, gateway, Channel.RECORDS)
        self._reply = ours(park, gateway, Channel.REPLY)

    @property
    def is_full(self) -> bool:
        """Whether the disk takes no records now."""
        return bool(self._held) or self._journal.is_full

    @property
    def pending(self) -> int:
        """Records that control has not acknowledged."""
        return self._journal.depth + len(self._held)

    @property
    def next_id(self) -> str:
        """Name of the next record, `gateway:epoch:offset`: the id of an order that it makes."""
        return f"{self.gateway}:{self._journal.epoch}:{self._next_offset}"

    def make(self, kind: str, body: Mapping[str, Json], *, actuator: FacilityId | None = None) -> bytes:
        """Keep and publish a record, and return its bytes. Synced on return, unless the disk is full."""
        offset = self._next_offset
        token = self._sign(offset, kind, body, actuator)
        if self._held or not self._keep(token, offset):
            self._hold(token)
        self.repeat(token)
        self._lane.put(self._topic, token, 1)
        return token

    def repeat(self, token: bytes) -> None:
        """Publish the record of something that was asked again, early and without keeping it twice."""
        self._early.put(self._reply, token)

    def flush(self) -> bool:
        """Journal what is held in memory; return whether nothing is held any more."""
        while self._held:
            offset = self._journal.next_offset
            lost: dict[str, Json] = {
                "full": True,
                "detail": "a record was lost: the disk was full for too long",
            }
            if not self._keep(self._held[0] or self._sign(offset, "journal", lost, None), offset):
                return False
            self._held.popleft()
        return True

    @property
    def _next_offset(self) -> int:
        return self._journal.next_offset + len(self._held)

    def _keep(self, token: bytes, offset: int) -> bool:
        try:
            kept = self._journal.append(self._topic, token, sync=True)
        except StorageError as error:
            if not self._held:
                self._log.error("records kept in memory", reason=str(error))
            return False
        assert kept == offset
        return True

    def _hold(self, token: bytes) -> None:
        if len(self._held) >= HELD_MAX:
            self._log.error("a record is kept nowhere: the disk has been full for too long")
            # Its place is kept, so that the numbers stay without gaps; it was published all the same.
            token = b""
        self._held.append(token)

    def _sign(self, offset: int, kind: str, body: Mapping[str, Json], actuator: FacilityId | None) -> bytes:
        record = Record(
            park=self.park,
            gateway=self.gateway,
            epoch=self._journal.epoch,
            offset=offset,
            at_ms=self._clock.now_ms(),
            kind=kind,
            actuator=actuator,
            body=body,
        )
        return self._signer.sign(record_body(record))
