"""The one writer of the database and owner of the audit log: every change and its audit records are one transaction.

Changes that wait are committed in groups; a group that fails is tried one by one, so that one bad change spoils no other.
"""

import asyncio
from dataclasses import dataclass

from sqlalchemy import Table, and_, delete, insert, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from control.audit.entry import record_bytes
from control.audit.tree import Frontier, leaf_hash
from control.database.change import Change, Write
from control.database.tables import AUDIT, METADATA
from domain.errors import StorageError

GROUP_MAX = 50
"""Changes in one commit; measured: beyond it a commit's time grows as fast as its content."""
WAITING_MAX = 5_000
"""Changes that wait; beyond it a change is refused as not written."""


class Contradicts(StorageError):
    """The database works, and holds something that the change contradicts: trying again would not help."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    change: Change
    written: asyncio.Future[None]


class Ledger:
    """Writes changes in the order in which they come."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.tree = Frontier()
        """The audit log's tree as committed."""
        self.is_available = True
        """Whether the last attempt to write succeeded."""
        self._waiting: asyncio.Queue[_Waiting] = asyncio.Queue(maxsize=WAITING_MAX)

    async def load(self) -> None:
        """Read the audit log's hashes. Raises StorageError."""
        try:
            async with self.engine.connect() as connection:
                rows = await connection.execute(select(AUDIT.c.hash).order_by(AUDIT.c.seq))
                for (text,) in rows:
                    self.tree = self.tree.appended(bytes.fromhex(text))
        except SQLAlchemyError as error:
            message = f"cannot read the audit log: {error}"
            raise StorageError(message) from error

    async def commit(self, change: Change) -> None:
        """Return when `change` is durable. Raises StorageError when nothing of it was written."""
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            self._waiting.put_nowait(_Waiting(change, written))
        except asyncio.QueueFull:
            message = f"{WAITING_MAX} changes wait already"
            raise StorageError(message) from None
        await written

    async def run(self) -> None:
        """Write what waits, for ever."""
        while True:
            group = [await self._waiting.get()]
            while len(group) < GROUP_MAX and not self._waiting.empty():
                group.append(self._waiting.get_nowait())
            is_alone = len(group) == 1
            if not await self._wrote(group, is_last_try=is_alone) and not is_alone:
                for one in group:
                    await self._wrote([one], is_last_try=True)

    async def drain(self) -> None:
        """Write what still waits; for the end, when `run` is gone."""
        while not self._waiting.empty():
            await self._wrote([self._waiting.get_nowait()], is_last_try=True)

    async def _wrote(self, group: list[_Waiting], *, is_last_try: bool = False) -> bool:
        tree = self.tree
        try:
            async with self.engine.begin() as connection:
                for waiting in group:
                    tree = await _write(connection, waiting.change, tree)
        except (SQLAlchemyError, OSError) as error:
            if is_last_try:
                self.is_available = isinstance(error, IntegrityError)
                kind = Contradicts if self.is_available else StorageError
                _answer(group, kind(f"not written: {getattr(error, 'orig', None) or error}"))
            return False
        self.tree = tree
        self.is_available = True
        _answer(group, None)
        return True


def _answer(group: list[_Waiting], error: StorageError | None) -> None:
    for waiting in group:
        if waiting.written.done():
            continue  # who asked has gone
        if error is None:
            waiting.written.set_result(None)
        else:
            waiting.written.set_exception(error)


async def _write(connection: AsyncConnection, change: Change, tree: Frontier) -> Frontier:
    for write in change.writes:
        await _write_row(connection, METADATA.tables[write.table], write)
    for entry in change.entries:
        record = record_bytes(entry, tree.size)
        leaf = leaf_hash(record)
        row = {
            "seq": tree.size,
            "at_ms": entry.at_ms,
            "actor": entry.actor,
            "kind": entry.kind,
            "object": entry.object,
            "record": record.decode(),
            "hash": leaf.hex(),
        }
        await connection.execute(insert(AUDIT).values(row))
        tree = tree.appended(leaf)
    return tree


async def _write_row(connection: AsyncConnection, table: Table, write: Write) -> None:
    if write.kind != "insert":
        key = and_(*(column == write.row[column.name] for column in table.primary_key))
        await connection.execute(delete(table).where(key))
    if write.kind != "remove":
        await connection.execute(insert(table).values(dict(write.row)))
