"""The tables of the embedded store, and how a connection to it is opened."""

import sqlite3
from pathlib import Path

from domain.errors import StorageError

VERSION = 1
BUSY_S_MAX = 5.0
"""Wall seconds that a reader waits for a writer; in WAL mode it hardly ever does."""

SCHEMA = """
CREATE TABLE series (id INTEGER PRIMARY KEY, park TEXT NOT NULL, point TEXT NOT NULL, UNIQUE (park, point));
CREATE TABLE epoch (
    id INTEGER PRIMARY KEY, park TEXT NOT NULL, gateway TEXT NOT NULL, epoch TEXT NOT NULL,
    seen TEXT NOT NULL,          -- ranges of offsets written, JSON
    UNIQUE (park, gateway, epoch));
CREATE TABLE log (                -- whole payloads, not yet packed
    id INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, offset INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE hour (               -- packed: one row a series and hour
    series INTEGER NOT NULL, hour INTEGER NOT NULL, count INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (series, hour)) WITHOUT ROWID;
CREATE TABLE conflict (
    series INTEGER NOT NULL, at_ms INTEGER NOT NULL, stored_value REAL, stored_code INTEGER NOT NULL,
    value REAL, code INTEGER NOT NULL, epoch INTEGER NOT NULL, offset INTEGER NOT NULL);
CREATE TABLE tally (name TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO tally VALUES ('redelivered', 0), ('duplicates', 0);
"""


def open_writing(path: Path) -> sqlite3.Connection:
    """Return the one writing connection, making the database when there is none. Raises StorageError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=BUSY_S_MAX)
    except (sqlite3.Error, OSError) as error:
        message = f"the store {path} cannot be written: {error}"
        raise StorageError(message) from error
    try:
        _prepare(connection, path)
    except sqlite3.Error as error:
        connection.close()
        message = f"the store {path} cannot be written: {error}"
        raise StorageError(message) from error
    except StorageError:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        connection.executescript(f"BEGIN IMMEDIATE;{SCHEMA}PRAGMA user_version={VERSION};COMMIT;")
    elif version != VERSION:
        message = f"the store {path} is of version {version}, this program knows {VERSION}"
        raise StorageError(message)


def open_reading(path: Path) -> sqlite3.Connection:
    """Return a connection that only reads, beside a writer of another process. Raises StorageError."""
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None,
            check_same_thread=False, timeout=BUSY_S_MAX,
        )  # fmt: skip
        connection.execute("PRAGMA query_only=ON")
        connection.execute("SELECT count(*) FROM tally").fetchone()
    except sqlite3.Error as error:
        message = f"the store {path} cannot be read: {error}"
        raise StorageError(message) from error
    return connection
