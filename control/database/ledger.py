"""The one writer of the database and owner of the audit log: every change and its audit records are one transaction.

Changes that wait are committed in groups; a group that fails is tried one by one, so that one bad change spoils no other. Where
two controls share a database every transaction first asks the fence whether this one still leads: if not, nothing is written.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import and_, bindparam, delete, func, insert, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from control.audit.entry import record_bytes
from control.audit.tree import Frontier, leaf_hash
from control.database.change import Change, Write
from control.database.tables import AUDIT, CHECKPOINTS, METADATA
from control.database.thread import Statement, Thread
from domain.errors import StorageError
from wire.canonical import Json

GROUP_MAX = 50
"""Changes in one commit; measured: beyond it a commit's time grows as fast as its content."""
READ_MAX = 20_000
"""Hashes read at a time: a tenth of a second of work."""
WAITING_MAX = 5_000
"""Changes that wait; beyond it a change is refused as not written."""


class Contradicts(StorageError):
    """The database works, and holds something that the change contradicts: trying again would not help."""


class Superseded(StorageError):
    """Another control leads now: nothing of ours is written any more."""


Fence = Callable[[AsyncConnection], Awaitable[bool]]
"""Says in a transaction whether we lead, and keeps it so until the transaction ends."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    change: Change
    written: asyncio.Future[None]


class Ledger:
    """Writes changes in the order in which they come."""

    def __init__(
        self, engine: AsyncEngine, fence: Fence | None = None, *, thread: Thread | None = None
    ) -> None:
        """`fence`: None where nobody else can write. `thread`: where to write at one stroke; None: by `engine`."""
        self.engine = engine
        self._thread = thread
        self._fence = fence
        self.tree = Frontier()
        """The audit log's tree as committed."""
        self.is_available = True
        """Whether the last attempt to write succeeded."""
        self.failures = 0
        """How often the database did not take a change because it was gone."""
        self.is_superseded = False
        """Whether another control has taken the lead; for ever."""
        self._is_unsure = False
        """Whether the last commit may have been done although it was not answered."""
        self._waiting: asyncio.Queue[_Waiting] = asyncio.Queue(maxsize=WAITING_MAX)

    async def load(self) -> None:
        """Read the audit log's hashes, from the newest seal on. Raises StorageError."""
        try:
            async with self.engine.connect() as connection:
                self.tree = await _continued(connection, await _sealed(connection))
        except (SQLAlchemyError, OSError) as error:
            message = f"cannot read the audit log: {error}"
            raise StorageError(message) from error

    async def commit(self, change: Change) -> None:
        """Return when `change` is durable. Raises StorageError when nothing of it was written."""
        await self.begin(change)

    def begin(self, change: Change) -> Awaitable[None]:
        """Give `change` its place behind all that were begun, and return what waits for `commit`'s answer. Raises StorageError."""
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            self._waiting.put_nowait(_Waiting(change, written))
        except asyncio.QueueFull:
            message = f"{WAITING_MAX} changes wait already"
            raise StorageError(message) from None
        return written

    async def run(self) -> None:
        """Write what waits, for ever."""
        while True:
            group = [await self._waiting.get()]
            while len(group) < GROUP_MAX and not self._waiting.empty():
                group.append(self._waiting.get_nowait())
            if len(group) == 1 or not await self._wrote(group):
                await self._one_by_one(group)

    async def _one_by_one(self, group: list[_Waiting]) -> None:
        """Write what can be written of `group`; behind a change that a database does not take because it is gone, nothing is.

        What comes behind may rest on it, as the row of a command on what its edge has said of it (I13).
        """
        is_gone = False
        while group and not is_gone:
            await self._wrote([group.pop(0)], is_last_try=True)
            is_gone = not (self.is_available or self.is_superseded)
        if not is_gone:
            return
        self.failures += 1
        while not self._waiting.empty():
            group.append(self._waiting.get_nowait())
        _answer(group, StorageError("not written: the database did not take what came before"))

    async def _wrote(self, group: list[_Waiting], *, is_last_try: bool = False) -> bool:
        changes = [waiting.change for waiting in group]
        try:
            if self._thread is not None and not self._is_unsure:
                tree, statements = _statements(changes, self.tree)
                await self._thread.write(statements)
            else:
                tree = await self._write(changes)
        except Superseded as error:
            self.is_superseded, self.is_available = True, False
            _answer(group, error)
            return True
        except (SQLAlchemyError, OSError) as error:
            # A connection that broke while it was committing may have done so: what the log holds is read again.
            self._is_unsure = self._is_unsure or not isinstance(error, IntegrityError)
            if is_last_try:
                self.is_available = isinstance(error, IntegrityError)
                kind = Contradicts if self.is_available else StorageError
                _answer(group, kind(f"not written: {getattr(error, 'orig', None) or error}"))
            return False
        self.tree, self._is_unsure = tree, False
        self.is_available = True
        _answer(group, None)
        return True

    async def _write(self, changes: Sequence[Change]) -> Frontier:
        async with self.engine.begin() as connection:
            await self._require_lead(connection)
            tree = await _continued(connection, self.tree) if self._is_unsure else self.tree
            tree, statements = _statements(changes, tree)
            for statement, row in statements:
                await connection.execute(statement, row)
        return tree

    async def close(self) -> None:
        """Leave the database."""
        if self._thread is not None:
            await self._thread.close()
        await self.engine.dispose()

    async def _require_lead(self, connection: AsyncConnection) -> None:
        if self.is_superseded or (self._fence is not None and not await self._fence(connection)):
            raise Superseded("another control leads now")


async def _continued(connection: AsyncConnection, tree: Frontier) -> Frontier:
    """Return `tree` with every record that the log holds beyond it."""
    while True:
        some = select(AUDIT.c.hash).where(AUDIT.c.seq >= tree.size).order_by(AUDIT.c.seq).limit(READ_MAX)
        hashes = (await connection.scalars(some)).all()
        for text in hashes:
            tree = tree.appended(bytes.fromhex(text))
        if len(hashes) < READ_MAX:
            return tree


async def _sealed(connection: AsyncConnection) -> Frontier:
    """Return the tree at the newest seal that says how to go on from it; that of no record when none does.

    It is what control derived itself; where it were another, every later seal would contradict the log, and the verifier say so.
    """
    newest = select(CHECKPOINTS).where(CHECKPOINTS.c.subtrees.is_not(None))
    row = (await connection.execute(newest.order_by(CHECKPOINTS.c.size.desc()).limit(1))).one_or_none()
    if row is None:
        return Frontier()
    found = Frontier.of(row.size, json.loads(row.subtrees))
    last = await connection.scalar(select(func.max(AUDIT.c.seq)))
    is_there = last is not None and last >= row.size - 1
    return found if found is not None and is_there and found.root.hex() == row.root else Frontier()


def _answer(group: list[_Waiting], error: StorageError | None) -> None:
    for waiting in group:
        if waiting.written.done():
            continue  # who asked has gone
        if error is None:
            waiting.written.set_result(None)
        else:
            waiting.written.set_exception(error)


def _statements(changes: Iterable[Change], tree: Frontier) -> tuple[Frontier, list[Statement]]:
    """Return what is to be executed for `changes`, and the audit log's tree after it."""
    found: list[Statement] = []
    for change in changes:
        for write in change.writes:
            found += _of_row(write)
        for entry in change.entries:
            record = record_bytes(entry, tree.size)
            leaf = leaf_hash(record)
            row: dict[str, Json] = {
                "seq": tree.size,
                "at_ms": entry.at_ms,
                "actor": entry.actor,
                "kind": entry.kind,
                "object": entry.object,
                "record": record.decode(),
                "hash": leaf.hex(),
            }
            found.append((_INSERTS[AUDIT.name], row))
            tree = tree.appended(leaf)
    return tree, found


def _of_row(write: Write) -> Iterator[Statement]:
    if write.kind != "insert":
        yield _DELETES[write.table], {f"key_{name}": write.row[name] for name in _KEYS[write.table]}
    if write.kind != "remove":
        yield _INSERTS[write.table], dict(write.row)


_KEYS = {name: tuple(column.name for column in table.primary_key) for name, table in METADATA.tables.items()}
# Made once: to build and to compile a statement costs more than to run it.
_INSERTS = {name: insert(table) for name, table in METADATA.tables.items()}
_DELETES = {
    name: delete(table).where(
        and_(*(column == bindparam(f"key_{column.name}", type_=column.type) for column in table.primary_key))
    )
    for name, table in METADATA.tables.items()
}
