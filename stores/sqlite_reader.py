"""Reads the embedded store, beside its writer and in any process: packed hours with the unpacked log merged in."""

import asyncio
import math
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from domain.errors import StorageError
from domain.ids import ParkId, PointRef
from stores.buckets import sum_up
from stores.codes import MEANINGS
from stores.columns import HOUR_MS, Cell, Hour, decode_body
from stores.port import Bucket, Row, Tally
from stores.sqlite_schema import open_reading

Answer = TypeVar("Answer")
Tail = Mapping[tuple[int, int], Sequence[Cell]]
"""Unpacked cells by (series number, hour)."""


class SqliteHistory:
    """One park's history in an embedded store. Each question opens its own connection, in a thread."""

    def __init__(self, path: Path, *, park: ParkId) -> None:
        self._path = path
        self._park = park

    async def raw(self, point: PointRef, *, from_ms: int, to_ms: int) -> Sequence[Row]:
        return await self._ask(lambda db: _raw(db, self._park, point, from_ms, to_ms))

    async def buckets(self, point: PointRef, *, from_ms: int, to_ms: int, count: int) -> Sequence[Bucket]:
        return await self._ask(
            lambda db: sum_up(
                _raw(db, self._park, point, from_ms, to_ms), from_ms=from_ms, to_ms=to_ms, count=count
            )
        )

    async def latest(self, points: Sequence[PointRef]) -> Mapping[PointRef, Row]:
        return await self._ask(lambda db: _latest(db, self._park, points))

    async def counts(self) -> Mapping[PointRef, int]:
        return await self._ask(lambda db: _counts(db, self._park))

    async def tally(self) -> Tally:
        """Return the counts over all that was ever written."""
        return await self._ask(lambda db: _tally(db, self._park))

    async def close(self) -> None:
        """Nothing is held open."""

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
            for hour in _hours(db, series, tail):
                yield from (_row(point, cell) for cell in hour)


def _raw(db: sqlite3.Connection, park: ParkId, point: PointRef, from_ms: int, to_ms: int) -> list[Row]:
    series = _series(db, park).get(point)
    if series is None or from_ms >= to_ms:
        return []
    first, last = from_ms // HOUR_MS, (to_ms - 1) // HOUR_MS
    return [
        _row(point, cell)
        for hour in _hours(db, series, _tail(db, series), first=first, last=last)
        for cell in hour
        if from_ms <= cell.at_ms < to_ms
    ]


def _latest(db: sqlite3.Connection, park: ParkId, points: Sequence[PointRef]) -> dict[PointRef, Row]:
    tail, known, found = _tail(db), _series(db, park), dict[PointRef, Row]()
    for point in points:
        series = known.get(point)
        if series is None:
            continue
        packed = db.execute("SELECT max(hour) FROM hour WHERE series = ?", (series,)).fetchone()[0]
        hours = [hour for of, hour in tail if of == series] + ([packed] if packed is not None else [])
        newest = max(hours)
        cells = [cell for hour in _hours(db, series, tail, first=newest, last=newest) for cell in hour]
        found[point] = _row(point, cells[-1])
    return found


def _counts(db: sqlite3.Connection, park: ParkId) -> dict[PointRef, int]:
    tail, counts = _tail(db), dict[PointRef, int]()
    for point, series in _series(db, park).items():
        packed = db.execute("SELECT total(count) FROM hour WHERE series = ?", (series,)).fetchone()[0]
        added = sum(_added(db, series, hour, cells) for (of, hour), cells in tail.items() if of == series)
        counts[point] = int(packed) + added
    return counts


def _tally(db: sqlite3.Connection, park: ParkId) -> Tally:
    numbers = dict(db.execute("SELECT name, number FROM tally"))
    conflicts = db.execute("SELECT count(*) FROM conflict").fetchone()[0]
    duplicates = numbers["duplicates"]
    for (series, hour), cells in _tail(db).items():
        again, differing = _hour(db, series, hour).merge(cells)
        duplicates += again
        conflicts += len(differing)
    return Tally(
        samples=sum(_counts(db, park).values()),
        duplicates=duplicates,
        conflicts=conflicts,
        redelivered=numbers["redelivered"],
    )


def _added(db: sqlite3.Connection, series: int, number: int, cells: Sequence[Cell]) -> int:
    hour = _hour(db, series, number)
    before = len(hour)
    hour.merge(cells)
    return len(hour) - before


def _hours(
    db: sqlite3.Connection, series: int, tail: Tail, *, first: int = 0, last: int = 2**62
) -> Iterator[Hour]:
    """Yield the hours of a series that have samples, ascending, the log merged in."""
    packed = [
        number
        for (number,) in db.execute(
            "SELECT hour FROM hour WHERE series = ? AND hour BETWEEN ? AND ?", (series, first, last)
        )
    ]
    unpacked = [hour for of, hour in tail if of == series and first <= hour <= last]
    for number in sorted({*packed, *unpacked}):
        hour = _hour(db, series, number)
        cells = tail.get((series, number))
        if cells:
            hour.merge(cells)
        yield hour


def _hour(db: sqlite3.Connection, series: int, number: int) -> Hour:
    found = db.execute("SELECT body FROM hour WHERE series = ? AND hour = ?", (series, number)).fetchone()
    return Hour(number) if found is None else Hour.unpack(number, found[0])


def _tail(db: sqlite3.Connection, only: int | None = None) -> Tail:
    """Return what is logged and not packed yet, of one series or of all, in the order written."""
    cells: dict[tuple[int, int], list[Cell]] = {}
    for (body,) in db.execute("SELECT body FROM log ORDER BY id"):
        for series, cell in decode_body(body):
            if only is None or series == only:
                cells.setdefault((series, cell.at_ms // HOUR_MS), []).append(cell)
    return cells


def _series(db: sqlite3.Connection, park: ParkId) -> dict[PointRef, int]:
    rows = db.execute("SELECT point, id FROM series WHERE park = ? ORDER BY point", (park,))
    return {PointRef(point): number for point, number in rows}


def _row(point: PointRef, cell: Cell) -> Row:
    quality, reason = MEANINGS[cell.code]
    return Row(point, cell.at_ms, None if math.isnan(cell.value) else cell.value, quality, reason)
