"""How much is sent again at a time: what is lost, how long is waited, and how the credit grows and shrinks."""

import pytest

from runtime.journal_flight import ANSWER_S_AIM, CREDIT_MAX, RECEIVED_WAIT_S, WAIT_S_MAX, Flight

E = "epoch"


def flown(count: int, *, credit: int = 1, at_s: float = 0.0) -> Flight:
    flight = Flight(0.0)
    flight.credit = credit
    for offset in range(count):
        flight.sent(E, offset, at_s)
    return flight


def test_what_is_under_way_takes_room_until_it_is_answered() -> None:
    flight = flown(3, credit=5)
    flight.sent("other", 0, 0.0)
    assert (flight.under_way, flight.room(1.0)) == (4, 1)
    flight.sent(E, 1, 1.0)
    assert flight.under_way == 4, "sent once more is under way once"
    flight.answered(E, ((0, 1),), 1.0)
    assert flight.under_way == 2
    flight.answered("stranger", ((0, 9),), 1.0)
    assert flight.under_way == 2


@pytest.mark.parametrize("ranges", [((1, 1), (3, 9)), ((1, 1), (3, 10**12)), ((1, 1), (3, 4))])
def test_an_answer_names_ranges_of_any_length(ranges: tuple[tuple[int, int], ...]) -> None:
    flight = flown(5)
    flight.answered(E, ranges, 0.1)
    left = {offset for offset in range(5) if offset in flight._sent_s[E]}
    assert left == {0, 2}


def test_what_is_forgotten_ends_before_the_offset_after() -> None:
    for first, after, left in [
        (1, 3, {0, 3, 4}),
        (0, 10**9, set()),
        (4, 5, {0, 1, 2, 3}),
        (2, 2, {0, 1, 2, 3, 4}),
    ]:
        flight = flown(5)
        flight.forget(E, first, after)
        flight.forget("stranger", first, after)
        assert set(flight._sent_s[E]) == left


def test_what_goes_again_is_the_youngest_again() -> None:
    flight = flown(2, credit=9)
    flight.sent(E, 0, 4.0)
    assert flight.room(RECEIVED_WAIT_S) == 0
    assert list(flight._sent_s[E]) == [0], "the one that was not sent again is lost alone"


def test_a_range_of_as_many_offsets_as_are_under_way_names_each_of_them() -> None:
    flight = flown(3)
    flight.answered(E, ((7, 10),), 0.1)
    assert flight.under_way == 3
    flight.answered(E, ((1, 3),), 0.1)
    assert list(flight._sent_s[E]) == [0]
    far = Flight(0.0)
    for offset in (1000, 1001, 1002):
        far.sent(E, offset, 0.0)
    far.answered(E, ((990, 1001),), 0.1)
    assert list(far._sent_s[E]) == [1002]


def test_an_answer_that_names_nothing_leaves_the_credit() -> None:
    flight = flown(1, credit=7)
    flight.answered(E, ((5, 9),), 0.1)
    assert flight.credit == 7


def test_the_ceiling_of_the_wait_is_one() -> None:
    """At the ceiling no level is added: one word brings the first wait back, and losses bring the ceiling no later."""
    flight, now_s = Flight(0.0), 0.0
    for _ in range(12):
        now_s += lost_after(flight, now_s)
    assert flight._level == 7


def test_a_loss_takes_the_credit_back_and_only_the_lost_are_gone() -> None:
    flight = flown(2, credit=50)
    flight.sent(E, 7, 1.0)
    assert flight.room(RECEIVED_WAIT_S - 0.1) == 47
    assert flight.room(RECEIVED_WAIT_S) == 0
    assert (flight.credit, flight.under_way) == (1, 1)


def lost_after(flight: Flight, at_s: float) -> float:
    """Send one payload now and return how long it is waited for."""
    flight.sent(E, 0, at_s)
    waited_s = 0.0
    while flight.under_way:
        waited_s += RECEIVED_WAIT_S
        flight.room(at_s + waited_s)
    return waited_s


def test_the_wait_doubles_while_nothing_is_heard_up_to_its_ceiling_and_begins_anew() -> None:
    flight, now_s, waits = Flight(0.0), 0.0, []
    for _ in range(9):
        waits.append(lost_after(flight, now_s))
        now_s += waits[-1]
    assert waits == [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, WAIT_S_MAX, WAIT_S_MAX]
    flight.heard(now_s)
    assert lost_after(flight, now_s) == RECEIVED_WAIT_S


def test_a_loss_while_others_are_answered_doubles_nothing() -> None:
    flight = flown(1)
    flight.heard(1.0)
    flight.room(RECEIVED_WAIT_S)
    assert lost_after(flight, 10.0) == RECEIVED_WAIT_S


@pytest.mark.parametrize(
    ("answer_s", "credit"),
    [
        (ANSWER_S_AIM, 13),
        (ANSWER_S_AIM + 0.01, 9),
        (2 * ANSWER_S_AIM, 9),
        (2 * ANSWER_S_AIM + 0.01, 6),
    ],
)
def test_the_credit_follows_the_time_of_the_answer(answer_s: float, credit: int) -> None:
    flight = flown(4, credit=9, at_s=10.0)
    flight.answered(E, ((0, 3),), 10.0 + answer_s)
    assert flight.credit == credit


def test_the_slowest_of_an_answer_counts() -> None:
    flight = flown(1, credit=9, at_s=10.0)
    flight.sent(E, 1, 10.9)
    flight.answered(E, ((0, 1),), 11.0)
    assert flight.credit == 6


def test_the_credit_shrinks_once_for_what_was_under_way_together() -> None:
    flight = flown(3, credit=90, at_s=10.0)
    for offset, at_s, credit in [(0, 11.0, 60), (1, 11.5, 60), (2, 13.0, 60)]:
        flight.answered(E, ((offset, offset),), at_s)
        assert flight.credit == credit
    flight.sent(E, 3, 12.0)
    flight.answered(E, ((3, 3),), 13.0)
    assert flight.credit == 40


def test_what_was_sent_in_the_instant_of_a_shrinking_shrinks_nothing_more() -> None:
    flight = flown(1, credit=90, at_s=10.0)
    flight.sent(E, 1, 11.0)
    flight.answered(E, ((0, 0),), 11.0)
    flight.answered(E, ((1, 1),), 12.0)
    assert flight.credit == 60
    flight.sent(E, 2, 11.5)
    flight.answered(E, ((2, 2),), 12.5)
    assert flight.credit == 40


def test_a_young_journal_does_not_shrink_for_what_it_never_sent_slowly() -> None:
    """A shrinking needs more time behind it than the answer took: a start counts as one."""
    flight = flown(1, credit=9)
    flight.answered(E, ((0, 0),), 5.0)
    assert flight.credit == 9


def test_an_answer_that_names_nothing_under_way_is_heard_all_the_same() -> None:
    flight = flown(1)
    flight.room(RECEIVED_WAIT_S)
    assert lost_after(flight, 5.0) == 2 * RECEIVED_WAIT_S
    flight.answered("stranger", (), 20.0)
    assert lost_after(flight, 20.0) == RECEIVED_WAIT_S


def test_it_begins_with_one() -> None:
    assert Flight(0.0).room(0.0) == 1


def test_the_credit_has_bounds() -> None:
    flight = flown(4, credit=CREDIT_MAX - 1)
    flight.answered(E, ((0, 3),), 0.1)
    assert flight.credit == CREDIT_MAX
    slow = flown(1, credit=1, at_s=10.0)
    slow.answered(E, ((0, 0),), 20.0)
    assert slow.credit == 1
