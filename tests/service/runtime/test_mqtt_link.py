"""The MQTT link against two real brokers: what it promises must hold on mosquitto and on amqtt alike."""

import asyncio
import contextlib
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from domain.errors import LinkError, LinkLost
from runtime.exits import AccessRefused
from runtime.mqtt import MqttLink, Subscription, Will, check_broker
from tests.service.brokers import CLOCK, Broker, eventually


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
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        try:
            assert child.stdout is not None
            assert await child.stdout.readline() == b"up\n"
        finally:
            child.kill()
            await child.wait()
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
