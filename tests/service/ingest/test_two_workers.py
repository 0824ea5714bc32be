"""Two ingest workers share one gateway's payloads through mosquitto: one is killed with -9, nothing is lost and nothing doubled."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.ids import PointRef
from ingest.quarantine import read_quarantine
from ingest.texts import tally_texts
from runtime.mqtt import MqttLink
from stores.settings import StoreSettings
from stores.victoria import VictoriaStore
from tests.service.brokers import CLOCK, Broker, eventually
from tests.service.ingest.test_worker import (
    EPOCH,
    HISTORY,
    LIVE,
    NOW_MS,
    PARK_ID,
    Ingest,
    good,
    playing_gateway,
    reading,
    with_metrics,
)
from tests.service.victoria import Victoria
from wire.sparkplug import payload_uuid

WANTED = 400


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Victoria]:
    made = Victoria(tmp_path / "victoria")
    made.start()
    yield made
    made.kill()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    made = Broker("mosquitto", tmp_path)
    made.start()
    yield made
    made.kill()


def worker(tmp_path: Path, broker: Broker, server: Victoria, name: str, first: Ingest | None) -> Ingest:
    """Return a worker with settings of its own, and the key and the database of the first."""
    made = Ingest(
        tmp_path, broker, f'kind = "victoriametrics"\nurl = "http://127.0.0.1:{server.port}"', name=name
    )
    if first is not None:
        made.keep_key_of(first)
    made.start()
    return made


async def test_two_workers_share_the_load_and_one_s_death_costs_nothing(
    tmp_path: Path, broker: Broker, server: Victoria
) -> None:
    await broker.is_up()
    one = worker(tmp_path, broker, server, "w1", None)
    two = worker(tmp_path, broker, server, "w2", one)
    try:
        async with playing_gateway(broker, one) as gateway:
            await two.is_up()
            for offset in range(WANTED // 2):
                await gateway.publish(LIVE, good(offset))
            await eventually(lambda: len(one.received) == WANTED // 2, what="half of it is received")
            assert one.count("payloads_total") > WANTED // 10
            assert two.count("payloads_total") > WANTED // 10
            two.kill()
            for offset in range(WANTED // 2, WANTED):
                await gateway.publish(LIVE, good(offset))
            # A sample that is not fit, on both ways: whoever has it first, it is quarantined once.
            strange = with_metrics(
                WANTED, reading("no_such/point", 1.0, NOW_MS), reading("hc_analyser/cod", 9.0, NOW_MS - 1)
            )
            await gateway.publish(LIVE, strange)
            await until_durable(gateway, one, strange)
            two.start()
            await two.is_up()
            for offset in range(0, WANTED, 10):
                await gateway.publish(HISTORY, good(offset), qos=1)
            await gateway.publish(HISTORY, strange, qos=1)
            await eventually(
                lambda: (
                    two.count("payloads_total") + one.count("payloads_redelivered_total") >= WANTED // 10 + 1
                ),
                what="redeliveries reach both",
            )
        assert await one.stop() == 0
        assert await two.stop() == 0
    finally:
        one.kill()
        two.kill()
    assert read_quarantine(tmp_path / "ingest.sqlite").samples == 1
    assert tally_texts(tmp_path / "ingest.sqlite").samples == 0
    store = VictoriaStore(
        StoreSettings(kind="victoriametrics", url=f"http://127.0.0.1:{server.port}"), park=PARK_ID
    )
    counts = await store.counts()
    values = [
        row.value
        for row in await store.raw(PointRef("hc_analyser/cod"), from_ms=NOW_MS, to_ms=NOW_MS + WANTED * 100)
    ]
    await store.close()
    assert dict(counts) == {
        "hc_outlet/closed": WANTED,
        "hc_analyser/cod": WANTED + 1,
        "hc_analyser/ph": WANTED,
    }
    assert values == [offset / 8 for offset in range(WANTED)]


async def until_durable(gateway: MqttLink, one: Ingest, strange: bytes) -> None:
    """Send again what is not durable, as a gateway does."""
    until_s = CLOCK.monotonic() + 60
    while len(one.durable) <= WANTED:
        assert CLOCK.monotonic() < until_s, f"only {one.durable.as_tuple()} of {payload_uuid(EPOCH, WANTED)}"
        await asyncio.sleep(2)
        for offset in range(WANTED + 1):
            if offset not in one.durable:
                await gateway.publish(HISTORY, strange if offset == WANTED else good(offset), qos=1)
