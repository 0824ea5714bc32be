"""Takes what arrives from the broker, in batches, and hands each message to the one who understands it.

It verifies who speaks; it decides nothing about what is said.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from control.bell import Bell
from control.commands.records import Records
from control.live.image import Image
from domain.errors import RemoteProtocolError
from domain.ids import DeviceId, GatewayId, PointRef
from runtime.log import logger
from runtime.mqtt import Message, MqttLink
from wire.canonical import dumps
from wire.heartbeat import Heartbeat, heartbeat
from wire.messages import Record, record, record_body
from wire.signing import Role, Verifier
from wire.sparkplug import decode
from wire.topics import Channel, Kind, parse_ours, parse_sparkplug, state

BATCH_MAX = 5
"""Messages taken without giving the loop back: half a millisecond, for which every turn of a request has to wait."""
ECHO_S = 0.5
"""Wall seconds within which a record that comes again is the same telling by its other way; its edge repeats itself more slowly."""
KNOWN_MAX = 1_000
"""Records of which it is known what their bytes say: each comes at least twice, as an answer and as a record."""

_UP = {Kind.NBIRTH, Kind.NDEATH, Kind.DBIRTH, Kind.DDEATH, Kind.NDATA, Kind.DDATA}
_STATES = state("")
_log = logger("control")


class Inbox:
    """The only reader of control's link."""

    def __init__(
        self,
        link: MqttLink,
        image: Image,
        verifier: Verifier,
        records: Records,
        *,
        on_points: Callable[[tuple[PointRef, ...]], None],
        on_state: Callable[[bytes], Awaitable[None]],
        changes: Bell,
    ) -> None:
        """`on_state` is given what is said of hosts that are here or away."""
        self._link = link
        self._image = image
        self._verifier = verifier
        self._records = records
        self._on_points = on_points
        self._on_state = on_state
        self._changes = changes
        self.refused = 0
        """Messages that were no messages of ours."""
        self._dropped = 0
        self._told: list[Record] = []
        """Records of the messages that are being taken."""
        self._keeping = asyncio.TaskGroup()
        self._known: dict[bytes, _Known] = {}
        """Bytes → what they say: whoever says the same again is not read again."""

    async def run(self) -> None:
        """Take messages for ever."""
        async with self._keeping:
            await self._listen()

    async def _listen(self) -> None:
        while True:
            message: Message | None = await self._link.next()
            count = 0
            while message is not None and count < BATCH_MAX:
                await self._take(message)
                message = self._link.next_nowait() if count + 1 < BATCH_MAX else None
                count += 1
            self._keep()
            if self._link.dropped != self._dropped:
                self._dropped = self._link.dropped
                self._image.doubt_all()
                _log.warning("messages dropped", count=self._dropped)
            await asyncio.sleep(0)

    def _keep(self) -> None:
        """Have records committed beside the listening: a disk that takes its time makes nothing stale meanwhile."""
        if self._told:
            told, self._told = self._told, []
            self._keeping.create_task(self._kept(told), name="keep records")

    async def _kept(self, told: list[Record]) -> None:
        await self._records.take_all(told)
        await self._records.acknowledge()

    async def _take(self, message: Message) -> None:
        try:
            sparkplug = parse_sparkplug(message.topic)
            if sparkplug is not None:
                if sparkplug.kind in _UP:
                    device = DeviceId(sparkplug.device) if sparkplug.device is not None else None
                    gateway = GatewayId(sparkplug.gateway)
                    payload = decode(message.payload)
                    self._on_points(self._image.take(sparkplug.kind, gateway, device, payload))
                return
            if message.topic.startswith(_STATES):
                self._keep()  # a broker that hangs would hold up what it answers
                await self._on_state(message.payload)
                return
            ours = parse_ours(message.topic)
            if ours is not None:
                await self._take_ours(GatewayId(ours[1]), ours[2], message)
        except RemoteProtocolError as error:
            self.refused += 1
            _log.warning("message refused", topic=message.topic, reason=str(error))

    async def _take_ours(self, gateway: GatewayId, channel: Channel, message: Message) -> None:
        if channel not in {Channel.HEARTBEAT, Channel.RECORDS, Channel.REPLY}:
            return
        if channel is Channel.HEARTBEAT:
            signed = self._verifier.verify(message.payload, roles=[Role.GATEWAY])
            said = heartbeat(signed.body)
            self._require_own(signed.identity, said, gateway, message.topic)
            if self._image.hear(said, now_s=message.received_s):
                self._changes.ring()
            return
        known = self._record(message.payload)
        self._require_own(known.by, known.said, gateway, message.topic)
        if message.received_s - known.taken_s >= ECHO_S:
            known.taken_s = message.received_s
            self._told.append(known.said)

    def _require_own(self, by: str, said: Heartbeat | Record, gateway: GatewayId, topic: str) -> None:
        """Refuse what one says for another, or of another park."""
        if not (by == said.gateway == gateway) or said.park != self._image.park.id:
            fault = f"{by} speaks for {said.park}/{said.gateway} on {topic}"
            raise RemoteProtocolError(fault)

    def _record(self, token: bytes) -> "_Known":
        """Return what a record's bytes say. Raises RemoteProtocolError."""
        found = self._known.get(token)
        if found is None:
            signed = self._verifier.verify(token, roles=[Role.GATEWAY])
            found = _Known(by=signed.identity, said=record(signed.body))
            _require_canonical(found.said)
            self._known[token] = found
            if len(self._known) > KNOWN_MAX:
                del self._known[next(iter(self._known))]
        return found


@dataclass(slots=True)
class _Known:
    by: str
    """Who signed it."""
    said: Record
    taken_s: float = -math.inf
    """When it was last taken (monotonic)."""


def _require_canonical(said: Record) -> None:
    """Refuse what could not stand in the audit log: numbers beyond 2⁵³, broken text."""
    try:
        dumps(record_body(said))
    except ValueError as error:
        fault = f"a record that has no canonical form: {error}"
        raise RemoteProtocolError(fault) from error
