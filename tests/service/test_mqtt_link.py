"""The MQTT link against two real brokers: what it promises must hold on mosquitto and on amqtt alike."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from domain.errors import LinkError, LinkLost
from runtime.clock import RealClock
from runtime.exits import AccessRefused
from runtime.mqtt import BrokerSettings, MqttLink, Subscription, Will, check_broker

MOSQUITTO = Path("/usr/sbin/mosquitto")
AMQTT = """
import asyncio
from amqtt.broker import Broker
async def main():
    broker = Broker({{
        "listeners": {{"default": {{"type": "tcp", "bind": "127.0.0.1:{port}"}}}},
        "plugins": {{
            "amqtt.plugins.authentication.FileAuthPlugin": {{"password_file": "{passwords}"}},
        }},
    }})
    await broker.start()
    await asyncio.Event().wait()
asyncio.run(main())
"""
CLOCK = RealClock()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Broker:
    """A broker process that can be killed and started again on its port."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind = kind
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        (folder / "passwords").write_text(self._passwords())
        (folder / "mosquitto.conf").write_text(
            f"user root\nlistener {self.port} 127.0.0.1\nallow_anonymous false\npassword_file {folder}/passwords\n"
        )

    def _passwords(self) -> str:
        if self.kind == "amqtt":
            from pwdlib import PasswordHash

            return f"gw:{PasswordHash.recommended().hash('right')}\n"
        path = self.folder / "made"
        subprocess.run(["mosquitto_passwd", "-b", "-c", path, "gw", "right"], check=True)
        path.chmod(0o644)
        return path.read_text()

    def start(self) -> None:
        if self.kind == "amqtt":
            code = textwrap.dedent(AMQTT).format(port=self.port, passwords=self.folder / "passwords")
            command = [sys.executable, "-W", "ignore", "-c", code]
        else:
            command = [str(MOSQUITTO), "-c", str(self.folder / "mosquitto.conf")]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        if self.process is not None:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def settings(self, password: str = "right") -> BrokerSettings:
        return BrokerSettings(host="127.0.0.1", port=self.port, username="gw", password=password)

    async def is_up(self) -> None:
        await eventually(lambda: can_connect(self.port), what="the broker listens")


def can_connect(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def eventually(is_true: Callable[[], bool], *, what: str, within_s: float = 15.0) -> None:
    until_s = CLOCK.monotonic() + within_s
    while not is_true():
        assert CLOCK.monotonic() < until_s, f"never: {what}"
        await asyncio.sleep(0.02)


@pytest.fixture(params=["mosquitto", "amqtt"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    made = Broker(request.param, tmp_path)
    made.start()
    yield made
    made.kill()


@contextlib.asynccontextmanager
async def running(link: MqttLink) -> AsyncIterator[MqttLink]:
    async def nothing() -> None:
        return

    task = asyncio.create_task(link.run(nothing))
    try:
        yield link
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def link_to(
    broker: Broker, name: str, *topics: str, will: Will | None = None, queue_max: int = 100
) -> MqttLink:
    wanted = [Subscription(topic=topic, qos=1) for topic in topics]
    return MqttLink(
        broker.settings(),
        client_id=name,
        clock=CLOCK,
        subscriptions=wanted,
        will=lambda: will,
        queue_max=queue_max,
    )


async def test_delivers_and_survives_a_killed_broker(broker: Broker) -> None:
    async with running(link_to(broker, "a", "t/#")) as link:
        await eventually(lambda: link.is_connected, what="connected")
        for qos in (0, 1):
            await link.publish("t/x", b"hello", qos=qos)
            message = await asyncio.wait_for(link.next(), 5)
            assert (message.topic, message.payload) == ("t/x", b"hello")
        broker.kill()
        await eventually(lambda: not link.is_connected, what="the loss was noticed")
        with pytest.raises(LinkLost):
            await link.publish("t/x", b"never", qos=1)
        broker.start()
        await eventually(lambda: link.is_connected, what="connected again")
        assert link.connections == 2
        await link.publish("t/y", b"again", qos=1)
        assert (await asyncio.wait_for(link.next(), 5)).payload == b"again"


async def test_speaks_the_will_of_a_killed_client(broker: Broker) -> None:
    code = textwrap.dedent(f"""
        import asyncio
        from runtime.clock import RealClock
        from runtime.log import configure
        from runtime.mqtt import BrokerSettings, MqttLink, Will
        configure("error")
        async def up(): print("up", flush=True)
        async def main():
            link = MqttLink(
                BrokerSettings(host="127.0.0.1", port={broker.port}, username="gw", password="right"),
                client_id="mortal", clock=RealClock(), will=lambda: Will(topic="t/will", payload=b"gone"),
            )
            await link.run(up)
        asyncio.run(main())
    """)
    async with running(link_to(broker, "heir", "t/#")) as link:
        await eventually(lambda: link.is_connected, what="connected")
        with subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as child:
            try:
                assert child.stdout is not None
                assert await asyncio.to_thread(child.stdout.readline) == b"up\n"
            finally:
                child.kill()
        message = await asyncio.wait_for(link.next(), 10)
        assert (message.topic, message.payload) == ("t/will", b"gone")


async def test_a_full_queue_drops_the_oldest_and_counts(broker: Broker) -> None:
    async with running(link_to(broker, "a", "t/#", queue_max=3)) as link:
        await eventually(lambda: link.is_connected, what="connected")
        for number in range(5):
            await link.publish("t/x", str(number).encode(), qos=1)
        await eventually(lambda: link.dropped == 2, what="two were dropped")
        assert [(await link.next()).payload for _ in range(3)] == [b"2", b"3", b"4"]


async def test_start_up_check_speaks_plainly(broker: Broker) -> None:
    await broker.is_up()
    await check_broker(broker.settings(), 5)
    with pytest.raises(AccessRefused, match="user 'gw'"):
        await check_broker(broker.settings("wrong"), 5)
    broker.kill()
    with pytest.raises(LinkError, match="no MQTT broker at"):
        await check_broker(broker.settings(), 5)


async def test_an_error_of_the_owner_is_not_swallowed(broker: Broker) -> None:
    await broker.is_up()

    async def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(link_to(broker, "a", "t/#").run(fail), 10)


async def test_a_link_error_of_the_owner_tries_again(broker: Broker) -> None:
    await broker.is_up()
    link = link_to(broker, "a", "t/#")

    async def fail_once() -> None:
        if link.connections == 1:
            message = "not yet"
            raise LinkLost(message)

    task = asyncio.create_task(link.run(fail_once))
    await eventually(lambda: link.connections == 2 and link.is_connected, what="connected again")
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
