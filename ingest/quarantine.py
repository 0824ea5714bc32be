"""Keeps what is not fit to be stored, with its reason, in an SQLite database of its own: once, and durable at commit.

A sample that is here stays here: when its payload comes again it is not judged anew.
"""

import asyncio
import hashlib
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from domain.errors import StorageError
from domain.ids import GatewayId
from ingest.judge import WHOLE, Refused
from stores.port import PayloadName

PAYLOAD_BYTES_MAX = 65_536
"""Kept of a payload without a name; of a named one everything is kept."""
NAMELESS_MAX = 10_000
"""Payloads without a name that are kept; beyond, the oldest goes: anybody may send them, and none was ever accepted."""

Answer = TypeVar("Answer")

SCHEMA = """
CREATE TABLE IF NOT EXISTS quarantined (
    gateway TEXT NOT NULL, epoch TEXT NOT NULL, offset INTEGER NOT NULL, place INTEGER NOT NULL, -- -1: whole
    samples INTEGER NOT NULL, why TEXT NOT NULL, detail TEXT NOT NULL, point TEXT, observed_ms INTEGER, value TEXT,
    topic TEXT NOT NULL, payload BLOB, received_ms INTEGER NOT NULL,
    PRIMARY KEY (gateway, epoch, offset, place));
CREATE TABLE IF NOT EXISTS nameless (
    id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, times INTEGER NOT NULL, why TEXT NOT NULL,
    detail TEXT NOT NULL, topic TEXT NOT NULL, payload BLOB NOT NULL, received_ms INTEGER NOT NULL);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One refusal with where it came from."""

    name: PayloadName | None
    refused: Refused
    topic: str
    payload: bytes
    received_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineTally:
    """What the quarantine holds."""

    samples: int
    """Of named payloads: accepted by a gateway."""
    payloads: int
    """Named payloads with at least one sample here."""
    nameless: int
    """Distinct messages without a name; no sample of theirs was ever accepted."""


class Quarantine:
    """The writing side; every statement runs in one thread of its own."""

    def __init__(self, path: Path) -> None:
        """Open, making the database when there is none. Raises StorageError."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(SCHEMA)
            rows = self._db.execute("SELECT DISTINCT gateway, epoch FROM quarantined")
            self._epochs = {(str(gateway), str(epoch)) for gateway, epoch in rows}
        except (sqlite3.Error, OSError) as error:
            message = f"the quarantine {path} cannot be written: {error}"
            raise StorageError(message) from error
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="quarantine")

    async def places(self, names: Sequence[PayloadName]) -> Mapping[PayloadName, frozenset[int]]:
        """Return which samples of these payloads are here already. Raises StorageError."""
        asked = [name for name in names if (name.gateway, name.epoch) in self._epochs]
        return await self._in_thread(lambda: self._places(asked)) if asked else {}

    async def keep(self, entries: Sequence[Entry]) -> int:
        """Keep each entry once; return how many samples of named payloads are new. Raises StorageError."""
        if not entries:
            return 0
        kept = await self._in_thread(lambda: self._keep(entries))
        self._epochs |= {
            (entry.name.gateway, entry.name.epoch) for entry in entries if entry.name is not None
        }
        return kept

    async def close(self) -> None:
        await self._in_thread(self._db.close)
        self._thread.shutdown()

    async def _in_thread(self, work: Callable[[], Answer]) -> Answer:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except sqlite3.Error as error:
            message = f"the quarantine {self._path} does not take what is written: {error}"
            raise StorageError(message) from error

    def _places(self, names: Sequence[PayloadName]) -> dict[PayloadName, frozenset[int]]:
        found: dict[PayloadName, frozenset[int]] = {}
        for name in names:
            rows = self._db.execute(
                "SELECT place FROM quarantined WHERE gateway = ? AND epoch = ? AND offset = ?", name
            )
            places = frozenset(int(place) for (place,) in rows)
            if places:
                found[name] = places
        return found

    def _keep(self, entries: Sequence[Entry]) -> int:
        with closing(self._db.cursor()) as cursor:
            cursor.execute("BEGIN IMMEDIATE")
            try:
                kept = sum(self._insert(cursor, entry) for entry in entries)
                cursor.execute(
                    "DELETE FROM nameless WHERE id <= (SELECT max(id) FROM nameless) - ?", (NAMELESS_MAX,)
                )
                cursor.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    cursor.execute("ROLLBACK")
                raise
        return kept

    @staticmethod
    def _insert(cursor: sqlite3.Cursor, entry: Entry) -> int:
        refused = entry.refused
        if entry.name is None:
            digest = hashlib.sha256(entry.topic.encode() + b"\0" + entry.payload).hexdigest()
            cursor.execute(
                "INSERT INTO nameless (digest, times, why, detail, topic, payload, received_ms)"
                " VALUES (?, 1, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO UPDATE SET times = times + 1",
                (
                    digest,
                    refused.why,
                    refused.detail,
                    entry.topic,
                    entry.payload[:PAYLOAD_BYTES_MAX],
                    entry.received_ms,
                ),
            )
            return 0
        cursor.execute(
            "INSERT OR IGNORE INTO quarantined VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *entry.name, refused.index, refused.samples, refused.why, refused.detail, refused.point,
                refused.observed_ms, refused.value, entry.topic,
                entry.payload if refused.index == WHOLE else None, entry.received_ms,
            ),
        )  # fmt: skip
        return refused.samples if cursor.rowcount else 0


def read_quarantine(path: Path) -> QuarantineTally:
    """Count what a quarantine holds, beside its writer and in any process. Raises StorageError."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            samples, payloads = db.execute(
                "SELECT total(samples), count(DISTINCT gateway || epoch || offset) FROM quarantined"
            ).fetchone()
            nameless = db.execute("SELECT count(*) FROM nameless").fetchone()[0]
    except sqlite3.Error as error:
        message = f"the quarantine {path} cannot be read: {error}"
        raise StorageError(message) from error
    return QuarantineTally(samples=int(samples), payloads=int(payloads), nameless=int(nameless))


def quarantined_names(path: Path) -> frozenset[tuple[PayloadName, int]]:
    """Return (payload, place) of everything held, for whoever checks a run afterwards. Raises StorageError."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            rows = db.execute("SELECT gateway, epoch, offset, place FROM quarantined").fetchall()
    except sqlite3.Error as error:
        message = f"the quarantine {path} cannot be read: {error}"
        raise StorageError(message) from error
    return frozenset(
        (PayloadName(GatewayId(gateway), epoch, offset), place) for gateway, epoch, offset, place in rows
    )
