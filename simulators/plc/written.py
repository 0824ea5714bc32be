"""Writes down every Modbus write that a PLC received, line by line as it comes; reads them back.

One JSON object a line. The bytes are with the kernel before the write acts, so that they outlive the process (not the
machine): what stands here happened, and nothing else did.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from simulators.line_log import LineLog


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
    """Why the PLC did not act: `local`, `fault`, `no power`, `no heartbeat`, `read only`, `no such command`; None when it did."""

    @property
    def accepted(self) -> bool:
        """Whether the PLC acted on it."""
        return self.ignored is None


class WriteLog(LineLog):
    """The log of one simulator."""

    def append(self, line: WriteLine) -> None:
        """Write one line down. Raises StorageError."""
        self.put({**asdict(line), "accepted": line.accepted})


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
