"""Writes down every Modbus write that a PLC received, line by line as it comes; reads them back.

One JSON object a line. The bytes are with the kernel before the write acts, so that they outlive the process (not the
machine): what stands here happened, and nothing else did.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from domain.errors import StorageError


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteLine:
    """One register or coil written."""

    model_ms: int
    monotonic_s: float
    device: str
    function: int
    """Modbus function: 5, 6, 15 or 16."""
    address: int
    """Zero-based."""
    value: int
    meaning: str
    """`hc_outlet close`; `hc_outlet release` for a pulse taken back."""
    ignored: str | None
    """Why the PLC did not act: `local`, `fault`, `no power`, `read only`, `no such command`; None when it did."""

    @property
    def accepted(self) -> bool:
        """Whether the PLC acted on it."""
        return self.ignored is None


class WriteLog:
    """The log of one simulator; appends to what is there."""

    def __init__(self, path: Path) -> None:
        """Open it. Raises StorageError."""
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        except OSError as error:
            raise StorageError(f"{path}: {error.strerror}") from error

    def append(self, line: WriteLine) -> None:
        """Hand one line to the kernel. Raises StorageError."""
        text = json.dumps({**asdict(line), "accepted": line.accepted}, ensure_ascii=False) + "\n"
        try:
            os.write(self._fd, text.encode())
        except OSError as error:
            raise StorageError(f"{self._path}: {error.strerror}") from error

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


def read_writes(path: Path) -> Iterator[WriteLine]:
    """Yield the writes in `path` in the order they came; a last line cut short by a power cut is left out."""
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            fields = json.loads(line)
        except ValueError:
            return
        fields.pop("accepted")
        yield WriteLine(**fields)
