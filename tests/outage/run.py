"""Plays one outage: writes the backlog, starts the real gateway on it with PLCs that are polled, and measures the back-fill."""

import asyncio
import base64
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import paho.mqtt.client as mqtt
from numpy.typing import NDArray

from benchmarks.gateway_park import GATEWAY, PARK, Load, Ports, write_mosquitto, write_park
from benchmarks.gateway_rig import rss_mb_of
from domain.ids import ParkId, PointRef
from stoplog.demo.ports import HOST, free_ports
from stores.open import open_history
from stores.port import History
from stores.settings import StoreSettings
from stores.sqlite_reader import SqliteHistory
from tests.faults.processes import CLOCK, MOSQUITTO, ROOT, VICTORIA, can_connect, rest, wait_until
from tests.outage.backlog import DEVICES, PERIOD_S, POINTS, Instruments, Values, Written
from tests.outage.processes import Process
from wire.sparkplug import decode, parse_uuid
from wire.topics import Channel, ours

LIVE_PERIOD_S = 0.25
"""Wall seconds between live polls of each device while the backlog goes: 1,600 points a second beside it."""
AFTER_S = 3.0
"""Wall seconds of live polling after the last of the backlog is durable."""
LOOK_S = 0.2
Times = NDArray[np.int64]
Kind = Literal["sqlite", "victoriametrics"]
ACKS = ours(PARK, GATEWAY, Channel.ACK_SAMPLES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """What was measured, and what is wrong."""

    written: Written
    backfill_s: float
    """From the gateway's first live payload to the last of the backlog being durable."""
    start_s: float
    """From the start of the gateway's process to its first live payload."""
    live: int
    """Live payloads whose acknowledgement was heard."""
    p50_s: float
    p99_s: float
    """From the read of a live payload to its acknowledgement: as durable where a write is durable, else as received."""
    rss_mb_begin: float
    """Of the gateway, when it published its first live payload."""
    rss_mb_max: float
    store: str
    problems: list[str]

    @property
    def points_per_s(self) -> float:
        return self.written.points / self.backfill_s

    @property
    def bytes_per_point(self) -> float:
        return self.written.bytes / self.written.points

    def __str__(self) -> str:
        made = self.written
        return (
            f"backlog: {made.points:,} points in {made.payloads:,} payloads ({made.polls * PERIOD_S / 3600:g} h at"
            f" {DEVICES * POINTS / PERIOD_S:.0f} points/s, model time), written in {made.seconds:.0f} s\n"
            f"journal: {made.bytes / 1e6:.1f} MB on the disk, {self.bytes_per_point:.2f} bytes a point,"
            f" {made.dropped} payloads dropped by its bounds\n"
            f"memory of the writing process: {made.rss_mb_after_an_hour:.0f} MB early, {made.rss_mb:.0f} MB at the end\n"
            f"gateway: first live payload {self.start_s:.1f} s after its start on that journal\n"
            f"back-fill: {self.backfill_s:.1f} s, {self.points_per_s:,.0f} points/s into {self.store}\n"
            f"live meanwhile: {self.live} payloads of {POINTS} points, read to acknowledged p50 {self.p50_s:.2f} s,"
            f" p99 {self.p99_s:.2f} s\n"
            f"memory of the gateway: {self.rss_mb_begin:.0f} MB at its first payload, {self.rss_mb_max:.0f} MB at most\n"
            + ("\n".join(self.problems) if self.problems else "every point is stored once, with its value")
        )


@dataclass(slots=True)
class _Heard:
    """What passed the broker, as its subscriber saw it."""

    read_ms: dict[tuple[str, int], int] = field(default_factory=dict)
    """Live payload → when it was read."""
    delays_s: list[float] = field(default_factory=list)
    durable: set[int] = field(default_factory=set)
    """Payloads of the backlog that were acknowledged as durable."""


def play(folder: Path, *, hours: float, seed: int, kind: Kind = "sqlite") -> Outage:
    """Play an outage of `hours` in `folder`; everything that it started has ended when it returns."""
    broker, metrics, victoria, *plcs = free_ports(DEVICES + 3)
    load = Load(name="outage", plcs=DEVICES, points=POINTS, period_s=LIVE_PERIOD_S)
    settings = write_park(folder, load, Ports(broker=broker, plcs=plcs))
    store = StoreSettings(
        kind=kind,
        path=folder / "store.sqlite" if kind == "sqlite" else None,
        url=None if kind == "sqlite" else f"http://{HOST}:{victoria}",
    )
    ingest = _ingest_settings(folder, store, broker, metrics)
    done = subprocess.run(
        [sys.executable, "-m", "tests.outage.backlog", str(settings), str(hours), str(seed)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    written = Written(**json.loads(done.stdout))

    stoplog = [sys.executable, "-m", "stoplog", "--with-parent", str(os.getpid())]
    served = folder / "served"
    parts = [
        Process(
            "plcs", [sys.executable, "-m", "benchmarks.gateway_plcs", json.dumps(plcs), str(served)], folder
        ),
        Process("broker", [str(MOSQUITTO), "-c", str(write_mosquitto(folder, broker))], folder),
        *_victoria(folder, store, victoria),
        Process("ingest", [*stoplog, "ingest", "--settings", str(ingest)], folder),
        Process("gateway", [*stoplog, "gateway", "--settings", str(settings)], folder),
    ]
    heard = _Heard()
    client = _listener(heard, written.epoch)
    try:
        for part in parts[:-1]:
            part.start()
        wait_until("the broker listens", lambda: can_connect(broker))
        wait_until("ingest is ready", lambda: "subscription proven" in parts[-2].log())
        client.connect(HOST, broker)
        client.loop_start()
        measured = _measure(parts[-1], heard, written)
        gateway_status = parts[-1].stop()
        problems = (
            []
            if gateway_status == 0
            else [f"the gateway ended with {gateway_status}: {parts[-1].log()[-500:]}"]
        )
        if kind == "sqlite":
            parts[-2].stop()
        problems += asyncio.run(_compare(store, written, seed))
    finally:
        client.disconnect()
        client.loop_stop()
        for part in reversed(parts):
            part.kill()
    return Outage(written=written, problems=problems, store=kind, **measured)


def _measure(gateway: Process, heard: _Heard, written: Written) -> dict[str, float]:
    started_s = CLOCK.monotonic()
    gateway.start()
    wait_until("the gateway publishes", lambda: bool(heard.read_ms))
    live_s = CLOCK.monotonic()
    begin_mb = most_mb = rss_mb_of(gateway.pid)
    while len(heard.durable) < written.payloads:
        rest(LOOK_S)
        most_mb = max(most_mb, rss_mb_of(gateway.pid))
        assert gateway.is_running, gateway.log()[-2000:]
        assert CLOCK.monotonic() - live_s < 60 + written.points / 10_000, (
            f"{len(heard.durable)} of {written.payloads}"
        )
    done_s = CLOCK.monotonic()
    rest(AFTER_S)
    most_mb = max(most_mb, rss_mb_of(gateway.pid))
    delays_s = np.array(heard.delays_s)
    return {
        "backfill_s": done_s - live_s,
        "start_s": live_s - started_s,
        "live": len(delays_s),
        "p50_s": float(np.quantile(delays_s, 0.5)),
        "p99_s": float(np.quantile(delays_s, 0.99)),
        "rss_mb_begin": begin_mb,
        "rss_mb_max": most_mb,
    }


def _listener(heard: _Heard, backlog_epoch: str) -> mqtt.Client:
    """Return a client that notes when live payloads were read and when any payload was acknowledged as durable."""

    def on_message(_client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        now_ms = CLOCK.now_ms()
        if message.topic == ACKS:
            body = json.loads(base64.urlsafe_b64decode(message.payload.split(b".")[1] + b"=="))
            if body["epoch"] == backlog_epoch:
                heard.durable.update(n for first, last in body["durable"] for n in range(first, last + 1))
                return
            for first, last in body["received"]:
                for offset in range(first, last + 1):
                    read_ms = heard.read_ms.pop((body["epoch"], offset), None)
                    if read_ms is not None:
                        heard.delays_s.append((now_ms - read_ms) / 1000)
            return
        payload = decode(message.payload)
        if payload.uuid is not None and payload.metrics[0].timestamp_ms is not None:
            heard.read_ms[parse_uuid(payload.uuid)] = payload.metrics[0].timestamp_ms

    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="listener")
    client.on_message = on_message
    client.on_connect = lambda client, *_: client.subscribe([(f"spBv1.0/{PARK}/DDATA/#", 0), (ACKS, 0)])
    return client


async def _compare(store: StoreSettings, written: Written, seed: int) -> list[str]:
    """Hold the points of the backlog against the store: their times, their values, and nothing between.

    Every point of SQLite; of VictoriaMetrics, which answers slower, every tenth.
    """
    problems: list[str] = []
    history: History = open_history(store, park=ParkId(PARK))
    times_ms = written.begin_ms + np.arange(written.polls) * round(PERIOD_S * 1000)
    until_ms = int(times_ms[-1]) + 1
    # VictoriaMetrics keeps values as decimals, which cuts the last of a double's digits.
    tolerance = 0.0 if store.kind == "sqlite" else 1e-12
    for device in range(DEVICES):
        instruments = Instruments(seed, device)
        expected = np.array([instruments.read() for _ in range(written.polls)])
        for number in range(0, POINTS, 1 if store.kind == "sqlite" else 10):
            point = PointRef(f"d{device:04d}/r{number}")
            stored_ms, values = await _stored(history, point, written.begin_ms, until_ms)
            if not np.array_equal(stored_ms, times_ms):
                problems.append(f"{point}: {len(stored_ms)} of {written.polls} samples are stored")
            elif not np.allclose(values, expected[:, number], rtol=tolerance, atol=0):
                problems.append(f"{point}: values differ")
    tally = await history.tally() if isinstance(history, SqliteHistory) else None
    if tally is not None and tally.conflicts:
        problems.append(f"{tally.conflicts} conflicts in the store")
    await history.close()
    return problems[:5]


async def _stored(history: History, point: PointRef, from_ms: int, to_ms: int) -> tuple[Times, Values]:
    """Return times and values; of SQLite without a row for each, because a day has 34 million."""
    if isinstance(history, SqliteHistory):
        track = await history._track(point, from_ms, to_ms)
        return track.times_ms, track.values
    rows = await history.raw(point, from_ms=from_ms, to_ms=to_ms)
    return np.array([row.observed_ms for row in rows]), np.array(
        [row.value for row in rows], dtype=np.float64
    )


def _victoria(folder: Path, store: StoreSettings, port: int) -> list[Process]:
    if store.kind == "sqlite":
        return []
    command = [
        str(VICTORIA), f"-storageDataPath={folder}/victoria", f"-httpListenAddr={HOST}:{port}",
        "-dedup.minScrapeInterval=1ms", "-loggerLevel=ERROR", "-search.maxPointsPerTimeseries=1000000",
    ]  # fmt: skip
    return [Process("victoria", command, folder)]


def _ingest_settings(folder: Path, store: StoreSettings, broker: int, metrics: int) -> Path:
    path = folder / "ingest.toml"
    where = f'path = "{store.path}"' if store.kind == "sqlite" else f'url = "{store.url}"'
    path.write_text(
        f"""park = "{folder / "park"}"
database = "{folder / "ingest.sqlite"}"
[broker]
port = {broker}
[keys]
own = "{folder / "ingest.jwk"}"
trusted = "{folder / "trusted.jwks"}"
[store]
kind = "{store.kind}"
{where}
[metrics]
port = {metrics}
""",
        encoding="utf-8",
    )
    return path
