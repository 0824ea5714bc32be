"""The leader's side of the handing over: takes what other controls have laid down, each once, and follows it from then on."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from control.commands.entries import order_row, row
from control.commands.reports import report
from control.commands.tracked import Tracked
from control.core import Core
from control.database.change import Change, Write, change
from control.database.ledger import Contradicts
from control.database.standing import is_in_log
from control.database.tables import AUDIT, HANDED
from control.plans.entries import row as run_row
from control.replica.inheritance import Left, left
from domain.errors import RemoteProtocolError, StorageError
from domain.ids import CommandId
from runtime.clock import Clock
from runtime.log import logger
from wire.canonical import loads
from wire.messages import record

LOOK_S = 1.0
"""Wall seconds between two looks: a closure went out long before, only its record waits."""
FOLLOW_S = 60.0
"""Wall seconds; beyond it a record that was not committed yet has come again, and found its command."""
ROWS = 100
"""Changes read at a time."""

_log = logger("control")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Handed:
    """One row."""

    line: str
    replica: str
    body: str


class Intake:
    """Takes what was handed over into one leader."""

    def __init__(self, core: Core, clock: Clock) -> None:
        self._core = core
        self._clock = clock
        self.taken = 0
        """Changes taken since the start."""
        self._followed: dict[CommandId, float] = {}
        """Commands taken, and until when (monotonic) the log may yet get a record that came before they were known."""
        self._unwritten: set[str] = set()
        """What was taken into memory and stands in no row yet: a look that failed is made up for by the next."""

    async def run(self) -> None:
        """Look for ever."""
        while True:
            # What fails is tried again at the next look; nothing is taken by halves.
            with contextlib.suppress(StorageError, SQLAlchemyError, OSError):
                await self.take_all()
                await self._follow_up()
            await self._clock.sleep(0.0, floor_s=LOOK_S)

    async def take_all(self) -> None:
        """Take everything that lies there, in its order. Raises StorageError or what the database raises."""
        while rows := await self._waiting():
            for item in rows:
                await self._take(item)
                self.taken += 1
            _log.info("taken over", changes=len(rows), by=sorted({item.replica for item in rows}))

    async def _waiting(self) -> Sequence[_Handed]:
        wanted = select(HANDED).order_by(HANDED.c.at_ms, HANDED.c.line).limit(ROWS)
        async with self._core.journal.engine.connect() as connection:
            rows = (await connection.execute(wanted)).all()
        return [_Handed(line=row.line, replica=row.replica, body=row.body) for row in rows]

    async def _take(self, item: _Handed) -> None:
        journal = self._core.journal
        gone = Write(table="handed", kind="remove", row={"line": item.line})
        once = Write(table="imports", kind="insert", row={"line": item.line, "at_ms": self._clock.now_ms()})
        try:
            held = change(loads(item.body.encode()))
        except (RemoteProtocolError, KeyError, ValueError) as error:
            _log.error("what was handed over cannot be read", line=item.line, reason=str(error))
            await journal.recorder.commit(Change(writes=(gone,)))
            return
        found = left(held)
        await self._follow(found, by=_actor(held))
        entries = () if await is_in_log(journal.engine, held) else held.entries
        try:
            # Said as it stands now: an edge may have spoken meanwhile, and that is written already.
            writes = (*self._rows(found), gone, once)
            await journal.recorder.commit(Change(writes=writes, entries=entries))
        except Contradicts:
            await journal.recorder.commit(Change(writes=(gone,)))  # it was taken before
        for kind in (found.commands, found.orders, found.dead, found.runs):
            self._unwritten.difference_update(item.id for item in kind)
        self._core.changes.ring()

    async def _follow(self, found: Left, *, by: str) -> None:
        """Take into memory what counts."""
        core = self._core
        for command in found.commands:
            known = core.book.get(command.id) or await core.archive.get(command.id)
            if known is None:
                # First held, then looked for in the log: a record that comes meanwhile finds it.
                core.book.put(command, now_s=self._clock.monotonic())
                self._unwritten.add(command.id)
                self._followed[command.id] = self._clock.monotonic() + FOLLOW_S
                await self._catch_up(command)
        for order in found.orders:
            if order.id not in core.orders.held.orders:
                core.orders.add(order)
                self._unwritten.add(order.id)
        for order in found.dead:
            if order.id not in core.orders.held.tombstones:
                core.orders.add(order)
                core.orders.release((order.id,))
                self._unwritten.add(order.id)
        for run in found.runs:
            if run.id not in core.runner.runs:
                self._unwritten.add(run.id)
                await core.runner.take(run)
        for username in found.shut_out:
            user = core.accounts.get(username)
            if user is not None and not user.is_disabled:
                await core.accounts.disable(user, actor=by)
        for token in found.revoked:
            await core.tokens.revoke(token, by=by)

    def _rows(self, found: Left) -> Iterator[Write]:
        """Yield the rows of what was taken and is in none."""
        core = self._core
        for command in found.commands:
            if command.id in self._unwritten:
                yield row(core.book.get(command.id) or command)
        for order in (*found.orders, *found.dead):
            if order.id in self._unwritten:
                yield order_row(order, is_released=order.id in core.orders.held.tombstones)
        for run in found.runs:
            if run.id in self._unwritten:
                yield run_row(core.runner.runs.get(run.id, run))

    async def _follow_up(self) -> None:
        """Look again for records that were on their way into the log when their command was taken."""
        now_s = self._clock.monotonic()
        for key, until_s in list(self._followed.items()):
            before = self._core.book.get(key)
            is_owed = key in self._unwritten
            if before is None or ((before.state.is_final or now_s > until_s) and not is_owed):
                del self._followed[key]
                continue
            await self._catch_up(before)
            after = self._core.book.get(key)
            if after is not None and (after != before or is_owed):
                self._unwritten.add(key)
                await self._core.journal.recorder.commit(Change(writes=(row(after),)))
                self._unwritten.discard(key)
                self._core.changes.ring()

    async def _catch_up(self, command: Tracked) -> None:
        """Apply what edges have said of `command` before it was known here; the log holds each such record already."""
        core = self._core
        wanted = (AUDIT.c.object == command.command.actuator) & (AUDIT.c.kind == "edge.command")
        since = AUDIT.c.at_ms >= command.created_ms - 60_000
        async with core.journal.engine.connect() as connection:
            found = (
                await connection.scalars(select(AUDIT.c.record).where(wanted, since).order_by(AUDIT.c.seq))
            ).all()
        for text in found:
            said = json.loads(text)["body"]["record"]
            if said["body"].get("id") != command.id:
                continue
            now = core.book.get(CommandId(command.id))
            after = report(record(said), now, core.park).tracked
            if after is not None:
                core.book.put(after, now_s=self._clock.monotonic())


def _actor(held: Change) -> str:
    return next((entry.actor for entry in held.entries), "system")
