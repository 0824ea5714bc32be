"""VictoriaMetrics as a store: line protocol in, /api/v1/export and MetricsQL out, durable when a snapshot followed the write.

Its answer to a write says nothing about a disk: killed within seconds, it loses them. A snapshot flushes; that the process is
the same before the first write and after the snapshot (process_start_time_seconds) says that nothing was lost between.
"""

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from domain.errors import StorageError
from domain.ids import ParkId, PointRef
from stores.line_writer import LineWriter
from stores.port import PayloadName, StoredPayload, Tally
from stores.remote import Remote
from stores.settings import StoreSettings
from stores.track import Track
from stores.victoria_reader import VictoriaHistory

COUNTS_LAG_S = 1.1
"""Wall seconds: the server renews its count of refused rows once a second."""
PENDING_MAX = 200_000
"""Payloads written and not durable; beyond, the oldest is forgotten: unacknowledged, it comes again."""

_START = re.compile(r"^process_start_time_seconds (\S+)", re.MULTILINE)
_REFUSED = re.compile(r"^(?:vm_rows_invalid_total|vm_rows_ignored_total)(?:\{[^}]*\})? (\S+)", re.MULTILINE)
_DEDUP = re.compile(r'^flag\{name="dedup.minScrapeInterval", value="([^"]*)"', re.MULTILINE)


class _State(NamedTuple):
    """What the server says of itself."""

    start_s: float
    """When its process started."""
    refused: float
    """Rows that it has thrown away since."""


class VictoriaStore(VictoriaHistory):
    """The writing side. Counts since its own start, but for the samples."""

    is_durable_when_written = False

    def __init__(self, settings: StoreSettings, *, park: ParkId) -> None:
        super().__init__(settings, park=park)
        self._retention_ms = settings.server_retention_ms
        self._writer = LineWriter(settings, token="")
        self._remote = Remote(park, self._writer, self._visible)
        self._turn = asyncio.Lock()
        """Held while writing and while `secure` takes what is pending: what it takes is written."""
        self._before: _State | None = None
        """The server before the first write that is not durable; None: there is none."""
        self._pending: dict[PayloadName, None] = {}
        self._left_behind: list[str] = []

    def oldest_ms(self, now_ms: int) -> int:
        return now_ms - self._retention_ms

    def was_seen(self, name: PayloadName) -> bool:
        return self._remote.was_seen(name)

    async def write(self, payloads: Sequence[StoredPayload]) -> None:
        async with self._turn:
            if self._before is None:
                # The first write since all was durable: what happened to the server before concerns nobody.
                self._before = await self._state()
            await self._remote.write(payloads)
            self._pending.update(dict.fromkeys(payload.name for payload in payloads))
            while len(self._pending) > PENDING_MAX:
                del self._pending[next(iter(self._pending))]

    async def secure(self) -> Sequence[PayloadName]:
        """Take a snapshot and drop it; what was written before is durable if the process is the same and threw no row away."""
        async with self._turn:
            pending, before = self._pending, self._before
            self._pending, self._before = {}, None
        try:
            await self._snapshot()
            # Its count of refused rows is renewed once a second.
            await asyncio.sleep(COUNTS_LAG_S)
            after = await self._state()
        except StorageError:
            # Nothing is known: with the next attempt, if the server is still the same then.
            self._pending = pending | self._pending
            self._before = before or self._before
            raise
        return tuple(pending) if before is None or before == after else ()

    async def tally(self) -> Tally:
        return Tally(
            samples=sum((await self.counts()).values()),
            duplicates=self._remote.duplicates,
            conflicts=self._remote.conflicts,
            redelivered=self._remote.redelivered,
        )

    async def close(self) -> None:
        await self._writer.close()
        await super().close()

    async def _snapshot(self) -> None:
        self._left_behind.append(str(json.loads(await self._text("/snapshot/create"))["snapshot"]))
        # One that cannot be deleted now costs space, not data, and is deleted with the next.
        with suppress(StorageError):
            while self._left_behind:
                await self._text("/snapshot/delete", snapshot=self._left_behind[-1])
                self._left_behind.pop()

    async def _visible(
        self, points: Sequence[PointRef], *, first_ms: int, last_ms: int
    ) -> Mapping[PointRef, Track]:
        # What was written in the last second, by anybody, is not shown before this.
        await self._text("/internal/force_flush")
        return await self._tracks(points, first_ms=first_ms, last_ms=last_ms)

    async def _state(self) -> _State:
        text = await self._text("/metrics")
        start, dedup = _START.search(text), _DEDUP.search(text)
        if start is None:
            message = f"the store at {self._url} does not say when it was started"
            raise StorageError(message)
        if dedup is not None and dedup[1] in {"0", "0s"}:
            message = (
                f"the store at {self._url} keeps what comes twice twice:"
                " start VictoriaMetrics with -dedup.minScrapeInterval=1ms"
            )
            raise StorageError(message)
        return _State(float(start[1]), sum(float(number) for number in _REFUSED.findall(text)))
