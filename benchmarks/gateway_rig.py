"""Starts PLCs, broker, one gateway and a subscriber as processes, and measures the gateway from outside; judges nothing."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.gateway_park import GATEWAY, PARK, Load, Ports, write_mosquitto, write_park
from benchmarks.gateway_plcs import SERVED
from runtime.clock import RealClock
from stoplog.demo.ports import free_ports

ROOT = Path(__file__).parents[1]
MOSQUITTO = "/usr/sbin/mosquitto"
START_S_MAX = 60.0
SETTLE_S_MAX = 40.0
LEVEL = 0.1
"""What arrives and what was given may differ by this share: windows of other processes begin a moment later."""
OUR_TOPICS = (
    f"spBv1.0/{PARK}/DDATA/#",
    f"stoplog/1/{PARK}/{GATEWAY}/history",
    f"stoplog/1/{PARK}/{GATEWAY}/records",
)
_CLOCK = RealClock()
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One window."""

    seconds: float
    points: int
    history: int
    """Messages that were sent again, or of what was read while nobody listened."""
    served: int
    """Registers that the PLCs gave away meanwhile."""
    cpu_s: float
    rss_mb: float
    broker_cpu_s: float
    p50_ms: float
    p99_ms: float

    @property
    def points_per_s(self) -> float:
        """Points that arrived at the subscriber each second."""
        return self.points / self.seconds

    @property
    def cpu_s_per_million(self) -> float:
        """CPU seconds of the gateway's process for a million points that arrived."""
        return self.cpu_s / max(self.points, 1) * 1e6


class Rig:
    """The neighbours of a gateway."""

    def __init__(self, folder: Path, load: Load) -> None:
        self.folder = folder
        self.load = load
        broker, *plcs = free_ports(load.plcs + 1)
        self.ports = Ports(broker=broker, plcs=plcs)
        self._processes: list[asyncio.subprocess.Process] = []
        self._served = folder / "served"
        self._broker: asyncio.subprocess.Process | None = None
        self._listener: asyncio.subprocess.Process | None = None

    async def start(self, topics: Sequence[str], keys: Path | None) -> None:
        """Start PLCs, broker and subscriber."""
        await self.start_plcs()
        conf = write_mosquitto(self.folder, self.ports.broker)
        self._broker = await self.run(MOSQUITTO, "-c", str(conf), name="broker")
        await self._until_listening(self.ports.broker)
        self._listener = await self.run(
            *(sys.executable, "-m", "benchmarks.gateway_listener", str(self.ports.broker)),
            *(json.dumps(list(topics)), *([str(keys)] if keys else [])),
            name="listener",
            speaks=True,
        )
        await _line(self._listener)

    async def start_plcs(self) -> None:
        """Start the PLCs alone."""
        plcs = await self.run(
            *(sys.executable, "-m", "benchmarks.gateway_plcs"),
            *(json.dumps(self.ports.plcs), str(self._served)),
            name="plcs",
            speaks=True,
        )
        await _line(plcs)

    async def run(
        self, *command: str, name: str, speaks: bool = False, cwd: Path = ROOT
    ) -> asyncio.subprocess.Process:
        """Start a process; it is ended with the rig."""
        with (self.folder / f"{name}.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=cwd,
                stdin=asyncio.subprocess.PIPE if speaks else asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE if speaks else log,
                stderr=log,
            )
        self._processes.append(process)
        return process

    async def until_polled(self, gateway: asyncio.subprocess.Process) -> None:
        """Wait until reads are served. Raises RuntimeError with the gateway's log when it ended instead."""
        until_s = _CLOCK.monotonic() + START_S_MAX
        while self.served() == 0:
            if gateway.returncode is not None or _CLOCK.monotonic() > until_s:
                raise RuntimeError(self.log("gateway"))
            await _CLOCK.sleep(0.05)

    async def settle(self, gateway: asyncio.subprocess.Process) -> None:
        """Wait until what arrives is what the PLCs give, twice in a row: connected, born, and nothing left to send again."""
        until_s = _CLOCK.monotonic() + SETTLE_S_MAX
        in_a_row = 0
        while in_a_row < 2 and _CLOCK.monotonic() < until_s:
            seen = await self.window(gateway, max(1.0, 2 * self.load.period_s))
            is_level = seen.served > 0 and abs(seen.points - seen.served) <= LEVEL * seen.served
            in_a_row = in_a_row + 1 if is_level and seen.history == 0 else 0

    async def window(self, gateway: asyncio.subprocess.Process, seconds: float) -> Measured:
        """Measure `gateway` for some seconds."""
        assert self._listener is not None
        assert self._broker is not None
        listener, broker = self._listener, self._broker
        assert listener.stdin is not None
        listener.stdin.write(b"begin\n")
        cpu_s, broker_s, served = cpu_of(gateway.pid), cpu_of(broker.pid), self.served()
        await _CLOCK.sleep(seconds)
        cpu_s, broker_s = cpu_of(gateway.pid) - cpu_s, cpu_of(broker.pid) - broker_s
        served = self.served() - served
        listener.stdin.write(b"end\n")
        heard = json.loads(await _line(listener))
        return Measured(
            seconds=heard["seconds"],
            points=heard["points"],
            history=heard["history"],
            served=served,
            cpu_s=cpu_s,
            rss_mb=rss_mb_of(gateway.pid),
            broker_cpu_s=broker_s,
            p50_ms=heard["p50_ms"],
            p99_ms=heard["p99_ms"],
        )

    def served(self) -> int:
        """Return how many registers the PLCs have given away."""
        return int(SERVED.unpack(self._served.read_bytes())[1])

    def log(self, name: str) -> str:
        """Return what the process `name` has said."""
        return (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    async def close(self) -> None:
        """End everything that was started, the last first."""
        for process in reversed(self._processes):
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                async with asyncio.timeout(12):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()

    async def _until_listening(self, port: int) -> None:
        until_s = _CLOCK.monotonic() + START_S_MAX
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                if _CLOCK.monotonic() > until_s:
                    raise
                await _CLOCK.sleep(0.05)
            else:
                writer.close()
                return


@contextlib.asynccontextmanager
async def our_gateway(load: Load) -> AsyncIterator[tuple[Rig, asyncio.subprocess.Process]]:
    """Yield a rig around the real `stoplog gateway`, its journal beside the sources on a real disk; polls have begun."""
    with TemporaryDirectory(dir=ROOT, prefix="state-bench-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        rig = Rig(folder, load)
        settings = write_park(folder, load, rig.ports)
        try:
            await rig.start(OUR_TOPICS, folder)
            gateway = await rig.run(
                sys.executable, "-m", "stoplog", "gateway", "--settings", str(settings), name="gateway"
            )
            await rig.until_polled(gateway)
            yield rig, gateway
        finally:
            await rig.close()


def cpu_of(pid: int) -> float:
    """Return the CPU seconds that a process and its children have used."""
    total = 0
    for one in _tree(pid):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
    return total / _TICKS_PER_S


def rss_mb_of(pid: int) -> float:
    """Return the resident memory of a process and its children."""
    total = 0
    for one in _tree(pid):
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{one}/status").read_text()
            total += sum(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    return total / 1024


def _tree(pid: int) -> list[int]:
    found, left = [], [pid]
    while left:
        one = left.pop()
        found.append(one)
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{one}/task").iterdir():
                left += map(int, (task / "children").read_text().split())
    return found


async def _line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(START_S_MAX):
        line = await process.stdout.readline()
    if not line:
        message = "a process of the benchmark ended before it spoke: see its log"
        raise RuntimeError(message)
    return line.decode()
