"""The embedded store: payloads are committed whole to a log and packed into hourly columns beside it.

Durable is what is committed (WAL, synchronous FULL). One process writes, held by a lock on a file beside the database.
"""

import asyncio
import fcntl
import json
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TextIO, TypeVar

from domain.errors import StorageError
from domain.ids import ParkId, PointRef
from runtime.clock import Clock
from runtime.log import logger
from stores.port import PayloadName, StoredPayload
from stores.ranges import RangeSet
from stores.sqlite_draft import Draft, Known
from stores.sqlite_packer import prepare
from stores.sqlite_reader import SqliteHistory
from stores.sqlite_schema import open_writing
from stores.track import HOUR_MS

PACK_AT_SAMPLES = 500_000
PACK_AFTER_S = 20.0
"""The log is packed when it is this long or this old (wall seconds): readers decode it whole, so it stays short."""
LOGGED_MAX = 6_000_000
"""Samples in the log beyond which a write waits for the packer: 125 MB that readers would have to decode."""
SWEPT_MAX = 2000
"""Parts that retention takes away in one transaction, so that no write waits long for it."""
FREED_PAGES = 2000
"""Pages given back to the file system after each."""

Answer = TypeVar("Answer")


class SqliteStore(SqliteHistory):
    """The writing side. What is written runs in one thread, what is packed in another; they take turns at the database."""

    is_durable_when_written = True

    def __init__(self, path: Path, *, park: ParkId, clock: Clock, retention_ms: int | None = None) -> None:
        """Open, making the database when there is none; `retention_ms` None keeps everything. Raises StorageError."""
        super().__init__(path, park=park)
        self._clock = clock
        self._retention_ms = retention_ms
        self._log = logger("store").bind(path=str(path))
        self._lock = _locked(path)
        try:
            self._db = open_writing(path)
            self._packing_db = open_writing(path)
        except StorageError:
            self._lock.close()
            raise
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite")
        self._packer = ThreadPoolExecutor(1, thread_name_prefix="packer")
        self._packing: Future[None] | None = None
        self._turn = Lock()
        """Whoever writes to the database, and changes `_logged`, holds it."""
        self._known = Known()
        self._logged = self._load()
        self._packed_s = clock.monotonic()
        self._swept_hour = 0

    @property
    def logged(self) -> int:
        """Samples that are durable and not packed yet."""
        return self._logged

    def oldest_ms(self, now_ms: int) -> int:
        return 0 if self._retention_ms is None else now_ms - self._retention_ms

    def was_seen(self, name: PayloadName) -> bool:
        seen = self._known.seen.get((name.gateway, name.epoch))
        return seen is not None and name.offset in seen

    async def write(self, payloads: Sequence[StoredPayload]) -> None:
        await self._in_thread(lambda: self._write(payloads))
        waited_s = self._clock.monotonic() - self._packed_s
        if self._logged >= PACK_AT_SAMPLES or (self._logged and waited_s > PACK_AFTER_S):
            self._pack_beside()
            if self._logged > LOGGED_MAX and self._packing is not None:
                await asyncio.wrap_future(self._packing)

    async def secure(self) -> Sequence[PayloadName]:
        """Nothing is left to do: a commit is durable."""
        return ()

    async def pack(self) -> None:
        """Pack the whole log now. Raises StorageError; what is logged is then still there."""
        await asyncio.get_running_loop().run_in_executor(self._packer, self._pack)

    async def close(self) -> None:
        """Pack what is logged and close."""
        try:
            await self.pack()
        finally:
            self._packer.shutdown()
            await self._in_thread(self._db.close)
            self._packing_db.close()
            self._thread.shutdown()
            self._lock.close()

    async def _in_thread(self, work: Callable[[], Answer]) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _load(self) -> int:
        try:
            rows = self._db.execute("SELECT id, point FROM series WHERE park = ?", (self._park,))
            self._known.series = {PointRef(point): number for number, point in rows}
            epochs = self._db.execute(
                "SELECT id, gateway, epoch, seen FROM epoch WHERE park = ?", (self._park,)
            )
            for number, gateway, epoch, seen in epochs:
                self._known.epochs[gateway, epoch] = number
                self._known.seen[gateway, epoch] = RangeSet((first, last) for first, last in json.loads(seen))
            return int(self._db.execute("SELECT total(count) FROM log").fetchone()[0])
        except (sqlite3.Error, ValueError) as error:
            message = f"the store {self._path} cannot be read: {error}"
            raise StorageError(message) from error

    def _write(self, payloads: Sequence[StoredPayload]) -> None:
        draft = Draft(self._db, self._park, self._known)
        with self._turn:
            self._transaction(self._db, lambda: draft.write(payloads))
            self._logged += draft.logged
        # Only what is committed is remembered.
        self._known.update(draft.added)

    def _pack_beside(self) -> None:
        """Have the packer work; a failure of it is no failure of a write, which is committed, and later writes try again."""
        if self._packing is None or self._packing.done():
            self._packing = self._packer.submit(self._pack_when_possible)

    def _pack_when_possible(self) -> None:
        try:
            self._pack()
            self._sweep()
        except StorageError as error:
            self._packed_s = self._clock.monotonic()
            self._log.warning("packing failed", reason=str(error))

    def _pack(self) -> None:
        while self._logged > 0:
            # Reading needs no turn: nobody else changes parts, and commits that are logged meanwhile wait for the next pass.
            made = self._read(lambda: prepare(self._packing_db))
            with self._turn:
                self._transaction(self._packing_db, partial(made.write, self._packing_db))
                self._logged -= made.samples
        self._packed_s = self._clock.monotonic()

    def _sweep(self) -> None:
        """Take away the hours that are past retention."""
        hour = self.oldest_ms(self._clock.now_ms()) // HOUR_MS
        taken = SWEPT_MAX if hour > self._swept_hour else 0
        while taken == SWEPT_MAX:
            with self._turn:
                taken = self._transaction(self._packing_db, lambda: self._forget(hour))
                self._read(
                    lambda: self._packing_db.execute(f"PRAGMA incremental_vacuum({FREED_PAGES})").fetchall()
                )
        self._swept_hour = hour

    def _forget(self, hour: int) -> int:
        return self._packing_db.execute(
            "DELETE FROM part WHERE id IN (SELECT id FROM part WHERE hour < ? LIMIT ?)", (hour, SWEPT_MAX)
        ).rowcount

    def _read(self, work: Callable[[], Answer]) -> Answer:
        try:
            return work()
        except sqlite3.Error as error:
            message = f"the store {self._path} cannot be read: {error}"
            raise StorageError(message) from error

    def _transaction(self, db: sqlite3.Connection, work: Callable[[], Answer]) -> Answer:
        try:
            db.execute("BEGIN IMMEDIATE")
            try:
                answer = work()
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            message = f"the store {self._path} does not take what is written: {error}"
            raise StorageError(message) from error
        return answer


def _locked(path: Path) -> TextIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.with_name(path.name + ".lock").open("w")
    except OSError as error:
        message = f"the store {path} cannot be written: {error}"
        raise StorageError(message) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        message = f"the store {path} is written by another process already"
        raise StorageError(message) from error
    return file
