"""Quality and report by exception, column by column."""

from collections.abc import Sequence

import numpy as np
import pytest

from domain.drive import MaintainedCoil, Table
from domain.ids import DeviceId, FacilityId
from domain.park import Actuator, Feedback, HandCard, Point, Register, RegisterType, SafePosition
from domain.quality import Quality, Reason
from domain.words import Words
from gateway.judgement import REASONS, Judge, Judged
from gateway.reporting import Reporter

T0 = 1_780_000_000_000
NAN = float("nan")


def point(facility: str, name: str, *, is_state: bool = False, **other: object) -> Point:
    kind = RegisterType.BIT if is_state else RegisterType.FLOAT32
    return Point(
        facility=FacilityId(facility),
        name=name,
        words=Words("点", "point"),
        device=DeviceId("d"),
        register=Register(table=Table.INPUT, address=0, type=kind),
        unit="",
        **other,  # type: ignore[arg-type]
    )


POINTS = [
    point("analyser", "cod", range_min=0.0, range_max=500.0, dead_band=1.0, silence_s_max=60.0),
    point("analyser", "calibrating", is_state=True),
    point("analyser", "sensor_fault", is_state=True),
    point("gate", "opened", is_state=True),
    point("gate", "closed", is_state=True),
    point("pool", "level", range_min=0.0),
]
GATE = Actuator(
    facility=FacilityId("gate"),
    device=DeviceId("d"),
    safe_position=SafePosition.CLOSED,
    drive=MaintainedCoil(coil=0),
    feedback=Feedback(opened="opened", closed="closed", remote="remote"),
    travel_time_s=10,
    reversing_pause_s=1,
    hand_card=HandCard(who="", phone="", where="", how=()),
)
ALL = np.arange(len(POINTS))


def blank(values: Sequence[float]) -> Judged:
    return Judged(
        values=np.array(values, dtype=np.float64),
        quality=np.zeros(len(values), dtype=np.int16),
        reason=np.zeros(len(values), dtype=np.int8),
    )


def judge(*values: float, invalid: int | None = None) -> list[tuple[Quality, Reason | None]]:
    is_invalid = np.zeros(len(POINTS), dtype=np.bool_)
    if invalid is not None:
        is_invalid[invalid] = True
    judged = blank(values)
    Judge(POINTS, [GATE]).judge(judged, slice(0, len(POINTS)), observed_ms=T0, is_invalid=is_invalid)
    return [(Quality(int(q)), REASONS[r]) for q, r in zip(judged.quality, judged.reason, strict=True)]


GOOD = (Quality.GOOD, None)


def test_what_nothing_speaks_against_is_good() -> None:
    assert judge(20, 0, 0, 0, 1, 2) == [GOOD] * 6


@pytest.mark.parametrize("value", [-0.1, 500.1])
def test_out_of_range_is_bad(value: float) -> None:
    assert judge(value, 0, 0, 0, 1, 2)[0] == (Quality.BAD, Reason.RANGE)


def test_a_fault_of_the_sensor_spoils_its_numbers_and_no_others() -> None:
    judged = judge(20, 0, 1, 0, 1, 2)
    assert judged[0] == (Quality.BAD, Reason.SENSOR_FAULT)
    assert judged[1:] == [GOOD] * 5


def test_calibration_makes_uncertain_and_a_fault_weighs_more() -> None:
    assert judge(20, 1, 0, 0, 1, 2)[0] == (Quality.UNCERTAIN, Reason.CALIBRATION)
    assert judge(20, 1, 1, 0, 1, 2)[0] == (Quality.BAD, Reason.SENSOR_FAULT)


def test_both_limits_at_once_contradict_each_other() -> None:
    assert judge(20, 0, 0, 1, 1, 2)[3:5] == [(Quality.BAD, Reason.CONTRADICTION)] * 2


def test_both_limits_contradict_each_other_on_a_device_that_says_nothing_else() -> None:
    judged = blank([1.0, 1.0])
    limits = [point("gate", name, is_state=True) for name in ("opened", "closed")]
    Judge(limits, [GATE]).judge(judged, slice(0, 2), observed_ms=T0)
    assert [REASONS[reason] for reason in judged.reason] == [Reason.CONTRADICTION] * 2


def test_no_value_is_bad() -> None:
    assert judge(NAN, 0, 0, 0, 1, 2, invalid=0)[0] == (Quality.BAD, Reason.SENSOR_FAULT)


FLOW = [
    point("meter", "flow", rate_max=2.0),
    point("meter", "level", frozen_s=10.0),
    point("meter", "running", is_state=True),
    point("cabinet", "device_fault", is_state=True),
]


class Seen:
    """A judge that has seen what was read before."""

    def __init__(self) -> None:
        self.judge = Judge(FLOW, [])
        self.judged = blank([NAN] * len(FLOW))

    def at(
        self, second: float, flow: float = 1.0, level: float = 2.0, running: float = 1.0, fault: float = 0.0
    ) -> list[tuple[Quality, Reason | None]]:
        self.judged.values[:] = [flow, level, running, fault]
        self.judge.judge(self.judged, slice(0, len(FLOW)), observed_ms=T0 + round(second * 1000))
        found = zip(self.judged.quality, self.judged.reason, strict=True)
        return [(Quality(int(q)), REASONS[r]) for q, r in found]


JUMPED = (Quality.UNCERTAIN, Reason.RATE)
FROZEN = (Quality.UNCERTAIN, Reason.FROZEN)


def test_a_spike_is_uncertain_until_it_returns() -> None:
    seen = Seen()
    assert seen.at(0, flow=1.0)[0] == GOOD
    assert seen.at(1, flow=3.0)[0] == GOOD, "as fast as it may"
    assert seen.at(2, flow=50.0)[0] == JUMPED
    assert seen.at(3, flow=3.0)[0] == GOOD


def test_a_lasting_step_is_believed_when_it_could_have_come_so_far() -> None:
    seen = Seen()
    seen.at(0, flow=0.0)
    assert [seen.at(n, flow=10.0)[0] for n in range(1, 7)] == [JUMPED] * 4 + [GOOD] * 2


def test_what_was_never_good_is_no_measure_of_a_change() -> None:
    seen = Seen()
    assert seen.at(0, flow=NAN)[0] == GOOD
    assert seen.at(1, flow=1000.0)[0] == GOOD


def test_a_number_that_stands_still_is_frozen_and_a_state_is_not() -> None:
    seen = Seen()
    assert seen.at(0)[1] == GOOD
    assert seen.at(9.9)[1] == GOOD
    assert seen.at(10) == [GOOD, FROZEN, GOOD, GOOD]
    assert seen.at(11, level=2.01)[1] == GOOD
    assert seen.at(12, level=2.01)[1] == GOOD


def test_a_device_all_of_whose_numbers_may_freeze_is_watched_like_one_of_whose_some_may() -> None:
    judge_of = Judge([point("meter", "level", frozen_s=10.0)], [])
    judged = blank([2.0])
    for later_ms, reason in [(0, None), (9_999, None), (10_000, Reason.FROZEN)]:
        judge_of.judge(judged, slice(0, 1), observed_ms=T0 + later_ms)
        assert REASONS[judged.reason[0]] is reason


def test_a_fault_of_the_plc_spoils_all_its_numbers() -> None:
    fault = (Quality.BAD, Reason.SENSOR_FAULT)
    assert Seen().at(0, fault=1.0) == [fault, fault, GOOD, GOOD]


def test_rows_that_are_not_read_keep_their_judgement() -> None:
    judge, judged = Judge(POINTS, [GATE]), blank([600, 0, 0, 1, 1, -1])
    judge.judge(judged, np.array([3, 5]), observed_ms=T0)
    assert judged.quality.tolist() == [0, 0, 0, int(Quality.BAD), 0, int(Quality.BAD)]
    assert REASONS[judged.reason[3]] is Reason.CONTRADICTION
    assert REASONS[judged.reason[5]] is Reason.RANGE
    assert judged.reason[4] == 0, "the other limit switch is judged when it is read"


class Told:
    """A reporter with one good device."""

    def __init__(self) -> None:
        self.reporter = Reporter(POINTS)
        self.quality = np.full(len(POINTS), int(Quality.GOOD), dtype=np.int16)

    def at(self, ms: int, cod: float, *, quality: Quality = Quality.GOOD, silence: bool = True) -> list[int]:
        values = np.array([cod, 0, 0, 0, 1, 2], dtype=np.float64)
        self.quality[0] = int(quality)
        judged = Judged(values=values, quality=self.quality, reason=np.zeros(len(POINTS), dtype=np.int8))
        return self.reporter.select(judged, ALL, ms, after_silence=silence).tolist()


def test_everything_is_told_once_and_then_what_left_its_dead_band() -> None:
    told = Told()
    assert told.at(1000, 20.0) == ALL.tolist()
    assert told.at(2000, 21.0) == []
    assert told.at(3000, 21.1) == [0]
    assert told.at(4000, 21.0) == []


def test_creeping_is_measured_from_what_was_told() -> None:
    told = Told()
    told.at(0, 20.0)
    assert [bool(told.at(n * 1000, 20.0 + n * 0.4)) for n in range(1, 4)] == [False, False, True]


def test_a_change_of_quality_is_told_once() -> None:
    told = Told()
    told.at(0, 20.0)
    assert told.at(1000, 20.0, quality=Quality.BAD) == [0]
    assert told.at(2000, 20.0, quality=Quality.BAD) == []


def test_a_value_that_goes_or_comes_is_told() -> None:
    told = Told()
    told.at(0, 20.0)
    assert told.at(1000, NAN) == [0]
    assert told.at(2000, NAN) == []
    assert told.at(3000, 20.0) == [0]


def test_silence_has_a_limit() -> None:
    told = Told()
    told.at(0, 20.0)
    assert told.at(59_999, 20.0) == []
    assert told.at(60_000, 20.0, silence=False) == []
    assert told.at(60_000, 20.0) == ALL.tolist()


def test_what_could_not_be_kept_is_told_again() -> None:
    told = Told()
    told.at(0, 20.0)
    told.reporter.forget()
    assert told.at(1000, 20.0) == ALL.tolist()


@pytest.mark.parametrize("value", [0.0, 500.0])
def test_the_ends_of_a_range_are_in_it(value: float) -> None:
    assert judge(value, 0, 0, 0, 1, 2)[0] == GOOD


@pytest.mark.parametrize(
    "limit", [{"range_min": 1.0}, {"range_max": 1.0}], ids=["only a lowest", "only a highest"]
)
def test_a_range_may_have_one_end(limit: dict[str, float]) -> None:
    judged = blank([0.0, 2.0])
    points = [point("pool", name, **limit) for name in ("a", "b")]
    Judge(points, []).judge(judged, slice(0, 2), observed_ms=T0)
    bad = 0 if "range_min" in limit else 1
    assert [int(quality) for quality in judged.quality] == [0 if row == bad else 192 for row in range(2)]


@pytest.mark.parametrize("known", ["opened", "closed"])
def test_a_gate_whose_other_limit_is_on_another_device_contradicts_nobody_here(known: str) -> None:
    judged = blank([1.0])
    Judge([point("gate", known, is_state=True)], [GATE]).judge(judged, slice(0, 1), observed_ms=T0)
    assert judged.quality[0] == 192


@pytest.mark.parametrize("flag", ["sensor_fault", "calibrating", "device_fault"])
def test_one_flag_is_enough_and_a_number_of_that_name_is_none(flag: str) -> None:
    for is_state in (True, False):
        judged = blank([1.0, 1.0])
        points = [point("analyser", flag, is_state=is_state), point("analyser", "cod")]
        Judge(points, []).judge(judged, slice(0, 2), observed_ms=T0)
        assert (judged.quality[1] != 192) == is_state


def test_a_step_is_measured_in_whole_milliseconds_from_the_last_belief() -> None:
    """A second reading at the same instant counts as one millisecond later; what was believed long ago bounds nothing."""
    judge_of = Judge([point("pool", "level", rate_max=1.0)], [])
    steps = [(0.0, 0, True), (0.0009, 0, True), (0.0025, 0, False), (0.0025, 3, True), (1e9, 3, False)]
    for value, later_ms, is_good in steps:
        judged = blank([value])
        judge_of.judge(judged, slice(0, 1), observed_ms=T0 + later_ms)
        assert (judged.quality[0] == 192) == is_good, (value, later_ms)
