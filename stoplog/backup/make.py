"""Makes a backup of control's database while it runs, and puts it in every place that was named."""

import asyncio
import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from sqlalchemy import URL

from control.audit.verify import AuditReport, verify_audit
from control.database.connection import database_address, engine_of, migrate, sqlite_path
from control.database.transfer import copy_all
from control.settings import ControlSettings, DatabaseBlock
from domain.errors import StorageError
from runtime.clock import RealClock
from runtime.parkfiles.loading import load_park
from runtime.settings import read_settings
from stoplog.backup.archive import SUFFIX, Manifest, measured, read_recipients, write_archive

PAGES = 1000
"""Pages that SQLite copies at a time: its writer goes between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One backup, as it lies in every place."""

    files: tuple[Path, ...]
    audit: AuditReport
    removed: int
    """Older backups that were one too many."""


def make_backup(settings: Path, recipients: Path, places: Sequence[Path], *, keep: int) -> Made:
    """Back control up into every folder of `places`, and keep the newest `keep` of this park in each.

    Raises ConfigurationError, and StorageError when a place takes nothing, or when the log in the copy does not verify.
    """
    told = read_settings(settings, ControlSettings)
    keys = read_recipients(recipients)
    park, now_ms = load_park(told.park).id, RealClock().now_ms()
    with tempfile.TemporaryDirectory(prefix="stoplog-backup-") as working:
        folder = Path(working)
        # First what seals, then what is sealed: a checkpoint never covers more than the copy of the log.
        for source in (told.state / "checkpoints.jsonl", told.state / "spool.jsonl", told.keys.trusted):
            if source.exists():
                shutil.copyfile(
                    source, folder / ("trusted.jwks" if source == told.keys.trusted else source.name)
                )
        _copy_database(told.database, folder / "control.sqlite")
        audit = verify_audit(folder / "control.sqlite", folder / "checkpoints.jsonl", folder / "trusted.jwks")
        if not audit.verified:
            raise StorageError(
                f"the audit log does not verify, so nothing was backed up: {audit.problems[0]}"
            )
        manifest = Manifest(
            park=park,
            made_ms=now_ms,
            program=version("stoplog"),
            records=audit.records,
            root=audit.root,
            files={item.name: measured(item) for item in sorted(folder.iterdir())},
        )
        archive = folder / _name(park, now_ms)
        with archive.open("wb") as opened:
            write_archive(manifest, folder, keys, opened)
        files = tuple(_place(archive, place) for place in places)
    return Made(files=files, audit=audit, removed=sum(_thin_out(place, park, keep) for place in places))


def _name(park: str, now_ms: int) -> str:
    """Return a name that sorts by time."""
    return f"stoplog-{park}-{datetime.fromtimestamp(now_ms / 1000, UTC):%Y%m%dT%H%M%S}{now_ms % 1000:03d}Z{SUFFIX}"


def _copy_database(database: DatabaseBlock, target: Path) -> None:
    address = database_address(database.url, password_file=database.password_file)
    source = sqlite_path(address)
    if source is not None:
        _copy_file(source, target)
    else:
        asyncio.run(_copy_rows(address, target))


async def _copy_rows(address: URL, target: Path) -> None:
    """A backup is a SQLite file whatever control works on: it is read without a server."""
    into = database_address(f"sqlite:///{target}")
    await asyncio.to_thread(migrate, into)
    source, copy = engine_of(address), engine_of(into)
    try:
        await copy_all(source, copy)
    finally:
        await source.dispose()
        await copy.dispose()
    with contextlib.closing(sqlite3.connect(target)) as file:
        file.execute("PRAGMA journal_mode=DELETE")


def _copy_file(source: Path, target: Path) -> None:
    if not source.is_file():
        raise StorageError(f"{source}: there is no database yet")
    try:
        with (
            contextlib.closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)) as held,
            contextlib.closing(sqlite3.connect(target)) as copy,
        ):
            held.backup(copy, pages=PAGES, sleep=0.01)
            copy.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        raise StorageError(f"{source}: cannot be copied: {error}") from error


def _place(archive: Path, place: Path) -> Path:
    """Copy the archive so that a half one never bears its name."""
    target, half = place / archive.name, place / f".{archive.name}.part"
    try:
        place.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(archive, half)
        half.chmod(0o600)
        with half.open("rb") as opened:
            os.fsync(opened.fileno())
        half.rename(target)
    except OSError as error:
        half.unlink(missing_ok=True)
        raise StorageError(f"{place}: {error.strerror or error}") from error
    return target


def _thin_out(place: Path, park: str, keep: int) -> int:
    old = sorted(place.glob(f"stoplog-{park}-*Z{SUFFIX}"))[:-keep]
    for file in old:
        file.unlink()
    return len(old)
