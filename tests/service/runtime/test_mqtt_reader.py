"""The short way out of a connection: every message whole and in order, whatever its size and way, over plain sockets and TLS."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from runtime.mqtt import MqttLink, Subscription
from runtime.mqtt_connection import connection
from runtime.mqtt_reader import MqttReader
from tests.service.brokers import CLOCK, Broker, eventually


@pytest.fixture(params=["mosquitto", "amqtt"])
async def broker(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Broker]:
    made = Broker(request.param, tmp_path)
    made.start()
    await made.is_up()
    yield made
    made.kill()


@asynccontextmanager
async def linked(broker: Broker, name: str, *topics: Subscription, **bounds: int) -> AsyncIterator[MqttLink]:
    link = MqttLink(broker.settings(), client_id=name, clock=CLOCK, subscriptions=topics, **bounds)

    async def nothing() -> None:
        return

    task = asyncio.create_task(link.run(nothing))
    try:
        await eventually(lambda: link.is_connected, what=f"{name} is connected")
        yield link
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_messages_of_any_size_come_whole_and_in_order_at_both_qualities_of_service(
    broker: Broker,
) -> None:
    dice = random.Random(20261122)
    sent = [
        dice.randbytes(size)
        for size in (
            0,
            1,
            125,
            126,
            127,
            128,
            4096,
            16_380,
            16_384,
            70_000,
            300_000,
            *(dice.randrange(9000) for _ in range(150)),
        )
    ]
    both = (Subscription(topic="low/#", qos=0), Subscription(topic="high/#", qos=1))
    async with linked(broker, "listener", *both) as listener, linked(broker, "speaker") as speaker:
        for number, payload in enumerate(sent):
            await speaker.publish(f"low/{number}", payload)
            if number % 10 == 0:
                await speaker.publish(f"high/{number}", payload, qos=1)
        heard = [
            await asyncio.wait_for(listener.next(), 30) for _ in range(len(sent) + 16 + (len(sent) % 10 > 0))
        ]
        low = [message for message in heard if message.topic.startswith("low/")]
        assert [message.topic for message in low] == [f"low/{number}" for number in range(len(sent))]
        assert [message.payload for message in low] == sent
        high = [message.payload for message in heard if message.topic.startswith("high/")]
        assert high == sent[::10]


async def test_waiting_messages_are_bounded_in_bytes_and_the_oldest_go(broker: Broker) -> None:
    listen = Subscription(topic="t")
    async with (
        linked(broker, "listener", listen, queue_bytes_max=50_000) as listener,
        linked(broker, "speaker") as speaker,
    ):
        for number in range(100):
            await speaker.publish("t", bytes([number]) * 10_000)
        await eventually(lambda: listener.dropped + listener.waiting == 100, what="all arrived")
        assert (listener.dropped, listener.waiting) == (95, 5)
        assert [(await listener.next()).payload[0] for _ in range(5)] == [95, 96, 97, 98, 99]
        await speaker.publish("t", b"more")
        assert (await asyncio.wait_for(listener.next(), 10)).payload == b"more"


async def test_the_library_is_as_we_know_it(broker: Broker) -> None:
    """What we take over of it: the way it reads its socket, its packet in the making, and its sign that it is broken."""
    async with connection(
        broker.settings(), "known", will=None, arrived=lambda topic, payload: None
    ) as client:
        library = client._client
        assert library._sock_recv.__self__.__class__ is MqttReader
        assert library._in_packet["command"] == 0
        assert isinstance(library.socket(), socket.socket)
        assert not client._disconnected.done()
