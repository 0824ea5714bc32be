"""InfluxDB 2 as a store, by influxdb-client: line protocol in, Flux out; durable at its answer (it syncs its own log).

It was run against VictoriaMetrics' compatible write endpoint only, and its queries against nothing: no InfluxDB 2 was at hand.
"""

import asyncio
from collections.abc import Mapping, Sequence

from influxdb_client.client.exceptions import InfluxDBError
from influxdb_client.client.flux_table import FluxRecord
from urllib3.exceptions import HTTPError

from domain.errors import StorageError
from domain.ids import ParkId, PointRef
from stores.buckets import sum_up
from stores.codes import MEANINGS
from stores.line_writer import LineWriter
from stores.lines import MEASUREMENT, encode_lines
from stores.port import Bucket, PayloadName, Row, StoredPayload, Tally
from stores.ranges import RangeSet
from stores.settings import StoreSettings

DAY_MS = 86_400_000


class InfluxStore:
    """One park's series. A point at a key that is taken replaces the first: this server cannot tell a conflict."""

    is_durable_when_written = True

    def __init__(self, settings: StoreSettings, *, park: ParkId, token: str) -> None:
        self._park = park
        self._settings = settings
        self._retention_ms = settings.retention_days * DAY_MS
        self._writer = LineWriter(settings, token=token)
        self._seen: dict[tuple[str, str], RangeSet] = {}
        self._redelivered = 0

    def oldest_ms(self, now_ms: int) -> int:
        return now_ms - self._retention_ms

    def was_seen(self, name: PayloadName) -> bool:
        seen = self._seen.get((name.gateway, name.epoch))
        return seen is not None and name.offset in seen

    async def write(self, payloads: Sequence[StoredPayload]) -> None:
        await self._writer.write(
            encode_lines(self._park, [row for payload in payloads for row in payload.rows])
        )
        for payload in payloads:
            self._redelivered += self.was_seen(payload.name)
            name = payload.name
            self._seen.setdefault((name.gateway, name.epoch), RangeSet()).add(name.offset)

    async def secure(self) -> bool:
        """Nothing is left to do: the answer came after its log was synced."""
        return True

    async def raw(self, point: PointRef, *, from_ms: int, to_ms: int) -> Sequence[Row]:
        tail = ' |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value") |> sort(columns: ["_time"])'
        return [_row(record) for record in await self._flux(f'r.point == "{point}"', tail, from_ms, to_ms)]

    async def buckets(self, point: PointRef, *, from_ms: int, to_ms: int, count: int) -> Sequence[Bucket]:
        rows = await self.raw(point, from_ms=from_ms, to_ms=to_ms)
        return sum_up(rows, from_ms=from_ms, to_ms=to_ms, count=count)

    async def latest(self, points: Sequence[PointRef]) -> Mapping[PointRef, Row]:
        tail = ' |> last() |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")'
        records = await self._flux('r._field == "code" or r._field == "value"', tail, 0, None)
        newest = {row.point: row for row in sorted(map(_row, records), key=lambda row: row.observed_ms)}
        return {point: newest[point] for point in points if point in newest}

    async def counts(self) -> Mapping[PointRef, int]:
        records = await self._flux('r._field == "code"', " |> count()", 0, None)
        return {PointRef(record["point"]): int(record["_value"]) for record in records}

    async def tally(self) -> Tally:
        samples = sum((await self.counts()).values())
        return Tally(samples=samples, duplicates=0, conflicts=0, redelivered=self._redelivered)

    async def close(self) -> None:
        await self._writer.close()

    async def _flux(self, match: str, tail: str, from_ms: int, to_ms: int | None) -> list[FluxRecord]:
        stop = "" if to_ms is None else f", stop: time(v: {to_ms * 1_000_000})"
        query = (
            f'from(bucket: "{self._settings.bucket}") |> range(start: time(v: {from_ms * 1_000_000}){stop})'
            f' |> filter(fn: (r) => r._measurement == "{MEASUREMENT}" and r.park == "{self._park}" and ({match})){tail}'
        )
        try:
            tables = await asyncio.to_thread(self._writer.client.query_api().query, query)
        except (InfluxDBError, HTTPError, OSError) as error:
            message = f"the store at {self._settings.url} does not answer: {error}"
            raise StorageError(message) from error
        return [record for table in tables for record in table.records]


def _row(record: FluxRecord) -> Row:
    at_ms = round(record.get_time().timestamp() * 1000)  # type: ignore[no-untyped-call]
    value = record.values.get("value")
    quality, reason = MEANINGS[int(record.values.get("code", 0))]
    return Row(PointRef(record["point"]), at_ms, None if value is None else float(value), quality, reason)
