"""A real gateway process between a real mosquitto and simulated PLCs on real sockets, and a peer that plays control and ingest."""

import asyncio
import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from domain.approval import Consent
from domain.command import Action, Phase
from domain.definition import definition_hashes
from domain.ids import CommandId, FacilityId
from runtime.clock import ClockPage, RealClock
from runtime.mqtt import BrokerSettings, MqttLink, Subscription
from runtime.parkfiles.loading import load_park
from stoplog.demo.ports import free_ports
from tests.service.forked import Forked
from tests.service.gateway.plcs import GW, HOST, Plcs
from wire.heartbeat import Heartbeat, heartbeat
from wire.messages import (
    Acknowledgement,
    CommandMessage,
    Evidence,
    OrdersMessage,
    Record,
    acknowledgement_body,
    command_body,
    orders_body,
    record,
)
from wire.signing import Role, Signer, load_signer, load_verifier, new_key, public_part
from wire.sparkplug import Payload, decode, parse_uuid
from wire.topics import Channel, Kind, ours, parse_ours, parse_sparkplug

ROOT = Path(__file__).parents[3]
MOSQUITTO = Path("/usr/sbin/mosquitto")
START_MS = 1_780_000_000_000 - 10**10
WAIT_S = 20.0
START_S = 60.0
"""Wall seconds for a gateway to read every PLC: machines that test are busy machines."""


def free_port() -> int:
    return free_ports(1)[0]


class Peer:
    """Plays control, ingest and any Sparkplug host."""

    def __init__(self, rig: "Rig", link: MqttLink) -> None:
        self.rig = rig
        self.link = link
        self.beats: list[Heartbeat] = []
        self.records: dict[tuple[str, int], Record] = {}
        self.replies: list[Record] = []
        self.messages: list[tuple[str, bytes]] = []
        self.payloads: dict[tuple[str, int], Payload] = {}
        self.is_acknowledging = True
        self._heard = asyncio.Event()

    async def run(self) -> None:
        while True:
            message = await self.link.next()
            self._take(message.topic, message.payload)
            self._heard.set()
            if self.is_acknowledging:
                await self._acknowledge(message.topic, message.payload)

    async def until(self, what: Callable[[], object], *, timeout_s: float = WAIT_S) -> None:
        async with asyncio.timeout(timeout_s):
            while not what():
                self._heard.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await self._heard.wait()

    def states(self, command: str) -> list[str]:
        return [str(item.body["state"]) for item in self.of(command)]

    def of(self, command: str) -> list[Record]:
        found = [item for item in self.records.values() if item.body.get("id") == command]
        return sorted(found, key=lambda item: (item.at_ms, item.offset))

    def codes(self, command: str) -> list[str]:
        reasons = self.of(command)[-1].body["reasons"]
        assert isinstance(reasons, list)
        return [str(cause["code"]) for cause in reasons]

    def kinds(self, kind: str) -> list[Record]:
        return [item for item in self.records.values() if item.kind == kind]

    def value(self, point: str) -> object:
        for topic, payload in reversed(self.messages):
            parsed = parse_sparkplug(topic)
            if parsed is not None and parsed.kind in {Kind.DDATA, Kind.DBIRTH}:
                for metric in decode(payload).metrics:
                    if metric.name == point:
                        return metric.value
        return None

    def of_kind(self, kind: Kind) -> list[Payload]:
        return [decode(p) for t, p in self.messages if (q := parse_sparkplug(t)) and q.kind is kind]

    def message(
        self,
        actuator: str,
        action: Action,
        *,
        phase: Phase = Phase.OPERATE,
        command: str | None = None,
        **other: object,
    ) -> CommandMessage:
        beat = self.beats[-1]
        definition = definition_hashes(self.rig.park, self.rig.park.actuators[FacilityId(actuator)])
        made = CommandMessage(
            id=CommandId(command or secrets.token_hex(16)),
            phase=phase,
            park=self.rig.park.id,
            gateway=GW,
            actuator=FacilityId(actuator),
            action=action,
            author="wang",
            reason="演练",
            expires_ms=self.rig.page.clock.now_ms() + 600_000,
            term=max(beat.term, 1),
            definition=definition,
            challenge=beat.challenge,
            consent=Consent(by="li", content_hash="0" * 64, at_ms=self.rig.page.clock.now_ms(), basis=""),
        )
        return replace(made, **other)  # type: ignore[arg-type]

    def sign(self, message: CommandMessage, signer: Signer | None = None) -> bytes:
        return (signer or self.rig.signers["control"]).sign(command_body(message))

    async def send(self, token: bytes) -> None:
        await self.link.publish(ours(self.rig.park.id, GW, Channel.COMMAND), token, qos=1)

    async def command(self, actuator: str, action: Action, **other: object) -> str:
        message = self.message(actuator, action, **other)  # type: ignore[arg-type]
        await self.send(self.sign(message))
        return message.id

    async def orders(self, message: OrdersMessage) -> None:
        token = self.rig.signers["control"].sign(orders_body(message))
        await self.link.publish(ours(self.rig.park.id, GW, Channel.ORDERS), token, qos=1)

    def evidence(self, **values: object) -> tuple[Evidence, ...]:
        return tuple(
            Evidence(point=key.replace("__", "/"), value=value, quality=192, age_ms=100)  # type: ignore[arg-type]
            for key, value in values.items()
        )

    def _take(self, topic: str, payload: bytes) -> None:
        self.messages.append((topic, payload))
        found = parse_ours(topic)
        verifier = self.rig.verifier
        match found[2] if found else None:
            case Channel.HEARTBEAT:
                self.beats.append(heartbeat(verifier.verify(payload, roles={Role.GATEWAY}).body))
            case Channel.RECORDS | Channel.REPLY as channel:
                item = record(verifier.verify(payload, roles={Role.GATEWAY}).body)
                if channel is Channel.REPLY:
                    self.replies.append(item)
                assert self.records.setdefault((item.epoch, item.offset), item) == item
            case Channel.HISTORY:
                self._note(payload)
            case _:
                parsed = parse_sparkplug(topic)
                if parsed is not None and parsed.kind is Kind.DDATA:
                    self._note(payload)

    def _note(self, payload: bytes) -> None:
        decoded = decode(payload)
        if decoded.uuid is not None:
            self.payloads.setdefault(parse_uuid(decoded.uuid), decoded)

    async def _acknowledge(self, topic: str, payload: bytes) -> None:
        found = parse_ours(topic)
        if found is not None and found[2] is Channel.RECORDS:
            item = record(self.rig.verifier.verify(payload, roles={Role.GATEWAY}).body)
            await self._say("control", Channel.ACK_RECORDS, item.epoch, item.offset)
        elif "DDATA" in topic or (found is not None and found[2] is Channel.HISTORY):
            uuid = decode(payload).uuid
            if uuid is not None:
                await self._say("ingest", Channel.ACK_SAMPLES, *parse_uuid(uuid))

    async def _say(self, who: str, channel: Channel, epoch: str, offset: int) -> None:
        here = ((offset, offset),)
        message = Acknowledgement(park=self.rig.park.id, gateway=GW, epoch=epoch, received=here, durable=here)
        token = self.rig.signers[who].sign(acknowledgement_body(message))
        await self.link.publish(ours(self.rig.park.id, GW, channel), token)


class Rig:
    """Everything around one gateway process."""

    def __init__(
        self,
        folder: Path,
        *,
        speed: float,
        opened: Sequence[str] = (),
        park: Path = ROOT / "parks" / "lingang",
    ) -> None:
        self.folder = folder
        self.park_folder = park
        folder.mkdir(parents=True, exist_ok=True)
        self.page = ClockPage(folder / "clock.page", start_ms=START_MS, speed=speed)
        self.broker_port = free_port()
        self._write_keys()
        devices = load_park(park).devices
        ports = {device: free_port() for device in devices}
        self._overrides = folder / "devices.json"
        self._overrides.write_text(
            json.dumps({device: {"host": HOST, "port": port} for device, port in ports.items()})
        )
        self.park = load_park(park, self._overrides)
        self.plcs = Plcs(self.park, self.page, ports, opened=opened)
        self.metrics_port = free_port()
        self.settings = self._write_settings()
        self.process: Forked | None = None
        self._broker: subprocess.Popen[bytes] | None = None

    def start_broker(self) -> None:
        config = self.folder / "mosquitto.conf"
        config.write_text(f"listener {self.broker_port} {HOST}\nallow_anonymous true\n")
        self._broker = subprocess.Popen([MOSQUITTO, "-c", config], stderr=subprocess.DEVNULL)

    def stop_broker(self) -> None:
        assert self._broker is not None
        self._broker.kill()
        self._broker.wait()

    def start_gateway(
        self, *, file_bytes_max: int | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        self.process = Forked(
            "gateway.app",
            self.settings,
            log=self.folder / "gateway.log",
            environment=environment,
            file_bytes_max=file_bytes_max,
        )

    def kill_gateway(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop_gateway(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(timeout=15)

    def log(self) -> str:
        return (self.folder / "gateway.log").read_text()

    def close(self) -> None:
        for process in (self.process, self._broker):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()

    def _write_keys(self) -> None:
        self.signers: dict[str, Signer] = {}
        public = []
        for who, role in ((GW, Role.GATEWAY), ("control", Role.CONTROL), ("ingest", Role.INGEST)):
            key = new_key(kid=f"{who}-1", role=role, identity=who)
            (self.folder / f"{who}.jwk").write_text(json.dumps(key))
            self.signers[who] = load_signer(json.dumps(key))
            public.append(public_part(key))
        (self.folder / "trusted.jwks").write_text(json.dumps({"keys": public}))
        self.verifier = load_verifier(json.dumps({"keys": public}))

    def _write_settings(self) -> Path:
        path = self.folder / "gateway.toml"
        path.write_text(
            f"""
gateway = "{GW}"
park = "{self.park_folder}"
device_overrides = "{self._overrides}"
[clock]
kind = "page"
page = "{self.folder / "clock.page"}"
[broker]
host = "{HOST}"
port = {self.broker_port}
[keys]
own = "{self.folder / f"{GW}.jwk"}"
trusted = "{self.folder / "trusted.jwks"}"
[metrics]
port = {self.metrics_port}
[journal]
directory = "{self.folder / "journal"}"
keep_freed = "{self.folder / "freed"}"
"""
        )
        return path


@contextlib.asynccontextmanager
async def running(
    folder: Path,
    *,
    speed: float = 20.0,
    opened: Sequence[str] = (),
    start: bool = True,
    park: Path = ROOT / "parks" / "lingang",
) -> AsyncIterator[tuple[Rig, Peer]]:
    """Start broker, PLCs, peer and gateway, wait until every PLC is alive, and stop all of it at the end."""
    rig = Rig(folder, speed=speed, opened=opened, park=park)
    broker = BrokerSettings(host=HOST, port=rig.broker_port)
    topics = [f"stoplog/1/{rig.park.id}/{GW}/{name}" for name in ("heartbeat", "history", "records", "reply")]
    subscriptions = [Subscription(topic=topic, qos=1) for topic in (*topics, f"spBv1.0/{rig.park.id}/#")]
    link = MqttLink(broker, client_id="peer", clock=RealClock(), subscriptions=subscriptions)
    peer = Peer(rig, link)
    tasks: list[asyncio.Task[None]] = []

    def spawn(work: Awaitable[None]) -> None:
        tasks.append(asyncio.ensure_future(work))

    async def nothing() -> None:
        return

    try:
        rig.start_broker()
        spawn(rig.plcs.run())
        spawn(link.run(nothing))
        spawn(peer.run())
        await peer.until(lambda: link.is_connected)
        if start:
            rig.start_gateway()
            devices = list(rig.plcs.stations)
            await peer.until(lambda: alive(peer, devices), timeout_s=START_S)
        yield rig, peer
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        rig.close()
        await rig.plcs.stop()
        if os.environ.get("SHOW_LOG"):
            sys.stderr.write(rig.log())


def alive(peer: Peer, devices: Sequence[str]) -> bool:
    return bool(peer.beats) and all(peer.beats[-1].ages_ms.get(device) is not None for device in devices)
