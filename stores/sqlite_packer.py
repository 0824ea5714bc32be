"""Moves logged commits of the embedded store into hourly columns: it reads and computes without a lock, then writes at once.

Nobody else writes parts, so that what it read stands until it writes. Parts of an hour are merged when they are about equal
in size: each sample is packed a few times however often an hour is added to, and no two parts of a series ever overlap.
"""

import json
import math
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise, takewhile
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stores.block import Block, decode_block, place_of
from stores.track import HOUR_MS, Conflict, Track, merge, pack, unpack

SAMPLES_MAX = 1_000_000
"""Logged samples of one pass: bounds its memory (some 100 bytes each)."""
PARTS_ALIKE = 4
"""Fewer: a sample is packed more often; more: a reader joins more parts."""


class Part(NamedTuple):
    """A row of the part table, without its samples."""

    id: int
    first_ms: int
    last_ms: int
    size: int


@dataclass(slots=True)
class Pass:
    """What one pass will change: computed beside the writer, written in one short transaction."""

    last: int = 0
    """The newest logged commit that it takes; 0: the log is empty."""
    samples: int = 0
    duplicates: int = 0
    parts: list[tuple[int, int, int, int, int, bytes]] = field(default_factory=list)
    replaced: list[tuple[int]] = field(default_factory=list)
    conflicts: list[tuple[int, Conflict]] = field(default_factory=list)

    def write(self, db: sqlite3.Connection) -> None:
        """Write it, inside a transaction that the caller owns."""
        for series, conflict in self.conflicts:
            _keep(db, series, conflict, self.last)
        db.executemany("DELETE FROM part WHERE id = ?", self.replaced)
        db.executemany(
            "INSERT INTO part (series, hour, first_ms, last_ms, count, body) VALUES (?, ?, ?, ?, ?, ?)", self.parts
        )  # fmt: skip
        if self.duplicates:
            db.execute("UPDATE tally SET number = number + ? WHERE name = 'duplicates'", (self.duplicates,))
        db.execute("DELETE FROM log WHERE id <= ?", (self.last,))


def prepare(db: sqlite3.Connection) -> Pass:
    """Compute the next pass over the oldest logged commits; `db` is only read."""
    made = Pass()
    blocks: list[Block] = []
    for number, count, body in db.execute("SELECT id, count, body FROM log ORDER BY id"):
        blocks.append(decode_block(body))
        made.last, made.samples = number, made.samples + count
        if made.samples >= SAMPLES_MAX:
            break
    for series, hour, samples in by_hour(blocks):
        _add(db, made, series, hour, samples)
    return made


def by_hour(blocks: list[Block]) -> Iterator[tuple[int, int, Track]]:
    """Yield (series, hour, samples by time) of all blocks, those of one time in the order written."""
    if not blocks:
        return
    series = np.concatenate([block.series for block in blocks])
    whole = Track(
        *(np.concatenate(columns) for columns in zip(*(block.samples for block in blocks), strict=True))
    )
    order = np.lexsort((whole.times_ms, series))
    series, whole = series[order], whole.picked(order)
    hours = whole.times_ms // HOUR_MS
    for start, end in _runs(series, hours):
        yield int(series[start]), int(hours[start]), whole.picked(slice(start, end))


def _runs(series: NDArray[np.int64], hours: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    is_new = np.ones(len(series), np.bool_)
    is_new[1:] = (series[1:] != series[:-1]) | (hours[1:] != hours[:-1])
    starts = np.flatnonzero(is_new).tolist()
    return pairwise([*starts, len(series)])


def parts_of(db: sqlite3.Connection, series: int, hour: int) -> list[Part]:
    """Return the parts of one hour, oldest first."""
    rows = db.execute(
        "SELECT id, first_ms, last_ms, count FROM part WHERE series = ? AND hour = ? ORDER BY first_ms", (series, hour)
    )  # fmt: skip
    return [Part(*row) for row in rows]


def samples_of(db: sqlite3.Connection, part: Part, hour: int) -> Track:
    """Return the samples of a part."""
    return unpack(hour, db.execute("SELECT body FROM part WHERE id = ?", (part.id,)).fetchone()[0])


def _add(db: sqlite3.Connection, made: Pass, series: int, hour: int, samples: Track) -> None:
    first_ms, last_ms = int(samples.times_ms[0]), int(samples.times_ms[-1])
    parts = parts_of(db, series, hour)
    taken = [part for part in parts if part.first_ms <= last_ms and first_ms <= part.last_ms]
    if not taken and parts and parts[-1].last_ms < first_ms:
        taken = _alike(parts, samples.size)
    kept = [samples_of(db, part, hour) for part in taken]
    track, duplicates, conflicts = merge(*kept, samples)
    made.duplicates += duplicates
    made.conflicts += [(series, conflict) for conflict in conflicts]
    if track.size == sum(known.size for known in kept):
        return
    made.replaced += [(part.id,) for part in taken]
    made.parts.append(
        (
            series, hour, int(track.times_ms[0]), int(track.times_ms[-1]), track.size, pack(track, hour)
        )
    )  # fmt: skip


def _alike(parts: list[Part], size: int) -> list[Part]:
    """Return the newest parts that new samples are merged with: PARTS_ALIKE of about one size become one, as digits carry."""
    count = 0
    while True:
        alike = list(takewhile(lambda part: part.size <= size, reversed(parts[: len(parts) - count])))  # noqa: B023 # at once
        if len(alike) < PARTS_ALIKE - 1:
            return parts[len(parts) - count :]
        count += len(alike)
        size += sum(part.size for part in alike)


def _keep(db: sqlite3.Connection, series: int, conflict: Conflict, last: int) -> None:
    """Keep the refused sample, once, beside the one that stays."""
    stored, refused = conflict
    values = (series, refused.at_ms, _null(refused.value), refused.code)
    known = db.execute(
        "SELECT 1 FROM conflict WHERE series = ? AND at_ms = ? AND value IS ? AND code = ?", values
    ).fetchone()
    if known is not None:
        return
    db.execute(
        "INSERT INTO conflict (series, at_ms, value, code, stored_value, stored_code, epoch, offset)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (*values, _null(stored.value), stored.code, *_origin(db, last, series, conflict)),
    )


def _origin(db: sqlite3.Connection, last: int, series: int, conflict: Conflict) -> tuple[int, int]:
    """Return (epoch number, offset) of the logged payload that was refused; read anew, as conflicts are rare."""
    for payloads, body in db.execute(
        "SELECT payloads, body FROM log WHERE id <= ? ORDER BY id DESC", (last,)
    ):
        place = place_of(decode_block(body), series, conflict.refused)
        if place is not None:
            for epoch, offset, count in json.loads(payloads):
                if place < count:
                    return int(epoch), int(offset)
                place -= count
    raise AssertionError("a conflict comes from a logged payload")


def _null(value: float) -> float | None:
    return None if math.isnan(value) else value
