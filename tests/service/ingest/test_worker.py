"""An ingest worker as a process, between a real broker and a real store: all acknowledged, each sample kept exactly once."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from domain.ids import ParkId
from domain.quality import Quality, Reason
from ingest.quarantine import quarantined_names, read_quarantine
from runtime.mqtt import MqttLink, Subscription
from stoplog.plain_http import NO_CERTIFICATES
from stores.ranges import RangeSet
from stores.sqlite_reader import SqliteHistory, everything
from tests.service.brokers import CLOCK, Broker, eventually, free_port
from tests.service.forked import Forked
from tests.service.victoria import Victoria
from wire.messages import acknowledgement
from wire.signing import Role, Verifier, load_verifier, new_key, public_part
from wire.sparkplug import DataType, Metric, Payload, encode, payload_uuid
from wire.topics import Channel, Kind, ours, sparkplug

PARK = Path(__file__).parents[3] / "parks" / "lingang"
PARK_ID = ParkId("lingang")
EPOCH = "0123456789abcdef" * 2
LIVE = sparkplug(PARK_ID, Kind.DDATA, "gw_east", "plc_hc_outlet")
HISTORY = ours(PARK_ID, "gw_east", Channel.HISTORY)
NOW_MS = CLOCK.now_ms()
PADDING = b"\xba\x3e\x90\x4e" + bytes(10_000)
"""A field that no Sparkplug payload has (999, of 10,000 bytes): whoever reads protobuf skips it."""


def reading(
    name: str, value: float | bool | str | None, at_ms: int, quality: Quality = Quality.GOOD
) -> Metric:
    kind = {bool: DataType.BOOLEAN, str: DataType.STRING}.get(type(value), DataType.DOUBLE)
    reason = None if quality is Quality.GOOD else Reason.STALE
    return Metric(name=name, value=value, datatype=kind, timestamp_ms=at_ms, quality=quality, reason=reason)


def good(offset: int) -> bytes:
    at_ms = NOW_MS + offset * 100
    return encode(
        Payload(
            timestamp_ms=at_ms,
            seq=offset % 256,
            uuid=payload_uuid(EPOCH, offset),
            metrics=(
                reading("hc_outlet/closed", value=offset % 2 == 0, at_ms=at_ms),
                reading("hc_analyser/cod", offset / 8, at_ms),
                reading("hc_analyser/ph", None, at_ms, Quality.UNCERTAIN),
            ),
        )
    )


def with_metrics(offset: int, *metrics: Metric) -> bytes:
    return encode(Payload(timestamp_ms=NOW_MS, uuid=payload_uuid(EPOCH, offset), metrics=metrics))


class Ingest:
    """The worker's process, its files, and a peer that plays gateway."""

    def __init__(self, folder: Path, broker: Broker, store: str, *, name: str | None = None) -> None:
        """`name`: one of several that share the load."""
        self.folder = folder
        self.settings = folder / f"{name or 'ingest'}.toml"
        shared = f'shared = true\nworker = "{name}"\n' if name is not None else ""
        self.metrics_port = free_port()
        private = new_key(kid="ingest-1", role=Role.INGEST, identity="ingest")
        (folder / "ingest.jwk").write_text(json.dumps(private))
        (folder / "trusted.jwks").write_text(json.dumps({"keys": [public_part(private)]}))
        self.files = {file: (folder / file).read_text() for file in ("ingest.jwk", "trusted.jwks")}
        self.verifier: Verifier = load_verifier((folder / "trusted.jwks").read_text())
        (folder / "password").write_text("right\n")
        self.settings.write_text(f"""{shared}
park = "{PARK}"
database = "{folder}/ingest.sqlite"
[broker]
port = {broker.port}
username = "gw"
password_file = "{folder}/password"
[keys]
own = "{folder}/ingest.jwk"
trusted = "{folder}/trusted.jwks"
[metrics]
port = {self.metrics_port}
[store]
{store}
""")
        self.process: Forked | None = None
        self.received = RangeSet()
        self.durable = RangeSet()

    def keep_key_of(self, other: "Ingest") -> None:
        """Sign with another's key, as workers of one machine do."""
        self.verifier = other.verifier
        for file in ("ingest.jwk", "trusted.jwks"):
            (self.folder / file).write_text(other.files[file])

    def start(self) -> None:
        self.process = Forked("ingest.app", self.settings)

    def kill(self) -> None:
        if self.process is not None:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    async def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        status = await asyncio.to_thread(self.process.wait, 10)
        self.process = None
        return status

    def is_ready(self) -> bool:
        try:
            url = f"http://127.0.0.1:{self.metrics_port}/health/ready"
            return httpx.get(url, timeout=1, trust_env=False, verify=NO_CERTIFICATES).status_code == 200
        except httpx.HTTPError:
            return False

    def rss_mb(self) -> float:
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def count(self, name: str) -> float:
        """What the worker says of itself; 0 while it says nothing."""
        text = asked(f"http://127.0.0.1:{self.metrics_port}/metrics")
        found = re.search(rf"^stoplog_ingest_{name} (\S+)", text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    async def is_up(self) -> None:
        until_s = CLOCK.monotonic() + 60
        while not await asyncio.to_thread(self.is_ready):
            assert CLOCK.monotonic() < until_s, "ingest is not ready"
            await asyncio.sleep(0.05)

    async def listen(self, link: MqttLink) -> None:
        while True:
            message = await link.next()
            signed = self.verifier.verify(message.payload, roles={Role.INGEST})
            ack = acknowledgement(signed.body)
            assert (ack.park, ack.gateway, ack.epoch) == (PARK_ID, "gw_east", EPOCH)
            for first, last in ack.received:
                self.received.add(first, last)
            for first, last in ack.durable:
                self.durable.add(first, last)


@pytest.fixture(params=["mosquitto", "amqtt"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    made = Broker(request.param, tmp_path)
    made.start()
    yield made
    made.kill()


@pytest.fixture
async def ingest(broker: Broker, tmp_path: Path) -> AsyncIterator[Ingest]:
    await broker.is_up()
    made = Ingest(tmp_path, broker, f'path = "{tmp_path}/store.sqlite"')
    made.start()
    yield made
    made.kill()


@asynccontextmanager
async def playing_gateway(broker: Broker, ingest: Ingest) -> AsyncIterator[MqttLink]:
    """A peer that publishes as a gateway and notes what is acknowledged."""
    link = MqttLink(
        broker.settings(), client_id="gw_east", clock=CLOCK,
        subscriptions=[Subscription(topic=ours(PARK_ID, "gw_east", Channel.ACK_SAMPLES), qos=1)],
    )  # fmt: skip

    async def nothing() -> None:
        return

    tasks = [asyncio.create_task(link.run(nothing)), asyncio.create_task(ingest.listen(link))]
    try:
        await eventually(lambda: link.is_connected, what="the gateway is connected")
        await ingest.is_up()
        yield link
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def gateway(broker: Broker, ingest: Ingest) -> AsyncIterator[MqttLink]:
    async with playing_gateway(broker, ingest) as link:
        yield link


def stored(folder: Path) -> Sequence[tuple[str, int]]:
    return [(row.point, row.observed_ms) for row in everything(folder / "store.sqlite", park=PARK_ID)]


async def test_every_payload_is_acknowledged_and_kept_exactly_once_though_the_worker_is_killed(
    gateway: MqttLink, ingest: Ingest, tmp_path: Path
) -> None:
    wanted = 300
    for offset in range(wanted):
        await gateway.publish(LIVE, good(offset))
        if offset == 60:
            await eventually(lambda: 30 in ingest.durable, what="some of it is stored")
        if offset in {60, 180}:
            await asyncio.sleep(0.15)
            ingest.kill()
            ingest.start()
    # As a gateway does: what is not acknowledged goes again, and some of what is (its acknowledgement came late).
    until_s = CLOCK.monotonic() + 90
    while len(ingest.durable) < wanted:
        assert CLOCK.monotonic() < until_s, f"only {ingest.durable.as_tuple()}"
        for offset in [*range(wanted)]:
            if offset not in ingest.durable or offset % 50 == 0:
                await gateway.publish(HISTORY, good(offset), qos=1)
        await asyncio.sleep(1.0)
    assert ingest.received.as_tuple() == ingest.durable.as_tuple() == ((0, wanted - 1),)
    for offset in range(10):
        await gateway.publish(HISTORY, good(offset), qos=1)
    await eventually(lambda: ingest.count("payloads_redelivered_total") >= 10, what="those are told apart")
    assert await ingest.stop() == 0
    samples = stored(tmp_path)
    assert len(samples) == len(set(samples)) == 3 * wanted
    tally = await SqliteHistory(tmp_path / "store.sqlite", park=PARK_ID).tally()
    assert (tally.samples, tally.conflicts) == (3 * wanted, 0)
    assert tally.redelivered > 0
    assert read_quarantine(tmp_path / "ingest.sqlite").samples == 0


async def test_what_is_not_fit_is_quarantined_with_its_reason_and_acknowledged(
    gateway: MqttLink, ingest: Ingest, tmp_path: Path
) -> None:
    at_ms = NOW_MS
    fit = reading("hc_analyser/cod", 1.0, at_ms)
    poison = encode(
        Payload(timestamp_ms=at_ms, uuid=payload_uuid(EPOCH, 2),
                metrics=(fit, Metric(name="hc_analyser/ph", value=None, datatype=DataType.DOUBLE)))
    )  # fmt: skip
    poison = poison.replace(b"\x20\x0a\x69", b"\x20\x63\x69")  # data type 99: the payload cannot be decoded
    await gateway.publish(LIVE, b"garbage")
    await gateway.publish(LIVE, encode(Payload(timestamp_ms=at_ms, metrics=(fit,))))
    await gateway.publish("spBv1.0/elsewhere/DDATA/gw_east/plc_hc_outlet", good(99))
    await gateway.publish(
        LIVE,
        with_metrics(
            0, fit, reading("no_such/point", 1.0, at_ms), reading("hc_outlet/closed", 1.0, at_ms),
            reading("hc_outlet/opened", value=True, at_ms=4_000_000),
            reading("hc_bund/closed", value=True, at_ms=at_ms), reading("hc_analyser/ph", float("inf"), at_ms),
            reading("hc_analyser/nh3n", "text", at_ms), reading("hc_analyser/conductivity", None, at_ms),
            reading("hc_outlet/moving", value=True, at_ms=at_ms + 900_000_000),
        ),
    )  # fmt: skip
    await gateway.publish(LIVE, poison)
    await gateway.publish(HISTORY, with_metrics(1, reading("hc_analyser/cod", 2.0, at_ms + 1)), qos=1)
    await eventually(lambda: ingest.durable.as_tuple() == ((0, 2),), what="all three are acknowledged")
    # Again, with the same end.
    await gateway.publish(HISTORY, poison, qos=1)
    await gateway.publish(LIVE, b"garbage")
    await asyncio.sleep(0.5)
    assert await ingest.stop() == 0
    assert stored(tmp_path) == [("hc_analyser/cod", at_ms), ("hc_analyser/cod", at_ms + 1)]
    tally = read_quarantine(tmp_path / "ingest.sqlite")
    assert (tally.samples, tally.payloads, tally.nameless) == (8 + 2, 2, 2)
    places = {(name.offset, place) for name, place in quarantined_names(tmp_path / "ingest.sqlite")}
    assert places == {(2, 0), (2, 1), *((0, place) for place in range(1, 9))}


@pytest.mark.parametrize("broker", ["mosquitto"], indirect=True)
async def test_a_store_that_is_held_by_another_process_keeps_the_worker_from_starting(
    gateway: MqttLink, ingest: Ingest, tmp_path: Path
) -> None:
    second = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c",
         f"from pathlib import Path; from ingest.app import main; raise SystemExit(main(Path('{tmp_path}/ingest.toml')))"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert second.returncode == 73
    assert "written by another process" in second.stderr
    assert "Traceback" not in second.stderr


@pytest.mark.parametrize("broker", ["mosquitto"], indirect=True)
@pytest.mark.parametrize(("edit", "status", "said"), [
    (("right", "wrong"), 77, "refuses user 'gw'"),
    (("port = ", "porrt = "), 78, "porrt"),
    (("lingang", "nowhere"), 65, "nowhere"),
])  # fmt: skip
async def test_a_start_that_cannot_be_says_why_in_one_message(
    broker: Broker, tmp_path: Path, edit: tuple[str, str], status: int, said: str
) -> None:
    await broker.is_up()
    Ingest(tmp_path, broker, f'path = "{tmp_path}/store.sqlite"')
    for file in ("password", "ingest.toml"):
        path = tmp_path / file
        path.write_text(path.read_text().replace(*edit, 1))
    code = f"from pathlib import Path; from ingest.app import main; raise SystemExit(main(Path('{tmp_path}/ingest.toml')))"
    run = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert (run.returncode, said in run.stderr, "Traceback" in run.stderr) == (status, True, False), (
        run.stderr
    )


@pytest.mark.parametrize("broker", ["mosquitto"], indirect=True)
async def test_a_store_that_is_gone_means_no_acknowledgement_until_it_is_back(
    broker: Broker, tmp_path: Path
) -> None:
    server = Victoria(tmp_path / "victoria")
    server.start()
    await broker.is_up()
    worker = Ingest(tmp_path, broker, f'kind = "victoriametrics"\nurl = "http://127.0.0.1:{server.port}"')
    path = tmp_path / "ingest.toml"
    path.write_text("queue_bytes_max = 2_000_000\n" + path.read_text())
    worker.start()
    flood = 900
    try:
        async with playing_gateway(broker, worker) as gateway:
            await gateway.publish(LIVE, good(0))
            await eventually(lambda: 0 in worker.received, what="received")
            await eventually(lambda: 0 in worker.durable, what="durable after a snapshot", within_s=60)
            server.kill()
            await gateway.publish(LIVE, good(1))
            await asyncio.sleep(2)
            assert 1 not in worker.received
            assert not worker.is_ready()
            # Memory stays bounded meanwhile: each of these brings 10 kB, 9 MB in all.
            before_mb = worker.rss_mb()
            for offset in range(2, flood):
                await gateway.publish(LIVE, good(offset) + PADDING)
                if offset % 50 == 0:
                    await asyncio.sleep(0.01)
            await eventually(lambda: worker.count("queue_dropped") > flood / 3, what="the oldest are dropped")
            assert worker.rss_mb() < before_mb + 25
            server.start()
            await eventually(lambda: 1 in worker.received, what="received when the store is back")
            # The server lost nothing of the second payload, so the snapshot after it makes it durable.
            await eventually(lambda: 1 in worker.durable, what="durable again", within_s=60)
            # As a gateway does: against credit, and again what is not answered for.
            until_s = CLOCK.monotonic() + 90
            while worker.durable.as_tuple() != ((0, flood - 1),):
                assert CLOCK.monotonic() < until_s, f"only {worker.durable.as_tuple()}"
                missing = [offset for offset in range(flood) if offset not in worker.received]
                for offset in missing[:150]:
                    await gateway.publish(HISTORY, good(offset) + PADDING, qos=1)
                await asyncio.sleep(0.3)
            assert await worker.stop() == 0
    finally:
        worker.kill()
        server.kill()


async def test_a_shared_subscription_is_proven_or_said_not_to_deliver(broker: Broker, tmp_path: Path) -> None:
    await broker.is_up()
    worker = Ingest(tmp_path, broker, f'path = "{tmp_path}/store.sqlite"')
    path = tmp_path / "ingest.toml"
    path.write_text("shared = true\n" + path.read_text())
    worker.start()
    try:
        if broker.kind == "mosquitto":
            async with playing_gateway(broker, worker) as gateway:
                await gateway.publish(LIVE, good(0))
                await eventually(lambda: 0 in worker.durable, what="stored through the shared subscription")
        else:
            url = f"http://127.0.0.1:{worker.metrics_port}/health/ready"
            await eventually(lambda: "canary" in asked(url), what="it says that nothing is delivered")
    finally:
        worker.kill()


def asked(url: str) -> str:
    try:
        return httpx.get(url, timeout=1, trust_env=False, verify=NO_CERTIFICATES).text
    except httpx.HTTPError:
        return ""
