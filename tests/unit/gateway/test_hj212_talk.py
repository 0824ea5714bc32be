"""The conversation with a logger: what it is answered, and the life of a request, walked whole."""

from dataclasses import replace

import pytest

from domain.errors import IllegalTransition
from gateway.hj212_talk import (
    OVER_TIME_S,
    RESULT_S,
    TRANSITIONS,
    TRIES_MAX,
    WAITING_MAX,
    RequestEvent,
    RequestState,
    Talk,
    advance,
)
from wire.hj212 import Frame, encode
from wire.hj212_body import write_time
from wire.hj212_stream import FrameStream

MN = "320684000100A00000000001"
DATA = Frame(
    qn="20261121080000123", st="32", cn="2011", pw="123456", mn=MN, flag=5, cp="DataTime=20261121080000"
)
NOW_MS = 1_795_219_200_000


def talk() -> Talk:
    return Talk(mn=MN, password="123456")


def asked(on: Talk, now_s: float = 0.0) -> Frame:
    request = on.due(now_s=now_s, now_ms=NOW_MS)
    assert request is not None
    return request


def reply(request: Frame, cn: str, cp: str) -> Frame:
    return replace(request, st="91", cn=cn, flag=4, cp=cp)


@pytest.mark.parametrize("state", RequestState)
@pytest.mark.parametrize("event", RequestEvent)
def test_every_state_meets_every_event(state: RequestState, event: RequestEvent) -> None:
    if event in TRANSITIONS[state]:
        assert advance(state, event) in RequestState
    else:
        with pytest.raises(IllegalTransition):
            advance(state, event)


def test_every_state_that_is_not_the_end_has_a_way_out_on_silence() -> None:
    assert all(RequestEvent.SILENCE in ways for ways in TRANSITIONS.values() if ways)


def test_data_is_acknowledged_by_9014_as_the_standard_has_it() -> None:
    answer = talk().answer(DATA, now_ms=NOW_MS)
    assert answer is not None
    frame = b"##0087QN=20261121080000123;ST=91;CN=9014;PW=123456;MN=320684000100A00000000001;Flag=4;CP=&&&&9181\r\n"
    assert encode(answer) == frame


@pytest.mark.parametrize(
    ("cn", "flag", "expected"),
    [
        ("2011", 5, "9014"), ("2011", 4, None), ("2061", 7, "9014"), ("2011", None, None), ("2011", 1, "9014"),
        ("1013", 5, "9013"), ("9015", 9, "9013"), ("9011", 5, None), ("9012", 5, None), ("9014", 5, None),
        ("3020", 5, "9014"), ("2012", 5, "9013"), ("2022", 5, "9013"),
    ],
)  # fmt: skip
def test_what_asks_for_an_answer_gets_the_right_one(cn: str, flag: int | None, expected: str | None) -> None:
    answer = talk().answer(replace(DATA, cn=cn, flag=flag), now_ms=NOW_MS)
    assert (answer.cn if answer else None) == expected
    if answer is not None:
        assert (answer.flag, answer.qn, answer.st) == (((flag or 0) >> 2) << 2, DATA.qn, "91")


def test_accepted_is_not_executed() -> None:
    on = talk()
    assert on.ask("2051", "BeginTime=1;EndTime=2")
    request = asked(on)
    assert request.wants_answer
    assert on.hear(reply(request, "9011", "QnRtn=1"), now_s=1) is None
    assert on.hear(replace(DATA, cn="2051"), now_s=2) is None
    ended = on.hear(reply(request, "9012", "ExeRtn=1"), now_s=3)
    assert ended is not None
    assert ended.state is RequestState.EXECUTED


@pytest.mark.parametrize(
    ("cn", "cp", "expected"),
    [
        ("9011", "QnRtn=2", RequestState.REFUSED),
        ("9011", "", RequestState.REFUSED),
        ("9012", "ExeRtn=100", RequestState.EXECUTED),
        ("9012", "ExeRtn=5", RequestState.FAILED),
    ],
)
def test_every_answer_is_an_outcome(cn: str, cp: str, expected: RequestState) -> None:
    on = talk()
    on.ask("1012", "SystemTime=1")
    ended = on.hear(reply(asked(on), cn, cp), now_s=1)
    assert ended is not None
    assert ended.state is expected


def test_a_refusal_may_follow_an_acceptance() -> None:
    on = talk()
    on.ask("1012", "SystemTime=1")
    request = asked(on)
    on.hear(reply(request, "9011", "QnRtn=1"), now_s=1)
    ended = on.hear(reply(request, "9012", "ExeRtn=2"), now_s=2)
    assert ended is not None
    assert ended.state is RequestState.FAILED


def test_an_answer_to_another_request_is_none() -> None:
    on = talk()
    on.ask("1012", "SystemTime=1")
    other = replace(asked(on), qn="20200101000000000")
    assert on.hear(reply(other, "9012", "ExeRtn=1"), now_s=1) is None


def test_silence_is_asked_again_and_then_an_outcome() -> None:
    on = talk()
    on.ask("2061", "")
    first, now_s = asked(on), 0.0
    for _ in range(TRIES_MAX - 1):
        assert on.due(now_s=now_s + OVER_TIME_S - 0.1, now_ms=NOW_MS) is None
        now_s += OVER_TIME_S
        assert on.silent(now_s=now_s) is None
        assert asked(on, now_s) == first
    ended = on.silent(now_s=now_s + OVER_TIME_S)
    assert ended is not None
    assert ended.state is RequestState.UNANSWERED
    assert on.due(now_s=now_s + 100, now_ms=NOW_MS) is None


def test_an_accepted_request_waits_longer_and_is_not_sent_again() -> None:
    on = talk()
    on.ask("2061", "")
    on.hear(reply(asked(on), "9011", "QnRtn=1"), now_s=1)
    assert on.due(now_s=60, now_ms=NOW_MS) is None
    assert on.silent(now_s=60) is None
    ended = on.silent(now_s=1 + RESULT_S)
    assert ended is not None
    assert ended.state is RequestState.UNANSWERED


def test_one_at_a_time_each_with_a_time_stamp_of_its_own() -> None:
    on = talk()
    assert on.ask("2051", "")
    assert on.ask("2061", "")
    assert not on.ask("2061", "")
    first = asked(on)
    assert on.due(now_s=1, now_ms=NOW_MS) is None
    on.hear(reply(first, "9012", "ExeRtn=1"), now_s=1)
    second = asked(on, 1)
    assert (first.cn, second.cn) == ("2051", "2061")
    assert first.qn != second.qn


def test_what_waits_is_bounded_and_dropped_with_the_connection() -> None:
    on = talk()
    assert [on.ask("2051", str(number)) for number in range(WAITING_MAX + 1)] == [
        *[True] * WAITING_MAX,
        False,
    ]
    on.lost()
    assert on.due(now_s=0, now_ms=NOW_MS) is None


def test_requests_speak_the_loggers_edition() -> None:
    on = talk()
    on.answer(replace(DATA, flag=9), now_ms=NOW_MS)
    on.answer(replace(DATA, st="91", cn="9012", flag=4), now_ms=NOW_MS)
    on.ask("2061", "")
    request = asked(on)
    assert (request.version, request.st) == (2, "32")
    (found,) = FrameStream().feed(encode(request))
    assert found == request


LIFE = {
    "sent": "ready>accepted refusal>refused done>executed failure>failed silence>unanswered",
    "accepted": "ready>accepted refusal>refused done>executed failure>failed silence>unanswered",
}


@pytest.mark.parametrize("state", RequestState)
def test_the_table_line_by_line(state: RequestState) -> None:
    expected = dict(line.split(">") for line in LIFE.get(state.value, "").split())
    assert {event.value: after.value for event, after in TRANSITIONS[state].items()} == expected


def test_limits_are_those_of_the_standard() -> None:
    assert (OVER_TIME_S, TRIES_MAX, RESULT_S, WAITING_MAX) == (5.0, 3, 120.0, 8)


def test_before_the_logger_speaks_it_is_asked_in_the_edition_of_2017() -> None:
    on = talk()
    assert on.ask("2011", "")
    request = asked(on)
    assert (request.flag, request.st, request.pw, request.mn) == (5, "32", "123456", MN)
    assert on.due(now_s=0.0, now_ms=NOW_MS) is None


def test_what_has_no_number_is_answered_under_our_own_time() -> None:
    answer = talk().answer(replace(DATA, qn=None), now_ms=NOW_MS)
    assert answer is not None
    assert answer.qn == write_time(NOW_MS, is_fine=True)
    assert len(answer.qn) == 17


def test_the_same_is_not_asked_twice_while_it_waits_or_runs() -> None:
    on = talk()
    assert on.ask("2011", "a")
    assert not on.ask("2011", "a")
    assert on.ask("2011", "b")
    asked(on)
    assert not on.ask("2011", "a"), "it is under way"
    assert on.ask("2051", "a")


def test_numbers_rise_by_a_millisecond_at_least_also_when_the_clock_goes_back() -> None:
    numbers = []
    on = talk()
    for at_ms in (NOW_MS, NOW_MS, NOW_MS - 5, NOW_MS + 10):
        on.ask("2011", str(at_ms) + str(len(numbers)))
        request = on.due(now_s=0.0, now_ms=at_ms)
        assert request is not None
        numbers.append(request.qn)
        assert on.hear(reply(request, "9012", "ExeRtn=1"), now_s=0.0) is not None
    assert numbers == [write_time(NOW_MS + later, is_fine=True) for later in (0, 1, 2, 10)]


def test_it_is_sent_three_times_five_seconds_apart_and_then_given_up() -> None:
    on = talk()
    assert on.silent(now_s=100.0) is None, "nothing was asked"
    on.ask("2011", "")
    assert on.silent(now_s=100.0) is None, "nothing was sent"
    for at_s in (0.0, 5.0, 10.0):
        assert on.silent(now_s=at_s + 100) is None
        asked(on, at_s)
        assert on.due(now_s=at_s + 4.9, now_ms=NOW_MS) is None
    assert on.due(now_s=15.0, now_ms=NOW_MS) is None, "no fourth time"
    assert on.silent(now_s=14.9) is None
    ended = on.silent(now_s=15.0)
    assert ended is not None
    assert (ended.state, ended.tries, ended.answer) == (RequestState.UNANSWERED, 3, "")


def test_history_that_comes_keeps_the_request_alive_and_other_data_does_not() -> None:
    on = talk()
    on.ask("2051", "")
    request = asked(on)
    assert on.hear(reply(request, "9011", "QnRtn=1"), now_s=1.0) is None
    assert on.hear(reply(request, "2051", ""), now_s=100.0) is None
    assert on.silent(now_s=219.9) is None
    assert on.hear(reply(request, "2011", ""), now_s=200.0) is None, "not what was asked for"
    assert on.hear(reply(request, "9013", ""), now_s=200.0) is None
    ended = on.silent(now_s=220.0)
    assert ended is not None
    assert ended.state is RequestState.UNANSWERED


def test_an_answer_without_its_code_is_a_no() -> None:
    for cn, state in (("9011", RequestState.REFUSED), ("9012", RequestState.FAILED)):
        on = talk()
        on.ask("2011", "")
        ended = on.hear(reply(asked(on), cn, ""), now_s=1.0)
        assert ended is not None
        assert (ended.state, ended.answer) == (state, "")


def test_a_lost_connection_forgets_what_ran_and_what_waits() -> None:
    on = talk()
    on.ask("2011", "a")
    on.ask("2011", "b")
    request = asked(on)
    on.lost()
    assert on.hear(reply(request, "9012", "ExeRtn=1"), now_s=1.0) is None
    assert on.due(now_s=100.0, now_ms=NOW_MS) is None


def test_a_request_that_comes_back_as_it_was_sent_is_no_sign_of_work_on_it() -> None:
    on = talk()
    on.ask("1012", "SystemTime=1")
    request = asked(on)
    assert on.hear(reply(request, "9011", "QnRtn=1"), now_s=1.0) is None
    assert on.hear(reply(request, "1012", request.cp), now_s=100.0) is None
    ended = on.silent(now_s=1.0 + RESULT_S)
    assert ended is not None
    assert ended.state is RequestState.UNANSWERED
