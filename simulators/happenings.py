"""Writes down what was played on the simulated park, faults with their begin and end, and reads it back.

One JSON object a line, with the kernel as soon as it happens: what explains a change of quality, or a movement that nobody
commanded.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from simulators.line_log import LineLog


class What(StrEnum):
    """What a line says."""

    START = "start"
    """The simulator started (again)."""
    BEGIN = "begin"
    """A fault began."""
    END = "end"
    """It ended."""
    SPILL = "spill"
    HAND = "hand"
    RAIN = "rain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One line."""

    model_ms: int
    monotonic_s: float
    what: What
    id: int | None = None
    """Number of a fault; its begin and its end have the same."""
    kind: str = ""
    """Of a fault: its kind; otherwise what was done, e.g. `local`, `close`, the substance, the storm."""
    target: str = ""
    """Device, actuator, point or facility."""
    value: float | None = None


class HappeningLog(LineLog):
    """The log of one simulator."""

    def append(self, line: Happening) -> None:
        """Write one line down. Raises StorageError."""
        self.put(asdict(line))


def read_happenings(path: Path) -> Iterator[Happening]:
    """Yield what happened, in order."""
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        fields = json.loads(line)
        yield Happening(**{**fields, "what": What(fields["what"])})
