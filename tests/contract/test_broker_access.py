"""One suite for the embedded broker and for mosquitto with wire/access.py's list: who is let in, and whose word goes no further.

What a gateway says in Sparkplug is unsigned, so that this list is what keeps everybody else from saying it.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from runtime.clock import RealClock
from stoplog.demo.ports import free_ports
from tests.service.brokers import MOSQUITTO, can_connect
from wire.access import mosquitto_acl
from wire.signing import Role
from wire.topics import Channel, Kind, ours, sparkplug, state

ROOT = Path(__file__).parents[2]
PARK = "lingang"
ROLES = {"gw_east": Role.GATEWAY, "gw_west": Role.GATEWAY, "control": Role.CONTROL, "ingest": Role.INGEST}
CLOCK = RealClock()
WAIT_S = 20.0
DEVICE = "plc_hc_outlet"
HEARD = {
    "control": (f"spBv1.0/{PARK}/#", *(ours(PARK, "+", c) for c in (Channel.HEARTBEAT, Channel.RECORDS, Channel.REPLY))),
    "ingest": (sparkplug(PARK, Kind.DDATA, "#"), ours(PARK, "+", Channel.HISTORY)),
    "gw_east": tuple(
        ours(PARK, "gw_east", c)
        for c in (Channel.ACK_SAMPLES, Channel.ACK_RECORDS, Channel.COMMAND, Channel.ORDERS, Channel.TERM)
    ),
}  # fmt: skip
"""What the three who are to be deceived listen to."""


def forged_for_gateway(thief: str) -> list[tuple[str, str]]:
    """(who says it, topic): everything that the east alone may say, said by another."""
    own = (Channel.HEARTBEAT, Channel.HISTORY, Channel.RECORDS, Channel.REPLY)
    births = [
        sparkplug(PARK, kind, "gw_east", None if kind.value.startswith("N") else DEVICE)
        for kind in (Kind.NBIRTH, Kind.NDEATH, Kind.NDATA, Kind.DBIRTH, Kind.DDEATH, Kind.DDATA)
    ]
    return [(thief, topic) for topic in [*births, *(ours(PARK, "gw_east", channel) for channel in own)]]


FORGED = [
    *forged_for_gateway("gw_west"),
    *forged_for_gateway("ingest"),
    *forged_for_gateway("control"),
    *(("gw_west", ours(PARK, "gw_east", c)) for c in (Channel.ACK_SAMPLES, Channel.ACK_RECORDS, Channel.COMMAND, Channel.ORDERS, Channel.TERM)),
    *(("gw_east", ours(PARK, "gw_east", c)) for c in (Channel.ACK_SAMPLES, Channel.ACK_RECORDS, Channel.COMMAND)),
    ("control", ours(PARK, "gw_east", Channel.ACK_SAMPLES)),
    ("ingest", ours(PARK, "gw_east", Channel.ACK_RECORDS)),
    ("ingest", ours(PARK, "gw_east", Channel.COMMAND)),
    *((thief, sparkplug(PARK, Kind.NCMD, "gw_east")) for thief in ("gw_west", "ingest")),
    *((thief, state(f"stoplog_{PARK}")) for thief in ("gw_west", "ingest")),
]  # fmt: skip


class Site:
    """One broker with a password for each of ROLES."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.port = free_ports(1)[0]
        self.clients: list[mqtt.Client] = []
        if kind == "mosquitto":
            command = self._mosquitto(folder)
        else:
            users = {name: {"password": f"right-{name}", "role": role.value} for name, role in ROLES.items()}
            (folder / "users.json").write_text(json.dumps({"park": PARK, "users": users}))
            code = (
                "import sys; from pathlib import Path; from stoplog.broker.app import main;"
                f"sys.exit(main(Path({str(folder / 'users.json')!r}), '127.0.0.1', {self.port}))"
            )
            command = [sys.executable, "-W", "ignore", "-c", code]
        self.process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
        end_s = CLOCK.monotonic() + WAIT_S
        pause = threading.Event()
        while not can_connect(self.port):
            assert CLOCK.monotonic() < end_s, "the broker does not listen"
            pause.wait(0.05)

    def _mosquitto(self, folder: Path) -> list[str]:
        passwords = folder / "passwords"
        passwords.touch(0o600)
        for name in ROLES:
            subprocess.run(["mosquitto_passwd", "-b", passwords, name, f"right-{name}"], check=True)
        (folder / "acl").write_text(mosquitto_acl(PARK, ROLES))
        (folder / "mosquitto.conf").write_text(
            f"user root\nlistener {self.port} 127.0.0.1\nallow_anonymous false\n"
            f"password_file {passwords}\nacl_file {folder / 'acl'}\n"
        )
        return [str(MOSQUITTO), "-c", str(folder / "mosquitto.conf")]

    def enter(
        self, user: str | None, password: str | None, *, will: str | None = None
    ) -> tuple[mqtt.Client, int]:
        """Connect; return the client and the broker's answer (0: welcome)."""
        client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311, reconnect_on_failure=False)
        if user is not None:
            client.username_pw_set(user, password)
        if will is not None:
            client.will_set(will, b"forged", qos=1)
        answered = threading.Event()
        answers: list[int] = []

        def answer(*said: object) -> None:
            answers.append(int(getattr(said[3], "value", 255)))
            answered.set()

        client.on_connect = answer
        client.on_connect_fail = lambda *_: answered.set()
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        self.clients.append(client)
        assert answered.wait(WAIT_S)
        return client, answers[0]

    def say(self, user: str, topic: str) -> None:
        """Say it on a connection of its own, since a broker may hang up on whom it denies."""
        client, answer = self.enter(user, f"right-{user}")
        assert answer == 0
        done = threading.Event()
        client.on_publish = lambda *_: done.set()
        client.on_disconnect = lambda *_: done.set()
        client.publish(topic, b"forged", qos=1)
        done.wait(2.0)
        client.disconnect()

    def vanish(self, user: str, will: str) -> None:
        """Leave a last will and break the connection off; a broker may refuse the whole connection for its will."""
        client, answer = self.enter(user, f"right-{user}", will=will)
        if answer != 0:
            return
        gone = threading.Event()
        client.on_disconnect = lambda *_: gone.set()
        connected = client.socket()
        if connected is not None:
            connected.shutdown(socket.SHUT_RDWR)
        gone.wait(2.0)

    def close(self) -> None:
        for client in self.clients:
            client.disconnect()
            client.loop_stop()
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Ear:
    """One identity, listening to what it listens to in life."""

    def __init__(self, site: Site, user: str) -> None:
        self.heard: list[str] = []
        self._news = threading.Condition()
        client, answer = site.enter(user, f"right-{user}")
        assert answer == 0
        client.on_message = self._hear
        granted = threading.Event()
        client.on_subscribe = lambda *_: granted.set()
        client.subscribe([(topic, 1) for topic in HEARD[user]])
        assert granted.wait(WAIT_S)

    def _hear(self, client: mqtt.Client, userdata: object, message: mqtt.MQTTMessage) -> None:
        with self._news:
            self.heard.append(message.topic)
            self._news.notify_all()

    def wait_for(self, topic: str) -> None:
        with self._news:
            assert self._news.wait_for(lambda: topic in self.heard, WAIT_S), f"{topic} did not arrive"


@pytest.fixture(scope="module", params=["mosquitto", "embedded"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(request.param, tmp_path_factory.mktemp(request.param))
    yield made
    made.close()


@pytest.mark.parametrize(
    ("user", "password"),
    [(None, None), ("gw_east", None), ("gw_east", "wrong"), ("gw_east", "right-control"), ("mallory", "x"), ("", "")],
)  # fmt: skip
def test_who_is_not_known_is_not_let_in(site: Site, user: str | None, password: str | None) -> None:
    assert site.enter(user, password)[1] != 0


def test_nobody_says_what_is_anothers_to_say(site: Site) -> None:
    ears = {user: Ear(site, user) for user in HEARD}
    for thief, topic in FORGED:
        site.say(thief, topic)
        site.vanish(thief, topic)
    last = {
        "control": ("gw_east", ours(PARK, "gw_east", Channel.HEARTBEAT)),
        "ingest": ("gw_east", ours(PARK, "gw_east", Channel.HISTORY)),
        "gw_east": ("control", ours(PARK, "gw_east", Channel.TERM)),
    }
    for user, (speaker, topic) in last.items():
        assert not ears[user].heard
        site.say(speaker, topic)
        ears[user].wait_for(topic)
        assert ears[user].heard == [topic]


def test_nobody_hears_everything(site: Site) -> None:
    heard: list[str] = []
    client, _ = site.enter("ingest", "right-ingest")
    client.on_message = lambda _client, _data, message: heard.append(message.topic)
    done = threading.Event()
    client.on_subscribe = lambda *_: done.set()
    client.subscribe([("#", 1), ("stoplog/#", 1), (ours(PARK, "+", Channel.COMMAND), 1), ("$SYS/#", 1)])
    assert done.wait(WAIT_S)
    ear = Ear(site, "gw_east")
    site.say("control", ours(PARK, "gw_east", Channel.COMMAND))
    ear.wait_for(ours(PARK, "gw_east", Channel.COMMAND))
    assert not heard
