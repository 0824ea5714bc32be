"""What of a logger's report is new, late or told before, and with which time, unit and trust."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.drive import Table
from domain.ids import DeviceId, FacilityId
from domain.logger import FAULTY, Edition, Factor, Logger, Mode, ReportKind
from domain.park import Point, PollGroup, Register, RegisterType
from domain.quality import Quality, Reason
from domain.words import Words
from gateway.hj212_tracker import CLOCK_SLACK_MS, SEEN_MAX, Report, Tracker
from wire.hj212 import Deviation, Frame
from wire.hj212_body import read_body, read_time, write_time
from wire.hj212_factors import COMMANDS

LOGGER = Logger(mn="320684000100A00000000001", password_file="x", edition=Edition.V2017, mode=Mode.LENIENT)
AT = "20261121080000"
AT_MS = read_time(AT) or 0
GROUPS = {
    "now": PollGroup(name="now", period_s=60),
    "slow": PollGroup(name="slow", period_s=3600),
    "minute": PollGroup(name="minute", period_s=600),
}


def point(
    name: str, code: str, group: str = "now", *, field: str = "Rtd", unit: str = "mg_L", sent: str = "mg_L",
    report: ReportKind = ReportKind.REALTIME, is_state: bool = False,
) -> Point:  # fmt: skip
    kind = RegisterType.BIT if is_state else RegisterType.FLOAT64
    return Point(
        facility=FacilityId("section"), name=name, words=Words("点", "point"), device=DeviceId("log"),
        register=Register(table=Table.INPUT, address=0, type=kind), unit=unit, group=group,
        factor=Factor(report=report, code=code, field=field, unit=sent),
    )  # fmt: skip


POINTS = (
    point("cod", "w01018"),
    point("mercury", "w20111", sent="ug_L"),
    point("flow", "w00000", unit="m3_h", sent="L_s"),
    point("faulty", "w01018", field=FAULTY, unit="", sent="", is_state=True),
    point("nh3n", "w21003", "slow"),
    point("cod_10min", "w01018", "minute", field="Avg", report=ReportKind.MINUTE),
    point("valve", "e31101", unit="", sent="", is_state=True),
)
ROW = {item.name: row for row, item in enumerate(POINTS)}


def tracker(mode: Mode = Mode.LENIENT, edition: Edition = Edition.V2017) -> Tracker:
    return Tracker(POINTS, GROUPS, replace(LOGGER, mode=mode, edition=edition))


def taken(
    on: Tracker, data: str, *, at: str | None = AT, now_ms: int = AT_MS, kind: ReportKind = ReportKind.REALTIME,
    pnum: int | None = None, pno: int | None = None, qn: str | None = None,
) -> Report | None:  # fmt: skip
    cp = data if at is None else f"DataTime={at};{data}"
    frame = Frame(qn=qn, st="32", cn=COMMANDS[kind], pw="", mn=LOGGER.mn, flag=5, pnum=pnum, pno=pno, cp=cp)
    return on.take(frame, read_body(cp), now_ms=now_ms)


def report(on: Tracker, data: str, **other: object) -> Report:
    found = taken(on, data, **other)  # type: ignore[arg-type]
    assert found is not None
    return found


def trust(on: Tracker, flag: str) -> tuple[Quality, Reason | None]:
    (first, *_) = report(on, f"w01018-Rtd=38.5,w01018-Flag={flag}").fresh
    assert first.row == ROW["cod"]
    return first.quality, first.reason


@pytest.mark.parametrize(
    ("flag", "expected"),
    [
        ("N", (Quality.GOOD, None)),
        ("F", (Quality.BAD, Reason.SENSOR_FAULT)),
        ("M", (Quality.UNCERTAIN, Reason.CALIBRATION)),
        ("S", (Quality.UNCERTAIN, Reason.MANUAL)),
        ("D", (Quality.BAD, Reason.SENSOR_FAULT)),
        ("C", (Quality.UNCERTAIN, Reason.CALIBRATION)),
        ("T", (Quality.BAD, Reason.RANGE)),
        ("B", (Quality.BAD, Reason.LINK)),
        ("?", (Quality.BAD, Reason.SENSOR_FAULT)),
        ("P", (Quality.BAD, Reason.SENSOR_FAULT)),
    ],
)
def test_a_flag_is_a_quality(flag: str, expected: tuple[Quality, Reason | None]) -> None:
    assert trust(tracker(), flag) == expected


def test_only_n_is_good() -> None:
    good = [flag for flag in "NFMSDCTBP0123?" if trust(tracker(), flag)[0] is Quality.GOOD]
    assert good == ["N"]


def test_the_edition_of_2005_has_flags_of_its_own() -> None:
    assert trust(tracker(edition=Edition.V2005), "3") == (Quality.GOOD, None)
    assert trust(tracker(edition=Edition.V2005), "0") == (Quality.UNCERTAIN, Reason.CALIBRATION)


def test_units_are_those_of_the_point() -> None:
    found = report(tracker(), "w20111-Rtd=50,w20111-Flag=N;w00000-Rtd=12.5,w00000-Flag=N").fresh
    assert {item.row: item.value for item in found} == {
        ROW["mercury"]: pytest.approx(0.05),
        ROW["flow"]: pytest.approx(45.0),
    }


def test_an_instrument_without_a_measurement_is_a_state_too() -> None:
    on = tracker()
    assert [(i.row, i.value) for i in report(on, "w01018-Flag=D,w01018-Rtd=0").fresh] == [
        (ROW["cod"], 0.0),
        (ROW["faulty"], 1.0),
    ]
    after = report(on, "w01018-Flag=N,w01018-Rtd=30", at="20261121080030", now_ms=AT_MS + 30_000).fresh
    assert (ROW["faulty"], 0.0) in [(i.row, i.value) for i in after]


def test_a_sample_has_its_own_time() -> None:
    (found,) = report(tracker(), "w21003-Rtd=1,w21003-Flag=N,w21003-SampleTime=20261121074500").fresh
    assert found.observed_ms == AT_MS - 15 * 60_000
    assert found.age_ms == 15 * 60_000 - CLOCK_SLACK_MS


def test_a_frozen_sample_time_is_no_new_sample_though_data_time_moves() -> None:
    on = tracker()
    same = "w21003-Rtd={},w21003-Flag=N,w21003-SampleTime=20261121080000"
    assert len(report(on, same.format(1)).fresh) == 1
    again = report(on, same.format(1), at="20261121080100", now_ms=AT_MS + 60_000)
    assert (again.fresh, again.late, again.repeated) == ([], [], 1)
    assert again.deviations == []
    odd = report(on, same.format(2), at="20261121080200", now_ms=AT_MS + 120_000)
    assert (odd.fresh, odd.repeated) == ([], 1)
    assert odd.deviations == [Deviation.SAMPLE_TIME_FROZEN]


def test_a_report_sent_again_is_told_once() -> None:
    on = tracker()
    data = "w01018-Rtd=1,w01018-Flag=N"
    assert len(report(on, data).fresh) == 2
    again = report(on, data, now_ms=AT_MS + 5000)
    assert (again.fresh, again.late, again.repeated) == ([], [], 2)


def test_a_factor_under_both_codes_is_told_once() -> None:
    found = report(
        tracker(), "w01018-Rtd=1,w01018-Flag=N,w01018-SampleTime=20261121075900;011-Rtd=2,011-Flag=N"
    )
    assert [item.value for item in found.fresh if item.row == ROW["cod"]] == [1.0]
    assert Deviation.FIELD_TWICE in found.deviations


def test_a_clock_that_was_never_set_is_no_time() -> None:
    found = report(tracker(), "w01018-Rtd=1,w01018-Flag=N", at="19700101080000")
    assert Deviation.TIME_BAD in found.deviations
    assert found.fresh[0].observed_ms == AT_MS
    assert taken(tracker(Mode.STRICT), "w01018-Rtd=1,w01018-Flag=N", at="00010101000000") is None


def test_what_is_older_than_the_last_is_late_and_keeps_its_time() -> None:
    on = tracker()
    data = "w01018-Rtd=1,w01018-Flag=N"
    report(on, data)
    old = report(on, data, at="20261121075900")
    assert old.fresh == []
    assert {item.observed_ms for item in old.late} == {AT_MS - 60_000}
    assert report(on, data, at="20261121075900").repeated == 2


def test_a_first_report_that_is_old_is_late_and_no_present() -> None:
    found = report(tracker(), "w01018-Rtd=1,w01018-Flag=N", now_ms=AT_MS + 120_001 + CLOCK_SLACK_MS)
    assert found.fresh == []
    assert len(found.late) == 2


def test_statistics_are_as_old_as_the_end_of_their_period() -> None:
    on, data = tracker(), "w01018-Avg=1,w01018-Flag=N"
    (found,) = report(on, data, now_ms=AT_MS + 610_000, kind=ReportKind.MINUTE).fresh
    assert (found.observed_ms, found.age_ms) == (AT_MS, 0)
    late = report(tracker(), data, now_ms=AT_MS + 600_000 * 3 + CLOCK_SLACK_MS + 1, kind=ReportKind.MINUTE)
    assert len(late.late) == 1


def test_a_clock_that_is_ahead_is_not_believed() -> None:
    on = tracker()
    ahead = report(on, "w01018-Rtd=1,w01018-Flag=N", now_ms=AT_MS - CLOCK_SLACK_MS - 1)
    assert Deviation.TIME_AHEAD in ahead.deviations
    first = ahead.fresh[0]
    assert (first.quality, first.reason) == (Quality.UNCERTAIN, Reason.CLOCK)
    assert first.observed_ms < AT_MS
    assert first.observed_ms % 1000 != 0
    right = report(on, "w01018-Rtd=1,w01018-Flag=N", at="20261121075900", now_ms=AT_MS - CLOCK_SLACK_MS + 500)
    assert [item.quality for item in right.fresh] == [Quality.GOOD] * 2


def test_after_a_doubt_of_ours_times_go_on_rising() -> None:
    on = tracker()
    on.doubted([ROW["cod"]], AT_MS + 3001)
    found = report(on, "w01018-Rtd=1,w01018-Flag=N").fresh
    assert found[0].observed_ms == AT_MS + 3002


def test_what_could_not_be_kept_is_new_when_it_comes_again() -> None:
    on, data = tracker(), "w01018-Rtd=1,w01018-Flag=N"
    on.forget(report(on, data))
    again = report(on, data)
    assert len(again.fresh) == 2


def test_each_packet_of_a_split_report_is_used_by_itself() -> None:
    on = tracker()
    first = report(on, "w01018-Rtd=1,w01018-Flag=N", pnum=2, pno=1)
    second = report(on, "w21003-Rtd=2,w21003-Flag=N", at=None, pnum=2, pno=2)
    assert first.fresh
    assert [item.observed_ms for item in second.fresh] == [AT_MS]
    assert Deviation.TIME_MISSING not in second.deviations


def test_a_packet_whose_time_is_still_to_come_is_not_acknowledged() -> None:
    on = tracker()
    assert taken(on, "w21003-Rtd=2,w21003-Flag=N", at=None, pnum=2, pno=2) is None
    report(on, "w01018-Rtd=1,w01018-Flag=N", pnum=2, pno=1)
    assert taken(on, "w21003-Rtd=2,w21003-Flag=N", at=None, pnum=2, pno=2) is not None


def test_a_split_report_that_never_ends_is_named_when_the_next_begins() -> None:
    on = tracker()
    report(on, "w01018-Rtd=1,w01018-Flag=N", pnum=3, pno=1)
    after = report(
        on, "w01018-Rtd=1,w01018-Flag=N", at="20261121080030", now_ms=AT_MS + 30_000, pnum=3, pno=1
    )
    assert Deviation.SPLIT_INCOMPLETE in after.deviations
    assert after.fresh


def test_split_reports_without_end_take_no_room() -> None:
    on = tracker()
    for number in range(2, 2000):
        taken(on, "w01018-Rtd=1", pnum=number % 9999, pno=1)
    assert len(on._splits) <= 8


def test_strict_and_lenient_without_a_time() -> None:
    assert taken(tracker(Mode.STRICT), "w01018-Rtd=1,w01018-Flag=N", at=None) is None
    found = report(tracker(), "w01018-Rtd=1,w01018-Flag=N", at=None, qn=AT + "000")
    assert found.fresh[0].observed_ms == AT_MS
    assert Deviation.TIME_MISSING in found.deviations


def test_strict_and_lenient_with_the_code_of_the_other_edition() -> None:
    data = "011-Rtd=1,011-Flag=N"
    lenient = report(tracker(), data)
    assert (len(lenient.fresh), lenient.deviations) == (2, [Deviation.FACTOR_OTHER_EDITION])
    strict = report(tracker(Mode.STRICT), data)
    assert (strict.fresh, strict.deviations) == ([], [Deviation.FACTOR_UNKNOWN])


def test_strict_and_lenient_without_a_flag() -> None:
    lenient, strict = (report(tracker(mode), "w01018-Rtd=1") for mode in (Mode.LENIENT, Mode.STRICT))
    assert lenient.deviations == strict.deviations == [Deviation.FLAG_MISSING]
    assert lenient.fresh[0].quality is Quality.GOOD
    assert strict.fresh[0].quality is Quality.UNCERTAIN
    assert report(tracker(), "e31101-Rtd=1").deviations == []


@pytest.mark.parametrize("text", ["", "-", "NaN", "inf", "1e999", "1_0", "９", "0x1F", "1,5", " "])
def test_what_is_no_number_is_bad_and_no_value(text: str) -> None:
    found = report(tracker(), f"w01018-Rtd={text},w01018-Flag=N")
    assert found.fresh[0].value != found.fresh[0].value
    assert (found.fresh[0].quality, found.fresh[0].reason) == (Quality.BAD, Reason.SENSOR_FAULT)
    assert Deviation.VALUE_BAD in found.deviations


def test_a_state_is_0_or_1() -> None:
    assert [i.value for i in report(tracker(), "e31101-Rtd=1").fresh] == [1.0]
    assert report(tracker(), "e31101-Rtd=7").fresh[0].quality is Quality.BAD


seconds = st.integers(-4000, 4000)


@given(st.lists(st.tuples(seconds, st.integers(0, 300), st.booleans()), max_size=60))
def test_whatever_comes_times_of_a_series_are_unique_and_the_present_rises(
    steps: list[tuple[int, int, bool]],
) -> None:
    on, now_ms, told, shown = tracker(), AT_MS, set[int](), 0
    for offset_s, passed_s, is_doubted in steps:
        now_ms += passed_s * 1000
        if is_doubted:
            at_ms = max(now_ms, shown) + 1
            at_ms += at_ms % 1000 == 0
            on.doubted([ROW["cod"]], at_ms)
            assert at_ms not in told
            told.add(at_ms)
            shown = at_ms
        found = report(
            on, "w01018-Rtd=1,w01018-Flag=N", at=write_time(now_ms + offset_s * 1000), now_ms=now_ms
        )
        fresh = [item.observed_ms for item in found.fresh if item.row == ROW["cod"]]
        late = [item.observed_ms for item in found.late if item.row == ROW["cod"]]
        assert all(at_ms > shown for at_ms in fresh)
        shown = max([shown, *fresh])
        assert not told & {*fresh, *late}
        told |= {*fresh, *late}
    assert all(len(seen) <= SEEN_MAX for seen in on._seen.values())
