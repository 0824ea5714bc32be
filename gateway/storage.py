"""Opens everything that a gateway keeps on disk, so that a disk that takes nothing is found before anything else starts."""

import contextlib
import secrets
from dataclasses import dataclass
from pathlib import Path

from domain.errors import StorageError
from gateway.ledger import Ledger
from gateway.settings import JournalBlock
from gateway.timekeeper import Timekeeper
from runtime.clock import Clock
from runtime.journal import Journal


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """The gateway's disk."""

    epoch: str
    """Random, new at each start."""
    samples: Journal
    records: Journal
    ledger: Ledger
    times: Timekeeper

    def close(self) -> None:
        """Bring everything to the disk, as far as it takes it."""
        for journal in (self.samples, self.records):
            with contextlib.suppress(StorageError):
                journal.close()
        self.ledger.close()


def open_storage(block: JournalBlock, *, gateway: str, clock: Clock, is_slewed: bool) -> Storage:
    """Open or make everything. Raises StorageError with words for the person who starts the gateway."""
    epoch = secrets.token_hex(16)
    try:
        block.directory.mkdir(parents=True, exist_ok=True)
        keep = block.keep_freed
        return Storage(
            epoch=epoch,
            ledger=Ledger.open(block.directory / "ledger.sqlite"),
            times=Timekeeper(block.directory / "clock.ceiling", clock, is_slewed=is_slewed),
            samples=Journal.open(
                block.directory / "samples",
                gateway=gateway,
                epoch=epoch,
                clock=clock,
                segment_bytes=block.segment_bytes,
                bytes_max=block.bytes_max,
                age_s_max=block.age_s_max,
                keep_freed=keep / "samples" if keep is not None else None,
            ),
            records=Journal.open(
                block.directory / "records",
                gateway=gateway,
                epoch=epoch,
                clock=clock,
                segment_bytes=block.segment_bytes,
                keep_freed=keep / "records" if keep is not None else None,
            ),
        )
    except (OSError, StorageError) as error:
        raise StorageError(_words(block.directory, error)) from error


def _words(directory: Path, error: Exception) -> str:
    reason = error.strerror or error if isinstance(error, OSError) else error
    return (
        f"the journal in {directory} cannot be written: {reason}; "
        "make room, or name another folder in [journal] directory"
    )
