"""Starts broker, store, ingest workers and a producer as processes, and measures the workers from outside; judges nothing."""

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import httpx

from benchmarks.gateway_park import PARK, Load, Ports, write_mosquitto, write_park
from benchmarks.gateway_rig import MOSQUITTO, START_S_MAX, Rig, cpu_of, rss_mb_of
from benchmarks.ingest_producer import Order, Outcome
from domain.ids import ParkId
from runtime.clock import RealClock
from stoplog.demo.ports import free_ports
from stoplog.plain_http import NO_CERTIFICATES
from stores.open import open_history
from stores.settings import StoreSettings

VICTORIA = "/usr/bin/victoria-metrics"
LOAD = Load(name="100x100", plcs=100, points=100, period_s=1.0)
"""A hundred PLCs with a hundred points, of one gateway."""
RUN_APART_MS = 3_600_000
_CLOCK = RealClock()


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One run of workers."""

    outcome: Outcome
    seconds: float
    cpu_s: float
    """Of all workers."""
    store_cpu_s: float
    """Of the server, if there is one."""
    rss_mb: float
    """Of the largest worker."""
    stored: int
    """Samples that are in the store in the end."""


class IngestRig:
    """The neighbours of some ingest workers; they are ended together."""

    def __init__(self, folder: Path, load: Load = LOAD) -> None:
        self.folder = folder
        self.load = load
        self._rig = Rig(folder, replace(load, plcs=0))
        self.broker_port, self.victoria_port, *self._metrics_ports = free_ports(6)
        self._workers: list[asyncio.subprocess.Process] = []
        self._runs = 0
        self._victoria: asyncio.subprocess.Process | None = None
        ports = Ports(broker=self.broker_port, plcs=[*range(20_000, 20_000 + load.plcs)])
        write_park(folder, load, ports)

    async def start_broker(self) -> None:
        """Start mosquitto."""
        conf = write_mosquitto(self.folder, self.broker_port)
        await self._rig.run(MOSQUITTO, "-c", str(conf), name="broker")
        await self._until_open(self.broker_port)

    async def start_victoria(self) -> StoreSettings:
        """Start VictoriaMetrics; return where it is."""
        self._victoria = await self._rig.run(
            *(VICTORIA, f"-storageDataPath={self.folder / 'victoria'}", "-loggerLevel=ERROR"),
            *(f"-httpListenAddr=127.0.0.1:{self.victoria_port}", "-dedup.minScrapeInterval=1ms"),
            name="victoria",
        )
        await self._until_open(self.victoria_port)
        return StoreSettings(kind="victoriametrics", url=f"http://127.0.0.1:{self.victoria_port}")

    async def start_workers(self, count: int, store: StoreSettings) -> None:
        """Start workers and wait until they are ready."""
        for number in range(count):
            path = self.folder / f"w{number}.toml"
            path.write_text(self._settings(number, store, is_shared=count > 1), encoding="utf-8")
            command = (sys.executable, "-m", "stoplog", "ingest", "--settings", str(path))
            self._workers.append(await self._rig.run(*command, name=f"w{number}"))
        async with httpx.AsyncClient(trust_env=False, verify=NO_CERTIFICATES) as http:
            for number in range(count):
                await self._until_ready(http, number)

    def _settings(self, number: int, store: StoreSettings, *, is_shared: bool) -> str:
        place = f'path = "{store.path}"' if store.path is not None else f'url = "{store.url}"'
        return f"""park = "{self.folder / "park"}"
database = "{self.folder / "ingest.sqlite"}"
worker = "w{number}"
shared = {str(is_shared).lower()}
[broker]
port = {self.broker_port}
[keys]
own = "{self.folder / "ingest.jwk"}"
trusted = "{self.folder / "trusted.jwks"}"
[metrics]
port = {self._metrics_ports[number]}
[store]
kind = "{store.kind}"
{place}
"""

    async def measure(
        self, seconds: float, store: StoreSettings, *, window: int, rate: float = 0.0
    ) -> Measured:
        """Have the producer send for some seconds; the store is looked at afterwards."""
        servers = [self._victoria.pid] if self._victoria is not None else []
        workers = [worker.pid for worker in self._workers]
        began_s, cpu_s, store_s = _CLOCK.monotonic(), _cpu(workers), _cpu(servers)
        trusted = str(self.folder / "trusted.jwks")
        outcome = await self.produce(seconds, window=window, rate=rate, trusted=trusted)
        cpu_s, store_s = _cpu(workers) - cpu_s, _cpu(servers) - store_s
        rss_mb = max(rss_mb_of(pid) for pid in workers)
        history = open_history(store, park=ParkId(PARK))
        try:
            stored = sum((await history.counts()).values())
        finally:
            await history.close()
        return Measured(
            outcome=outcome, seconds=_CLOCK.monotonic() - began_s, cpu_s=cpu_s, store_cpu_s=store_s, rss_mb=rss_mb,
            stored=stored,
        )  # fmt: skip

    async def produce(self, seconds: float, *, window: int, rate: float = 0.0, trusted: str = "") -> Outcome:
        """Have the producer send for some seconds."""
        order = Order(
            port=self.broker_port, plcs=self.load.plcs, points=self.load.points, seconds=seconds, window=window,
            rate=rate, trusted=trusted, begin_ms=self._begin_ms(),
        )  # fmt: skip
        producer = await self._rig.run(
            *(sys.executable, "-m", "benchmarks.ingest_producer", json.dumps(asdict(order))),
            name="producer", speaks=True,
        )  # fmt: skip
        return Outcome(**json.loads(await self._line(producer, "producer", seconds + 2 * START_S_MAX)))

    def _begin_ms(self) -> int:
        """Return a time that no run of this rig has come near: two samples of a point at one time would be one."""
        self._runs += 1
        return _CLOCK.now_ms() + (self._runs - 1) * RUN_APART_MS

    async def start_counter(self) -> asyncio.subprocess.Process:
        """Start the subscriber that only counts."""
        command = (sys.executable, "-m", "benchmarks.ingest_bare", str(self.broker_port))
        counter = await self._rig.run(*command, name="bare", speaks=True)
        await self._line(counter, "bare", START_S_MAX)
        return counter

    async def close(self) -> None:
        """End everything."""
        await self._rig.close()

    async def _line(self, process: asyncio.subprocess.Process, name: str, within_s: float) -> str:
        assert process.stdout is not None
        async with asyncio.timeout(within_s):
            line = await process.stdout.readline()
        if not line:
            raise RuntimeError(self._rig.log(name))
        return line.decode()

    async def _until_open(self, port: int) -> None:
        await self._rig._until_listening(port)  # noqa: SLF001 # its neighbour

    async def _until_ready(self, http: httpx.AsyncClient, number: int) -> None:
        url = f"http://127.0.0.1:{self._metrics_ports[number]}/health/ready"
        until_s = _CLOCK.monotonic() + START_S_MAX
        while True:
            try:
                if (await http.get(url)).is_success:
                    return
            except httpx.HTTPError:
                pass
            if self._workers[number].returncode is not None or _CLOCK.monotonic() > until_s:
                raise RuntimeError(self._rig.log(f"w{number}"))
            await _CLOCK.sleep(0.05)


def _cpu(pids: Sequence[int]) -> float:
    return sum(cpu_of(pid) for pid in pids)
