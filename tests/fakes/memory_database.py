"""Control's database in memory, behind the few methods of SQLAlchemy's asynchronous engine that control uses.

Held by tests/contract/test_control_database.py to the same behaviour as SQLite and PostgreSQL. Transactions run one after the
other, so that a reader sees committed rows only; where a real database would make its caller wait, `pause` is awaited, which
may raise what a database raises.
"""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, Literal, Self, cast

from sqlalchemy import JSON, Connection, Delete, Insert, Select, create_engine
from sqlalchemy.engine import CursorResult, Dialect, IteratorResult
from sqlalchemy.engine.result import SimpleResultMetaData
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import StaticPool

from control.database.tables import METADATA

What = Literal["read", "write", "commit"]
Row = Mapping[str, Any]
Written = tuple[str, str, Row]
"""(table, insert or remove, row or key)."""


async def _at_once(_what: What) -> None:
    """Wait for nothing."""


class MemoryDatabase:
    """What lies on the database's disk: it outlives the process that uses it."""

    def __init__(self) -> None:
        self._engine = create_engine(
            "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False}
        )
        self.connection = self._engine.connect()
        _empty().backup(_driver(self.connection))

    def engine(
        self,
        pause: Callable[[What], Awaitable[None]] = _at_once,
        on_commit: Callable[[Sequence[Written]], None] = lambda _: None,
    ) -> "MemoryEngine":
        """Open the database anew: what an earlier opening had begun and not committed is undone."""
        undo(self.connection)
        return MemoryEngine(self.connection, pause, on_commit)

    def rows(self) -> Mapping[str, tuple[Row, ...]]:
        """Return everything as committed."""
        found = {
            table.name: tuple(dict(row) for row in self.connection.execute(table.select()).mappings())
            for table in METADATA.sorted_tables
        }
        self.connection.rollback()
        return found


@cache
def _empty() -> sqlite3.Connection:
    """Return a database with control's tables, made once: a world copies it."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    METADATA.create_all(engine)
    return _driver(engine.connect())


def keep(held: Connection) -> None:
    """Commit, also what was written beside SQLAlchemy."""
    held.commit()
    _driver(held).commit()


def undo(held: Connection) -> None:
    """Roll back, also what was written beside SQLAlchemy."""
    held.rollback()
    _driver(held).rollback()


def _driver(held: Connection) -> sqlite3.Connection:
    return cast("sqlite3.Connection", held.connection.driver_connection)


class MemoryEngine(AsyncEngine):
    """One opening of the database."""

    def __init__(
        self,
        connection: Connection,
        pause: Callable[[What], Awaitable[None]],
        on_commit: Callable[[Sequence[Written]], None],
    ) -> None:
        self._held = connection
        self._pause = pause
        self._on_commit = on_commit
        self._turn = asyncio.Lock()

    @property  # type: ignore[misc]
    def dialect(self) -> Dialect:
        return self._held.dialect

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator["MemoryConnection"]:
        yield MemoryConnection(self._held, self._pause, self._turn)

    @asynccontextmanager
    async def _begun(self) -> AsyncIterator["MemoryConnection"]:
        async with self._turn:
            made = MemoryConnection(self._held, self._pause, None)
            try:
                yield made
                await self._pause("commit")
            except BaseException:
                undo(self._held)
                raise
            keep(self._held)
            self._on_commit(made.written)

    def connect(self) -> Any:
        return self._connected()

    def begin(self) -> Any:
        return self._begun()

    async def dispose(self, close: bool = True) -> None:
        """The rows stay."""


class MemoryConnection:
    """A connection; in a transaction it has the database to itself."""

    def __init__(
        self, held: Connection, pause: Callable[[What], Awaitable[None]], turn: asyncio.Lock | None
    ) -> None:
        self._held = held
        self._pause = pause
        self._turn = turn
        self.written: list[Written] = []

    @property
    def dialect(self) -> Dialect:
        return self._held.dialect

    async def execute(self, statement: Any, parameters: Any = None) -> CursorResult[Any]:
        """Run one statement; outside a transaction it is one by itself."""
        is_write = isinstance(statement, Insert | Delete)
        await self._pause("write" if is_write else "read")
        if self._turn is None:
            if is_write and isinstance(parameters, dict):
                return cast("CursorResult[Any]", self._write(statement, parameters))
            if is_write:
                self._note(statement, parameters)
            return self._held.execute(statement, parameters)
        async with self._turn:
            if isinstance(statement, Select) and isinstance(parameters, dict):
                return cast("CursorResult[Any]", self._read(statement, parameters))
            found: CursorResult[Any] = self._held.execute(statement, parameters)
            if found.returns_rows:
                found = cast("CursorResult[Any]", found.freeze()())
            keep(self._held)
            return found

    async def scalar(self, statement: Any, parameters: Any = None) -> Any:
        return (await self.execute(statement, parameters)).scalar()

    async def scalars(self, statement: Any, parameters: Any = None) -> Any:
        return (await self.execute(statement, parameters)).scalars()

    async def stream(self, statement: Any) -> "MemoryStream":
        return MemoryStream(await self.execute(statement))

    async def run_sync(self, doing: Callable[..., Any], *args: Any) -> Any:
        return doing(self._held, *args)

    async def execution_options(self, **_options: object) -> Self:
        return self

    def _write(self, statement: Insert | Delete, row: Row) -> Any:
        """Run one prepared write: the bulk of all statements, and SQLAlchemy's way costs ten times the database's."""
        key = (statement, *row)
        found = _PREPARED.get(key)
        if found is None:
            found = _PREPARED[key] = _Prepared(statement, tuple(row), self._held.dialect)
        self.written.append((found.table, found.kind, row))
        try:
            _driver(self._held).execute(found.text, found.values(row))
        except sqlite3.IntegrityError as error:
            raise IntegrityError(found.text, row, error) from error
        return None

    def _read(self, statement: Select[Any], row: Row) -> Any:
        """Run one prepared question, which is made once and asked often; it yields texts and numbers only."""
        found = _QUESTIONS.get(statement)
        if found is None:
            compiled = statement.compile(dialect=self._held.dialect)
            names = tuple(compiled.positiontup or ())
            found = _QUESTIONS[statement] = (str(compiled), names, dict(compiled.params))
            assert not any(isinstance(column.type, JSON) for column in statement.selected_columns)
        text, names, fixed = found
        said = {**fixed, **row}
        rows = _driver(self._held).execute(text, tuple(said[name] for name in names)).fetchall()
        return IteratorResult(SimpleResultMetaData(statement.selected_columns.keys()), iter(rows))

    def _note(self, statement: Insert | Delete, parameters: Any) -> None:
        kind = "insert" if isinstance(statement, Insert) else "remove"
        rows = parameters if isinstance(parameters, list) else [parameters]
        for row in rows:
            said = row if row is not None else statement.compile().params
            self.written.append((str(statement.table), kind, said))


class _Prepared:
    """A write as the database takes it."""

    def __init__(self, statement: Insert | Delete, names: tuple[str, ...], dialect: Dialect) -> None:
        is_insert = isinstance(statement, Insert)
        compiled = statement.compile(dialect=dialect, column_keys=list(names) if is_insert else None)
        self.text = str(compiled)
        self.table = str(statement.table)
        self.kind = "insert" if is_insert else "remove"
        self._names = tuple(compiled.positiontup or ())
        columns = METADATA.tables[self.table].columns
        self._is_json = tuple(is_insert and isinstance(columns[name].type, JSON) for name in self._names)

    def values(self, row: Row) -> tuple[Any, ...]:
        return tuple(
            json.dumps(row[name]) if is_json else row[name]
            for name, is_json in zip(self._names, self._is_json, strict=True)
        )


_QUESTIONS: dict[Select[Any], tuple[str, tuple[str, ...], Row]] = {}
_PREPARED: dict[tuple[Any, ...], _Prepared] = {}


class MemoryStream:
    """Rows that come in parts."""

    def __init__(self, found: Any) -> None:
        self._found = found

    def mappings(self) -> "MemoryStream":
        return MemoryStream(self._found.mappings())

    async def partitions(self, size: int) -> AsyncIterator[Sequence[Any]]:
        for part in self._found.partitions(size):
            yield part
