"""A gateway without PLCs that speaks the signed protocol and stands where a test puts it."""

import asyncio
import contextlib
import hashlib
import secrets
from dataclasses import dataclass, field

from domain.command import Action, Phase
from domain.definition import definition_hashes
from domain.errors import LinkError
from domain.ids import FacilityId, GatewayId
from domain.order import OrderSet
from domain.park import Park
from domain.quality import Quality
from runtime.mqtt import BrokerSettings, MqttLink, Subscription, Will
from tests.service.control.console import CLOCK, until
from wire.canonical import Json
from wire.heartbeat import Heartbeat, heartbeat_body
from wire.messages import CommandMessage, Record, acknowledgement, command, orders, record_body, term
from wire.signing import Role, Signer, Verifier
from wire.sparkplug import DataType, Metric, Payload, encode, payload_uuid
from wire.topics import Channel, Kind, ours, parse_ours, sparkplug

CALM: dict[str, float] = {
    "ph": 7.2,
    "conductivity": 500.0,
    "cod": 20.0,
    "nh3n": 1.0,
    "level": 1.0,
    "volume": 100.0,
}


@dataclass
class Obeyed:
    """One operate that a fake edge carried out."""

    actuator: str
    action: Action
    command: str


@dataclass
class Edge:
    """A gateway without PLCs: its gates move after `travel_s` wall seconds."""

    park: Park
    id: GatewayId
    signer: Signer
    verifier: Verifier
    link: MqttLink = field(init=False)
    opened: set[str] = field(default_factory=set)
    local: set[str] = field(default_factory=set)
    mute: set[str] = field(default_factory=set)
    """Actuators on which commands are heard and never answered."""
    stale: set[str] = field(default_factory=set)
    """Devices that do not answer."""
    travel_s: float = 0.2
    values: dict[str, float | bool] = field(default_factory=dict)
    is_beating: bool = True
    is_acknowledged: bool = True
    epoch: str = field(default_factory=lambda: secrets.token_hex(16))
    term: int = 0
    orders: OrderSet = field(default_factory=OrderSet)
    obeyed: list[Obeyed] = field(default_factory=list)
    heard: list[CommandMessage] = field(default_factory=list)
    tokens: list[bytes] = field(default_factory=list)
    journal: dict[int, Record] = field(default_factory=dict)
    rebirths: int = 0
    _seq: int = 0
    _offset: int = 0
    _sample: int = 0
    _challenges: set[str] = field(default_factory=set)
    _known: dict[tuple[str, str], str] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def connect(self, broker: BrokerSettings) -> None:
        heard = (Channel.COMMAND, Channel.ORDERS, Channel.TERM, Channel.ACK_RECORDS)
        self.link = MqttLink(
            broker,
            client_id=f"edge-{self.id}-{secrets.token_hex(4)}",
            clock=CLOCK,
            subscriptions=[
                *(Subscription(topic=ours(self.park.id, self.id, channel), qos=1) for channel in heard),
                Subscription(topic=sparkplug(self.park.id, Kind.NCMD, self.id)),
            ],
            will=lambda: Will(
                topic=sparkplug(self.park.id, Kind.NDEATH, self.id), payload=encode(self._bd()), qos=1
            ),
        )

    def spawn(self, coro: object, name: str) -> None:
        task = asyncio.get_running_loop().create_task(coro, name=name)  # type: ignore[arg-type,var-annotated]
        self._tasks.add(task)

    async def run(self) -> None:
        self.spawn(self.link.run(self.birth), "edge link")
        self.spawn(self._beat(), "edge beat")
        self.spawn(self._listen(), "edge listen")
        await until(lambda: self.link.is_connected, why="the edge is connected")

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def birth(self) -> None:
        self._seq = 0
        bd = self._bd()
        payload = Payload(timestamp_ms=CLOCK.now_ms(), metrics=bd.metrics, seq=0)
        await self.link.publish(sparkplug(self.park.id, Kind.NBIRTH, self.id), encode(payload))
        for device in self.park.devices_of(self.id):
            await self._say(Kind.DBIRTH, device.id, [point.ref for point in self.park.points_of(device.id)])

    async def data(self, *refs: str) -> None:
        """Publish these points as they are now."""
        device = self.park.points[refs[0]].device  # type: ignore[index]
        await self._say(Kind.DDATA, device, list(refs), uuid=payload_uuid(self.epoch, self._offset))

    async def put(self, ref: str, value: float | bool) -> None:
        self.values[ref] = value
        await self.data(ref)

    def skip_seq(self) -> None:
        """As if a message had been lost."""
        self._seq = (self._seq + 1) % 256

    async def beat(self) -> None:
        challenge = secrets.token_hex(16)
        self._challenges.add(challenge)
        devices = [device.id for device in self.park.devices_of(self.id)]
        own = {key: item for key, item in self.park.actuators.items() if self.park.gateway_of(key) == self.id}
        said = Heartbeat(
            park=self.park.id,
            gateway=self.id,
            epoch=self.epoch,
            challenge=challenge,
            term=self.term,
            sent_ms=CLOCK.now_ms(),
            ages_ms={device: 60_000 if device in self.stale else 100 for device in devices},
            stale_after_ms=dict.fromkeys(devices, 2000),
            journal_payloads=0,
            journal_full=False,
            records_pending=len(self.journal),
            clock_offset_ms=0,
            definitions={key: definition_hashes(self.park, item) for key, item in own.items()},
            orders=self.orders.hash(),
        )
        await self.link.publish(self._topic(Channel.HEARTBEAT), self.signer.sign(heartbeat_body(said)))

    async def record(self, kind: str, actuator: str | None, body: dict[str, Json]) -> Record:
        """Journal a record and publish it early and late."""
        item = Record(
            park=self.park.id,
            gateway=self.id,
            epoch=self.epoch,
            offset=self._offset,
            at_ms=CLOCK.now_ms(),
            kind=kind,
            actuator=FacilityId(actuator) if actuator is not None else None,
            body=body,
        )
        self._offset += 1
        self.journal[item.offset] = item
        token = self.signer.sign(record_body(item))
        await self.link.publish(self._topic(Channel.REPLY), token, qos=1)
        await self.link.publish(self._topic(Channel.RECORDS), token, qos=1)
        return item

    async def command_record(
        self, message: CommandMessage, token: bytes, state: str, reasons: list[Json] | None = None
    ) -> None:
        body: dict[str, Json] = {
            "id": message.id,
            "phase": message.phase.value,
            "hash": hashlib.sha256(token).hexdigest(),
            "action": message.action.value,
            "author": message.author,
            "reason": message.reason,
            "state": state,
            "reasons": reasons or [],
            "warnings": [],
            "evidence": {
                f"{message.actuator}/closed": {
                    "value": True,
                    "quality": 192,
                    "observed_ms": CLOCK.now_ms(),
                    "age_ms": 50,
                }
            },
            "instead_of": message.instead_of,
        }
        await self.record("command", message.actuator, body)

    def void_challenges(self) -> None:
        self._challenges.clear()

    async def _beat(self) -> None:
        while True:
            if self.is_beating and self.link.is_connected:
                with contextlib.suppress(LinkError):
                    await self.beat()
                    await self._say_again()
            await asyncio.sleep(0.5)

    async def _say_again(self) -> None:
        """Records are said until they are acknowledged."""
        old_ms = CLOCK.now_ms() - 1000
        for item in [item for item in self.journal.values() if item.at_ms < old_ms]:
            await self.link.publish(self._topic(Channel.RECORDS), self.signer.sign(record_body(item)), qos=1)

    async def _listen(self) -> None:
        while True:
            message = await self.link.next()
            found = parse_ours(message.topic)
            if found is None:
                self.rebirths += 1
                await self.birth()
                continue
            body = self.verifier.verify(message.payload, roles=[Role.CONTROL]).body
            match found[2]:
                case Channel.TERM:
                    self.term = max(self.term, term(body).term)
                case Channel.ORDERS:
                    self.orders = self.orders.merged(orders(body).orders)
                case Channel.ACK_RECORDS if self.is_acknowledged:
                    said = acknowledgement(body)
                    for first, last in said.durable:
                        for offset in range(first, last + 1):
                            if said.epoch == self.epoch:
                                self.journal.pop(offset, None)
                case Channel.COMMAND:
                    self.spawn(self._obey(command(body), message.payload), "edge obeys")
                case _:
                    pass

    async def _obey(self, message: CommandMessage, token: bytes) -> None:
        digest = hashlib.sha256(token).hexdigest()
        self.tokens.append(token)
        key = (message.id, message.phase.value)
        if self._known.get(key) == digest:
            return
        self._known[key] = digest
        self.heard.append(message)
        if message.actuator in self.mute:
            return
        if message.challenge not in self._challenges:
            stale: Json = {
                "code": "challenge-stale",
                "zh": "挑战码失效",
                "en": "the challenge is stale",
                "values": {},
            }
            await self.command_record(message, token, "refused", [stale])
            return
        if message.actuator in self.local:
            local: Json = {
                "code": "blocked-by-switching-hierarchy",
                "zh": "就地",
                "en": "local",
                "values": {},
            }
            await self.command_record(message, token, "refused", [local])
            return
        match message.phase:
            case Phase.SELECT:
                await self.command_record(message, token, "selected")
            case Phase.CANCEL:
                await self.command_record(message, token, "withdrawn")
            case Phase.OPERATE:
                await self._move(message, token)

    async def _move(self, message: CommandMessage, token: bytes) -> None:
        self.obeyed.append(Obeyed(message.actuator, message.action, message.id))
        await self.command_record(message, token, "operating")
        await asyncio.sleep(self.travel_s)
        match message.action:
            case Action.OPEN:
                self.opened.add(message.actuator)
            case Action.CLOSE:
                self.opened.discard(message.actuator)
            case _:
                pass
        actuator = self.park.actuators[message.actuator]
        await self.data(actuator.point(actuator.feedback.opened), actuator.point(actuator.feedback.closed))
        await self.command_record(message, token, "confirmed")

    def _value(self, ref: str) -> float | bool | None:
        if ref in self.values:
            return self.values[ref]
        facility, name = ref.split("/")
        actuator = self.park.actuators.get(FacilityId(facility))
        point = self.park.points[ref]  # type: ignore[index]
        if actuator is not None:
            match name:
                case actuator.feedback.opened:
                    return facility in self.opened
                case actuator.feedback.closed:
                    return facility not in self.opened
                case actuator.feedback.remote:
                    return facility not in self.local
                case actuator.feedback.power:
                    return True
                case _:
                    pass
        return False if point.is_boolean else CALM.get(name, 0.0)

    async def _say(self, kind: Kind, device: str, refs: list[str], *, uuid: str | None = None) -> None:
        self._seq = (self._seq + 1) % 256
        self._sample += 1
        now_ms = CLOCK.now_ms() + self._sample
        metrics = tuple(
            Metric(
                name=ref,
                value=(value := self._value(ref)),
                datatype=DataType.BOOLEAN if isinstance(value, bool) else DataType.DOUBLE,
                timestamp_ms=now_ms,
                quality=Quality.GOOD,
            )
            for ref in refs
        )
        payload = Payload(timestamp_ms=now_ms, metrics=metrics, seq=self._seq, uuid=uuid)
        await self.link.publish(sparkplug(self.park.id, kind, self.id, device), encode(payload))

    def _bd(self) -> Payload:
        metric = Metric(name="bdSeq", value=1, datatype=DataType.INT64)
        return Payload(timestamp_ms=CLOCK.now_ms(), metrics=(metric,))

    def _topic(self, channel: Channel) -> str:
        return ours(self.park.id, self.id, channel)
