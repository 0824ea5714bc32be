"""Who may try to sign in, and how long a session lives."""

import pytest

from control.people.limits import (
    FAILURES_MAX,
    LOCKED_MS,
    PINS_MAX,
    PROOFS_MAX,
    STRANGERS_PER_MIN_MAX,
    Attempts,
    Strangers,
    is_alive,
)


def test_ten_failures_lock_for_a_while_and_no_longer() -> None:
    attempts = Attempts()
    for _ in range(FAILURES_MAX):
        assert not attempts.is_locked(now_ms=0)
        attempts = attempts.failed(now_ms=0)
    assert attempts.is_locked(now_ms=LOCKED_MS - 1)
    assert not attempts.is_locked(now_ms=LOCKED_MS)


def test_how_many_may_fail_and_for_how_long_none_is_heard() -> None:
    assert (FAILURES_MAX, PROOFS_MAX, PINS_MAX, STRANGERS_PER_MIN_MAX) == (10, 5, 5, 60)
    assert LOCKED_MS == 15 * 60 * 1000


def test_guessing_names_is_bounded() -> None:
    strangers = Strangers()
    heard = sum(strangers.may_try(now_ms=1_000_000) for _ in range(500))
    assert heard == STRANGERS_PER_MIN_MAX
    assert strangers.may_try(now_ms=1_060_000)


@pytest.mark.parametrize(
    ("created_ms", "seen_ms", "is_good"),
    [
        (0, 0, True),
        (0, 899, True),
        (-5000, 990, True),
        (-9001, 990, False),
        (-5000, -1, False),
        (2000, 2000, False),
    ],
)
def test_a_session_ends_idle_old_or_from_the_future(created_ms: int, seen_ms: int, is_good: bool) -> None:
    found = is_alive(
        created_ms=created_ms, seen_ms=seen_ms, now_ms=1000, idle_ms_max=1001, total_ms_max=10_001
    )
    assert found is is_good
