"""Puts on record that the log goes on from a backup, and how much of what was sealed after it is not in it."""

import json
from datetime import UTC, datetime
from pathlib import Path

from control.audit.entry import SYSTEM, Entry
from control.database.change import Change
from control.database.ledger import Ledger
from control.database.standing import is_in_log
from domain.errors import StorageError
from domain.words import Words

RESTORED = "restored.json"
"""Left in control's state folder by a restore; renamed once it is on record."""


async def note_restored(state: Path, ledger: Ledger) -> None:
    """Record what `stoplog restore` has left word of, once. Raises StorageError when it cannot be read or recorded."""
    file = state / RESTORED
    if not file.exists():
        return
    try:
        entry = _entry(json.loads(file.read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StorageError(f"{file}: not what a restore writes: {error!r}") from error
    change = Change(entries=(entry,))
    if not await is_in_log(ledger.engine, change):
        await ledger.commit(change)
    try:
        file.replace(file.with_suffix(".noted"))
    except OSError as error:
        raise StorageError(f"{file}: {error.strerror or error}") from error


def _entry(said: dict[str, int | str | None]) -> Entry:
    made_ms, newer = int(str(said["made_ms"])), said["newer"]
    made = datetime.fromtimestamp(made_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    if newer is None:
        lost = Words(
            "其后的记录不在本日志,数目未知", "later records are not in this log, how many is not known"
        )
    else:
        lost = Words(
            f"其后至少 {newer} 条已封存记录不在本日志",
            f"at least {newer} later ones, sealed, are not in this log",
        )
    return Entry(
        at_ms=int(str(said["restored_ms"])),
        actor=SYSTEM,
        kind="database.restored_from_backup",
        object="",
        words=Words(
            f"数据库由 {made} 的备份恢复;{lost.zh}", f"restored from the backup of {made}; {lost.en}"
        ),
        body={
            "made_ms": made_ms,
            "records": int(str(said["records"])),
            "root": str(said["root"]),
            "newer": None if newer is None else int(newer),
        },
    )
