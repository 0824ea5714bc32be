"""The embedded store: payloads are committed whole to a log and packed into hourly columns afterwards.

Durable is what is committed (WAL, synchronous FULL). One process writes, held by a lock on a file beside the database.
"""

import asyncio
import fcntl
import json
import math
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TextIO, TypeVar

from domain.errors import StorageError
from domain.ids import ParkId, PointRef
from runtime.clock import Clock
from runtime.log import logger
from stores.codes import code_of
from stores.columns import Cell, encode_body
from stores.port import PayloadName, StoredPayload
from stores.ranges import RangeSet
from stores.sqlite_packer import pack
from stores.sqlite_reader import SqliteHistory
from stores.sqlite_schema import open_writing

PACK_AT_PAYLOADS = 2000
PACK_AFTER_S = 20.0
"""The log is packed when it is this long or this old (wall seconds): readers decode it whole, so it stays short."""

Answer = TypeVar("Answer")


class SqliteStore(SqliteHistory):
    """The writing side; every statement runs in one thread of its own."""

    is_durable_when_written = True

    def __init__(self, path: Path, *, park: ParkId, clock: Clock) -> None:
        """Open, making the database when there is none. Raises StorageError."""
        super().__init__(path, park=park)
        self._clock = clock
        self._log = logger("store").bind(path=str(path))
        self._lock = _locked(path)
        try:
            self._db = open_writing(path)
        except StorageError:
            self._lock.close()
            raise
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite")
        self._series: dict[PointRef, int] = {}
        self._epochs: dict[tuple[str, str], int] = {}
        self._seen: dict[tuple[str, str], RangeSet] = {}
        self._logged = self._load()
        self._packed_s = clock.monotonic()

    def oldest_ms(self, now_ms: int) -> int:  # noqa: ARG002 # the port's
        """Everything is kept."""
        return 0

    def was_seen(self, name: PayloadName) -> bool:
        seen = self._seen.get((name.gateway, name.epoch))
        return seen is not None and name.offset in seen

    async def write(self, payloads: Sequence[StoredPayload]) -> None:
        await self._in_thread(lambda: self._write(payloads))

    async def secure(self) -> bool:
        """Nothing is left to do: a commit is durable."""
        return True

    async def pack(self) -> None:
        """Pack the whole log now. Raises StorageError; the log is then as it was."""
        await self._in_thread(self._pack)

    async def close(self) -> None:
        """Pack what is logged and close."""
        try:
            await self.pack()
        finally:
            await self._in_thread(self._db.close)
            self._thread.shutdown()
            self._lock.close()

    async def _in_thread(self, work: Callable[[], Answer]) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _load(self) -> int:
        try:
            rows = self._db.execute("SELECT id, point FROM series WHERE park = ?", (self._park,))
            self._series = {PointRef(point): number for number, point in rows}
            epochs = self._db.execute(
                "SELECT id, gateway, epoch, seen FROM epoch WHERE park = ?", (self._park,)
            )
            for number, gateway, epoch, seen in epochs:
                self._epochs[gateway, epoch] = number
                self._seen[gateway, epoch] = RangeSet((first, last) for first, last in json.loads(seen))
            return int(self._db.execute("SELECT count(*) FROM log").fetchone()[0])
        except (sqlite3.Error, ValueError) as error:
            message = f"the store {self._path} cannot be read: {error}"
            raise StorageError(message) from error

    def _write(self, payloads: Sequence[StoredPayload]) -> None:
        draft = _Draft(self._db, self._park, self._series, self._epochs, self._seen)
        self._transaction(lambda: draft.write(payloads))
        # Only what is committed is remembered.
        self._series.update(draft.series)
        self._epochs.update(draft.epochs)
        self._seen.update(draft.seen)
        self._logged += draft.logged
        waited_s = self._clock.monotonic() - self._packed_s
        if self._logged >= PACK_AT_PAYLOADS or (self._logged and waited_s > PACK_AFTER_S):
            self._pack_when_possible()

    def _pack_when_possible(self) -> None:
        """Pack; a failure is no failure of the write before it, which is committed, and the next write tells."""
        try:
            self._pack()
        except StorageError as error:
            self._packed_s = self._clock.monotonic()
            self._log.warning("packing failed", reason=str(error))

    def _pack(self) -> None:
        while self._logged > 0:
            taken = self._transaction(lambda: pack(self._db))
            self._logged = self._logged - taken if taken else 0
        self._packed_s = self._clock.monotonic()

    def _transaction(self, work: Callable[[], Answer]) -> Answer:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                answer = work()
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            message = f"the store {self._path} does not take what is written: {error}"
            raise StorageError(message) from error
        return answer


class _Draft:
    """One commit in the making: what it adds is known to the store only when it is committed."""

    def __init__(
        self,
        db: sqlite3.Connection,
        park: ParkId,
        series: dict[PointRef, int],
        epochs: dict[tuple[str, str], int],
        seen: dict[tuple[str, str], RangeSet],
    ) -> None:
        self._db = db
        self._park = park
        self._known_series, self._known_epochs, self._known_seen = series, epochs, seen
        self.series: dict[PointRef, int] = {}
        self.epochs: dict[tuple[str, str], int] = {}
        self.seen: dict[tuple[str, str], RangeSet] = {}
        self.logged = 0

    def write(self, payloads: Sequence[StoredPayload]) -> None:
        redelivered = 0
        for payload in payloads:
            key: tuple[str, str] = (payload.name.gateway, payload.name.epoch)
            epoch = self._epoch(key)
            redelivered += payload.name.offset in self.seen[key]
            self.seen[key].add(payload.name.offset)
            if payload.rows:
                # What came again is logged again: the packer tells the same from the differing.
                self._log(epoch, payload)
        for key, seen in self.seen.items():
            self._db.execute(
                "UPDATE epoch SET seen = ? WHERE id = ?", (json.dumps(seen.as_tuple()), self._epoch(key))
            )
        if redelivered:
            self._db.execute(
                "UPDATE tally SET number = number + ? WHERE name = 'redelivered'", (redelivered,)
            )

    def _log(self, epoch: int, payload: StoredPayload) -> None:
        body = encode_body(
            (
                self._series(row.point),
                Cell(
                    row.observed_ms,
                    math.nan if row.value is None else row.value,
                    code_of(row.quality, row.reason),
                ),
            )
            for row in payload.rows
        )
        self._db.execute(
            "INSERT INTO log (epoch, offset, body) VALUES (?, ?, ?)", (epoch, payload.name.offset, body)
        )
        self.logged += 1

    def _series(self, point: PointRef) -> int:
        number = self._known_series.get(point) or self.series.get(point)
        if number is None:
            made = self._db.execute("INSERT INTO series (park, point) VALUES (?, ?)", (self._park, point))
            number = self.series[point] = int(made.lastrowid or 0)
        return number

    def _epoch(self, key: tuple[str, str]) -> int:
        number = self._known_epochs.get(key) or self.epochs.get(key)
        if number is None:
            made = self._db.execute(
                "INSERT INTO epoch (park, gateway, epoch, seen) VALUES (?, ?, ?, '[]')", (self._park, *key)
            )
            number = self.epochs[key] = int(made.lastrowid or 0)
        if key not in self.seen:
            known = self._known_seen.get(key)
            self.seen[key] = RangeSet() if known is None else known.copy()
        return number


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
