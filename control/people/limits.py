"""Decides who may try to sign in now, and whether a session still lives; times are wall milliseconds passed in."""

from dataclasses import dataclass, field, replace

FAILURES_MAX = 10
"""In a row; then the name is locked."""
LOCKED_MS = 15 * 60_000
PROOFS_MAX = 5
"""Wrong proofs in a row in one session; then none is heard there for LOCKED_MS. Strangers cannot use it up."""
PINS_MAX = 5
"""Wrong PINs of one person in a row; then their PIN is void until they sign in in full."""
STRANGERS_PER_MIN_MAX = 60
"""Attempts under names that do not exist, of everybody together; beyond it they are refused unheard and unwritten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """What failed under one name."""

    failures: int = 0
    locked_until_ms: int = 0

    def is_locked(self, *, now_ms: int) -> bool:
        """Whether no attempt is heard now, not even the right one."""
        return now_ms < self.locked_until_ms

    def failed(self, *, now_ms: int, most: int = FAILURES_MAX) -> "Attempts":
        """Return it after one more failure, of which `most` in a row lock."""
        failures = self.failures + 1
        if failures >= most:
            return Attempts(failures=0, locked_until_ms=now_ms + LOCKED_MS)
        return replace(self, failures=failures)


@dataclass(slots=True)
class Strangers:
    """A bound on attempts under unknown names."""

    _since_ms: int = 0
    _count: int = field(default=0)

    def may_try(self, *, now_ms: int) -> bool:
        """Count one attempt; return whether it is heard."""
        if now_ms - self._since_ms >= 60_000 or now_ms < self._since_ms:
            self._since_ms, self._count = now_ms, 0
        self._count += 1
        return self._count <= STRANGERS_PER_MIN_MAX


def is_alive(*, created_ms: int, seen_ms: int, now_ms: int, idle_ms_max: int, total_ms_max: int) -> bool:
    """Whether a session lives: not idle too long, not too old, and not from the future."""
    return (
        0 <= now_ms - created_ms < total_ms_max
        and now_ms - seen_ms < idle_ms_max
        and seen_ms <= now_ms + 1000
    )
