"""Keeps what is not fit to be stored, with its reason, in ingest's own database: once, and durable at commit.

A sample that is here stays here: when its payload comes again, to whichever worker, it is not judged anew.
"""

import hashlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from domain.ids import GatewayId
from ingest.database import OwnDatabase, reading
from ingest.judge import WHOLE, Refused
from stores.port import PayloadName

PAYLOAD_BYTES_MAX = 65_536
"""Kept of a payload without a name; of a named one everything is kept."""
NAMELESS_MAX = 10_000
"""Payloads without a name that are kept; beyond, the oldest goes: anybody may send them, and none was ever accepted."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One entry as it is shown."""

    received_ms: int
    why: str
    detail: str
    samples: int
    topic: str
    payload: str | None
    """Its name, `gateway epoch-offset`; None: it has none."""
    point: str | None
    """None: the payload whole."""
    observed_ms: int | None
    value: str | None


class Quarantine:
    """The writing side."""

    def __init__(self, database: OwnDatabase) -> None:
        self._database = database
        self._version = -1
        """The database's count of other processes' commits when `_epochs` was read."""
        self._epochs: set[tuple[str, str]] = set()

    async def places(self, names: Sequence[PayloadName]) -> Mapping[PayloadName, frozenset[int]]:
        """Return which samples of these payloads are here already. Raises StorageError."""
        return await self._database.ask(lambda db: self._places(db, names)) if names else {}

    async def keep(self, entries: Sequence[Entry]) -> int:
        """Keep each entry once; return how many samples of named payloads are new. Raises StorageError."""
        if not entries:
            return 0
        kept = await self._database.commit(lambda db: _keep(db, entries))
        self._epochs |= {
            (entry.name.gateway, entry.name.epoch) for entry in entries if entry.name is not None
        }
        return kept

    def _places(
        self, db: sqlite3.Connection, names: Sequence[PayloadName]
    ) -> dict[PayloadName, frozenset[int]]:
        version = db.execute("PRAGMA data_version").fetchone()[0]
        if version != self._version:
            rows = db.execute("SELECT DISTINCT gateway, epoch FROM quarantined")
            self._epochs |= {(str(gateway), str(epoch)) for gateway, epoch in rows}
            self._version = version
        found: dict[PayloadName, frozenset[int]] = {}
        for name in names:
            if (name.gateway, name.epoch) in self._epochs:
                rows = db.execute(
                    "SELECT place FROM quarantined WHERE gateway = ? AND epoch = ? AND offset = ?", name
                )
                if places := frozenset(int(place) for (place,) in rows):
                    found[name] = places
        return found


def _keep(db: sqlite3.Connection, entries: Sequence[Entry]) -> int:
    kept = sum(_insert(db, entry) for entry in entries)
    db.execute("DELETE FROM nameless WHERE id <= (SELECT max(id) FROM nameless) - ?", (NAMELESS_MAX,))
    return kept


def _insert(db: sqlite3.Connection, entry: Entry) -> int:
    refused = entry.refused
    if entry.name is None:
        digest = hashlib.sha256(entry.topic.encode() + b"\0" + entry.payload).hexdigest()
        db.execute(
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
    cursor = db.execute(
        "INSERT OR IGNORE INTO quarantined VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *entry.name, refused.index, refused.samples, refused.why, refused.detail, refused.point,
            refused.observed_ms, refused.value, entry.topic,
            entry.payload if refused.index == WHOLE else None, entry.received_ms,
        ),
    )  # fmt: skip
    return refused.samples if cursor.rowcount else 0


def read_quarantine(path: Path) -> QuarantineTally:
    """Count what a quarantine holds, beside its writers and in any process. Raises StorageError."""
    with reading(path) as db:
        samples, payloads = db.execute(
            "SELECT total(samples), count(DISTINCT gateway || epoch || offset) FROM quarantined"
        ).fetchone()
        nameless = db.execute("SELECT count(*) FROM nameless").fetchone()[0]
    return QuarantineTally(samples=int(samples), payloads=int(payloads), nameless=int(nameless))


def quarantined_names(path: Path) -> frozenset[tuple[PayloadName, int]]:
    """Return (payload, place) of everything held, for whoever checks a run afterwards. Raises StorageError."""
    with reading(path) as db:
        rows = db.execute("SELECT gateway, epoch, offset, place FROM quarantined").fetchall()
    return frozenset(
        (PayloadName(GatewayId(gateway), epoch, offset), place) for gateway, epoch, offset, place in rows
    )


def newest_held(path: Path, *, limit: int, why: str | None = None) -> Iterator[Held]:
    """Yield the newest entries, the newest first, of one reason or of all. Raises StorageError."""
    with reading(path) as db:
        rows = db.execute(
            "SELECT received_ms, why, detail, samples, topic, gateway || ' ' || epoch || '-' || offset, point,"
            " observed_ms, value FROM quarantined WHERE ?1 IS NULL OR why = ?1"
            " UNION ALL SELECT received_ms, why, detail, times, topic, NULL, NULL, NULL, NULL FROM nameless"
            " WHERE ?1 IS NULL OR why = ?1 ORDER BY 1 DESC LIMIT ?2",
            (why, limit),
        ).fetchall()
    for received_ms, reason, detail, samples, topic, payload, point, observed_ms, value in rows:
        yield Held(
            received_ms=received_ms, why=reason, detail=detail, samples=samples, topic=topic, payload=payload,
            point=point, observed_ms=observed_ms, value=value,
        )  # fmt: skip


def counts_by_reason(path: Path) -> Mapping[str, int]:
    """Return how many samples are held for each reason, messages without a name included. Raises StorageError."""
    with reading(path) as db:
        rows = db.execute(
            "SELECT why, sum(number) FROM (SELECT why, samples AS number FROM quarantined"
            " UNION ALL SELECT why, times FROM nameless) GROUP BY why ORDER BY 2 DESC, 1"
        ).fetchall()
    return {str(why): int(number) for why, number in rows}
