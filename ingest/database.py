"""Ingest's own SQLite database: opened by every worker of a machine, each statement in one thread; what it holds others decide."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

from domain.errors import StorageError

BUSY_S_MAX = 10.0
"""Wall seconds that one worker waits for another's commit."""

Answer = TypeVar("Answer")

SCHEMA = """
CREATE TABLE IF NOT EXISTS quarantined (
    gateway TEXT NOT NULL, epoch TEXT NOT NULL, offset INTEGER NOT NULL, place INTEGER NOT NULL, -- -1: whole
    samples INTEGER NOT NULL, why TEXT NOT NULL, detail TEXT NOT NULL, point TEXT, observed_ms INTEGER, value TEXT,
    topic TEXT NOT NULL, payload BLOB, received_ms INTEGER NOT NULL,
    PRIMARY KEY (gateway, epoch, offset, place));
CREATE TABLE IF NOT EXISTS nameless (
    id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, times INTEGER NOT NULL, why TEXT NOT NULL,
    detail TEXT NOT NULL, topic TEXT NOT NULL, payload BLOB NOT NULL, received_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS text (
    point TEXT NOT NULL, observed_ms INTEGER NOT NULL, value TEXT, code INTEGER NOT NULL,
    PRIMARY KEY (point, observed_ms)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS text_conflict (   -- another text or quality at a key that was taken
    point TEXT NOT NULL, observed_ms INTEGER NOT NULL, value TEXT, code INTEGER NOT NULL,
    gateway TEXT NOT NULL, epoch TEXT NOT NULL, offset INTEGER NOT NULL,
    UNIQUE (point, observed_ms, value, code));
"""


class OwnDatabase:
    """The writing side; several processes may hold it."""

    def __init__(self, path: Path) -> None:
        """Open, making the database when there is none. Raises StorageError."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False, timeout=BUSY_S_MAX
            )
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(SCHEMA)
        except (sqlite3.Error, OSError) as error:
            message = f"ingest's database {path} cannot be written: {error}"
            raise StorageError(message) from error
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="own database")

    async def ask(self, question: Callable[[sqlite3.Connection], Answer]) -> Answer:
        """Return the answer to `question`. Raises StorageError."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: question(self._db))
        except sqlite3.Error as error:
            message = f"ingest's database {self._path} does not take what is written: {error}"
            raise StorageError(message) from error

    async def commit(self, work: Callable[[sqlite3.Connection], Answer]) -> Answer:
        """Do `work` in one transaction, durable when this returns. Raises StorageError; nothing is then changed."""
        return await self.ask(lambda db: _transaction(db, work))

    async def close(self) -> None:
        """Let go of the database."""
        await self.ask(sqlite3.Connection.close)
        self._thread.shutdown()


def _transaction(db: sqlite3.Connection, work: Callable[[sqlite3.Connection], Answer]) -> Answer:
    db.execute("BEGIN IMMEDIATE")
    try:
        answer = work(db)
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    return answer


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open for reading, beside the writers and in any process. Raises StorageError."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            yield db
    except sqlite3.Error as error:
        message = f"ingest's database {path} cannot be read: {error}"
        raise StorageError(message) from error
