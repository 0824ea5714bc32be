"""Runs the migrations on the database whose address it is given, all of them or none; started by alembic."""

import asyncio

from alembic import context
from sqlalchemy import URL, Connection, create_engine, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

from control.database.tables import METADATA

MIGRATION_LOCK = 0x53544F50
"""Key of the advisory lock under which one replica migrates at a time."""


def run(connection: Connection) -> None:
    """Run what is missing."""
    context.configure(connection=connection, target_metadata=METADATA)
    context.run_migrations()


async def on_server(address: URL) -> None:
    """PostgreSQL takes a change of tables back with its transaction."""
    engine = create_async_engine(address, poolclass=pool.NullPool)
    async with engine.begin() as connection:
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        await connection.run_sync(run)
    await engine.dispose()


def in_file(address: URL) -> None:
    """SQLite does so when the transaction is begun by hand: its driver would begin nothing before a CREATE TABLE."""
    engine = create_engine(
        address.set(drivername="sqlite"), poolclass=pool.NullPool, connect_args={"isolation_level": None}
    )
    with engine.begin() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        run(connection)
    engine.dispose()


given: URL = context.config.attributes["address"]
if given.get_backend_name() == "sqlite":
    in_file(given)
else:
    asyncio.run(on_server(given))
