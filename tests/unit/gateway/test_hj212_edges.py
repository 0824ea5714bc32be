"""The edges of what is new, late or told before in a logger's report: packets, clocks, memory and the codes of both editions."""

import pytest

from domain.logger import Edition, Mode, ReportKind
from domain.quality import Quality, Reason
from gateway.hj212_tracker import (
    CLOCK_SLACK_MS,
    EARLIEST_MS,
    PACKETS_MAX,
    SEEN_MAX,
    SPLIT_MS_MAX,
    SPLITS_MAX,
    Arrival,
    by_age,
    own_time,
)
from tests.unit.gateway.test_hj212_tracker import AT_MS, ROW, report, taken, tracker
from wire.hj212 import Deviation
from wire.hj212_body import write_time

COD = "w01018-Rtd=1,w01018-Flag=N"
NH3N = "w21003-Rtd=2,w21003-Flag=N"


def later(seconds: float) -> str:
    return write_time(AT_MS + round(seconds * 1000))


def test_the_newest_sample_of_a_kind_is_asked_for_by_kind() -> None:
    on = tracker()
    assert on.last_ms(ReportKind.REALTIME) is None
    report(on, COD)
    report(on, NH3N, at=later(10), now_ms=AT_MS + 10_000)
    report(on, "w01018-Avg=1,w01018-Flag=N", at=later(-600), kind=ReportKind.MINUTE, now_ms=AT_MS + 10_000)
    assert on.last_ms(ReportKind.REALTIME) == AT_MS + 10_000
    assert on.last_ms(ReportKind.MINUTE) == AT_MS - 600_000
    assert on.last_ms(ReportKind.DAY) is None


def test_what_is_forgotten_of_one_report_leaves_the_others_told() -> None:
    on = tracker()
    report(on, COD)
    second = report(on, COD, at=later(30), now_ms=AT_MS + 30_000)
    on.forget(second)
    on.forget(second)
    assert report(on, COD).repeated == 2
    unknown = report(tracker(), NH3N)
    on.forget(unknown)
    assert len(report(on, NH3N).fresh) == 1


def test_a_report_ahead_of_our_clock_can_be_forgotten_though_it_was_never_seen() -> None:
    on = tracker()
    report(on, COD, at=later(-60))
    ahead = report(on, COD, at=later(CLOCK_SLACK_MS / 1000 + 1))
    on.forget(ahead)
    assert len(report(on, COD).fresh) == 2


def test_a_time_ahead_is_told_once_while_it_stands_still() -> None:
    on, ahead = tracker(), later(CLOCK_SLACK_MS / 1000 + 1)
    first = report(on, COD, at=ahead)
    again = report(on, COD, at=ahead)
    assert (len(first.fresh), first.repeated) == (2, 0)
    assert (again.fresh, again.late, again.repeated) == ([], [], 2)
    assert again.deviations == [Deviation.TIME_AHEAD]
    moved = report(on, COD, at=later(CLOCK_SLACK_MS / 1000 + 2))
    assert len(moved.fresh) == 2


def test_a_clock_that_was_ahead_and_is_right_again_is_told_behind_what_it_was_told_ahead() -> None:
    on = tracker()
    (ahead, *_) = report(on, COD, at=later(CLOCK_SLACK_MS / 1000 + 1)).fresh
    (right, *_) = report(on, COD).fresh
    assert (ahead.observed_ms, ahead.age_ms) == (AT_MS + 1, 0)
    assert (right.observed_ms, right.own_ms) == (AT_MS + 2, AT_MS)


def test_a_clock_is_believed_up_to_its_slack() -> None:
    just = report(tracker(), COD, at=later(CLOCK_SLACK_MS / 1000))
    assert just.deviations == []
    assert [item.quality for item in just.fresh] == [Quality.GOOD] * 2


def test_a_bad_value_ahead_of_our_clock_stays_bad_for_its_own_reason() -> None:
    found = report(tracker(), "w01018-Rtd=1,w01018-Flag=B", at=later(CLOCK_SLACK_MS / 1000 + 1))
    assert (found.fresh[0].quality, found.fresh[0].reason) == (Quality.BAD, Reason.LINK)


def test_an_age_of_two_periods_is_still_the_present() -> None:
    assert len(report(tracker(), COD, now_ms=AT_MS + 120_000 + CLOCK_SLACK_MS).fresh) == 2


def test_a_late_sample_leaves_the_newest_as_it_was() -> None:
    on = tracker()
    report(on, COD)
    report(on, "w01018-Rtd=7,w01018-Flag=N", at=later(-60))
    assert on.last_ms(ReportKind.REALTIME) == AT_MS
    assert report(on, COD).deviations == []


def test_only_what_is_not_later_than_a_doubt_is_moved_behind_it() -> None:
    on = tracker()
    on.doubted([ROW["cod"]], AT_MS - 5001)
    assert report(on, COD).fresh[0].observed_ms == AT_MS


def test_as_many_times_are_remembered_as_said_and_the_oldest_goes() -> None:
    on = tracker()
    for number in range(SEEN_MAX):
        report(on, COD, at=later(number), now_ms=AT_MS + 1000 * number)
    assert report(on, COD, now_ms=AT_MS + 1000 * SEEN_MAX).repeated == 2
    report(on, COD, at=later(SEEN_MAX), now_ms=AT_MS + 1000 * SEEN_MAX)
    second = report(on, COD, at=later(1), now_ms=AT_MS + 1000 * SEEN_MAX)
    first = report(on, COD, now_ms=AT_MS + 1000 * SEEN_MAX)
    assert (second.repeated, first.repeated) == (2, 0)


def test_without_a_time_of_its_own_a_report_has_that_of_its_request_before_ours() -> None:
    asked = report(tracker(), COD, at=None, qn=later(-30) + "000", now_ms=AT_MS + 700)
    assert asked.fresh[0].observed_ms == AT_MS - 30_000
    ours = report(tracker(), COD, at=None, now_ms=AT_MS + 700)
    assert ours.fresh[0].own_ms == AT_MS


def test_the_first_packet_without_a_time_waits_for_no_other() -> None:
    found = report(tracker(), COD, at=None, pnum=2, pno=1)
    assert found.deviations == [Deviation.TIME_MISSING]
    assert len(found.fresh) == 2


@pytest.mark.parametrize(("pnum", "pno"), [(1, 1), (None, 1), (2, None)])
def test_what_is_no_part_of_several_packets_lends_no_time(pnum: int | None, pno: int | None) -> None:
    on = tracker()
    report(on, COD, at=later(-30), pnum=pnum, pno=pno)
    found = report(on, NH3N, at=None, now_ms=AT_MS, pnum=pnum, pno=pno)
    assert found.deviations == [Deviation.TIME_MISSING]
    assert found.fresh[0].own_ms == AT_MS


def test_a_whole_report_of_packets_is_followed_by_the_next_without_complaint() -> None:
    on = tracker()
    for number in (1, 2):
        report(on, COD, pnum=2, pno=number)
    after = report(on, COD, at=later(30), now_ms=AT_MS + 30_000, pnum=2, pno=1)
    assert after.deviations == []


def test_a_report_of_packets_may_take_its_time_and_no_longer() -> None:
    for passed_ms, expected in [(SPLIT_MS_MAX, AT_MS), (SPLIT_MS_MAX + 1, None)]:
        on = tracker()
        report(on, COD, pnum=2, pno=1)
        found = taken(on, NH3N, at=None, now_ms=AT_MS + passed_ms, pnum=2, pno=2)
        assert (found.late[0].own_ms if found and found.late else found and found.fresh[0].own_ms) == expected


def test_packets_out_of_order_wait_for_the_one_with_the_time_and_count_once_it_is_there() -> None:
    on = tracker()
    assert taken(on, NH3N, at=None, pnum=2, pno=2) is None
    report(on, COD, pnum=2, pno=1)
    cut = report(on, COD, at=later(30), now_ms=AT_MS + 30_000, pnum=2, pno=1)
    assert cut.deviations == [Deviation.SPLIT_INCOMPLETE], "packet 2 was never taken"


def test_a_report_of_more_packets_than_are_remembered_is_whole_when_those_came() -> None:
    on, many = tracker(), PACKETS_MAX + 10
    for number in range(1, PACKETS_MAX + 1):
        taken(on, "w99999-Rtd=1", pnum=many, pno=number)
    taken(on, "w99999-Rtd=1", pnum=many, pno=many)
    assert [len(split.came) for split in on._splits.values()] == [PACKETS_MAX], "no more are remembered"
    after = report(on, COD, at=later(30), now_ms=AT_MS + 30_000, pnum=many, pno=1)
    assert after.deviations == []


def test_the_ninth_report_of_packets_ends_the_oldest_and_says_if_it_was_not_whole() -> None:
    on = tracker()
    for count in range(2, SPLITS_MAX + 2):
        assert report(on, COD, pnum=count, pno=1).deviations == []
    over = report(on, COD, pnum=SPLITS_MAX + 2, pno=1)
    assert over.deviations == [Deviation.SPLIT_INCOMPLETE]
    other = tracker()
    for number in (1, 2):
        report(other, COD, pnum=2, pno=number)
    for count in range(3, SPLITS_MAX + 3):
        assert report(other, COD, pnum=count, pno=1).deviations == []


def test_a_sample_time_that_was_never_set_is_said_and_the_report_s_stands_in() -> None:
    found = report(tracker(), f"{NH3N},w21003-SampleTime=19700101000000")
    assert found.deviations == [Deviation.TIME_BAD]
    assert [item.own_ms for item in found.fresh] == [AT_MS]


def test_a_statistic_has_its_period_s_time_whatever_its_sample_time() -> None:
    data = "w01018-Avg=1,w01018-Flag=N,w01018-SampleTime=20261121074500"
    found = report(tracker(), data, kind=ReportKind.MINUTE, now_ms=AT_MS + 600_000)
    assert [item.own_ms for item in found.fresh] == [AT_MS]


def test_the_earliest_time_that_is_believed() -> None:
    earliest = write_time(EARLIEST_MS)
    found = report(tracker(), COD, at=earliest)
    assert found.deviations == []
    assert {item.own_ms for item in found.late} == {EARLIEST_MS}


def test_times_of_ours_are_never_a_logger_s() -> None:
    assert [own_time(at_ms) for at_ms in (5000, 5001, 5999, 1001)] == [5001, 5001, 5999, 1001]


def test_the_oldest_samples_are_told_first() -> None:
    def aged(row: int, age_ms: int) -> Arrival:
        return Arrival(
            row=row, value=1.0, own_ms=0, observed_ms=0, quality=Quality.GOOD, reason=None, age_ms=age_ms
        )

    young, old, other = aged(0, 5), aged(1, 70), aged(2, 5)
    assert list(by_age([young, old, other])) == [(70, [old]), (5, [young, other])]


def test_a_flag_that_is_none_is_said() -> None:
    assert report(tracker(), "w01018-Rtd=1,w01018-Flag=?").deviations == [Deviation.FLAG_UNKNOWN]


def test_the_edition_of_2005_needs_no_flag() -> None:
    found = report(tracker(edition=Edition.V2005), "w01018-Rtd=1")
    assert found.deviations == []


def test_an_instrument_that_says_it_has_no_value_need_not_send_one() -> None:
    silent = report(tracker(), "w01018-Rtd=,w01018-Flag=B")
    assert silent.deviations == []
    assert (silent.fresh[0].quality, silent.fresh[0].reason) == (Quality.BAD, Reason.LINK)
    odd = report(tracker(), "w01018-Rtd=x,w01018-Flag=B")
    assert odd.deviations == [Deviation.VALUE_BAD]


@pytest.mark.parametrize(("text", "is_strict_number"), [("1.5", True), (".5", False), ("1e2", False)])
def test_strict_numbers_are_those_of_the_standard(text: str, is_strict_number: bool) -> None:
    for mode, is_number in [(Mode.LENIENT, True), (Mode.STRICT, is_strict_number)]:
        (first, *_) = report(tracker(mode), f"w01018-Rtd={text},w01018-Flag=N").fresh
        assert (first.value == first.value) is is_number


def test_a_valve_may_be_shut() -> None:
    (found,) = report(tracker(), "e31101-Rtd=0").fresh
    assert (found.value, found.quality) == (0.0, Quality.GOOD)


def test_a_factor_under_both_codes_is_named_once_and_its_first_values_stay() -> None:
    found = report(tracker(), "w01018-Rtd=1;011-Rtd=2,011-Flag=D")
    assert found.deviations.count(Deviation.FIELD_TWICE) == 1, "each departure is named once"
    assert {item.row for item in found.fresh} >= {ROW["cod"], ROW["faulty"]}
