"""Says that a part of the demonstration did not come up, and with which exit status the demonstration ends for it."""

from domain.errors import StoplogError
from runtime.exits import Exit

_PASSED_ON = frozenset({Exit.PARK, Exit.CANNOT_WRITE, Exit.PERMISSION, Exit.CONFIGURATION})


class PartFailedError(StoplogError):
    """A part did not become ready; says where its log stands and what it said last."""

    def __init__(self, words: str, *, status: int | None = None) -> None:
        """`status` is the part's own exit status; None while it lives."""
        super().__init__(words)
        self.exit = Exit(status) if status in _PASSED_ON else Exit.UNAVAILABLE
