"""Lets the content of old records leave the database for an archive; their hashes stay, so that the log verifies as before.

First the archive is on the disk, with the proof of each record, then the rows are emptied; that this was done is itself a record.
"""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from control.audit.checkpoints import Checkpoints
from control.audit.entry import SYSTEM, Entry
from control.audit.export import json_lines
from control.audit.log import AuditLog, Kept
from control.audit.proofs import inclusion_proofs
from control.database.change import Change, Write
from control.database.ledger import Ledger
from control.database.tables import AUDIT
from domain.errors import StorageError
from domain.words import Words
from runtime.clock import Clock
from runtime.log import logger

LOOK_S = 3600.0
"""Wall seconds between two looks for records that are old enough."""
ROWS = 300
"""Records in one transaction: some tenths of a second in which a command's record waits."""
PAUSE_S = 1.0
"""Wall seconds between two transactions."""
DAY_MS = 86_400_000
PRUNED = "audit.pruned"
"""The kind of the record that says which others have left; it stays for ever, for the verifier asks for it."""

_log = logger("control")


class Retention:
    """Keeps the content of records for `keep_days`; shorter than 180 it does not exist."""

    def __init__(
        self,
        ledger: Ledger,
        log: AuditLog,
        checkpoints: Checkpoints,
        clock: Clock,
        *,
        keep_days: int,
        archive: Path,
    ) -> None:
        assert keep_days >= 180
        self._ledger = ledger
        self._audit = log
        self._checkpoints = checkpoints
        self._clock = clock
        self._keep_ms = keep_days * DAY_MS
        self._archive = archive

    async def run(self) -> None:
        """Look for ever."""
        while True:
            try:
                while await self.archive_some():
                    await self._clock.sleep(0.0, floor_s=PAUSE_S)
            except (StorageError, SQLAlchemyError, OSError) as error:
                _log.warning("records not archived", reason=str(error))
            await self._clock.sleep(0.0, floor_s=LOOK_S)

    async def archive_some(self) -> int:
        """Archive the oldest records that are old enough, and return how many. Raises StorageError: then nothing has left."""
        before_ms = self._clock.now_ms() - self._keep_ms
        found = await self._oldest(before_ms)
        if not found:
            return 0
        await self._checkpoints.seal()
        size = int(str((self._checkpoints.newest or {}).get("size", 0)))
        if size <= found[-1].seq:
            raise StorageError("what is to be archived is not sealed yet")
        leaves = await self._audit.leaves(size=size)
        proofs = await asyncio.to_thread(inclusion_proofs, leaves, [item.seq for item in found])
        await asyncio.to_thread(self._write, "".join(json_lines(found, proofs, size=size)), found)
        await self._ledger.commit(self._emptied(found))
        await self._checkpoints.seal()  # only what is sealed may say that others have left
        return len(found)

    async def _oldest(self, before_ms: int) -> list[Kept]:
        """Return records from the oldest on, without a gap: a younger one keeps those behind it."""
        full = select(AUDIT.c.seq, AUDIT.c.record, AUDIT.c.hash, AUDIT.c.at_ms, AUDIT.c.kind)
        wanted = full.where(AUDIT.c.record != "").order_by(AUDIT.c.seq).limit(ROWS)
        async with self._ledger.engine.connect() as connection:
            rows = (await connection.execute(wanted)).all()
        kept: list[Kept] = []
        for row in rows:
            if row.kind == PRUNED:
                if kept:
                    break
                continue
            if row.at_ms >= before_ms or (kept and row.seq != kept[-1].seq + 1):
                break
            kept.append(Kept(seq=row.seq, record=row.record, hash=row.hash))
        return kept

    def _write(self, lines: str, kept: Sequence[Kept]) -> None:
        self._archive.mkdir(parents=True, exist_ok=True)
        name = self._archive / f"audit-{kept[0].seq:012}-{kept[-1].seq:012}.jsonl"
        half = name.with_suffix(".part")
        with half.open("w", encoding="utf-8") as file:
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())
        half.replace(name)

    def _emptied(self, kept: Sequence[Kept]) -> Change:
        first, last = kept[0].seq, kept[-1].seq
        rows = tuple(
            Write(
                table="audit",
                row={
                    "seq": item.seq,
                    "at_ms": 0,
                    "actor": "",
                    "kind": "",
                    "object": "",
                    "record": "",
                    "hash": item.hash,
                },
            )
            for item in kept
        )
        entry = Entry(
            at_ms=self._clock.now_ms(),
            actor=SYSTEM,
            kind=PRUNED,
            object="",
            words=Words(f"审计记录 {first}–{last} 转入归档", f"audit records {first} to {last} archived"),
            body={"first": first, "last": last},
        )
        return Change(writes=rows, entries=(entry,))
