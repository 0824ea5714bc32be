"""Opens control's database: checks its address, brings its tables up to date, and sets what makes a commit durable."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Protocol

from alembic import command
from alembic.config import Config
from sqlalchemy import event
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from domain.errors import ConfigurationError, Fault, StorageError

BUSY_MS_MAX = 1000
"""Wait for another process's lock this long; then the database counts as gone."""
ANSWER_S_MAX = 5.0
"""Wall seconds for a server to take a connection or to answer a statement; then it counts as gone."""
IDLE_MS_MAX = 3000
"""The server ends a transaction in which nothing came for this long: a frozen process must not hold the lead's row."""
POSTGRESQL = "postgresql"
SQLITE = "sqlite"


def database_address(text: str, *, password_file: Path | None = None) -> URL:
    """Return the address of a SQLite file or a PostgreSQL database, with its password and driver.

    Raises ConfigurationError when it is neither, or the password cannot be read.
    """
    try:
        address = make_url(text)
    except ArgumentError:
        raise _wrong("database.url", f"{text!r} is no address") from None
    name = address.get_backend_name()
    if name == SQLITE and address.database:
        return address.set(drivername=f"{SQLITE}+aiosqlite")
    if name == POSTGRESQL and address.host and address.database and address.username:
        if address.password is not None:
            raise _wrong("database.url", "a password does not belong into settings: name a password_file")
        password = None if password_file is None else _secret(password_file)
        return address.set(drivername=f"{POSTGRESQL}+asyncpg", password=password)
    raise _wrong("database.url", f"{text!r} is not the address of a SQLite file or a PostgreSQL database")


def sqlite_path(address: URL) -> Path | None:
    """Return the file of a SQLite database; None when it is none."""
    return Path(address.database or "") if address.get_backend_name() == SQLITE else None


async def open_database(text: str, *, password_file: Path | None = None) -> AsyncEngine:
    """Return the engine of the database at the address `text`, its tables brought up to date.

    Raises ConfigurationError for an address that is none, StorageError when the database cannot be used.
    """
    address = database_address(text, password_file=password_file)
    await migrated(address)
    return engine_of(address)


async def migrated(address: URL) -> None:
    """Bring the tables up to date. Raises StorageError when the database cannot be used."""
    path = sqlite_path(address)
    shown = path or address.render_as_string(hide_password=True)
    try:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        await asyncio.to_thread(migrate, address)
    except (OSError, SQLAlchemyError, TimeoutError) as error:
        message = f"cannot use the database {shown}: {getattr(error, 'orig', None) or error}"
        raise StorageError(message) from error


@asynccontextmanager
async def while_starting() -> AsyncIterator[None]:
    """Make a StorageError, in words for a person, of what a database raises that goes away in the middle of a start."""
    try:
        yield
    except (OSError, SQLAlchemyError) as error:
        message = f"the database went away while control started: {getattr(error, 'orig', None) or error}"
        raise StorageError(message) from error


def engine_of(address: URL, *, answer_s: float = ANSWER_S_MAX) -> AsyncEngine:
    """Return the engine of a database whose tables are up to date; a server gets `answer_s` wall seconds for an answer."""
    if address.get_backend_name() == SQLITE:
        engine = create_async_engine(address, connect_args={"timeout": BUSY_MS_MAX / 1000})
        prepare_sqlite(engine.sync_engine)
        return engine
    settings = {
        "synchronous_commit": "on",
        "lock_timeout": str(BUSY_MS_MAX),
        "idle_in_transaction_session_timeout": str(IDLE_MS_MAX),
        "application_name": "stoplog",
    }
    waits = {"timeout": answer_s, "command_timeout": answer_s, "server_settings": settings}
    return create_async_engine(address, connect_args=waits, pool_pre_ping=True)


def prepare_sqlite(engine: Engine) -> None:
    """Have every connection of `engine` sync what it commits, and wait for another process's lock."""
    event.listen(engine, "connect", _prepare)


def migrate(address: URL) -> None:
    """Bring the tables to the newest migration; not to be called where a loop runs."""
    config = Config()
    config.set_main_option("script_location", str(files("control.database").joinpath("migrations")))
    config.set_main_option("path_separator", "os")
    config.attributes["address"] = address
    command.upgrade(config, "head")


def _prepare(connection: "_DriverConnection", _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={BUSY_MS_MAX}", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _secret(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        message = f"{file} cannot be read: {error}"
        raise _wrong("database.password_file", message, "name a file with the password alone") from error


def _wrong(
    name: str,
    message: str,
    remedy: str = "write sqlite:////absolute/path/control.sqlite or postgresql://user@host:5432/database",
) -> ConfigurationError:
    return ConfigurationError(
        Fault(file="control settings", line=0, field=name, kind="setting", message=message, remedy=remedy)
    )


class _Cursor(Protocol):
    def execute(self, statement: str) -> object: ...
    def close(self) -> None: ...


class _DriverConnection(Protocol):
    def cursor(self) -> _Cursor: ...
