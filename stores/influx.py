"""InfluxDB 2 as a store, by influxdb-client: line protocol in, Flux out; durable at its answer (it syncs its own log).

It was run against VictoriaMetrics' compatible write endpoint, and its requests were held against InfluxDB's published API
contract: no InfluxDB 2 was at hand.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence

from influxdb_client.client.exceptions import InfluxDBError
from influxdb_client.client.flux_table import FluxRecord
from urllib3.exceptions import HTTPError

from domain.errors import StorageError
from domain.ids import ParkId, PointRef
from stores.buckets import gaps_of, sum_up
from stores.fields import Field, track_of_fields
from stores.line_writer import LineWriter
from stores.lines import CODE_FIELDS, MEASUREMENT, VALUE
from stores.port import Bucket, Gap, PayloadName, Row, StoredPayload, Tally
from stores.remote import Remote
from stores.rows import rows_of_track
from stores.settings import StoreSettings
from stores.track import Track, empty

END_MS = 4_102_444_800_000
"""2100: behind every sample."""
NAMED_MAX = 500
"""Points that a question names; more of them are asked for by asking for all of the park."""


class InfluxStore:
    """One park's series, for writing and for reading."""

    is_durable_when_written = True

    def __init__(self, settings: StoreSettings, *, park: ParkId, token: str) -> None:
        self._park = park
        self._settings = settings
        self._writer = LineWriter(settings, token=token)
        self._remote = Remote(park, self._writer, self._tracks)

    def oldest_ms(self, now_ms: int) -> int:
        return now_ms - self._settings.server_retention_ms

    def was_seen(self, name: PayloadName) -> bool:
        return self._remote.was_seen(name)

    async def write(self, payloads: Sequence[StoredPayload]) -> None:
        await self._remote.write(payloads)

    async def secure(self) -> Sequence[PayloadName]:
        """Nothing is left to do: the answer came after its log was synced."""
        return ()

    async def raw(self, point: PointRef, *, from_ms: int, to_ms: int) -> Sequence[Row]:
        return rows_of_track(point, await self._track(point, from_ms, to_ms))

    async def buckets(self, point: PointRef, *, from_ms: int, to_ms: int, count: int) -> Sequence[Bucket]:
        track = await self._track(point, from_ms, to_ms)
        return sum_up(track, from_ms=from_ms, to_ms=to_ms, count=count)

    async def gaps(self, point: PointRef, *, from_ms: int, to_ms: int, longer_ms: int) -> Sequence[Gap]:
        track = await self._track(point, from_ms, to_ms)
        return gaps_of(track, from_ms=from_ms, to_ms=to_ms, longer_ms=longer_ms)

    async def latest(self, points: Sequence[PointRef]) -> Mapping[PointRef, Row]:
        fields = _fields(await self._flux(_named(points), " |> last()", 0, END_MS))
        tracks = {point: track_of_fields(of) for point, of in fields.items()}
        return {
            point: rows_of_track(point, tracks[point].picked(slice(-1, None)))[0]
            for point in points
            if point in tracks
        }

    async def counts(self) -> Mapping[PointRef, int]:
        match = " or ".join(f'r._field == "{name}"' for name in (VALUE, *CODE_FIELDS.values()))
        counts: dict[PointRef, int] = {}
        for record in await self._flux(match, " |> count()", 0, END_MS):
            point = PointRef(record["point"])
            counts[point] = counts.get(point, 0) + int(record["_value"])
        return counts

    async def tally(self) -> Tally:
        return Tally(
            samples=sum((await self.counts()).values()),
            duplicates=self._remote.duplicates,
            conflicts=self._remote.conflicts,
            redelivered=self._remote.redelivered,
        )

    async def close(self) -> None:
        await self._writer.close()

    async def _track(self, point: PointRef, from_ms: int, to_ms: int) -> Track:
        if from_ms >= to_ms:
            return empty()
        return (await self._tracks([point], first_ms=from_ms, last_ms=to_ms - 1)).get(point, empty())

    async def _tracks(
        self, points: Sequence[PointRef], *, first_ms: int, last_ms: int
    ) -> Mapping[PointRef, Track]:
        """Return the samples of `points` from first to last time, both included."""
        records = await self._flux(_named(points), "", first_ms, last_ms + 1)
        return {point: track_of_fields(of) for point, of in _fields(records).items()}

    async def _flux(self, match: str, tail: str, from_ms: int, to_ms: int) -> list[FluxRecord]:
        # Without a stop it is now, and samples from a clock that is ahead are not found.
        query = (
            f'from(bucket: "{self._settings.bucket}")'
            f" |> range(start: time(v: {from_ms * 1_000_000}), stop: time(v: {to_ms * 1_000_000}))"
            f' |> filter(fn: (r) => r._measurement == "{MEASUREMENT}" and r.park == "{self._park}" and ({match})){tail}'
        )
        try:
            tables = await asyncio.to_thread(self._writer.client.query_api().query, query)
        except (InfluxDBError, HTTPError, OSError) as error:
            message = f"the store at {self._settings.url} does not answer: {error}"
            raise StorageError(message) from error
        return [record for table in tables for record in table.records]


def _named(points: Sequence[PointRef]) -> str:
    # Ids and references hold nothing that Flux would take for anything but text.
    return (
        " or ".join(f'r.point == "{point}"' for point in points) if 0 < len(points) <= NAMED_MAX else "true"
    )


def _fields(records: Sequence[FluxRecord]) -> dict[PointRef, dict[str, Field]]:
    fields: dict[PointRef, dict[str, Field]] = {}
    for point, name, at_ms, value in _cells(records):
        times, values = fields.setdefault(point, {}).setdefault(name, ([], []))
        times.append(at_ms)
        values.append(value)
    return fields


def _cells(records: Sequence[FluxRecord]) -> Iterator[tuple[PointRef, str, int, float]]:
    for record in records:
        at_ms = round(record.get_time().timestamp() * 1000)  # type: ignore[no-untyped-call]
        yield PointRef(record["point"]), str(record["_field"]), at_ms, float(record["_value"])
