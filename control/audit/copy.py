"""Copies an audit log out of whatever database it lies in into a SQLite file, so that one verifier serves all."""

import asyncio
import sqlite3
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from control.database.tables import AUDIT
from domain.errors import StorageError

ROWS = 5_000
"""Records read at a time."""
_COLUMNS = tuple(column.name for column in AUDIT.columns)


async def copy_log(engine: AsyncEngine, to: Path) -> None:
    """Write the whole log as committed into the new file `to`. Raises StorageError when either side fails."""
    try:
        copy = await asyncio.to_thread(_new, to)
        try:
            async with engine.connect() as connection:
                found = await connection.stream(select(AUDIT).order_by(AUDIT.c.seq))
                async for rows in found.partitions(ROWS):
                    await asyncio.to_thread(_put, copy, [tuple(row) for row in rows])
        finally:
            copy.close()
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise StorageError(
            f"the audit log cannot be copied: {getattr(error, 'orig', None) or error}"
        ) from error


def _new(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, check_same_thread=False)
    connection.execute(f"CREATE TABLE audit ({', '.join(_COLUMNS)})")
    return connection


def _put(copy: sqlite3.Connection, rows: list[tuple[object, ...]]) -> None:
    marks = ", ".join("?" * len(_COLUMNS))
    with copy:
        copy.executemany(f"INSERT INTO audit VALUES ({marks})", rows)  # noqa: S608 (no text from outside)
