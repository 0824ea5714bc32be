"""Writes a change where it can be written: the database, or for what must not wait the spool; imports the spool afterwards.

What moves away from safe asks `commit`, which fails without the database; closures, stops and their records ask `keep`. Once
another control leads, only what a person asked for here is kept, to be handed to that one; the rest it learns by itself.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from itertools import takewhile
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from control.audit.entry import SYSTEM, Entry, is_by_a_person
from control.database.change import Change, Write
from control.database.late import Newest, last_words, still_newest
from control.database.ledger import Contradicts, Ledger, Superseded
from control.database.spool import Spool
from control.database.standing import is_in_log
from control.database.tables import IMPORTS
from domain.errors import StorageError
from domain.words import Words
from runtime.clock import Clock
from runtime.log import logger
from wire.canonical import Json

KEEP_S_MAX = 2.0
"""Wall seconds that a closure waits for its record: a database behind a dead cable would take as long as its time-outs."""
HELD_MAX = 10_000
"""Changes held in memory while neither database nor spool takes any: hours of closures; beyond it a change is logged and lost."""
PROBE_S = 1.0
"""Wall seconds between two attempts to reach a database that is gone."""

Committing = Callable[[Change], Awaitable[None]]
"""Returns when a change is durable in the database. Raises StorageError when nothing of it was written."""

_log = logger("control")


class Recorder:
    """The way of every change to the disk."""

    def __init__(self, ledger: Ledger, spool: Spool, clock: Clock) -> None:
        self._ledger = ledger
        self._spool = spool
        self._clock = clock
        self._held: deque[Change] = deque()
        """What neither database nor spool took, newer than all that the spool has; a kill loses it."""
        self._is_emptying = False
        """Whether what is held is being imported: nothing of it goes to the spool meanwhile."""
        self._is_restoring = False
        """Whether what waited for the database is being written: whatever comes meanwhile comes behind it."""
        self._failures = 0
        """How often the ledger had failed when everything that waited was last written."""
        self._owed: list[Callable[[Committing], Awaitable[None]]] = []
        self._newest = Newest()

    def first_when_back(self, owed: Callable[[Committing], Awaitable[None]]) -> None:
        """When the database is back, await `owed` with how to commit, behind the import and before anything else is written."""
        self._owed.append(owed)

    @property
    def is_available(self) -> bool:
        """Whether the database takes changes and nothing waits beside it."""
        is_whole = self._ledger.failures == self._failures and not self._is_restoring
        return self._ledger.is_available and is_whole and not self.spooled

    @property
    def spooled(self) -> int:
        """Changes that wait beside the database."""
        return len(self._spool) + len(self._held)

    async def commit(self, change: Change) -> None:
        """Return when `change` is durable in the database. Raises StorageError when nothing of it was written."""
        await self.begin(change)

    def begin(self, change: Change) -> Awaitable[None]:
        """Give `change` its place behind all that were begun, and return what waits for `commit`'s answer. Raises StorageError."""
        if self._ledger.is_superseded:
            raise Superseded("another control leads now")
        if not self.is_available:
            message = "the database is not available"
            raise StorageError(message)
        number = self._newest.number()
        return self._committed(change, number, self._ledger.begin(change))

    async def _committed(self, change: Change, number: int, written: Awaitable[None]) -> None:
        await written
        again = self._newest.written(change, number)
        if again.writes:
            self._put_aside(again, number)

    async def keep(self, change: Change) -> None:
        """Return when `change` is durable in the database or, while that is gone, in the spool.

        Never raises: what must not wait for a disk does not wait for two. What even the spool refuses is held in memory. A
        database that says nothing counts as gone after a moment; should it write the change all the same, the import finds it in
        the log.
        """
        number = self._newest.number()
        try:
            async with asyncio.timeout(KEEP_S_MAX):
                await self.commit(change)
        except TimeoutError:
            self._put_aside(change, number)
        except Contradicts as error:
            self._say_lost(change, error)
        except Superseded:
            if any(is_by_a_person(entry) for entry in change.entries):
                self._put_aside(change, number)
        except StorageError:
            self._put_aside(change, number)

    async def run(self) -> None:
        """While the database is gone, try it; when it is back, import the spool once."""
        while True:
            await self._clock.sleep(0.0, floor_s=PROBE_S)
            if not self.is_available and not self._ledger.is_superseded:
                await self.restore()

    async def restore_at_start(self) -> None:
        """Import what an earlier run spooled. Raises StorageError when it cannot: control starts whole or not at all."""
        if self.spooled:
            await self.restore()
        if self.spooled:
            message = f"{self.spooled} spooled changes cannot be imported"
            raise StorageError(message)
        if self._spool.damaged is not None:
            await self.keep(self._note_damaged(self._spool.damaged))

    async def restore(self) -> None:
        """Import what the spool holds, then what memory holds; leave it as it is when the database does not answer."""
        self._spool_held()
        self._is_restoring, failures = True, self._ledger.failures
        try:
            # Behind everything that was under way: what of it was written is in the log when the import looks.
            await self._ledger.commit(Change())
            lines = await self._import_spooled()
            count = lines + await self._import_held()
            await self._ledger.commit(self._note(count))
            # Last, and nothing is awaited behind it: what comes in the meantime is owed as well.
            for owed in self._owed:
                await owed(self._ledger.commit)
            self._failures = failures
        except (StorageError, SQLAlchemyError, OSError):
            return
        finally:
            self._is_restoring = False
        if (
            lines == len(self._spool) and not self._held
        ):  # else something came meanwhile: it goes with the next attempt
            _log.info("database back", imported=count)
            self._spool.clear()
            self._newest.imported()

    async def _import_spooled(self) -> int:
        """Import the spool's lines, also those that come meanwhile; return how many it has."""
        done, count = await self._imported(), -1
        while count < len(self._spool):
            held = list(self._spool.lines())
            if len(held) <= count:
                break  # what follows cannot be read
            lines = [line for line, _ in held if line not in done]
            # A kill loses what memory holds, and must not take along a row that the spool tells of.
            adding = takewhile(lambda change: not change.entries, self._held)
            every = [*(change for line, change in held if line not in done), *adding]
            written = await self._written(every)
            for place, (line, change) in enumerate(zip(lines, last_words(every, written), strict=False)):
                marker = Write(
                    table="imports", kind="insert", row={"line": line, "at_ms": self._clock.now_ms()}
                )
                await self._import(change, Change(writes=(marker,)), is_written=place in written)
                done.add(line)
            count = len(held)
        return count

    async def _import_held(self) -> int:
        """Import what memory holds, also what comes meanwhile: the database is back, the disk of the spool is not."""
        self._is_emptying, count = True, 0
        try:
            while self._held:
                every = list(self._held)
                written = await self._written(every)
                for place, change in enumerate(last_words(every, written)):
                    await self._import(change, Change(), is_written=place in written)
                    self._held.popleft()
                    count += 1
        finally:
            self._is_emptying = False
        return count

    async def _written(self, changes: Iterable[Change]) -> set[int]:
        """Return the places of those that were committed after all: the connection broke before the answer came."""
        engine = self._ledger.engine
        return {place for place, change in enumerate(changes) if await is_in_log(engine, change)}

    async def _import(self, change: Change, marker: Change, *, is_written: bool) -> None:
        if is_written:
            await self._ledger.commit(marker)
            return
        change = await still_newest(self._ledger.engine, change)
        try:
            await self._ledger.commit(change + marker)
        except Contradicts as error:
            # One line that contradicts what stands must not keep the others out; its entries are kept, its rows are not.
            self._say_lost(change, error)
            await self._ledger.commit(Change(entries=change.entries) + marker)

    def _put_aside(self, change: Change, number: int) -> None:
        """Spool `change`, or hold it behind what is held already: the order stays."""
        change = self._newest.put_aside(change, number)
        if len(self._held) >= HELD_MAX:
            self._say_lost(change, StorageError(f"{HELD_MAX} changes are held in memory"))
            return
        self._held.append(change)
        self._spool_held()

    def _spool_held(self) -> None:
        while self._held and not self._is_emptying:
            try:
                self._spool.append(self._held[0])
            except StorageError as error:
                if len(self._held) == 1:
                    _log.error("kept in memory", reason=str(error))
                return
            self._held.popleft()

    def _say_lost(self, change: Change, error: StorageError) -> None:
        _log.error("not kept", reason=str(error), entries=[entry.kind for entry in change.entries])

    async def _imported(self) -> set[str]:
        async with self._ledger.engine.connect() as connection:
            return set(await connection.scalars(select(IMPORTS.c.line)))

    def _note_damaged(self, aside: Path) -> Change:
        words = Words(
            f"补录文件中有不能读的行,未补录,原样存于 {aside.name}",
            f"lines of the spool cannot be read and were not imported; they lie in {aside.name}",
        )
        return self._said("database.spool_damaged", words, {"file": str(aside)})

    def _note(self, count: int) -> Change:
        words = Words(f"数据库恢复,补录 {count} 条", f"database back, {count} entries imported")
        return self._said("database.restored", words, {"imported": count})

    def _said(self, kind: str, words: Words, body: Mapping[str, Json]) -> Change:
        at_ms = self._clock.now_ms()
        return Change(
            entries=(Entry(at_ms=at_ms, actor=SYSTEM, kind=kind, object="", words=words, body=body),)
        )
