"""Keeps text points in ingest's own database: once by (point, time), durable at commit, and read back for whoever asks.

The time-series stores keep numbers only. As there, the first sample at a time stays and a differing one is kept apart.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from domain.ids import PointRef
from domain.quality import Quality, Reason
from ingest.database import OwnDatabase, reading
from ingest.judge import Text
from stores.codes import MEANINGS
from stores.port import PayloadName


class TextRow(NamedTuple):
    """One text as it is read."""

    point: PointRef
    observed_ms: int
    value: str | None
    quality: Quality
    reason: Reason | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTally:
    """What is held."""

    samples: int
    conflicts: int


class Texts:
    """The writing side."""

    def __init__(self, database: OwnDatabase) -> None:
        self._database = database

    async def keep(self, texts: Sequence[tuple[PayloadName, Text]]) -> None:
        """Keep each text once. Raises StorageError; none is then kept."""
        if texts:
            await self._database.commit(lambda db: _keep(db, texts))

    async def forget(self, before_ms: int) -> None:
        """Take away what is older. Raises StorageError."""
        await self._database.commit(
            lambda db: db.execute("DELETE FROM text WHERE observed_ms < ?", (before_ms,))
        )


def _keep(db: sqlite3.Connection, texts: Sequence[tuple[PayloadName, Text]]) -> None:
    for name, text in texts:
        row = (text.point, text.observed_ms, text.value, text.code)
        if db.execute("INSERT OR IGNORE INTO text VALUES (?, ?, ?, ?)", row).rowcount:
            continue
        known = db.execute(
            "SELECT 1 FROM text WHERE point = ? AND observed_ms = ? AND value IS ? AND code = ?", row
        )
        if known.fetchone() is None:
            db.execute("INSERT OR IGNORE INTO text_conflict VALUES (?, ?, ?, ?, ?, ?, ?)", (*row, *name))


def read_texts(path: Path, point: PointRef, *, from_ms: int, to_ms: int) -> Sequence[TextRow]:
    """Return the texts of a point with from_ms ≤ time < to_ms, oldest first. Raises StorageError."""
    with reading(path) as db:
        rows = db.execute(
            "SELECT observed_ms, value, code FROM text WHERE point = ? AND observed_ms >= ? AND observed_ms < ?"
            " ORDER BY observed_ms",
            (point, from_ms, to_ms),
        ).fetchall()
    return [TextRow(point, at_ms, value, *MEANINGS[code]) for at_ms, value, code in rows]


def tally_texts(path: Path) -> TextTally:
    """Count what is held. Raises StorageError."""
    with reading(path) as db:
        samples = db.execute("SELECT count(*) FROM text").fetchone()[0]
        conflicts = db.execute("SELECT count(*) FROM text_conflict").fetchone()[0]
    return TextTally(samples=int(samples), conflicts=int(conflicts))
