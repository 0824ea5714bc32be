"""Keeps the demonstration's processes running: starts them in order, restarts one that dies, stops them in reverse."""

import asyncio
import os
import signal
from asyncio.subprocess import Process
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx

from runtime.clock import Clock
from stoplog.demo.failure import PartFailedError
from stoplog.demo.parts import Part
from stoplog.demo.ports import HOST
from stoplog.plain_http import NO_CERTIFICATES

READY_S_MAX = 45.0
"""A part that is not ready by then has failed; on two busy cores the slowest takes about 8 s."""
RESTART_S_MIN, RESTART_S_MAX = 0.5, 10.0
"""Pause before a restart, doubled at each; back to the least after a minute without a death."""
STOP_S_MAX = 20.0
"""A part that has not stopped by then is killed; a gateway takes up to 8 s to have its journals acknowledged."""
LOG_BYTES_MAX = 20_000_000
"""A longer log starts anew when the part starts; the one before is kept as `.1`."""


class Supervisor:
    """The processes of one demonstration."""

    def __init__(
        self, stages: Sequence[Sequence[Part]], *, logs: Path, clock: Clock, say: Callable[[str], None]
    ) -> None:
        self._stages = stages
        self._parts = {part.name: part for stage in stages for part in stage}
        self._logs = logs
        self._clock = clock
        self._say = say
        self._running: dict[str, Process] = {}
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self.restarts = 0

    async def start_all(self) -> None:
        """Start every part, stage by stage, and wait until each is ready. Raises PartFailedError."""
        for stage in self._stages:
            await asyncio.gather(*(self._bring_up(part) for part in stage))

    def watch(self) -> None:
        """From now on restart each part that dies."""
        for part in self._parts.values():
            self._watchers[part.name] = asyncio.create_task(self._watch(part), name=f"watch {part.name}")

    async def stop(self, *names: str) -> None:
        """Stop the parts named (all, when none is), the last stage first; what does not stop is killed."""
        for stage in reversed(self._stages):
            await asyncio.gather(
                *(self._take_down(part.name) for part in stage if part.name in names or not names)
            )

    def pid(self, name: str) -> int | None:
        """Return the process id of a part; None while it is not running."""
        process = self._running.get(name)
        return process.pid if process is not None and process.returncode is None else None

    async def _bring_up(self, part: Part) -> None:
        began_s = self._clock.monotonic()
        await self._start(part)
        await self._wait_ready(part)
        self._say(f"  {part.name:<10} ready after {self._clock.monotonic() - began_s:4.1f} s")

    async def _take_down(self, name: str) -> None:
        watcher = self._watchers.pop(name, None)
        if watcher is not None:
            watcher.cancel()
            await asyncio.wait([watcher])
        process = self._running.pop(name, None)
        if process is not None and process.returncode is None:
            await self._stop(name, process)

    async def _start(self, part: Part) -> None:
        log = self._logs / f"{part.name}.log"
        if log.exists() and log.stat().st_size > LOG_BYTES_MAX:
            log.replace(log.with_suffix(".log.1"))
        with log.open("ab") as output:
            self._running[part.name] = await asyncio.create_subprocess_exec(
                *part.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        (self._logs / f"{part.name}.pid").write_text(f"{self._running[part.name].pid}\n", encoding="ascii")

    async def _wait_ready(self, part: Part) -> None:
        until_s = self._clock.monotonic() + READY_S_MAX
        process = self._running[part.name]
        while not await _is_ready(part):
            if process.returncode is not None:
                raise PartFailedError(
                    f"{part.name} ended with status {process.returncode}{self._last_words(part)}",
                    status=process.returncode,
                )
            if self._clock.monotonic() > until_s:
                raise PartFailedError(
                    f"{part.name} is not ready after {READY_S_MAX:.0f} s{self._last_words(part)}"
                )
            await asyncio.sleep(0.1)

    async def _watch(self, part: Part) -> None:
        pause_s = RESTART_S_MIN
        while True:
            began_s = self._clock.monotonic()
            status = await self._running[part.name].wait()
            pause_s = RESTART_S_MIN if self._clock.monotonic() - began_s > 60.0 else pause_s
            self._say(f"  {part.name} died ({_cause(status)}); starting it again in {pause_s:.1f} s")
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, RESTART_S_MAX)
            await self._start(part)
            self.restarts += 1

    async def _stop(self, name: str, process: Process) -> None:
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), STOP_S_MAX)
        except TimeoutError:
            self._say(f"  {name} did not stop within {STOP_S_MAX:.0f} s; killed")
            process.kill()
            await process.wait()

    def _last_words(self, part: Part) -> str:
        log = self._logs / f"{part.name}.log"
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
        tail = "".join(f"\n    {line}" for line in lines[-5:])
        return f"; its log is {log}{tail}"


async def _is_ready(part: Part) -> bool:
    if part.health_port is not None:
        try:
            async with httpx.AsyncClient(timeout=1.0, trust_env=False, verify=NO_CERTIFICATES) as client:
                return (
                    await client.get(f"http://{HOST}:{part.health_port}/health/ready")
                ).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(HOST, part.listens), 1.0)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


def _cause(status: int) -> str:
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
