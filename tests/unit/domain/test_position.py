"""关到位 is said only for closed = 1, open = 0, both good and fresh, whatever was commanded: the whole product."""

from itertools import product

import pytest

from domain.command import STATE_WORDS, State
from domain.position import POSITION_WORDS, Position, indicate
from domain.quality import Quality, Reason
from domain.sample import NEVER_READ, Reading, Value

LIMITS: tuple[Value | None, ...] = (True, False, None, 0.0, 1.0, "1")
QUALITIES = tuple((quality, reason) for quality in Quality for reason in (None, Reason.LINK, Reason.MANUAL))
AGES = ((True, 0.0), (True, 1.9), (False, 2.1), (False, 3600.0), (False, None))


def limit(
    value: Value | None, quality: Quality, reason: Reason | None, fresh: bool, age_s: float | None
) -> Reading:
    return Reading(value=value, quality=quality, reason=reason, observed_ms=1, age_s=age_s, fresh=fresh)


READINGS = tuple(
    limit(value, quality, reason, fresh, age_s)
    for value, (quality, reason), (fresh, age_s) in product(LIMITS, QUALITIES, AGES)
)


def is_proof(reading: Reading, value: bool) -> bool:
    return reading.value is value and reading.quality is Quality.GOOD and reading.fresh


@pytest.mark.parametrize("value", LIMITS, ids=repr)
def test_closed_and_open_are_said_on_proof_only(value: Value | None) -> None:
    opens = [reading for reading in (*READINGS, NEVER_READ) if reading.value is value]
    for opened, closed in product(opens, (*READINGS, NEVER_READ)):
        shown = indicate(opened, closed).position
        assert (shown is Position.CLOSED) == (is_proof(closed, True) and is_proof(opened, False))
        assert (shown is Position.OPEN) == (is_proof(closed, False) and is_proof(opened, True))
        assert (shown is Position.BETWEEN) == (is_proof(closed, False) and is_proof(opened, False))


def test_the_words_of_closed_belong_to_one_position() -> None:
    assert [position for position, words in POSITION_WORDS.items() if "关到位" in words.zh] == [
        Position.CLOSED
    ]
    assert set(POSITION_WORDS) == set(Position)


@pytest.mark.parametrize("state", State)
def test_no_state_of_a_command_makes_a_position(state: State) -> None:
    """What was commanded is no argument, and no state's words are those of a position."""
    assert set(indicate.__annotations__) == {"opened", "closed", "return"}
    assert STATE_WORDS[state].zh not in {words.zh for words in POSITION_WORDS.values()}


def test_both_limits_at_once_are_a_contradiction_when_fresh() -> None:
    for opened, closed in product(READINGS, READINGS):
        shown = indicate(opened, closed)
        both = opened.value is True and closed.value is True
        assert shown.fresh == (opened.fresh and closed.fresh)
        if shown.position is Position.CONTRADICTION:
            assert both
            assert opened.fresh
            assert closed.fresh
            assert shown.quality is Quality.BAD
            assert shown.reason is Reason.CONTRADICTION
        elif both:
            assert shown.position is Position.UNKNOWN
            assert not shown.fresh


def test_what_is_not_proved_says_why() -> None:
    good = limit(True, Quality.GOOD, None, True, 0.5)
    off = limit(False, Quality.GOOD, None, True, 0.5)
    stale = limit(False, Quality.GOOD, None, False, 9.0)
    cut = limit(False, Quality.BAD, Reason.LINK, False, 9.0)
    assert indicate(stale, good).reason is Reason.STALE
    assert indicate(cut, good).reason is Reason.LINK
    assert indicate(good, stale).reason is Reason.STALE
    assert indicate(good, cut).reason is Reason.LINK
    assert indicate(stale, good).last_seen is Position.CLOSED
    assert indicate(off, good).reason is None
    assert indicate(NEVER_READ, good).last_seen is Position.UNKNOWN
