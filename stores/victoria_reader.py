"""Reads VictoriaMetrics: raw samples by /api/v1/export, everything summed up by MetricsQL on the server."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import TypedDict, cast

import httpx

from domain.errors import StorageError
from domain.ids import ParkId, PointRef
from stores.buckets import QUALITIES, gaps_of, span_of
from stores.fields import Field, track_of_fields
from stores.lines import CODE_FIELDS, DOUBTED, MEASUREMENT, VALUE
from stores.port import Bucket, Gap, Row
from stores.rows import rows_of_track
from stores.settings import StoreSettings
from stores.track import Track, empty

ANSWER_S_MAX = 10.0
"""Wall seconds for any answer."""
EVER_DAYS = 20_000
"""More than any server keeps; a window that begins before 1970 finds nothing."""
LATEST_DAYS = 32
"""A point's newest sample is looked for this far back."""
NAMED_MAX = 500
"""Points that a question names; more of them are asked for by asking for all of the park."""

_AHEAD = "offset -1d"
"""Samples from a clock that is ahead of the server's are found too; and with nocache those of the last half minute."""
_FIELDS = (VALUE, DOUBTED, *CODE_FIELDS.values())
_PREFIX = f"{MEASUREMENT}_"
_ROLLUPS = ("min", "max", "sum", "count", "last", "tlast")

Rolled = Mapping[str, Mapping[str, float]]
"""Field → rollup → value, of one span."""


class _Item(TypedDict):
    metric: dict[str, str]
    value: tuple[float, str]
    """Of an instant query; of a range query there are:"""
    values: list[tuple[float, str]]


class _Exported(TypedDict):
    metric: dict[str, str]
    timestamps: list[int]
    values: list[float]


class VictoriaHistory:
    """One park's history."""

    def __init__(self, settings: StoreSettings, *, park: ParkId) -> None:
        self._park = park
        self._url = settings.url or ""
        self._http = httpx.AsyncClient(base_url=self._url, timeout=ANSWER_S_MAX, trust_env=False)

    async def raw(self, point: PointRef, *, from_ms: int, to_ms: int) -> Sequence[Row]:
        return rows_of_track(point, await self._track(point, from_ms, to_ms))

    async def buckets(self, point: PointRef, *, from_ms: int, to_ms: int, count: int) -> Sequence[Bucket]:
        span_ms = span_of(from_ms, to_ms, count)
        last_ms = from_ms + -(-(to_ms - from_ms) // span_ms) * span_ms
        # A rollup at t covers the span that ends with t, its start not included: [start, start + span) in whole milliseconds.
        spans = await self._rollups(
            f'point="{point}"', span_ms, start_ms=from_ms + span_ms - 1, end_ms=last_ms - 1
        )
        if last_ms > to_ms:
            # The last span ends with the question.
            rest_ms = to_ms - (last_ms - span_ms)
            tail = await self._rollups(f'point="{point}"', rest_ms, start_ms=to_ms - 1, end_ms=to_ms - 1)
            spans[last_ms - 1] = tail.get(to_ms - 1, {})
        return [
            made
            for end_ms, rolled in sorted(spans.items())
            if (made := _bucket(end_ms + 1 - span_ms, rolled)) is not None
        ]

    async def gaps(self, point: PointRef, *, from_ms: int, to_ms: int, longer_ms: int) -> Sequence[Gap]:
        track = await self._track(point, from_ms, to_ms)
        return gaps_of(track, from_ms=from_ms, to_ms=to_ms, longer_ms=longer_ms)

    async def latest(self, points: Sequence[PointRef]) -> Mapping[PointRef, Row]:
        query = f'aggr_over_time(("last_over_time","tlast_over_time"), {self._match(points)}[{LATEST_DAYS}d] {_AHEAD}) keep_metric_names'
        rolled: dict[PointRef, dict[tuple[str, str], float]] = {}
        for item in await self._result("/api/v1/query", query=query, nocache="1"):
            of = item["metric"]
            known = rolled.setdefault(PointRef(of["point"]), {})
            known[of["__name__"].removeprefix(_PREFIX), of["rollup"]] = float(item["value"][1])
        return {
            point: rows_of_track(point, track_of_fields(_newest(rolled[point])))[0]
            for point in points
            if point in rolled
        }

    async def counts(self) -> Mapping[PointRef, int]:
        names = "|".join(f"{_PREFIX}{name}" for name in (VALUE, *CODE_FIELDS.values()))
        query = (
            f'sum(count_over_time({{__name__=~"{names}",{self._label}}}[{EVER_DAYS}d] {_AHEAD})) by (point)'
        )
        result = await self._result("/api/v1/query", query=query, nocache="1")
        return {PointRef(item["metric"]["point"]): int(item["value"][1]) for item in result}

    async def close(self) -> None:
        await self._http.aclose()

    @property
    def _label(self) -> str:
        return f'park="{self._park}"'

    def _match(self, points: Sequence[PointRef]) -> str:
        # Ids and references hold nothing that a regular expression would take for anything else.
        named = f',point=~"{"|".join(points)}"' if len(points) <= NAMED_MAX else ""
        return f'{{__name__=~"{_PREFIX}({"|".join(_FIELDS)})",{self._label}{named}}}'

    async def _track(self, point: PointRef, from_ms: int, to_ms: int) -> Track:
        if from_ms >= to_ms:
            return empty()
        return (await self._tracks([point], first_ms=from_ms, last_ms=to_ms - 1)).get(point, empty())

    async def _tracks(
        self, points: Sequence[PointRef], *, first_ms: int, last_ms: int
    ) -> Mapping[PointRef, Track]:
        """Return the samples of `points` from first to last time, both included."""
        series = await self._text(
            "/api/v1/export",
            **{
                "match[]": self._match(points),
                "start": f"{first_ms / 1000:.3f}",
                "end": f"{last_ms / 1000:.3f}",
            },
        )
        fields: dict[PointRef, dict[str, Field]] = {}
        for line in series.splitlines():
            item: _Exported = json.loads(line)
            of = item["metric"]
            known = fields.setdefault(PointRef(of["point"]), {})
            times, values = known.setdefault(of["__name__"].removeprefix(_PREFIX), ([], []))
            times += item["timestamps"]
            values += item["values"]
        return {point: track_of_fields(found) for point, found in fields.items()}

    async def _rollups(
        self, match: str, span_ms: int, *, start_ms: int, end_ms: int
    ) -> dict[int, dict[str, dict[str, float]]]:
        """Return what each span sums up to, by its last millisecond."""
        rollups = ",".join(f'"{name}_over_time"' for name in _ROLLUPS)
        selector = f'{{__name__=~"{_PREFIX}({"|".join(_FIELDS)})",{self._label},{match}}}'
        result = await self._result(
            "/api/v1/query_range",
            query=f"aggr_over_time(({rollups}), {selector}[{span_ms}ms]) keep_metric_names",
            start=f"{start_ms / 1000:.3f}", end=f"{end_ms / 1000:.3f}", step=f"{span_ms}ms", nocache="1",
        )  # fmt: skip
        spans: dict[int, dict[str, dict[str, float]]] = {}
        for item in result:
            of = item["metric"]
            name, rollup = of["__name__"].removeprefix(_PREFIX), of["rollup"].removesuffix("_over_time")
            for at_s, value in item["values"]:
                spans.setdefault(round(at_s * 1000), {}).setdefault(name, {})[rollup] = float(value)
        return spans

    async def _result(self, path: str, **parameters: str) -> list[_Item]:
        answer = json.loads(await self._text(path, **parameters))
        return cast("list[_Item]", answer["data"]["result"])

    async def _text(self, path: str, **parameters: str) -> str:
        try:
            # Questions are posted: the names of many points do not fit an address.
            if path.startswith("/api/"):
                response = await self._http.post(path, data=parameters)
            else:
                response = await self._http.get(path, params=parameters)
            response.raise_for_status()
        except httpx.HTTPError as error:
            message = f"the store at {self._url} does not answer {path}: {str(error) or type(error).__name__}"
            raise StorageError(message) from error
        return response.text


def _bucket(start_ms: int, rolled: Rolled) -> Bucket | None:
    valued = [rolled[name] for name in (VALUE, DOUBTED) if name in rolled]
    coded = [int(name in rolled) * badness for badness, name in enumerate(CODE_FIELDS.values(), 1)]
    count = sum(rolled[name]["count"] for name in (VALUE, *CODE_FIELDS.values()) if name in rolled)
    if not count:
        return None
    numbers = sum(of["count"] for of in valued)
    return Bucket(
        start_ms=start_ms,
        min=min((of["min"] for of in valued), default=None),
        max=max((of["max"] for of in valued), default=None),
        mean=math.fsum(of["sum"] for of in valued) / numbers if valued else None,
        last=max(valued, key=lambda of: of["tlast"])["last"] if valued else None,
        count=round(count),
        quality=QUALITIES[max(coded)],
    )


def _newest(rolled: Mapping[tuple[str, str], float]) -> dict[str, Field]:
    """Return the fields of the newest time."""
    times = {
        name: round(value * 1000) for (name, rollup), value in rolled.items() if rollup == "tlast_over_time"
    }
    at_ms = max(times.values())
    return {name: ([at_ms], [rolled[name, "last_over_time"]]) for name in times if times[name] == at_ms}
