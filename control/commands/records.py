"""Applies the records of the edges, each exactly once by (gateway, epoch, offset), and acknowledges what is committed.

While the database is gone a record already shows in memory, is not acknowledged, and is written when it comes again.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial, reduce
from operator import add

from sqlalchemy import Select, bindparam, func, select
from sqlalchemy.exc import SQLAlchemyError

from control.bell import Bell
from control.commands.book import Book
from control.commands.entries import row
from control.commands.orders import Orders
from control.commands.reports import named, report
from control.database.change import Change, Write
from control.database.ledger import Contradicts, Ledger
from control.database.recorder import Committing, Recorder
from control.database.tables import RECORDS
from domain.errors import LinkError, StorageError
from domain.ids import CommandId, GatewayId
from domain.park import Park
from runtime.clock import Clock
from runtime.mqtt import MqttLink
from wire.messages import Acknowledgement, Ranges, Record, acknowledgement_body
from wire.signing import Signer
from wire.topics import Channel, ours

Key = tuple[GatewayId, str, int]

REMEMBERED_MAX = 20_000
"""Records known to be committed, so that a redelivery asks no database; the oldest go first."""
PENDING_MAX = 10_000
"""Records applied in memory and not yet committed; beyond it they wait at the edge."""

_OF_EPOCH = (RECORDS.c.gateway == bindparam("of_gateway")) & (RECORDS.c.epoch == bindparam("of_epoch"))
# Made once: to build and to compile a statement costs more than to run it.
_HIGHEST = select(func.max(RECORDS.c.offset)).where(_OF_EPOCH)
_SAME = select(RECORDS.c.at_ms).where(_OF_EPOCH & (RECORDS.c.offset == bindparam("of_offset")))

Listener = Callable[[Record], Callable[[], Change] | None]
"""Told of a record; what it has to write of it, asked for at the commit, is in the same transaction."""


class Records:
    """The one place where an edge's word changes anything."""

    def __init__(
        self,
        *,
        park: Park,
        book: Book,
        orders: Orders,
        ledger: Ledger,
        recorder: Recorder,
        link: MqttLink,
        signer: Signer,
        clock: Clock,
        changes: Bell,
        listeners: Iterable[Listener] = (),
    ) -> None:
        self._park = park
        self._book = book
        self._orders = orders
        self._ledger = ledger
        self._recorder = recorder
        self._link = link
        self._signer = signer
        self._clock = clock
        self._changes = changes
        self._listeners = tuple(listeners)
        self._committed: dict[Key, None] = {}
        self._highest: dict[tuple[GatewayId, str], int] = {}
        """The highest offset of an epoch that was ever committed: a higher one asks no database."""
        self._pending: dict[Key, Sequence[Callable[[], Change]]] = {}
        """What each is to write, as it stands when it is written."""
        self._writing: set[Key] = set()
        """Those of them that the ledger has just now."""
        self._turn = asyncio.Lock()
        """Held while records are absorbed: an edge's second word never before its first."""
        self._to_acknowledge: dict[tuple[GatewayId, str], set[int]] = defaultdict(set)
        recorder.first_when_back(self._owed)

    async def take(self, record: Record) -> None:
        """Apply `record` unless that was done, and note it for acknowledgement once it is committed."""
        await self.take_all((record,))

    async def take_all(self, records: Iterable[Record]) -> None:
        """Apply `records` in their order and in that of the calls, and have them committed together; calls may overlap.

        What an edge says next does not wait for the disk: the ledger keeps the order.
        """
        async with self._turn:
            writing = [await self._begun(record) for record in records]
        await asyncio.gather(*(task for task in writing if task is not None))

    async def _begun(self, record: Record) -> "asyncio.Task[None] | None":
        """Apply `record` and have it written: nobody can write of its command between the two (I13)."""
        key = (record.gateway, record.epoch, record.offset)
        is_new = key not in self._pending and not await self._is_committed(key)
        if is_new and len(self._pending) < PENDING_MAX:
            self._pending[key] = self._absorb(record)
        if key not in self._pending:
            if not is_new:
                self._note_written(key)
            return None  # where more wait than we hold, the edge says it again
        if key in self._writing:
            return None  # who has it written acknowledges it
        try:
            written = self._recorder.begin(self._pending_change(key))
        except StorageError:
            return None
        self._writing.add(key)
        return asyncio.create_task(self._kept(key, written), name=f"record {key}")

    async def _kept(self, key: Key, written: Awaitable[None]) -> None:
        with suppress(StorageError):  # the edge says it again, or `_owed` has it written
            await self._wrote(key, written)

    async def _owed(self, commit: Committing) -> None:
        """Write what waited for the database: nothing of a command is written before what its edge has said of it (I13)."""
        while (key := next((key for key in self._pending if key not in self._writing), None)) is not None:
            self._writing.add(key)
            await self._wrote(key, commit(self._pending_change(key)))

    def _pending_change(self, key: Key) -> Change:
        return reduce(add, (part() for part in self._pending[key]))

    async def _wrote(self, key: Key, written: Awaitable[None]) -> None:
        """Wait until a record is written, and note it for acknowledgement. Raises StorageError."""
        try:
            with suppress(Contradicts):  # it stands there already
                await written
        finally:
            self._writing.discard(key)
        self._pending.pop(key, None)
        self._remember(key)
        self._note_written(key)

    def _note_written(self, key: Key) -> None:
        gateway, epoch, offset = key
        self._to_acknowledge[gateway, epoch].add(offset)

    async def acknowledge(self) -> None:
        """Tell the edges what they may forget."""
        waiting, self._to_acknowledge = self._to_acknowledge, defaultdict(set)
        for (gateway, epoch), offsets in waiting.items():
            ranges = as_ranges(offsets)
            said = Acknowledgement(
                park=self._park.id, gateway=gateway, epoch=epoch, received=ranges, durable=ranges
            )
            token = self._signer.sign(acknowledgement_body(said))
            topic = ours(self._park.id, gateway, Channel.ACK_RECORDS)
            if self._link.publish_at_once(topic, token, gathers=False):
                continue
            try:
                await self._link.publish(topic, token)
            except LinkError:
                return  # the edge sends its records again, and is told again

    def _absorb(self, record: Record) -> Sequence[Callable[[], Change]]:
        command = named(record)
        held = self._book.get(command) if command is not None else None
        found = report(record, held, self._park, released=self._orders.held.tombstones)
        if found.tracked is not None:
            self._book.put(found.tracked, now_s=self._clock.monotonic())
            if found.is_void:
                self._book.void(found.tracked.id, now_s=self._clock.monotonic())
        if found.order is not None:
            self._orders.add(found.order)
            if found.is_released:
                self._orders.release((found.order.id,))
        heard = [listener(record) for listener in self._listeners]
        self._changes.ring()
        return [partial(self._as_now, found.change), *(part for part in heard if part is not None)]

    def _as_now(self, change: Change) -> Change:
        """Return `change` with its rows as they stand now: what waited must not undo what was written meanwhile (I5)."""
        return replace(change, writes=tuple(self._row_now(write) for write in change.writes))

    def _row_now(self, write: Write) -> Write:
        if write.table == "orders":
            is_released = write.row["id"] in self._orders.held.tombstones
            return replace(write, row={**write.row, "is_released": is_released})
        held = self._book.get(CommandId(str(write.row["id"]))) if write.table == "commands" else None
        return write if held is None else row(held)

    async def _is_committed(self, key: Key) -> bool:
        if key in self._committed:
            return True
        gateway, epoch, offset = key
        of_epoch: dict[str, str | int] = {"of_gateway": gateway, "of_epoch": epoch}
        try:
            if (gateway, epoch) not in self._highest:
                highest = await self._asked(_HIGHEST, of_epoch)
                self._highest.setdefault((gateway, epoch), -1 if highest is None else highest)
            if offset > self._highest[gateway, epoch]:
                return False
            found = await self._asked(_SAME, {**of_epoch, "of_offset": offset})
        except (SQLAlchemyError, OSError):
            return False
        if found is not None:
            self._remember(key)
        return found is not None

    async def _asked(self, wanted: Select[tuple[int]], of: Mapping[str, str | int]) -> int | None:
        async with self._ledger.engine.connect() as connection:
            found: int | None = await connection.scalar(wanted, of)
            return found

    def _remember(self, key: Key) -> None:
        self._committed[key] = None
        gateway, epoch, offset = key
        if offset > self._highest.get((gateway, epoch), offset):
            self._highest[gateway, epoch] = offset
        if len(self._committed) > REMEMBERED_MAX:
            del self._committed[next(iter(self._committed))]


def as_ranges(offsets: Iterable[int]) -> Ranges:
    """Return `offsets` as inclusive ranges, ascending."""
    found: list[tuple[int, int]] = []
    for offset in sorted(offsets):
        if found and found[-1][1] + 1 == offset:
            found[-1] = (found[-1][0], offset)
        else:
            found.append((offset, offset))
    return tuple(found)
