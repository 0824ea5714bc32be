"""The way to the disk of a control that does not lead: what a person asks for here is handed to the leader, the rest is its own.

It is laid where the leader finds it, in a table that only the leader empties; while the database is gone, in the spool. Nothing
of the park's state and no record of the audit log is written here.
"""

import asyncio
import hashlib
from collections.abc import Awaitable

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from control.audit.entry import is_by_a_person
from control.database.change import Change, change_body
from control.database.ledger import Ledger, Superseded
from control.database.recorder import KEEP_S_MAX, PROBE_S, Recorder
from control.database.spool import Spool
from control.database.tables import HANDED
from domain.errors import StorageError
from runtime.clock import Clock
from runtime.log import logger
from wire.canonical import dumps

_log = logger("control")


class Handing(Recorder):
    """Writes for one replica while it does not lead."""

    def __init__(self, ledger: Ledger, spool: Spool, clock: Clock, *, replica: str) -> None:
        super().__init__(ledger, spool, clock)
        self._engine = ledger.engine
        self._spool = spool
        self._clock = clock
        self._replica = replica

    @property
    def is_available(self) -> bool:
        """Never: whatever needs its record first needs the leader."""
        return False

    def begin(self, change: Change) -> Awaitable[None]:  # noqa: ARG002 (of whatever kind)
        """Raise Superseded: nothing is committed here."""
        raise Superseded("this control stands by: another one leads")

    async def keep(self, change: Change) -> None:
        """Return when what a person asked for is handed over, or spooled; the rest of what happens the leader sees itself."""
        if not any(is_by_a_person(entry) for entry in change.entries):
            return
        try:
            async with asyncio.timeout(KEEP_S_MAX):
                await hand(self._engine, change, replica=self._replica, at_ms=self._clock.now_ms())
        except (StorageError, TimeoutError):
            try:
                self._spool.append(change)
            except StorageError as error:
                _log.error("not kept", reason=str(error), entries=[entry.kind for entry in change.entries])

    async def restore(self) -> None:
        """Hand over what the spool holds; leave it as it is when the database does not answer."""
        try:
            await hand_spool(self._engine, self._spool, replica=self._replica, at_ms=self._clock.now_ms())
        except StorageError:
            return

    async def run(self) -> None:
        """Hand over what was spooled, for ever."""
        while True:
            await self._clock.sleep(0.0, floor_s=PROBE_S)
            if self.spooled:
                await self.restore()


async def hand(engine: AsyncEngine, change: Change, *, replica: str, at_ms: int) -> None:
    """Lay `change` down for the leader; the same again is one. Raises StorageError when it is not laid down."""
    body = dumps(change_body(change))
    row = {
        "line": hashlib.sha256(body).hexdigest(),
        "replica": replica,
        "at_ms": at_ms,
        "body": body.decode(),
    }
    try:
        async with engine.begin() as connection:
            await connection.execute(insert(HANDED).values(row).on_conflict_do_nothing())
    except (SQLAlchemyError, OSError) as error:
        raise StorageError(f"not handed over: {getattr(error, 'orig', None) or error}") from error


async def hand_spool(engine: AsyncEngine, spool: Spool, *, replica: str, at_ms: int) -> None:
    """Lay down all that `spool` holds, in its order, and empty it. Raises StorageError when not all of it is."""
    held = [change for _, change in spool.lines()]
    for number, change in enumerate(held):
        await hand(engine, change, replica=replica, at_ms=at_ms + number)
    if held and len(held) == len(spool):
        _log.info("handed over", changes=len(held))
        spool.clear()
