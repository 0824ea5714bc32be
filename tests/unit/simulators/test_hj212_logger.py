"""What a simulated data logger reports, keeps, sends again and answers."""

import pytest

from domain.logger import Edition, ReportKind
from simulators.hj212_logger import (
    OVER_TIME_S,
    TRIES_MAX,
    UNANSWERED_MAX,
    DataLogger,
    Instrument,
    LoggerFault,
)
from wire.hj212 import Frame
from wire.hj212_body import Body, read_body, read_time, write_time
from wire.hj212_factors import COMMANDS

START = read_time("20261121080000") or 0
MN, PASSWORD = "320684000100A00000000001", "123456"
PH, COD = Instrument(code="w01001", cycle_s=1, digits=1), Instrument(code="w01018", cycle_s=300)


def logger(
    *faults: LoggerFault, instruments: tuple[Instrument, ...] = (PH, COD), **other: object
) -> DataLogger:
    """Make one that measures the seconds since its start and is asked once, so that its reports fall due from there."""
    it = DataLogger(
        mn=MN, password=PASSWORD, instruments=instruments, measure=lambda _, at_ms: (at_ms - START) / 1000, **other,  # type: ignore[arg-type]
    )  # fmt: skip
    assert it.due(START, now_s=0.0) == []
    it.faults.update(faults)
    return it


def body(frame: Frame) -> Body:
    return read_body(frame.cp)


def at(seconds: float) -> int:
    return START + round(seconds * 1000)


def asked(cn: str, cp: str = "", *, pw: str = PASSWORD, mn: str = MN, qn: str = "20261121080000123") -> Frame:
    return Frame(qn=qn, st="32", cn=cn, pw=pw, mn=mn, flag=5, cp=cp)


def test_a_report_falls_due_each_period_and_says_when_each_analyser_sampled() -> None:
    it = logger()
    assert it.due(at(29.999), now_s=1.0) == []
    (frame,) = it.due(at(31), now_s=2.0)
    assert (frame.cn, frame.st, frame.pw, frame.mn, frame.version) == ("2011", "32", PASSWORD, MN, 1)
    assert frame.wants_answer
    assert (frame.pnum, frame.pno, frame.qn) == (None, None, write_time(at(31), is_fine=True))
    assert body(frame).parameters == {"DataTime": write_time(at(30))}
    assert body(frame).factors == {
        "w01001": {"Rtd": "30.0", "Flag": "N", "SampleTime": write_time(at(30))},
        "w01018": {"Rtd": "0.000", "Flag": "N", "SampleTime": write_time(START)},
    }
    assert [body(later).parameters["DataTime"] for later in it.due(at(95), now_s=3.0)] == [
        write_time(at(60)),
        write_time(at(90)),
    ]


def test_no_two_packets_have_one_number_and_each_is_the_next_millisecond() -> None:
    it = logger()
    numbers = [frame.qn for frame in it.due(at(300), now_s=0.0)]
    assert numbers == [write_time(at(300) + count, is_fine=True) for count in range(10)]
    assert [frame.qn for frame in it.due(at(330), now_s=0.0)] == [write_time(at(330), is_fine=True)]


def test_an_analyser_measures_once_in_its_cycle() -> None:
    measured: list[tuple[str, int]] = []

    def measure(code: str, at_ms: int) -> float:
        measured.append((code, at_ms))
        return 1.0

    it = logger(instruments=(COD,))
    it.measure = measure
    it.due(at(630), now_s=0.0)
    assert measured == [(COD.code, at(seconds)) for seconds in (0, 300, 600)]


def test_the_edition_of_2005_has_no_time_of_a_sample() -> None:
    (frame,) = logger(edition=Edition.V2005).due(at(30), now_s=0.0)
    assert set(body(frame).factors["w01018"]) == {"Rtd", "Flag"}
    assert frame.version == 0


def statistics(frames: list[Frame], kind: ReportKind) -> list[Frame]:
    return [frame for frame in frames if frame.cn == COMMANDS[kind]]


def test_statistics_are_of_the_period_before_and_of_good_values_only() -> None:
    broken = Instrument(code="w21003", cycle_s=1, flag="D")
    it = logger(instruments=(PH, broken))
    assert statistics(it.due(at(599), now_s=0.0), ReportKind.MINUTE) == []
    (first,) = statistics(it.due(at(600), now_s=0.0), ReportKind.MINUTE)
    assert body(first).parameters == {"DataTime": write_time(START)}
    wanted = {"Min": "30.000", "Avg": "315.000", "Max": "600.000", "Flag": "N"}
    assert body(first).factors == {"w01001": wanted}
    (second,) = statistics(it.due(at(1200), now_s=0.0), ReportKind.MINUTE)
    assert body(second).factors["w01001"]["Min"] == "630.000", "each period begins anew"
    hours = statistics(it.due(at(3600), now_s=0.0), ReportKind.HOUR)
    assert [body(hour).parameters["DataTime"] for hour in hours] == [write_time(START)]
    assert statistics(logger(instruments=(broken,)).due(at(600), now_s=0.0), ReportKind.MINUTE) == []


@pytest.mark.parametrize(
    ("fault", "rtd", "sampled_s", "told_s"),
    [
        (LoggerFault.FROZEN, "0.000", 0, 330),
        (LoggerFault.CLOCK_AHEAD, "300.000", 3900, 3930),
        (LoggerFault.DEAF, "300.000", 300, 330),
    ],
)
def test_what_a_fault_makes_of_a_report(fault: LoggerFault, rtd: str, sampled_s: int, told_s: int) -> None:
    it = logger()
    it.due(at(30), now_s=0.0)
    it.faults.add(fault)
    last = it.due(at(330), now_s=0.0)[-1]
    assert body(last).parameters["DataTime"] == write_time(at(told_s))
    assert body(last).factors["w01018"]["Rtd"] == rtd
    assert body(last).factors["w01018"]["SampleTime"] == write_time(at(sampled_s))


def test_a_mute_logger_says_nothing_and_a_wrong_password_is_sent() -> None:
    assert logger(LoggerFault.MUTE).due(at(30), now_s=0.0) == []
    (frame,) = logger(LoggerFault.WRONG_PASSWORD).due(at(30), now_s=0.0)
    assert frame.pw not in {PASSWORD, ""}


def test_a_split_report_goes_in_two_numbered_packets_and_half_a_one_in_one() -> None:
    three = (PH, COD, Instrument(code="w21003", cycle_s=1))
    first, second = logger(LoggerFault.SPLIT, instruments=three).due(at(30), now_s=0.0)
    assert [(frame.pnum, frame.pno) for frame in (first, second)] == [(2, 1), (2, 2)]
    assert [list(body(frame).factors) for frame in (first, second)] == [["w01001"], ["w01018", "w21003"]]
    assert {body(frame).parameters["DataTime"] for frame in (first, second)} == {write_time(at(30))}
    assert {(frame.flag, frame.wants_answer) for frame in (first, second)} == {(7, True)}
    (only,) = logger(LoggerFault.HALF_SPLIT, instruments=three).due(at(30), now_s=0.0)
    assert (only.pnum, only.pno, list(body(only).factors)) == (2, 1, ["w01001"])
    halves = logger(LoggerFault.SPLIT, instruments=(PH, COD)).due(at(30), now_s=0.0)
    assert [list(body(frame).factors) for frame in halves] == [["w01001"], ["w01018"]]
    (whole,) = logger(LoggerFault.SPLIT, instruments=(PH,)).due(at(30), now_s=0.0)
    assert (whole.pnum, whole.flag) == (None, 5)


def test_a_packet_without_its_answer_is_sent_again_and_then_given_up() -> None:
    it = logger()
    (frame,) = it.due(at(30), now_s=10.0)
    sent = [it.due(at(31), now_s=10.0 + OVER_TIME_S * tenth / 10) for tenth in range(1, 40)]
    assert [tenth for tenth, frames in enumerate(sent, 1) if frames] == [10, 20]
    assert [frames for frames in sent if frames] == [[frame]] * (TRIES_MAX - 1)
    assert (it.waiting, it.unanswered, list(it.answered)) == (0, 1, [])


def test_each_packet_has_its_own_time_to_be_sent_again_and_given_up() -> None:
    it = logger()
    (first,) = it.due(at(30), now_s=0.0)
    second, third = it.due(at(90), now_s=3.0)
    assert it.due(at(91), now_s=4.9) == []
    assert it.due(at(91), now_s=5.0) == [first]
    assert it.due(at(91), now_s=8.0) == [second, third], "the first, sent anew, is not due"
    assert it.due(at(91), now_s=100.0) == [first, second, third]
    assert it.due(at(91), now_s=200.0) == []
    assert (it.waiting, it.unanswered) == (0, 3)


@pytest.mark.parametrize("answer", ["9013", "9014"])
def test_an_answered_packet_is_sent_once(answer: str) -> None:
    it = logger()
    (frame,) = it.due(at(30), now_s=10.0)
    assert it.hear(asked(answer, qn="20000101000000000"), at(30)) == []
    assert (it.waiting, list(it.answered)) == (1, [])
    assert it.hear(asked(answer, qn=frame.qn or ""), at(30)) == []
    assert (it.waiting, it.unanswered, list(it.answered)) == (0, 0, [frame])
    assert it.due(at(31), now_s=100.0) == []


def test_only_so_many_packets_wait() -> None:
    it = logger(instruments=(PH,), realtime_s=1.0, minute_s=1e6)
    it.due(at(UNANSWERED_MAX), now_s=0.0)
    assert (it.waiting, it.unanswered) == (UNANSWERED_MAX, 0)
    it.due(at(UNANSWERED_MAX + 1), now_s=0.0)
    assert (it.waiting, it.unanswered) == (UNANSWERED_MAX, 1)


def replies(it: DataLogger, frame: Frame) -> list[tuple[str, str]]:
    found = it.hear(frame, at(700))
    assert all((reply.st, reply.qn) == ("91", frame.qn) for reply in found if reply.cn.startswith("90"))
    assert all(not reply.wants_answer and reply.version == 1 for reply in found if reply.cn.startswith("90"))
    return [(reply.cn, reply.cp) for reply in found]


def test_a_clock_is_set_and_said_to_be() -> None:
    it = logger()
    assert replies(it, asked("1012")) == [("9011", "QnRtn=1"), ("9012", "ExeRtn=1")]
    assert it.results == ["1012"]


def test_a_stranger_and_an_unknown_command_are_refused() -> None:
    it = logger()
    for frame in (asked("1012", pw="wrong"), asked("1012", mn="other")):
        assert replies(it, frame) == [("9011", "QnRtn=3")]
    assert replies(it, asked("1999")) == [("9011", "QnRtn=8")]
    assert replies(it, asked("9015")) == []
    assert it.results == []
    assert replies(logger(LoggerFault.DEAF), asked("1012")) == []


def test_kept_statistics_are_sent_again_for_the_time_that_is_asked() -> None:
    it = logger()
    for count in range(1, 7):
        it.due(at(600 * count), now_s=0.0)

    def history(begin_s: float, end_s: float, cn: str = "2051") -> list[tuple[str, str]]:
        found = replies(it, asked(cn, f"BeginTime={write_time(at(begin_s))};EndTime={write_time(at(end_s))}"))
        assert found[0] == ("9011", "QnRtn=1")
        return found[1:]

    *packets, end = history(600, 1800)
    assert [read_body(cp).parameters["DataTime"] for _, cp in packets] == [
        write_time(at(seconds)) for seconds in (600, 1200, 1800)
    ]
    assert end == ("9012", "ExeRtn=1")
    assert len(history(0, 3600, "2061")) == 2
    assert history(601, 1199) == [("9012", "ExeRtn=100")]
    assert replies(it, asked("2051", "BeginTime=x;EndTime=y"))[1:] == [("9012", "ExeRtn=100")]
    for half in ("BeginTime", "EndTime"):
        assert replies(it, asked("2051", f"{half}={write_time(at(3600))}"))[1:] == [("9012", "ExeRtn=100")]
    assert it.results == ["2051", "2061", "2051", "2051", "2051", "2051"]
