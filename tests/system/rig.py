"""A whole demonstration as a test's object: real processes, real sockets, the public API, the PLCs' own log of writes."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx
import paho.mqtt.client as mqtt
import pytest

from runtime.clock import RealClock
from stoplog.demo.ports import free_ports
from stoplog.plain_http import NO_CERTIFICATES
from wire.heartbeat import Heartbeat, heartbeat
from wire.messages import CommandMessage, Record, command_body, record
from wire.signing import Role, Signer, load_signer, load_verifier
from wire.topics import Channel, ours, parse_ours

ROOT = Path(__file__).parents[2]
PARK = "lingang"
CLOCK = RealClock()
API = "/api/v1"
Found = TypeVar("Found")


def wait_for(what: str, probe: Callable[[], Found | None], *, seconds: float = 30.0) -> Found:
    """Return what `probe` finds; fail the test with `what` when it finds nothing in time."""
    until_s = CLOCK.monotonic() + seconds
    pause = threading.Event()
    while True:
        found = probe()
        if found is not None and found is not False:
            return found
        if CLOCK.monotonic() > until_s:
            pytest.fail(f"not within {seconds:.0f} s: {what}")
        pause.wait(0.1)


def free_port() -> int:
    return free_ports(1)[0]


@dataclass
class Rig:
    """One demonstration, from start to stop."""

    state: Path
    port: int
    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    clients: list[httpx.Client] = field(default_factory=list)
    """Opened by signed-in people; closed with the demonstration."""
    colleague: "Api | None" = None
    """Agrees to what others ask for; made when first needed."""

    def client(self) -> httpx.Client:
        opened = httpx.Client(base_url=self.console, timeout=20, trust_env=False, verify=NO_CERTIFICATES)
        self.clients.append(opened)
        return opened

    @property
    def console(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def settings(self, part: str) -> dict[str, Any]:
        """Return a part's settings as it was started with."""
        import tomllib

        return tomllib.loads((self.state / "settings" / f"{part}.toml").read_text(encoding="utf-8"))

    def pid(self, part: str) -> int:
        return int((self.state / "logs" / f"{part}.pid").read_text(encoding="ascii"))

    def writes(self) -> list[dict[str, Any]]:
        """Return the PLCs' own log of the writes that reached them."""
        path = self.state / "simulator" / "writes.jsonl"
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        return [json.loads(line) for line in text.splitlines() if line.endswith("}")]

    def simulate(self, order: Mapping[str, object]) -> dict[str, Any]:
        """Send one order to the simulators' control socket; return the answer."""
        port = int(self.settings("simulator")["control_port"])
        with (
            socket.create_connection(("127.0.0.1", port), timeout=10) as link,
            link.makefile("rw", encoding="utf-8") as file,
        ):
            file.write(json.dumps(order) + "\n")
            file.flush()
            answer: dict[str, Any] = json.loads(file.readline())
            assert answer["ok"] is True, answer
            return answer

    def signed_in(self) -> "Api":
        """Return a session of the demonstration's operator, by a one-time link or by the password set with it."""
        return Api.enter(self)

    def ticket(self, asker: "Api", actuator: str, action: str = "open") -> str:
        """Ask for a move away from safe, and have a colleague agree to it; return the ticket's id."""
        if self.colleague is None:
            given, own = "horse for now", "correct horse"
            user = {"username": "colleague", "display_name": "同事", "password": given, "roles": ["operator"]}
            assert asker.post("/users", user).status_code == 201
            self.colleague = Api.sign_in(self, "colleague", given)
            changed = self.colleague.post("/session/password", {"old": given, "new": own})
            assert changed.is_success, changed.text
        asked = asker.post("/tickets", {"actuator": actuator, "action": action, "reason": "test"})
        assert asked.is_success, asked.text
        self.colleague.post("/session/proof", {"password": "correct horse"})
        ticket = asked.json()
        path = f"/tickets/{ticket['id']}/approve"
        agreed = self.colleague.post(path, {"content_hash": ticket["content_hash"]})
        assert agreed.is_success, agreed.text
        return str(ticket["id"])

    def stop(self) -> int:
        """Stop as Ctrl-C does; return the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=60)


@contextmanager
def demonstration(state: Path, *arguments: str, wait_live: bool = True) -> Iterator[Rig]:
    """Run `stoplog demo` in `state`; wait until the park is live; stop it at the end."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "stoplog", "demo", "--state", str(state), "--port", str(port), *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    rig = Rig(state=state, port=port, process=process)
    reader = threading.Thread(target=_read, args=(process, rig.lines), daemon=True)
    reader.start()
    try:
        if wait_live:
            wait_for("the park is live", lambda: _live_or_ended(rig), seconds=120)
        yield rig
    finally:
        for client in rig.clients:
            client.close()
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        reader.join(timeout=5)
        assert process.stdout is not None
        process.stdout.close()


def _live_or_ended(rig: Rig) -> bool | None:
    if rig.process.poll() is not None:
        logs = "\n".join(
            f"== {log.name}\n" + log.read_text(errors="replace")[-1500:]
            for log in (rig.state / "logs").glob("*.log")
        )
        pytest.fail("the demonstration ended:\n" + "\n".join(rig.lines) + logs)
    return True if any("enter?token=" in line for line in rig.lines) else None


def _read(process: "subprocess.Popen[str]", lines: list[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines += [line.rstrip()]  # at once: whoever waits for it looks at the list


@dataclass
class Api:
    """One signed-in person."""

    client: httpx.Client
    csrf: str

    @classmethod
    def enter(cls, rig: Rig) -> "Api":
        token = next(
            line.split("enter?token=")[1].strip() for line in reversed(rig.lines) if "enter?token=" in line
        )
        client = rig.client()
        answer = client.post(f"{API}/session/link", json={"token": token})
        assert answer.is_success, answer.text
        return cls(client, answer.json()["csrf"])

    @classmethod
    def sign_in(cls, rig: Rig, username: str, password: str) -> "Api":
        client = rig.client()
        answer = client.post(f"{API}/session", json={"username": username, "password": password})
        assert answer.is_success, answer.text
        return cls(client, answer.json()["csrf"])

    def get(self, path: str) -> Any:
        answer = self.client.get(API + path)
        assert answer.is_success, f"{path}: {answer.text}"
        return answer.json()

    def post(self, path: str, body: Mapping[str, object], **headers: str) -> httpx.Response:
        return self.client.post(API + path, json=body, headers={"X-Stoplog-Csrf": self.csrf, **headers})

    def command(self, actuator: str, action: str, **more: object) -> httpx.Response:
        """Ask for a move; `accept_warnings` names the codes of the warnings that are accepted as they are shown."""
        codes = more.pop("accept_warnings", ())
        body = {"actuator": actuator, "action": action, "parameters": {}, "reason": "test", **more}
        answer = self.post("/commands", body)
        if not codes or answer.status_code != 409 or answer.json()["code"] != "confirm-warnings":
            return answer
        shown = [
            " ".join((reason["code"], *sorted(reason["values"])))
            for reason in answer.json()["reasons"]
            if reason["code"] in codes  # type: ignore[operator]
        ]
        return self.post("/commands", {**body, "accept_warnings": shown})

    def outcome(self, command: str, *, seconds: float = 60.0) -> dict[str, Any]:
        """Wait for the command's final state and return its view."""
        final = {"confirmed", "failed", "unknown", "refused", "expired", "withdrawn", "preempted"}

        def probe() -> dict[str, Any] | None:
            view: dict[str, Any] = self.get(f"/commands/{command}")
            return view if view["state"] in final else None

        return wait_for(f"an outcome of command {command}", probe, seconds=seconds)


class Intruder:
    """A second MQTT client that knows a password of the broker: hears heartbeats and records, says what it likes."""

    def __init__(self, rig: Rig, *, identity: str = "control") -> None:
        broker = rig.settings("control")["broker"]
        password = (rig.state / "secrets" / f"{identity}.password").read_text(encoding="utf-8").strip()
        self.rig = rig
        self.beats: dict[str, Heartbeat] = {}
        self.records: list[Record] = []
        self._verifier = load_verifier((rig.state / "keys" / "trusted.jwks").read_text(encoding="utf-8"))
        self._client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=f"intruder-{os.getpid()}-{identity}"
        )
        self._client.username_pw_set(identity, password)
        self._client.on_message = self._hear
        self._client.connect(broker["host"], broker["port"])
        self._client.loop_start()
        for channel in (Channel.HEARTBEAT, Channel.REPLY):
            self._client.subscribe(ours(PARK, "+", channel), qos=1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def signer(self, identity: str = "control") -> Signer:
        return load_signer((self.rig.state / "keys" / f"{identity}.jwk").read_text(encoding="utf-8"))

    def heartbeat(self, gateway: str) -> Heartbeat:
        """Return the next heartbeat of `gateway`."""
        self.beats.pop(gateway, None)
        return wait_for(f"a heartbeat of {gateway}", lambda: self.beats.get(gateway), seconds=15)

    def say(self, gateway: str, token: bytes, channel: Channel = Channel.COMMAND) -> None:
        self._client.publish(ours(PARK, gateway, channel), token, qos=1).wait_for_publish(10)

    def publish(self, topic: str, payload: bytes) -> None:
        self._client.publish(topic, payload, qos=1).wait_for_publish(10)

    def refusal(self, command: str) -> Record:
        """Wait for the record that refuses `command`, or that says that it came too late."""
        return wait_for(
            f"a refusal of {command}",
            lambda: self._find(command, "refused") or self._find(command, "expired"),
            seconds=15,
        )

    def _find(self, command: str, state: str) -> Record | None:
        found = (
            item
            for item in self.records
            if item.body.get("id") == command and item.body.get("state") == state
        )
        return next(found, None)

    def _hear(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        if parse_ours(message.topic) is None:
            return  # amqtt hands a newcomer what it retains, asked for or not
        signed = self._verifier.verify(message.payload, roles=[Role.GATEWAY])
        if message.topic.endswith("/heartbeat"):
            beat = heartbeat(signed.body)
            self.beats[beat.gateway] = beat
        else:
            self.records.append(record(signed.body))


def sign(signer: Signer, message: CommandMessage, **changes: Any) -> bytes:
    """Return the token of `message` with `changes`."""
    return signer.sign(command_body(replace(message, **changes)))


def codes(record_or_problem: Mapping[str, Any]) -> list[str]:
    """Return the refusal codes in a record's body or in an API problem."""
    reasons: Sequence[Mapping[str, Any]] = record_or_problem.get("reasons") or []
    return [str(reason["code"]) for reason in reasons]
