"""The tables of the embedded store, how a connection to it is opened, and how an older database is brought up to date."""

import json
import sqlite3
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from domain.errors import StorageError
from stores.block import encode_block
from stores.track import HOUR_MS, Track

VERSION = 2
BUSY_S_MAX = 5.0
"""Wall seconds that a reader waits for a writer; in WAL mode it hardly ever does."""
CACHE_KIB = 16_384
"""Of a writing connection."""

_LOG = """
CREATE TABLE log (                -- one row a commit: payloads whole, not yet packed; stores/block.py
    id INTEGER PRIMARY KEY, payloads TEXT NOT NULL,  -- [[epoch, offset, samples], …], JSON
    count INTEGER NOT NULL, body BLOB NOT NULL);
"""
_PARTS = """
CREATE TABLE part (               -- packed: some of one series' samples of one hour; stores/track.py
    id INTEGER PRIMARY KEY, series INTEGER NOT NULL, hour INTEGER NOT NULL,
    first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL,  -- no two parts of a series overlap
    count INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX part_of_series ON part (series, hour, first_ms, last_ms, count);
CREATE INDEX part_of_hour ON part (hour);
"""
SCHEMA = (
    """
CREATE TABLE series (id INTEGER PRIMARY KEY, park TEXT NOT NULL, point TEXT NOT NULL, UNIQUE (park, point));
CREATE TABLE epoch (
    id INTEGER PRIMARY KEY, park TEXT NOT NULL, gateway TEXT NOT NULL, epoch TEXT NOT NULL,
    seen TEXT NOT NULL,          -- ranges of offsets written, JSON
    UNIQUE (park, gateway, epoch));
CREATE TABLE conflict (
    series INTEGER NOT NULL, at_ms INTEGER NOT NULL, stored_value REAL, stored_code INTEGER NOT NULL,
    value REAL, code INTEGER NOT NULL, epoch INTEGER NOT NULL, offset INTEGER NOT NULL);
CREATE TABLE tally (name TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO tally VALUES ('redelivered', 0), ('duplicates', 0);
"""
    + _LOG
    + _PARTS
)
_V1_SAMPLE = struct.Struct("<IqdB")


def open_writing(path: Path) -> sqlite3.Connection:
    """Return a writing connection, making the database when there is none. Raises StorageError."""
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
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        # Only an empty database takes it: what retention frees is then given back in steps.
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
    if version == 0:
        connection.executescript(f"BEGIN IMMEDIATE;{SCHEMA}PRAGMA user_version={VERSION};COMMIT;")
    elif version == 1:
        _from_version_1(connection)
    elif version != VERSION:
        message = f"the store {path} is of version {version}, this program knows {VERSION}: install the program that wrote it"
        raise StorageError(message)


def _from_version_1(db: sqlite3.Connection) -> None:
    """Version 1 had one row a series and hour, and one a logged payload; in one transaction, or not at all."""
    db.execute("BEGIN IMMEDIATE")
    try:
        db.execute("ALTER TABLE log RENAME TO log_1")
        for statement in f"{_LOG}{_PARTS}".split(";\n"):
            db.execute(statement)
        db.execute(
            "INSERT INTO part (series, hour, first_ms, last_ms, count, body)"
            " SELECT series, hour, hour * ?1, (hour + 1) * ?1 - 1, count, body FROM hour",
            (HOUR_MS,),
        )
        db.executemany("INSERT INTO log (payloads, count, body) VALUES (?, ?, ?)", list(_logged_1(db)))
        db.execute("DROP TABLE log_1")
        db.execute("DROP TABLE hour")
        db.execute(f"PRAGMA user_version={VERSION}")
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise


def _logged_1(db: sqlite3.Connection) -> Iterator[tuple[str, int, bytes]]:
    for epoch, offset, body in db.execute("SELECT epoch, offset, body FROM log_1 ORDER BY id"):
        series, times, values, codes = zip(*_V1_SAMPLE.iter_unpack(body), strict=True)
        samples = Track(np.array(times, np.int64), np.array(values, np.float64), np.array(codes, np.uint8))
        block = encode_block([(np.array(series, np.uint32), samples)])
        yield json.dumps([[epoch, offset, len(series)]]), len(series), block


def open_reading(path: Path) -> sqlite3.Connection:
    """Return a connection that only reads, beside a writer of another process. Raises StorageError."""
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None,
            check_same_thread=False, timeout=BUSY_S_MAX,
        )  # fmt: skip
        connection.execute("PRAGMA query_only=ON")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.Error as error:
        message = f"the store {path} cannot be read: {error}"
        raise StorageError(message) from error
    if version != VERSION:
        connection.close()
        message = f"the store {path} is of version {version}, this program reads {VERSION}: start its ingest worker once"
        raise StorageError(message)
    return connection
