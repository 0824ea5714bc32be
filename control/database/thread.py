"""Writes to a SQLite file from a thread of its own, one hand-over for each transaction; knows statements, not what they mean.

The asynchronous driver hands every statement to a thread and back, which costs more than the statement.
"""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import create_engine
from sqlalchemy.engine import URL
from sqlalchemy.sql.base import Executable

from control.database.connection import BUSY_MS_MAX, prepare_sqlite
from wire.canonical import Json

Statement = tuple[Executable, Mapping[str, Json]]


class Thread:
    """The one writer's thread and its connection."""

    def __init__(self, address: URL) -> None:
        """`address` is that of the SQLite file, whatever its driver."""
        self._engine = create_engine(
            address.set(drivername="sqlite+pysqlite"), connect_args={"timeout": BUSY_MS_MAX / 1000}
        )
        prepare_sqlite(self._engine)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")

    async def write(self, statements: Sequence[Statement]) -> None:
        """Return when all of `statements` are committed. Raises SQLAlchemyError when none is."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._write, statements)

    async def close(self) -> None:
        """End the thread and its connection."""
        await asyncio.to_thread(self._thread.shutdown)
        self._engine.dispose()

    def _write(self, statements: Sequence[Statement]) -> None:
        with self._engine.begin() as connection:
            for statement, row in statements:
                connection.execute(statement, row)
