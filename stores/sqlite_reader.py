"""Reads the embedded store, beside its writer and in any process: packed hours with the unpacked log merged in."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from domain.errors import StorageError
from domain.ids import ParkId, PointRef
from stores.block import decode_block
from stores.buckets import gaps_of, sum_up
from stores.port import Bucket, Gap, Row, Tally
from stores.rows import rows_of_track
from stores.sqlite_packer import by_hour, parts_of, samples_of
from stores.sqlite_schema import open_reading
from stores.track import HOUR_MS, Track, empty, joined, merge

Answer = TypeVar("Answer")
Tail = Mapping[tuple[int, int], Track]
"""Unpacked samples by (series number, hour)."""


class SqliteHistory:
    """One park's history in an embedded store. Each question opens its own connection, in a thread."""

    def __init__(self, path: Path, *, park: ParkId) -> None:
        self._path = path
        self._park = park

    async def raw(self, point: PointRef, *, from_ms: int, to_ms: int) -> Sequence[Row]:
        track = await self._track(point, from_ms, to_ms)
        return rows_of_track(point, track)

    async def buckets(self, point: PointRef, *, from_ms: int, to_ms: int, count: int) -> Sequence[Bucket]:
        track = await self._track(point, from_ms, to_ms)
        return sum_up(track, from_ms=from_ms, to_ms=to_ms, count=count)

    async def gaps(self, point: PointRef, *, from_ms: int, to_ms: int, longer_ms: int) -> Sequence[Gap]:
        track = await self._track(point, from_ms, to_ms)
        return gaps_of(track, from_ms=from_ms, to_ms=to_ms, longer_ms=longer_ms)

    async def latest(self, points: Sequence[PointRef]) -> Mapping[PointRef, Row]:
        return await self._ask(lambda db: _latest(db, self._park, points))

    async def counts(self) -> Mapping[PointRef, int]:
        return await self._ask(lambda db: _counts(db, self._park))

    async def tally(self) -> Tally:
        """Return the counts over all that was ever written."""
        return await self._ask(lambda db: _tally(db, self._park))

    async def close(self) -> None:
        """Nothing is held open."""

    async def _track(self, point: PointRef, from_ms: int, to_ms: int) -> Track:
        return await self._ask(lambda db: _track(db, self._park, point, from_ms, to_ms))

    async def _ask(self, question: Callable[[sqlite3.Connection], Answer]) -> Answer:
        return await asyncio.to_thread(self._answer, question)

    def _answer(self, question: Callable[[sqlite3.Connection], Answer]) -> Answer:
        with closing(open_reading(self._path)) as db:
            try:
                db.execute("BEGIN")  # one view of log and hours
                return question(db)
            except sqlite3.Error as error:
                message = f"the store {self._path} cannot be read: {error}"
                raise StorageError(message) from error


def everything(path: Path, *, park: ParkId) -> Iterator[Row]:
    """Yield every sample of a park, point by point, oldest first; for whoever checks a run afterwards.

    Raises StorageError.
    """
    with closing(open_reading(path)) as db:
        db.execute("BEGIN")
        tail = _tail(db)
        for point, series in _series(db, park).items():
            for track in _hours(db, series, tail):
                yield from rows_of_track(point, track)


def _track(db: sqlite3.Connection, park: ParkId, point: PointRef, from_ms: int, to_ms: int) -> Track:
    series = _series(db, park).get(point)
    if series is None or from_ms >= to_ms:
        return empty()
    first, last = from_ms // HOUR_MS, (to_ms - 1) // HOUR_MS
    return joined(*_hours(db, series, _tail(db, series), first=first, last=last)).within(from_ms, to_ms)


def _latest(db: sqlite3.Connection, park: ParkId, points: Sequence[PointRef]) -> dict[PointRef, Row]:
    tail, known, found = _tail(db), _series(db, park), dict[PointRef, Row]()
    newest_logged: dict[int, int] = {}
    for series, hour in tail:
        newest_logged[series] = max(hour, newest_logged.get(series, hour))
    for point in points:
        if (number := known.get(point)) is None:
            continue
        packed = db.execute("SELECT max(hour) FROM part WHERE series = ?", (number,)).fetchone()[0]
        hours = [hour for hour in (packed, newest_logged.get(number)) if hour is not None]
        if hours:
            (track,) = _hours(db, number, tail, first=max(hours), last=max(hours))
            found[point] = rows_of_track(point, track.picked(slice(-1, None)))[0]
    return found


def _counts(db: sqlite3.Connection, park: ParkId) -> dict[PointRef, int]:
    tail, counts = _tail(db), dict[PointRef, int]()
    added: dict[int, int] = {}
    for (series, hour), track in tail.items():
        added[series] = added.get(series, 0) + _merged(db, series, hour, track)[0]
    for point, series in _series(db, park).items():
        packed = db.execute("SELECT total(count) FROM part WHERE series = ?", (series,)).fetchone()[0]
        if count := int(packed) + added.get(series, 0):
            counts[point] = count
    return counts


def _tally(db: sqlite3.Connection, park: ParkId) -> Tally:
    numbers = dict(db.execute("SELECT name, number FROM tally"))
    conflicts = db.execute("SELECT count(*) FROM conflict").fetchone()[0]
    duplicates = numbers["duplicates"]
    for (series, hour), track in _tail(db).items():
        _, again, differing = _merged(db, series, hour, track)
        duplicates += again
        conflicts += differing
    return Tally(
        samples=sum(_counts(db, park).values()),
        duplicates=duplicates,
        conflicts=conflicts,
        redelivered=numbers["redelivered"],
    )


def _merged(db: sqlite3.Connection, series: int, hour: int, track: Track) -> tuple[int, int, int]:
    """Return how many logged samples of an hour are new, the same as stored ones, and in conflict with one."""
    first_ms, last_ms = track.times_ms[0], track.times_ms[-1]
    known = [
        samples_of(db, part, hour)
        for part in parts_of(db, series, hour)
        if part.first_ms <= last_ms and first_ms <= part.last_ms
    ]
    whole, duplicates, conflicts = merge(*known, track)
    return whole.size - sum(item.size for item in known), duplicates, len(conflicts)


def _hours(
    db: sqlite3.Connection, series: int, tail: Tail, *, first: int = 0, last: int = 2**62
) -> Iterator[Track]:
    """Yield the hours of a series that have samples, ascending, the log merged in."""
    packed = db.execute(
        "SELECT DISTINCT hour FROM part WHERE series = ? AND hour BETWEEN ? AND ?", (series, first, last)
    ).fetchall()
    unpacked = [hour for of, hour in tail if of == series and first <= hour <= last]
    for hour in sorted({*(number for (number,) in packed), *unpacked}):
        tracks = [samples_of(db, part, hour) for part in parts_of(db, series, hour)]
        if (logged := tail.get((series, hour))) is not None:
            tracks.append(logged)
        yield merge(*tracks).track


def _tail(db: sqlite3.Connection, only: int | None = None) -> Tail:
    """Return what is logged and not packed yet, of one series or of all."""
    blocks = [decode_block(body) for (body,) in db.execute("SELECT body FROM log ORDER BY id")]
    if only is not None:
        places = [block.series == only for block in blocks]
        blocks = [
            block._replace(series=block.series[where], samples=block.samples.picked(where))
            for block, where in zip(blocks, places, strict=True)
        ]
    return {(series, hour): track for series, hour, track in by_hour(blocks)}


def _series(db: sqlite3.Connection, park: ParkId) -> dict[PointRef, int]:
    rows = db.execute("SELECT point, id FROM series WHERE park = ? ORDER BY point", (park,))
    return {PointRef(point): number for point, number in rows}
