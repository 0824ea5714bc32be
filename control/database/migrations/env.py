"""Runs the migrations on the database that the configuration names; started by alembic."""

from alembic import context
from sqlalchemy import create_engine, pool

from control.database.tables import METADATA

engine = create_engine(context.config.get_main_option("sqlalchemy.url") or "", poolclass=pool.NullPool)
with engine.connect() as connection:
    connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    context.configure(connection=connection, target_metadata=METADATA)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
