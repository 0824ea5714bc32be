"""A real control process at a real mosquitto, and edges that speak the signed protocol and stand where a test puts them."""

import asyncio
import contextlib
import hashlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from domain.command import Action, Phase
from domain.definition import definition_hashes
from domain.errors import LinkError
from domain.ids import FacilityId, GatewayId
from domain.order import OrderSet
from domain.park import Park
from domain.quality import Quality
from runtime.clock import RealClock
from runtime.mqtt import BrokerSettings, MqttLink, Subscription, Will
from runtime.parkfiles.loading import load_park
from wire.canonical import Json
from wire.messages import (
    CommandMessage,
    Heartbeat,
    Record,
    acknowledgement,
    command,
    heartbeat_body,
    orders,
    record_body,
    term,
)
from wire.signing import Role, Signer, Verifier, load_signer, load_verifier, new_key, public_part
from wire.sparkplug import DataType, Metric, Payload, encode, payload_uuid
from wire.topics import Channel, Kind, ours, parse_ours, sparkplug

ROOT = Path(__file__).parents[3]
MOSQUITTO = Path("/usr/sbin/mosquitto")
HOST = "127.0.0.1"
WAIT_S = 30.0
START_S = 90.0
"""Wall seconds for a start: importing alone takes seconds on a machine that is busy with something else."""
CLOCK = RealClock()
CALM: dict[str, float] = {
    "ph": 7.2,
    "conductivity": 500.0,
    "cod": 20.0,
    "nh3n": 1.0,
    "level": 1.0,
    "volume": 100.0,
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


async def until(what: Callable[[], object], *, within_s: float = WAIT_S, why: str = "") -> None:
    end_s = CLOCK.monotonic() + within_s
    while not what():
        assert CLOCK.monotonic() < end_s, f"never: {why or what}"
        await asyncio.sleep(0.02)


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


class Console:
    """One person at the API."""

    def __init__(self, url: str) -> None:
        self.http = httpx.AsyncClient(base_url=f"{url}/api/v1", timeout=15.0, trust_env=False)
        self.csrf = ""

    async def sign_in(self, username: str, password: str) -> httpx.Response:
        response = await self.http.post("/session", json={"username": username, "password": password})
        if response.is_success:
            self.csrf = response.json()["csrf"]
        return response

    async def get(self, path: str, **query: object) -> httpx.Response:
        return await self.http.get(path, params=query)  # type: ignore[arg-type]

    async def post(self, path: str, body: object, **headers: str) -> httpx.Response:
        return await self.http.post(path, json=body, headers={"X-Stoplog-Csrf": self.csrf, **headers})

    async def delete(self, path: str, **query: object) -> httpx.Response:
        return await self.http.delete(path, params=query, headers={"X-Stoplog-Csrf": self.csrf})  # type: ignore[arg-type]

    async def command(self, actuator: str, action: str, **more: object) -> httpx.Response:
        return await self.post(
            "/commands", {"actuator": actuator, "action": action, "reason": "演练", **more}
        )

    async def live(self) -> dict[str, Any]:
        return (await self.get("/live")).json()  # type: ignore[no-any-return]

    async def state(self, command: str, *wanted: str, within_s: float = WAIT_S) -> dict[str, Any]:
        """Wait until the command is in one of these states; return it."""
        end_s = CLOCK.monotonic() + within_s
        while True:
            view = (await self.get(f"/commands/{command}")).json()
            if view["state"] in wanted:
                return view  # type: ignore[no-any-return]
            assert CLOCK.monotonic() < end_s, f"never {wanted}: {view}"
            await asyncio.sleep(0.05)

    async def run_state(self, run: str, *wanted: str, within_s: float = WAIT_S) -> dict[str, Any]:
        end_s = CLOCK.monotonic() + within_s
        while True:
            view = (await self.get(f"/runs/{run}")).json()
            if view["state"] in wanted:
                return view  # type: ignore[no-any-return]
            assert CLOCK.monotonic() < end_s, f"never {wanted}: {view}"
            await asyncio.sleep(0.05)


class Rig:
    """Broker, control and two edges."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.park = load_park(ROOT / "parks" / "lingang")
        self.broker_port, self.api_port = free_port(), free_port()
        self.broker = BrokerSettings(host=HOST, port=self.broker_port)
        self.url = f"http://{HOST}:{self.api_port}"
        self.state = folder / "control"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._consoles: list[Console] = []
        keys: list[dict[str, str]] = []
        self.signers: dict[str, Signer] = {}
        for identity in [*self.park.gateways, "control"]:
            role = Role.CONTROL if identity == "control" else Role.GATEWAY
            private = new_key(kid=identity, role=role, identity=identity)
            self.signers[identity] = load_signer(json.dumps(private))
            if identity == "control":
                (folder / "control.jwk").write_text(json.dumps(private))
            keys.append(public_part(private))
        (folder / "trusted.jwks").write_text(json.dumps({"keys": keys}))
        self.verifier = load_verifier(json.dumps({"keys": keys}))
        self.edges = {
            gateway: Edge(park=self.park, id=gateway, signer=self.signers[gateway], verifier=self.verifier)
            for gateway in self.park.gateways
        }
        (folder / "mosquitto.conf").write_text(
            f"user root\nlistener {self.broker_port} {HOST}\nallow_anonymous true\n"
        )
        (folder / "control.toml").write_text(self.settings())

    def settings(self) -> str:
        return f"""
park = "{ROOT / "parks" / "lingang"}"
state = "{self.state}"
broker_wait_s = 5.0
[broker]
host = "{HOST}"
port = {self.broker_port}
[keys]
own = "{self.folder / "control.jwk"}"
trusted = "{self.folder / "trusted.jwks"}"
[database]
url = "sqlite:///{self.state / "control.sqlite"}"
[api]
host = "{HOST}"
port = {self.api_port}
"""

    @property
    def east(self) -> Edge:
        return self.edges[GatewayId("gw_east")]

    def start_broker(self) -> None:
        self._start("broker", [str(MOSQUITTO), "-c", str(self.folder / "mosquitto.conf")])

    def start_control(self) -> None:
        code = "import sys; from pathlib import Path; from control.app import main; sys.exit(main(Path(sys.argv[1])))"
        self._start("control", [sys.executable, "-c", code, str(self.folder / "control.toml")])

    def _start(self, name: str, command_line: list[str]) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(command_line, stdout=log, stderr=log, cwd=ROOT)

    def release(self, name: str) -> "subprocess.Popen[bytes]":
        """Hand a process over to the test."""
        return self._processes.pop(name)

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> int:
        process = self._processes.pop(name)
        os.kill(process.pid, number)
        return process.wait(timeout=15)

    async def is_up(self) -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            end_s = CLOCK.monotonic() + START_S
            while True:
                with contextlib.suppress(httpx.HTTPError):
                    if (await client.get(f"{self.url}/health/ready")).is_success:
                        return
                assert CLOCK.monotonic() < end_s, (self.folder / "control.log").read_text()
                await asyncio.sleep(0.05)

    async def is_live(self, console: Console) -> None:
        """Wait until every gateway is heard and born."""
        end_s = CLOCK.monotonic() + WAIT_S
        while True:
            live = await console.live()
            bad = [key for key, item in live["points"].items() if item["q"] != "good" or item["stale"]]
            if not bad:
                return
            assert CLOCK.monotonic() < end_s, (
                f"never live: {bad[:5]} {(self.folder / 'control.log').read_text()}"
            )
            await asyncio.sleep(0.05)

    async def first(self) -> Console:
        """Make the first administrator and sign in."""
        token = (self.state / "setup-token").read_text().strip()
        console = self.console()
        body = {"token": token, "username": "root", "display_name": "管理员", "password": "correct horse"}
        assert (await console.http.post("/setup", json=body)).status_code == 201
        assert (await console.sign_in("root", "correct horse")).is_success
        return console

    async def person(
        self, admin: Console, username: str, *roles: str, enterprise: str | None = None
    ) -> Console:
        body = {
            "username": username,
            "display_name": username,
            "password": "correct horse",
            "roles": list(roles),
            "enterprise": enterprise,
        }
        response = await admin.post("/users", body)
        assert response.status_code == 201, response.text
        console = self.console()
        assert (await console.sign_in(username, "correct horse")).is_success
        return console

    def console(self) -> Console:
        console = Console(self.url)
        self._consoles.append(console)
        return console

    async def close(self) -> None:
        for console in self._consoles:
            await console.http.aclose()
        for edge in self.edges.values():
            await edge.stop()
        for name in list(self._processes):
            self.kill(name)


@contextlib.asynccontextmanager
async def rig(folder: Path, *, prepare: Callable[[Rig], None] = lambda _: None) -> AsyncIterator[Rig]:
    """Everything up, every gate of the east open as the test says, until the block ends."""
    made = Rig(folder)
    prepare(made)
    made.start_broker()
    try:
        await until(lambda: _listens(made.broker_port), why="the broker listens")
        for edge in made.edges.values():
            edge.connect(made.broker)
            await edge.run()
        made.start_control()
        await made.is_up()
        yield made
    finally:
        await made.close()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0
