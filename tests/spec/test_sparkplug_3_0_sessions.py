"""Sparkplug 3.0, chapter 5: what an edge node and a host say to the broker, packet by packet, from CONNECT to DISCONNECT."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from functools import partial

from control.presence import Presence
from domain.ids import GatewayId, ParkId
from gateway.edge_node import EdgeNode
from gateway.intake import subscriptions
from gateway.outside import Outside
from runtime.clock import ManualClock
from runtime.mqtt import MqttLink, Subscription
from tests.spec.recorder import Connect, Disconnect, Publish, Recorder, Subscribe, recording
from wire.sparkplug import DataType, decode
from wire.topics import state

NOW_MS = 1_780_000_000_000
HOST = "host"
STATE = state(HOST)


@contextlib.asynccontextmanager
async def node(recorder: Recorder, numbers: list[int]) -> AsyncIterator[Outside]:
    """A gateway's side of the broker, until the block ends and it leaves."""
    edge = EdgeNode(park=ParkId("park"), gateway=GatewayId("gw"), bd_seq=255)
    outside = Outside(
        partial(MqttLink, recorder.settings, clock=ManualClock(now_ms=NOW_MS)),
        edge,
        client_id="gw",
        subscriptions=subscriptions("park", "gw"),
        keep_bd_seq=numbers.append,
    )

    async def connected() -> None:
        await outside.publish(*edge.birth(now_ms=NOW_MS), 0)

    running = asyncio.create_task(outside.run(connected, lambda: None))
    try:
        yield outside
    finally:
        running.cancel()
        await asyncio.wait({running})


async def test_an_edge_node_connects_subscribes_is_born_dies_and_leaves() -> None:
    numbers: list[int] = []
    async with recording() as recorder:
        async with node(recorder, numbers):
            await recorder.until(3)
        await recorder.until(5)
    connect, subscribe, birth, death, left = recorder.packets
    assert isinstance(connect, Connect)
    assert (connect.level, connect.is_clean) == (4, True)
    assert (connect.will_topic, connect.will_qos, connect.is_will_retained) == (
        "spBv1.0/park/NDEATH/gw",
        1,
        False,
    )
    will = decode(connect.will_payload)
    assert [(metric.name, metric.value, metric.datatype) for metric in will.metrics] == [
        ("bdSeq", 0, DataType.INT64)
    ]
    assert will.seq is None
    assert isinstance(subscribe, Subscribe)
    granted = dict(subscribe.topics)
    assert granted["spBv1.0/park/NCMD/gw"] == 1
    assert granted["spBv1.0/park/DCMD/gw/+"] == 1
    assert isinstance(birth, Publish)
    assert (birth.topic, birth.qos, birth.is_retained) == ("spBv1.0/park/NBIRTH/gw", 0, False)
    said = decode(birth.payload)
    assert (said.seq, said.timestamp_ms) == (0, NOW_MS)
    assert all(metric.timestamp_ms is not None for metric in said.metrics)
    assert {metric.name: (metric.value, metric.datatype) for metric in said.metrics} == {
        "bdSeq": (0, DataType.INT64),
        "Node Control/Rebirth": (False, DataType.BOOLEAN),
    }
    assert death == Publish(connect.will_topic, connect.will_payload, 1, is_retained=False)
    assert left == Disconnect()
    assert numbers == [0]


async def test_bd_seq_counts_the_connections() -> None:
    numbers: list[int] = []
    async with recording() as recorder, node(recorder, numbers) as outside:
        for count in (1, 2, 3):
            async with asyncio.timeout(20):
                while outside.link.connections < count or not outside.link.is_connected:  # noqa: ASYNC110
                    await asyncio.sleep(0.005)
            recorder.cut()
            async with asyncio.timeout(20):
                while outside.link.connections == count and outside.link.is_connected:  # noqa: ASYNC110
                    await asyncio.sleep(0.005)
    assert numbers[:3] == [0, 1, 2]
    wills = [decode(packet.will_payload) for packet in recorder.packets if isinstance(packet, Connect)]
    assert [will.metrics[0].value for will in wills] == numbers


async def test_a_host_connects_subscribes_says_that_it_is_here_denies_and_leaves() -> None:
    clock = ManualClock(now_ms=NOW_MS)
    async with recording() as recorder:
        link = MqttLink(
            recorder.settings,
            client_id=HOST,
            clock=clock,
            subscriptions=[Subscription(topic=STATE, qos=1), Subscription(topic="spBv1.0/park/#", qos=1)],
            will=lambda: presence.will(),  # noqa: PLW0108 # made after its link
        )
        presence = Presence(link, clock, host_id=HOST)
        running = asyncio.create_task(link.run(presence.come))
        await recorder.until(3)
        clock.advance(5.0)
        await presence.hear(json.dumps({"online": False, "timestamp": NOW_MS}).encode())
        await presence.hear(json.dumps({"online": False, "timestamp": NOW_MS}).encode())
        await recorder.until(4)
        clock.advance(5.0)
        await presence.stand()
        await recorder.until(5)
        await presence.leave()
        await presence.hear(json.dumps({"online": False, "timestamp": NOW_MS}).encode())
        await recorder.until(6)
        running.cancel()
        await asyncio.wait({running})
        await recorder.until(7)
    connect, subscribe, birth, denial, later, death, left = recorder.packets
    assert isinstance(connect, Connect)
    assert (connect.level, connect.is_clean) == (4, True)
    assert (connect.will_topic, connect.will_qos, connect.is_will_retained) == (STATE, 1, True)
    assert json.loads(connect.will_payload) == {"online": False, "timestamp": NOW_MS}
    assert isinstance(subscribe, Subscribe)
    assert set(subscribe.topics) == {(STATE, 1), ("spBv1.0/park/#", 1)}
    assert isinstance(birth, Publish)
    assert (birth.topic, birth.qos, birth.is_retained) == (STATE, 1, True)
    assert json.loads(birth.payload) == {"online": True, "timestamp": NOW_MS}
    assert denial == birth, "the first forged death is denied at once with the same certificate"
    assert later == birth, "the second within a second later"
    assert isinstance(death, Publish)
    assert (death.topic, death.qos, death.is_retained) == (STATE, 1, True)
    assert json.loads(death.payload) == {"online": False, "timestamp": NOW_MS + 10_000}
    assert left == Disconnect(), "a farewell is denied by nobody"
