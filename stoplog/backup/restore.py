"""Brings a backup back: decrypted, verified against its own checkpoints and those kept elsewhere, then put in place."""

import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from control.audit.restored import RESTORED
from control.audit.verify import AuditReport, verify_audit
from domain.errors import StorageError
from runtime.clock import RealClock
from stoplog.backup.archive import Manifest, read_archive


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What came back."""

    manifest: Manifest
    audit: AuditReport
    newer: int
    """Records that checkpoints kept elsewhere cover and this backup does not have yet: they were made after it."""


def restore(archive: Path, identity: Path, *, to: Path | None, elsewhere: Sequence[Path] = ()) -> Restored:
    """Bring `archive` back into the folder `to`; None: a rehearsal that leaves nothing.

    `elsewhere` are checkpoints that left the machine: where they cover what the backup has, they must agree with it. Raises
    ConfigurationError for the key, StorageError when the archive is damaged, the log in it does not verify, or `to` holds a
    database already.
    """
    if to is not None and (to / "control.sqlite").exists():
        raise StorageError(
            f"{to / 'control.sqlite'} exists: move it away first, a restore overwrites nothing"
        )
    with tempfile.TemporaryDirectory(prefix="stoplog-restore-") as working:
        folder = Path(working)
        manifest = read_archive(archive, identity, folder)
        log, seals, keys = (folder / name for name in ("control.sqlite", "checkpoints.jsonl", "trusted.jwks"))
        audit = verify_audit(log, seals, keys)
        if not audit.verified or (audit.records, audit.root) != (manifest.records, manifest.root):
            said = audit.problems[0] if audit.problems else "it is not the log of the manifest"
            raise StorageError(f"{archive}: its audit log does not verify: {said}")
        newer = _held_against(log, seals, keys, elsewhere, records=audit.records)
        if to is not None:
            _put(folder, manifest, to)
            _tell(to, manifest, newer=newer if elsewhere else None)
    return Restored(manifest=manifest, audit=audit, newer=newer)


def _held_against(log: Path, seals: Path, keys: Path, elsewhere: Sequence[Path], *, records: int) -> int:
    if not elsewhere:
        return 0
    report = verify_audit(log, seals, keys, *elsewhere)
    # A backup is older than the newest seal; whatever else is wrong is a fork or a forgery.
    wrong = [problem for problem in report.problems if not problem.endswith("truncated")]
    if wrong:
        raise StorageError(f"{log.name}: {wrong[0]}")
    return max(0, report.sealed - records)


def _tell(to: Path, manifest: Manifest, *, newer: int | None) -> None:
    """Leave word for control: what it begins on is a backup, and that goes on record before anything else."""
    said = {
        "made_ms": manifest.made_ms,
        "restored_ms": RealClock().now_ms(),
        "records": manifest.records,
        "root": manifest.root,
        "newer": newer,
    }
    try:
        (to / RESTORED).write_text(json.dumps(said) + "\n", "utf-8")
    except OSError as error:
        raise StorageError(f"{to}: {error.strerror or error}") from error


def _put(folder: Path, manifest: Manifest, to: Path) -> None:
    try:
        to.mkdir(parents=True, exist_ok=True)
        # The database last: without it, nothing has been restored yet.
        for name in sorted(manifest.files, key=lambda name: name == "control.sqlite"):
            shutil.copyfile(folder / name, to / name)
            (to / name).chmod(0o600)
    except OSError as error:
        raise StorageError(f"{to}: {error.strerror or error}") from error
