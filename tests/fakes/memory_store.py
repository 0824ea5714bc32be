"""The time-series port in memory, for tests that own their time; held to the real stores' contract."""

from collections.abc import Mapping, Sequence

from domain.ids import ParkId, PointRef
from stores.buckets import gaps_of, sum_up
from stores.port import Bucket, Gap, PayloadName, Row, StoredPayload, Tally
from stores.rows import rows_of, track_of


class MemoryServer:
    """What several stores of a test write to, as several processes write to one server."""

    def __init__(self) -> None:
        self.rows: dict[tuple[ParkId, PointRef], dict[int, Row]] = {}
        self.names: set[PayloadName] = set()


class MemoryStore:
    is_durable_when_written = True

    def __init__(self, server: MemoryServer, *, park: ParkId) -> None:
        self._server = server
        self._park = park
        self._duplicates = self._conflicts = self._redelivered = 0

    def oldest_ms(self, now_ms: int) -> int:
        return 0

    def was_seen(self, name: PayloadName) -> bool:
        return name in self._server.names

    async def write(self, payloads: Sequence[StoredPayload]) -> None:
        for payload in payloads:
            self._redelivered += payload.name in self._server.names
            self._server.names.add(payload.name)
            for row in rows_of(payload.samples):
                rows = self._of(row.point)
                first = rows.get(row.observed_ms)
                if first is None:
                    rows[row.observed_ms] = row
                else:
                    self._duplicates += first == row
                    self._conflicts += first != row

    async def secure(self) -> Sequence[PayloadName]:
        return ()

    async def raw(self, point: PointRef, *, from_ms: int, to_ms: int) -> Sequence[Row]:
        return [row for at_ms, row in sorted(self._of(point).items()) if from_ms <= at_ms < to_ms]

    async def buckets(self, point: PointRef, *, from_ms: int, to_ms: int, count: int) -> Sequence[Bucket]:
        track = track_of(await self.raw(point, from_ms=from_ms, to_ms=to_ms))
        return sum_up(track, from_ms=from_ms, to_ms=to_ms, count=count)

    async def gaps(self, point: PointRef, *, from_ms: int, to_ms: int, longer_ms: int) -> Sequence[Gap]:
        track = track_of(await self.raw(point, from_ms=from_ms, to_ms=to_ms))
        return gaps_of(track, from_ms=from_ms, to_ms=to_ms, longer_ms=longer_ms)

    async def latest(self, points: Sequence[PointRef]) -> Mapping[PointRef, Row]:
        return {point: self._of(point)[max(self._of(point))] for point in points if self._of(point)}

    async def counts(self) -> Mapping[PointRef, int]:
        return {
            point: len(rows)
            for (park, point), rows in self._server.rows.items()
            if park == self._park and rows
        }

    async def tally(self) -> Tally:
        return Tally(
            samples=sum((await self.counts()).values()),
            duplicates=self._duplicates,
            conflicts=self._conflicts,
            redelivered=self._redelivered,
        )

    async def close(self) -> None:
        return

    def _of(self, point: PointRef) -> dict[int, Row]:
        return self._server.rows.setdefault((self._park, point), {})
