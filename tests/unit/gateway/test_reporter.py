"""Report by exception, row by row: each reason to tell by itself, and what is remembered of what was told."""

import numpy as np
import pytest

from domain.quality import Quality, Reason
from gateway.judgement import REASON_NUMBERS, Judged
from gateway.reporting import NEVER_MS, Reporter
from tests.unit.gateway.test_judgement import NAN, T0, point

GOOD, BAD = int(Quality.GOOD), int(Quality.BAD)
ROWS = np.arange(3)


def judged(*values: float, quality: int = GOOD, reason: int = 0) -> Judged:
    count = len(values)
    return Judged(
        values=np.array(values),
        quality=np.full(count, quality, dtype=np.int16),
        reason=np.full(count, reason, dtype=np.int8),
    )


def told_once() -> Reporter:
    """Three points with a dead band of 1 and a silence of at most 60 s, told at T0 as 1, 2 and nothing."""
    made = Reporter([point("pool", name, dead_band=1.0, silence_s_max=60.0) for name in "abc"])
    assert made.select(judged(1.0, 2.0, NAN), ROWS, T0).tolist() == [0, 1, 2]
    return made


@pytest.mark.parametrize(
    ("now", "after_ms", "rows"),
    [
        (judged(1.0, 2.0, NAN), 1, []),
        (judged(2.0, 2.0, NAN), 1, []),
        (judged(2.1, 2.0, NAN), 1, [0]),
        (judged(1.0, 0.9, NAN), 1, [1]),
        (judged(1.0, 2.0, 0.0), 1, [2]),
        (judged(1.0, NAN, NAN), 1, [1]),
        (judged(1.0, 2.0, NAN, quality=BAD), 1, [0, 1, 2]),
        (judged(1.0, 2.0, NAN, reason=REASON_NUMBERS[Reason.GAP]), 1, [0, 1, 2]),
        (judged(1.0, 2.0, NAN), 59_999, []),
        (judged(1.0, 2.0, NAN), 60_000, [0, 1, 2]),
        (judged(9.0, 9.0, NAN), 60_000, [0, 1, 2]),
    ],
)
def test_each_reason_to_tell(now: Judged, after_ms: int, rows: list[int]) -> None:
    made = told_once()
    assert made.select(now, ROWS, T0 + after_ms).tolist() == rows
    assert made.told_ms.tolist() == [T0 + after_ms if row in rows else T0 for row in range(3)]
    for row in rows:
        assert made.told.quality[row] == now.quality[row]
        assert made.told.reason[row] == now.reason[row]
        assert np.array_equal(made.told.values[row], now.values[row], equal_nan=True)


def test_what_changed_of_one_row_alone_is_remembered_of_it_and_told_once() -> None:
    made = told_once()
    now = judged(1.0, 7.0, NAN)
    now.quality[1], now.reason[1] = BAD, REASON_NUMBERS[Reason.RANGE]
    assert made.select(now, ROWS, T0 + 1).tolist() == [1]
    assert (made.told.values[1], made.told.quality[1]) == (7.0, BAD)
    assert made.told.reason.tolist() == [0, REASON_NUMBERS[Reason.RANGE], 0]
    assert made.select(now, ROWS, T0 + 2).tolist() == []


def test_in_a_silence_only_what_was_never_told_is_new() -> None:
    made = told_once()
    assert made.select(judged(1.0, 2.0, NAN), ROWS, T0 + 10**9, after_silence=False).tolist() == []
    for quality in (GOOD, BAD):
        never = Reporter([point("pool", "a")])
        assert never.told_ms.tolist() == [NEVER_MS]
        nothing = judged(NAN, quality=quality)
        assert never.select(nothing, np.arange(1), T0, after_silence=False).tolist() == [0]
        assert never.select(nothing, np.arange(1), T0 + 1, after_silence=False).tolist() == []


def test_rows_may_have_times_of_their_own() -> None:
    made = told_once()
    times = np.array([T0 + 1, T0 + 2, T0 + 3])
    assert made.select(judged(9.0, 2.0, 9.0), ROWS, times).tolist() == [0, 2]
    assert made.told_ms.tolist() == [T0 + 1, T0, T0 + 3]


def test_what_is_forgotten_is_told_anew_and_what_was_never_told_stays_so() -> None:
    made = Reporter([point("pool", name, dead_band=1.0, silence_s_max=60.0) for name in "ab"])
    made.select(judged(1.0, 1.0), np.array([0]), T0)
    made.forget()
    assert made.told_ms[1] == NEVER_MS
    assert made.told_ms[0] == NEVER_MS + 1
    assert made.select(judged(1.0, 1.0), np.array([0]), T0 + 1).tolist() == [0]
