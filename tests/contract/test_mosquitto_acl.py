"""deploy/mosquitto on a real broker: each identity says and hears what is its own, and nothing else."""

import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from deploy.certificates.issue import issue
from stoplog.demo.ports import free_ports
from wire.access import covers, grants
from wire.signing import Role
from wire.topics import Channel, Kind, host_id, ours, sparkplug, state

ROOT = Path(__file__).parents[2]
PARK = "lingang"
EAR = "gw_ear"
"""An identity of this test's that says and hears everything."""
WAIT_S = 10.0
"""For what must arrive; what must not is awaited by a later message that may."""


def free_port() -> int:
    return free_ports(1)[0]


class Client:
    """One identity at the broker, collecting the topics that reach it."""

    def __init__(self, secrets: Path, identity: str, port: int) -> None:
        self.heard: set[str] = set()
        self._news = threading.Condition()
        self._connected = threading.Event()
        self._granted = threading.Event()
        self._answered = threading.Event()
        self._mqtt = mqtt.Client(
            CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311, reconnect_on_failure=False
        )
        own = secrets / identity
        self._mqtt.tls_set(str(own / "ca.pem"), str(own / "certificate.pem"), str(own / "key.pem"))
        self._mqtt.on_connect = lambda *_: self._connected.set()
        self._mqtt.on_subscribe = lambda *_: self._granted.set()
        self._mqtt.on_publish = lambda *_: self._answered.set()
        self._mqtt.on_disconnect = lambda *_: self._answered.set()
        self._mqtt.on_message = self._hear
        self._mqtt.connect("127.0.0.1", port)
        self._mqtt.loop_start()
        assert self._connected.wait(WAIT_S)

    def _hear(self, client: mqtt.Client, userdata: object, message: mqtt.MQTTMessage) -> None:
        with self._news:
            self.heard.add(message.topic)
            self._news.notify_all()

    def listen(self, topic: str) -> None:
        self._granted.clear()
        self._mqtt.subscribe(topic, qos=1)
        assert self._granted.wait(WAIT_S)

    def say(self, topic: str) -> None:
        """Publish and wait until the broker has dealt with it: mosquitto 2.0.11 hangs up on whom it denies."""
        self._answered.clear()
        self._mqtt.publish(topic, b"1", qos=1)
        assert self._answered.wait(WAIT_S)

    def wait_for(self, topic: str) -> None:
        with self._news:
            assert self._news.wait_for(lambda: topic in self.heard, WAIT_S), f"{topic} did not arrive"

    def close(self) -> None:
        self._mqtt.disconnect()
        self._mqtt.loop_stop()


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("secrets")
    issue(folder, gateways=["gw_east", "gw_west", EAR], broker_names=["127.0.0.1"], now=datetime.now(UTC))  # noqa: TID251
    return folder


@pytest.fixture(scope="module")
def port(secrets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A mosquitto that runs the deployed configuration, its paths and port exchanged."""
    mosquitto = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    assert mosquitto, "mosquitto is missing: `make test` installs it"
    folder = tmp_path_factory.mktemp("mosquitto")
    number = free_port()
    settings = (ROOT / "deploy/mosquitto/mosquitto.conf").read_text()
    exchanged = settings.replace("/etc/stoplog/broker", str(secrets / "broker")).replace(
        "8883", f"{number} 127.0.0.1"
    )
    acl = (ROOT / "deploy/mosquitto/acl.conf").read_text()
    (folder / "acl.conf").write_text(f"user {EAR}\ntopic readwrite #\n\n{acl}")
    exchanged = exchanged.replace("/etc/stoplog/acl.conf", str(folder / "acl.conf"))
    exchanged = exchanged.replace("log_dest stdout", "log_dest stderr")  # unbuffered: it is read below
    # Started by root, it would give up its rights and then could not read the keys.
    (folder / "mosquitto.conf").write_text(f"user root\n{exchanged}")
    with (folder / "log").open("wb") as log:
        broker = subprocess.Popen([mosquitto, "-c", folder / "mosquitto.conf"], stdout=log, stderr=log)
    try:
        # Asking by a bare connection would leave an error behind that 2.0.11 blames on the next client.
        wait_until(lambda: " running" in (folder / "log").read_text() or broker.poll() is not None)
        assert broker.poll() is None, (folder / "log").read_text()
        yield number
    finally:
        broker.terminate()
        broker.wait(WAIT_S)


def wait_until(fact: Callable[[], bool]) -> None:
    pause = threading.Event()
    until = time.monotonic() + WAIT_S  # noqa: TID251
    while not fact() and time.monotonic() < until:  # noqa: TID251
        pause.wait(0.02)


class Site:
    """The broker and whoever joins it."""

    def __init__(self, secrets: Path, port: int) -> None:
        self._secrets = secrets
        self._port = port
        self._clients: list[Client] = []

    def join(self, identity: str, *topics: str) -> Client:
        client = Client(self._secrets, identity, self._port)
        self._clients.append(client)
        for topic in topics:
            client.listen(topic)
        return client

    def say(self, identity: str, *topics: str) -> None:
        """Each topic on a connection of its own, since one denial ends a connection."""
        for topic in topics:
            client = Client(self._secrets, identity, self._port)
            client.say(topic)
            client.close()

    def close(self) -> None:
        for client in self._clients:
            client.close()


@pytest.fixture
def site(secrets: Path, port: int) -> Iterator[Site]:
    whole = Site(secrets, port)
    yield whole
    whole.close()


ROLES = {"gw_east": Role.GATEWAY, "gw_west": Role.GATEWAY, "ingest": Role.INGEST, "control": Role.CONTROL}


def everything() -> set[str]:
    """One topic of each kind for each gateway, and what is nobody's."""
    topics = {
        state(host_id(PARK)),
        state("another"),
        ours(PARK, "w1", Channel.CANARY),
        ours("elsewhere", "gw_east", Channel.COMMAND),
    }
    for gateway in ("gw_east", "gw_west"):
        topics |= {ours(PARK, gateway, channel) for channel in Channel}
        topics |= {sparkplug(PARK, kind, gateway, None if kind.startswith("N") else "plc_a") for kind in Kind}
    return topics


def allowed(identity: str, *, publish: bool) -> set[str]:
    """What wire/access.py, by which the embedded broker goes, grants of all that."""
    granted = grants(PARK, ROLES[identity], identity)
    filters = granted.publish if publish else granted.subscribe
    return {topic for topic in everything() if any(covers(item, topic) for item in filters)}


@pytest.mark.parametrize("identity", ROLES)
def test_what_an_identity_may_say(site: Site, identity: str) -> None:
    ear = site.join(EAR, "#")
    own = allowed(identity, publish=True)
    last = max(own)
    site.say(identity, *sorted(everything() - {last}), last)
    ear.wait_for(last)
    assert ear.heard == own


@pytest.mark.parametrize("identity", ROLES)
def test_what_an_identity_may_hear(site: Site, identity: str) -> None:
    filters = grants(PARK, ROLES[identity], identity).subscribe
    listener = site.join(identity, "#", "spBv1.0/#", "stoplog/#", *filters)
    own = allowed(identity, publish=False)
    last = max(own)
    mouth = site.join(EAR)
    for topic in (*sorted(everything() - {last}), last):
        mouth.say(topic)
    listener.wait_for(last)
    # A pattern is everybody's: whether a host is on line is no secret.
    assert listener.heard == own | {state(host_id(PARK)), state("another")}


def test_issuing_again_keeps_what_is_there(secrets: Path) -> None:
    before = {path: path.read_bytes() for path in secrets.rglob("*") if path.is_file()}
    issue(secrets, gateways=["gw_east", "gw_west", EAR], broker_names=["127.0.0.1"], now=datetime.now(UTC))  # noqa: TID251
    assert {path: path.read_bytes() for path in before} == before


def test_without_a_certificate_nobody_enters(secrets: Path, port: int) -> None:
    context = ssl.create_default_context(cafile=str(secrets / "broker/ca.pem"))
    with socket.create_connection(("127.0.0.1", port), timeout=WAIT_S) as plain:
        assert greeting(context, plain) == b""


def greeting(context: ssl.SSLContext, plain: socket.socket) -> bytes:
    """What the broker answers to a CONNECT; nothing when it breaks the connection off."""
    try:
        with context.wrap_socket(plain, server_hostname="127.0.0.1") as secured:
            secured.sendall(b"\x10\x0d\x00\x04MQTT\x04\x02\x00<\x00\x01a")
            return secured.recv(4)
    except (ssl.SSLError, ConnectionError):
        return b""
