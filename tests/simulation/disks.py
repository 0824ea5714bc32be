"""The disks of the simulated world: full ones take nothing, and one that loses its power forgets what was not synced.

The code above them is the services' own; files are real ones in a folder of the world, in memory where the machine has one.
"""

import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from control.database.change import Change
from control.database.spool import Spool
from domain.errors import StorageError
from gateway.ledger import Ledger
from runtime.journal import Journal
from runtime.journal_segment import Segment
from tests.simulation.loop import Process

FULL = "database or disk is full"


@dataclass(slots=True)
class Disk:
    """One machine's disk."""

    folder: Path
    is_full: bool = False
    full_until_s: float = 0.0
    process: Process | None = None
    """Who writes now."""
    synced: dict[Path, int] = field(default_factory=dict)
    """File → how much of it would outlive a power cut; a file that is not here would not be there."""

    def takes(self) -> bool:
        """Count a write; False: its process is being killed just now, and it does not happen."""
        return self.process is None or self.process.affects()

    def lose_power(self) -> None:
        """Forget what was not synced."""
        for path in self.folder.rglob("*.journal"):
            kept = self.synced.get(path)
            if kept is None:
                path.unlink()
            elif path.stat().st_size > kept:
                os.truncate(path, kept)


class SimJournal(Journal):
    """A journal on a disk of the world."""

    disk: Disk
    on_kept: Callable[[int, bool], None]
    """Told of every payload that the disk took: its offset, and whether it is synced."""

    def append(
        self,
        topic: str,
        payload: bytes | Callable[[int], bytes],
        *,
        is_sent: bool = True,
        sync: bool = False,
    ) -> int:
        if not self.disk.takes():
            offset = self.next_offset
            if callable(payload):
                payload(offset)
            return offset
        if self.disk.is_full:
            self.is_full = True
            message = f"{self.disk.folder}: {FULL}"
            raise StorageError(message)
        offset = super().append(topic, payload, is_sent=is_sent, sync=sync)
        if sync:
            self.note_synced()
        self.on_kept(offset, sync)
        return offset

    def syncer(self) -> Callable[[], None] | None:
        job = super().syncer()
        if job is None:
            return None
        active: Segment = self._shelf.active
        path, size = active.path, active.size

        def sync() -> None:
            job()
            if self.disk.takes():
                self.disk.synced[path] = max(size, self.disk.synced.get(path, 0))
                self.on_kept(-1, True)

        return sync

    def note_synced(self) -> None:
        """Everything written so far is on the disk."""
        active: Segment = self._shelf.active
        self.disk.synced[active.path] = active.size


class _Connection:
    """A gateway's ledger file: its connection refuses when the disk is full, and a killed process commits nothing."""

    def __init__(self, held: sqlite3.Connection, disk: Disk) -> None:
        self._held = held
        self._disk = disk
        self._is_void = False

    @property
    def in_transaction(self) -> bool:
        return self._held.in_transaction

    def execute(self, statement: str, rows: tuple[str | int, ...] = ()) -> object:
        if statement == "begin immediate":
            self._is_void = not self._disk.takes()
            if not self._is_void and self._disk.is_full:
                raise sqlite3.OperationalError(FULL)
        if self._is_void:
            return ()
        return self._held.execute(statement, rows)

    def executemany(self, statement: str, rows: list[tuple[object, ...]]) -> None:
        if not self._is_void:
            self._held.executemany(statement, rows)

    def executescript(self, script: str) -> None:
        self._held.executescript(script)

    def close(self) -> None:
        """The file stays."""


def open_ledger(held: sqlite3.Connection, disk: Disk) -> Ledger:
    """Open a gateway's ledger as after a start; `held` is its file."""
    if held.in_transaction:
        held.rollback()
    return Ledger.on(cast("sqlite3.Connection", _Connection(held, disk)))


class SimSpool(Spool):
    """Control's spool on a disk of the world."""

    disk: Disk

    def append(self, item: Change) -> None:
        if not self.disk.takes():
            return
        if self.disk.is_full:
            message = f"cannot write {self.disk.folder}: {FULL}"
            raise StorageError(message)
        super().append(item)

    def clear(self) -> None:
        if self.disk.takes():
            super().clear()
