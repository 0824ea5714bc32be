"""Reads the audit log for people; writes nothing."""

import json
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

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
        wanted = select(AUDIT.c.record, AUDIT.c.hash).order_by(AUDIT.c.seq.desc()).limit(query.limit)
        if query.before is not None:
            wanted = wanted.where(AUDIT.c.seq < query.before)
        if query.actor is not None:
            wanted = wanted.where(AUDIT.c.actor == query.actor)
        if query.object is not None:
            wanted = wanted.where(AUDIT.c.object == query.object)
        if query.kind is not None:
            is_below = AUDIT.c.kind.startswith(f"{query.kind}.", autoescape=True)
            wanted = wanted.where((AUDIT.c.kind == query.kind) | is_below)
        try:
            async with self._ledger.engine.connect() as connection:
                rows = (await connection.execute(wanted)).all()
        except SQLAlchemyError as error:
            message = f"the audit log cannot be read: {getattr(error, 'orig', None) or error}"
            raise StorageError(message) from error
        return [{**json.loads(row.record), "hash": row.hash} for row in rows]
