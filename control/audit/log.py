"""Reads the audit log for people; writes nothing."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, select
from sqlalchemy.exc import SQLAlchemyError

from control.audit.copy import copy_log
from control.database.ledger import Ledger
from control.database.tables import AUDIT
from domain.errors import StorageError
from wire.canonical import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which records."""

    limit: int = 100
    before: int | None = None
    """Only records with a smaller number; None: from the newest."""
    actor: str | None = None
    object: str | None = None
    kind: str | None = None
    """The whole kind, or its beginning up to a dot."""
    from_ms: int | None = None
    """Only records of this model time and later; None: from the first."""
    to_ms: int | None = None
    """Only records before this model time; None: up to now."""
    text: str | None = None
    """Only records in which this stands somewhere, case counting; None: any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One record as it lies in the log."""

    seq: int
    record: str
    """Its canonical JSON, which is hashed."""
    hash: str
    """Hexadecimal."""


class AuditLog:
    """The log as committed."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @property
    def size(self) -> int:
        """Records committed."""
        return self._ledger.tree.size

    @property
    def root(self) -> str:
        """Root of the tree over them, hexadecimal."""
        return self._ledger.tree.root.hex()

    async def records(self, query: Query) -> list[dict[str, Json]]:
        """Return records, the newest first. Raises StorageError."""
        newest = select(AUDIT.c.record, AUDIT.c.hash).order_by(AUDIT.c.seq.desc()).limit(query.limit)
        rows = await self._rows(newest.where(*_chosen(query)))
        return [{**json.loads(row.record), "hash": row.hash} for row in rows]

    async def kept(self, query: Query, *, size: int) -> list[Kept]:
        """Return every record that `query` chooses among the first `size`, the oldest first. Raises StorageError."""
        oldest = select(AUDIT.c.seq, AUDIT.c.record, AUDIT.c.hash).order_by(AUDIT.c.seq)
        rows = await self._rows(oldest.where(AUDIT.c.seq < size, *_chosen(query)))
        return [Kept(seq=row.seq, record=row.record, hash=row.hash) for row in rows]

    async def leaves(self, *, size: int) -> list[bytes]:
        """Return the hashes of the first `size` records. Raises StorageError."""
        rows = await self._rows(select(AUDIT.c.hash).where(AUDIT.c.seq < size).order_by(AUDIT.c.seq))
        return [bytes.fromhex(row.hash) for row in rows]

    async def copy(self, to: Path) -> None:
        """Write the whole log into the new SQLite file `to`, for a verifier. Raises StorageError."""
        await copy_log(self._ledger.engine, to)

    async def _rows(self, wanted: Select[Any]) -> Sequence[Row[Any]]:
        try:
            async with self._ledger.engine.connect() as connection:
                rows: Sequence[Row[Any]] = (await connection.execute(wanted)).all()
        except (SQLAlchemyError, OSError) as error:
            message = f"the audit log cannot be read: {getattr(error, 'orig', None) or error}"
            raise StorageError(message) from error
        return rows


def _chosen(query: Query) -> Iterator[ColumnElement[bool]]:
    yield AUDIT.c.record != ""  # the content of the others lies in the archive
    if query.text is not None:
        yield AUDIT.c.record.contains(query.text, autoescape=True)
    if query.before is not None:
        yield AUDIT.c.seq < query.before
    if query.actor is not None:
        yield AUDIT.c.actor == query.actor
    if query.object is not None:
        yield AUDIT.c.object == query.object
    if query.kind is not None:
        yield (AUDIT.c.kind == query.kind) | AUDIT.c.kind.startswith(f"{query.kind}.", autoescape=True)
    if query.from_ms is not None:
        yield AUDIT.c.at_ms >= query.from_ms
    if query.to_ms is not None:
        yield AUDIT.c.at_ms < query.to_ms
