"""A file that takes what must not wait for the database: chained lines, synced one by one, imported once afterwards."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from control.database.change import Change, change, change_body
from domain.errors import RemoteProtocolError, StorageError
from runtime.journal_segment import sync_folder
from runtime.log import logger
from wire.canonical import dumps, loads

LINES_MAX = 100_000
"""A spool that long means a database gone for days; more is refused as not written."""
_log = logger("control")


class Spool:
    """Lines of canonical JSON; each names the hash of the one before, so that a cut or an edit shows."""

    def __init__(self, path: Path) -> None:
        """Read what `path` holds. Raises StorageError when lines that cannot be read cannot be put aside."""
        self._path = path
        self._last = ""
        self._count = 0
        self._size = 0
        """Bytes of the whole lines: what a full disk or a kill left behind them gives way to the next."""
        for line, _, size in self._whole():
            self._last, self._count, self._size = line, self._count + 1, self._size + size
        self.damaged = self._put_damaged_aside()
        """Where whole lines that cannot be read lie from now on; None: there were none."""

    def __len__(self) -> int:
        return self._count

    def append(self, item: Change) -> None:
        """Add `item` and sync it. Raises StorageError when it cannot be kept."""
        if self._count >= LINES_MAX:
            message = f"the spool holds {LINES_MAX} changes"
            raise StorageError(message)
        content = dumps({"before": self._last, "change": change_body(item)})
        try:
            with self._path.open("r+b" if self._path.exists() else "wb") as file:
                file.truncate(self._size)
                file.seek(self._size)
                file.write(content + b"\n")
                file.flush()
                os.fsync(file.fileno())
            if not self._size:  # it may be new
                sync_folder(self._path.parent)
        except OSError as error:
            message = f"cannot write {self._path}: {error.strerror or error}"
            raise StorageError(message) from error
        self._last = hashlib.sha256(content).hexdigest()
        self._count += 1
        self._size += len(content) + 1

    def lines(self) -> Iterator[tuple[str, Change]]:
        """Yield (hash, change) of every whole line in order; a torn last line, never answered for, is left out."""
        return ((line, item) for line, item, _ in self._whole())

    def _whole(self) -> Iterator[tuple[str, Change, int]]:
        """Yield (hash, change, bytes) of every whole line."""
        if not self._path.exists():
            return
        before = ""
        for content in self._path.read_bytes().split(b"\n")[:-1]:
            try:
                body = loads(content)
                held = body["change"]
                if body["before"] != before or not isinstance(held, dict):
                    return
                item = change(held)
            except (RemoteProtocolError, KeyError):
                return
            before = hashlib.sha256(content).hexdigest()
            yield before, item, len(content) + 1

    def _put_damaged_aside(self) -> Path | None:
        """Keep whole lines behind one that is damaged in a file of their own: the next line would be written over them."""
        content = self._path.read_bytes()[self._size :] if self._path.exists() else b""
        if b"\n" not in content:
            return None
        aside = self._path.with_suffix(f".damaged-{hashlib.sha256(content).hexdigest()[:8]}")
        try:
            with aside.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            sync_folder(self._path.parent)
            os.truncate(self._path, self._size)
        except OSError as error:
            message = f"{self._path}: lines that cannot be read cannot be put aside as {aside}: {error.strerror or error}"
            raise StorageError(message) from error
        _log.error("lines cannot be read", spool=str(self._path), kept=str(aside), bytes=len(content))
        return aside

    def clear(self) -> None:
        """Forget what was imported; the file stays beside under another name."""
        if self._path.exists():
            self._path.replace(self._path.with_suffix(".imported"))
        self._last, self._count, self._size = "", 0, 0
