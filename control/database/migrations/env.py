"""Runs the migrations on the database that the configuration names, all of them or none; started by alembic."""

from alembic import context
from sqlalchemy import create_engine, pool

from control.database.tables import METADATA

engine = create_engine(
    context.config.get_main_option("sqlalchemy.url") or "",
    poolclass=pool.NullPool,
    connect_args={
        "isolation_level": None
    },  # sqlite3 would begin nothing before a CREATE TABLE: a kill would leave half
)
with engine.begin() as connection:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    context.configure(connection=connection, target_metadata=METADATA)
    context.run_migrations()
engine.dispose()
