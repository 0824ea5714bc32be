"""VictoriaMetrics as a store: line protocol in, /api/v1/export out, durable when a snapshot was taken after the write.

Its answer to a write says nothing about a disk: killed within seconds, it loses them. A snapshot flushes; that the process is
the same before the first write and after the snapshot (process_start_time_seconds) says that nothing was lost between.
It keeps about 15 decimal digits of a series' largest value: smaller ones beside it are rounded.
"""

import asyncio
import json
import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TypedDict

import httpx

from domain.errors import StorageError
from domain.ids import ParkId, PointRef
from stores.buckets import sum_up
from stores.codes import MEANINGS
from stores.line_writer import LineWriter
from stores.lines import MEASUREMENT, encode_lines
from stores.port import Bucket, PayloadName, Row, StoredPayload, Tally
from stores.ranges import RangeSet
from stores.settings import StoreSettings

ANSWER_S_MAX = 10.0
"""Wall seconds for any answer."""
COUNTS_LAG_S = 1.1
"""Wall seconds: the server renews its count of refused rows once a second."""
DAY_MS = 86_400_000
LATEST_DAYS = 31
"""A point's newest sample is looked for this far back."""
ROUNDING = 1e-9
"""Relative and absolute: closer values are the same sample."""
COMPARED_MAX = 2000
"""Redelivered payloads are compared with what is stored in groups of this many samples."""

REFUSED = f"{MEASUREMENT}_refused"
"""Samples in conflict with a stored one are kept under this name."""

_START = re.compile(r"^process_start_time_seconds (\S+)", re.MULTILINE)
_REFUSED = re.compile(r"^(?:vm_rows_invalid_total|vm_rows_ignored_total)(?:\{[^}]*\})? (\S+)", re.MULTILINE)


class _Item(TypedDict):
    metric: dict[str, str]
    value: tuple[float, str]


class _Result(TypedDict):
    result: list[_Item]


class _Answer(TypedDict):
    data: _Result


class VictoriaHistory:
    """One park's history."""

    def __init__(self, settings: StoreSettings, *, park: ParkId) -> None:
        self._park = park
        self._url = settings.url or ""
        self._http = httpx.AsyncClient(base_url=self._url, timeout=ANSWER_S_MAX, trust_env=False)

    async def raw(self, point: PointRef, *, from_ms: int, to_ms: int) -> Sequence[Row]:
        found = await self._export(f'point="{point}"', from_ms, to_ms - 1)
        return found.get(point, [])

    async def buckets(self, point: PointRef, *, from_ms: int, to_ms: int, count: int) -> Sequence[Bucket]:
        rows = await self.raw(point, from_ms=from_ms, to_ms=to_ms)
        return sum_up(rows, from_ms=from_ms, to_ms=to_ms, count=count)

    async def latest(self, points: Sequence[PointRef]) -> Mapping[PointRef, Row]:
        query = f"tlast_over_time({MEASUREMENT}_code{{{self._label}}}[{LATEST_DAYS}d])"
        wanted, found = set(points), dict[PointRef, Row]()
        answer: _Answer = json.loads(await self._text("/api/v1/query", query=query))
        for item in answer["data"]["result"]:
            point = PointRef(item["metric"]["point"])
            if point in wanted:
                at_ms = round(float(item["value"][1]) * 1000)
                rows = await self.raw(point, from_ms=at_ms, to_ms=at_ms + 1)
                found.update({row.point: row for row in rows})
        return found

    async def counts(self) -> Mapping[PointRef, int]:
        found = await self._export('point!=""', 0, 4_102_444_800_000)
        return {point: len(rows) for point, rows in found.items()}

    async def close(self) -> None:
        await self._http.aclose()

    @property
    def _label(self) -> str:
        return f'park="{self._park}"'

    async def _export(self, match: str, from_ms: int, to_ms: int) -> dict[PointRef, list[Row]]:
        """Return the samples of every series that matches, both ends included, values and codes joined by time."""
        series = await self._text(
            "/api/v1/export",
            **{
                "match[]": f'{{__name__=~"{MEASUREMENT}_(value|code)",{self._label},{match}}}',
                "start": f"{from_ms / 1000:.3f}",
                "end": f"{to_ms / 1000:.3f}",
            },
        )
        columns: dict[tuple[str, PointRef], dict[int, float]] = {}
        for line in series.splitlines():
            item = json.loads(line)
            key = (item["metric"]["__name__"], PointRef(item["metric"]["point"]))
            columns.setdefault(key, {}).update(zip(item["timestamps"], item["values"], strict=True))
        return {
            point: _join(point, codes, columns.get((f"{MEASUREMENT}_value", point), {}))
            for (name, point), codes in columns.items()
            if name == f"{MEASUREMENT}_code"
        }

    async def _text(self, path: str, **parameters: str) -> str:
        try:
            response = await self._http.get(path, params=parameters)
            response.raise_for_status()
        except httpx.HTTPError as error:
            message = f"the store at {self._url} does not answer {path}: {str(error) or type(error).__name__}"
            raise StorageError(message) from error
        return response.text


class VictoriaStore(VictoriaHistory):
    """The writing side. Counts since its own start, but for the samples."""

    is_durable_when_written = False

    def __init__(self, settings: StoreSettings, *, park: ParkId) -> None:
        super().__init__(settings, park=park)
        self._retention_ms = settings.retention_days * DAY_MS
        self._writer = LineWriter(settings, token="")
        self._seen: dict[tuple[str, str], RangeSet] = {}
        self._turn = asyncio.Lock()
        self._start_s: float | None = None
        """The server's start before the first write that is not durable; None: there is none."""
        self._refused = 0.0
        self._duplicates = self._conflicts = self._redelivered = 0

    def oldest_ms(self, now_ms: int) -> int:
        return now_ms - self._retention_ms

    def was_seen(self, name: PayloadName) -> bool:
        seen = self._seen.get((name.gateway, name.epoch))
        return seen is not None and name.offset in seen

    async def write(self, payloads: Sequence[StoredPayload]) -> None:
        async with self._turn:
            if self._start_s is None:
                # The first write since all was durable: what happened to the server before concerns nobody.
                self._start_s, self._refused = await self._state()
            again = [row for payload in payloads if self.was_seen(payload.name) for row in payload.rows]
            fresh = [row for payload in payloads if not self.was_seen(payload.name) for row in payload.rows]
            kept, refused = await self._compare(again)
            lines = (
                encode_lines(self._park, [*fresh, *kept]),
                encode_lines(self._park, refused, name=REFUSED),
            )
            await self._writer.write("\n".join(line for line in lines if line))
        for payload in payloads:
            self._redelivered += self.was_seen(payload.name)
            name = payload.name
            self._seen.setdefault((name.gateway, name.epoch), RangeSet()).add(name.offset)

    async def secure(self) -> bool:
        """Take a snapshot and drop it; True when the process is as before the writes and has thrown no row away."""
        async with self._turn:
            before = self._start_s
            name = json.loads(await self._text("/snapshot/create"))["snapshot"]
            with suppress(StorageError):  # a snapshot left behind costs space, not data
                await self._text("/snapshot/delete", snapshot=name)
            after, _ = await self._state()
            self._start_s = None
        await asyncio.sleep(COUNTS_LAG_S)
        known, (_, self._refused) = self._refused, await self._state()
        return before is None or (before == after and self._refused == known)

    async def tally(self) -> Tally:
        return Tally(
            samples=sum((await self.counts()).values()),
            duplicates=self._duplicates,
            conflicts=self._conflicts,
            redelivered=self._redelivered,
        )

    async def close(self) -> None:
        await self._writer.close()
        await super().close()

    async def _state(self) -> tuple[float, float]:
        """Return the start of the server's process and how many rows it has thrown away."""
        text = await self._text("/metrics")
        start = _START.search(text)
        if start is None:
            message = f"the store at {self._url} does not say when it was started"
            raise StorageError(message)
        return float(start[1]), sum(float(number) for number in _REFUSED.findall(text))

    async def _compare(self, rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
        """Return the rows whose key is free and those in conflict; the same ones are counted and left out.

        Asked for payloads that came again only; this server merges equal rows by itself.
        """
        kept, refused = list[Row](), list[Row]()
        for start in range(0, len(rows), COMPARED_MAX):
            group = rows[start : start + COMPARED_MAX]
            names = "|".join(sorted({re.escape(row.point) for row in group}))
            times = [row.observed_ms for row in group]
            stored = await self._export(f'point=~"{names}"', min(times), max(times))
            taken = {(row.point, row.observed_ms): row for found in stored.values() for row in found}
            for row in group:
                known = taken.get((row.point, row.observed_ms))
                if known is None:
                    kept.append(row)
                elif not _agree(known, row):
                    refused.append(row)
                else:
                    self._duplicates += 1
        self._conflicts += len(refused)
        return kept, refused


def _agree(stored: Row, row: Row) -> bool:
    """Whether a stored row is the same, this server's rounding aside."""
    if stored.value is None or row.value is None:
        return stored == row
    same_quality = (stored.quality, stored.reason) == (row.quality, row.reason)
    return same_quality and math.isclose(stored.value, row.value, rel_tol=ROUNDING, abs_tol=ROUNDING)


def _join(point: PointRef, codes: Mapping[int, float], values: Mapping[int, float]) -> list[Row]:
    return [
        Row(point, at_ms, values.get(at_ms), *MEANINGS[int(code)]) for at_ms, code in sorted(codes.items())
    ]
