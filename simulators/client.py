"""Speaks to a simulator's control socket: for the demonstration, drills and tests."""

import asyncio
import json
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from domain.errors import LinkLost, LinkTimeout, StoplogError
from wire.canonical import Json

ANSWER_S_MAX = 60.0
"""Wall seconds for an answer; a baseline of hours takes several."""


class SimulatorRefused(StoplogError):
    """The simulator did not do it; the words say why."""


class SimulatorClient:
    """One connection, used by one caller at a time; an asynchronous context manager."""

    def __init__(self, port: int, *, host: str = "127.0.0.1") -> None:
        self._port = port
        self._host = host
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        try:
            self._streams = await asyncio.open_connection(self._host, self._port, limit=4_000_000)
        except OSError as error:
            message = f"no simulator at {self._host}:{self._port}: {error.strerror}"
            raise LinkLost(message) from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def ask(self, do: str, **fields: Json) -> Mapping[str, Json]:
        """Ask one thing and return the answer. Raises SimulatorRefused, LinkLost, LinkTimeout."""
        assert self._streams is not None, "use it as a context manager"
        reader, writer = self._streams
        async with self._turn:
            try:
                writer.write(json.dumps({"do": do, **fields}).encode() + b"\n")
                line = await asyncio.wait_for(reader.readline(), ANSWER_S_MAX)
            except TimeoutError as error:
                raise LinkTimeout("the simulator did not answer") from error
            except OSError as error:
                raise LinkLost("the simulator went away") from error
        if not line:
            raise LinkLost("the simulator went away")
        answer: dict[str, Json] = json.loads(line)
        if answer.pop("ok") is not True:
            raise SimulatorRefused(str(answer.get("error")))
        return answer

    async def status(self) -> Mapping[str, Json]:
        """Return model time, speed reached, the ledger, faults played and where every gate stands."""
        return await self.ask("status")

    async def baseline_kg(self) -> Mapping[str, Json]:
        """Return the ledger of the same rain and spills until now with nobody acting. Takes seconds."""
        answer = (await self.ask("baseline"))["baseline"]
        assert isinstance(answer, Mapping)
        return answer

    async def set_speed(self, speed: float) -> None:
        """Ask for another speed of model time; 0 holds it."""
        await self.ask("speed", x=speed)
