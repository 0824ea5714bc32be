"""Copies a whole database of control into an empty one, of the same kind or the other; it changes nothing on the way."""

from sqlalchemy import func, insert, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from control.database.tables import LEADER, METADATA, REPLICAS
from domain.errors import StorageError

ROWS = 2_000
"""Rows written at a time."""
_OF_THE_PLACE = {LEADER, REPLICAS}
"""Who leads on one database is nothing to another."""


async def copy_all(source: AsyncEngine, target: AsyncEngine) -> int:
    """Copy every table as it stands at one moment; return how many rows that were.

    Raises StorageError when either side fails or the target holds something: nothing of the copy is then kept.
    """
    count = 0
    try:
        async with source.connect() as held, target.begin() as copy:
            # One moment for all tables: SQLite reads so by itself, PostgreSQL when it is asked to.
            level = "REPEATABLE READ" if source.dialect.name == "postgresql" else "SERIALIZABLE"
            reading = await held.execution_options(isolation_level=level)
            for table in METADATA.sorted_tables:
                if table in _OF_THE_PLACE:
                    continue
                if await copy.scalar(select(func.count()).select_from(table)):
                    raise StorageError(f"the target holds {table.name} already: copy into an empty database")
                found = await reading.stream(select(table))
                async for rows in found.mappings().partitions(ROWS):
                    await copy.execute(insert(table), [dict(row) for row in rows])
                    count += len(rows)
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        raise StorageError(f"cannot be copied: {getattr(error, 'orig', None) or error}") from error
    return count
