"""Opens control's database: checks its address, brings its tables up to date, and sets what makes a commit durable."""

import asyncio
from importlib.resources import files
from pathlib import Path
from typing import Protocol

from alembic import command
from alembic.config import Config
from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from domain.errors import ConfigurationError, Fault, StorageError

BUSY_MS_MAX = 1000
"""Wait for another process's lock this long; then the database counts as gone."""


def sqlite_path(url: str) -> Path:
    """Return the file that `url` names. Raises ConfigurationError unless it is a SQLite file."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    if parsed is None or parsed.get_backend_name() != "sqlite" or not parsed.database:
        raise ConfigurationError(
            Fault(
                file="control settings",
                line=0,
                field="database.url",
                kind="setting",
                message=f"{url!r} is not the address of a SQLite file",
                remedy="write sqlite:////absolute/path/control.sqlite",
            )
        )
    return Path(parsed.database)


async def open_database(url: str) -> AsyncEngine:
    """Return the engine of the database at `url`, its tables brought up to date.

    Raises ConfigurationError for an address that is none, StorageError when the file cannot be used.
    """
    path = sqlite_path(url)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        await asyncio.to_thread(migrate, path)
    except (OSError, SQLAlchemyError) as error:
        message = f"cannot use the database {path}: {getattr(error, 'orig', None) or error}"
        raise StorageError(message) from error
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}", connect_args={"timeout": BUSY_MS_MAX / 1000})
    event.listen(engine.sync_engine, "connect", _prepare)
    return engine


def migrate(path: Path) -> None:
    """Bring the tables in the SQLite file at `path` to the newest migration."""
    config = Config()
    config.set_main_option("script_location", str(files("control.database").joinpath("migrations")))
    config.set_main_option("sqlalchemy.url", f"sqlite:///{path}")
    config.set_main_option("path_separator", "os")
    command.upgrade(config, "head")


def _prepare(connection: "_DriverConnection", _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={BUSY_MS_MAX}", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


class _Cursor(Protocol):
    def execute(self, statement: str) -> object: ...
    def close(self) -> None: ...


class _DriverConnection(Protocol):
    def cursor(self) -> _Cursor: ...
