"""Alarms: one instance of a condition, kept until somebody has seen what stood (I12)."""

from pathlib import Path

import pytest

from control.alarms.conditions import every
from control.alarms.entries import alarm, body
from control.alarms.watch import SystemRule, Watch
from domain.alarm import AlarmRule, AlarmState, Side
from domain.ids import PointRef, RuleId
from domain.quality import Quality
from domain.sample import Reading
from domain.words import Words
from runtime.parkfiles import load_park

PARK = load_park(Path(__file__).parents[3] / "parks" / "lingang")
RULE = AlarmRule(
    id=RuleId("cod_high"), point=PointRef("hc_analyser/cod"), side=Side.ABOVE, limit=100.0, hysteresis=10.0,
    samples=1, severity=1, words=Words("COD 超限", "COD high"),
)  # fmt: skip
LOST = SystemRule(id=RuleId("system_offline"), words=Words("通讯中断", "lost"), severity=1)


def reading(value: float, at_ms: int, *, fresh: bool = True) -> Reading:
    return Reading(value=value, quality=Quality.GOOD, observed_ms=at_ms, age_s=0.1, fresh=fresh)


def see(watch: Watch, value: float, at_ms: int, *, fresh: bool = True) -> list[AlarmState]:
    return [item.state for item in watch.see(RULE.point, reading(value, at_ms, fresh=fresh), now_ms=at_ms)]


def test_it_is_raised_once_and_cleared_beyond_the_hysteresis() -> None:
    watch = Watch([RULE])
    assert see(watch, 50.0, 1) == []
    assert see(watch, 150.0, 2) == [AlarmState.ACTIVE_UNACK]
    assert see(watch, 150.0, 2) == [], "the same sample counts once"
    assert see(watch, 95.0, 3) == [], "within the hysteresis"
    assert see(watch, 80.0, 4) == [AlarmState.CLEARED_UNACK]
    assert [item.rule for item in watch.standing()] == ["cod_high"], "kept until acknowledged"


def test_a_value_that_is_not_fresh_raises_nothing_and_counts_when_it_is() -> None:
    watch = Watch([RULE])
    assert see(watch, 150.0, 1, fresh=False) == []
    assert not watch.alarms, "nothing is known of it yet"
    assert see(watch, 150.0, 1) == [AlarmState.ACTIVE_UNACK]


@pytest.mark.parametrize(("occurrence", "severity", "is_seen"), [(1, 1, True), (2, 1, False), (1, 2, False)])
def test_an_acknowledgement_is_of_what_was_seen(occurrence: int, severity: int, is_seen: bool) -> None:
    watch = Watch([RULE])
    see(watch, 150.0, 1)
    after = watch.acknowledge(RULE.id, occurrence=occurrence, severity=severity, person="zhao")
    assert (after is not None) is is_seen
    assert watch.of(RULE.id).state is (AlarmState.ACTIVE_ACK if is_seen else AlarmState.ACTIVE_UNACK)


def test_conditions_and_happenings_of_the_system_are_alarms_like_others() -> None:
    watch = Watch([])
    assert watch.holds(LOST, is_so=False, now_ms=1) is None
    raised = watch.holds(LOST, is_so=True, now_ms=2)
    assert raised is not None
    assert watch.holds(LOST, is_so=True, now_ms=3) is None
    watch.holds(LOST, is_so=False, now_ms=4)
    assert watch.of(LOST.id).state is AlarmState.CLEARED_UNACK
    assert watch.happened(LOST, now_ms=5).occurrence == 2
    assert watch.acknowledge(LOST.id, occurrence=1, severity=1, person="zhao") is None


def test_it_survives_a_restart() -> None:
    watch = Watch([RULE])
    see(watch, 150.0, 1)
    held = watch.of(RULE.id)
    again = Watch([RULE])
    again.load([alarm(body(held))], [])
    assert again.of(RULE.id) == held
    assert see(again, 160.0, 1) == []


def test_a_happening_keeps_its_words_and_severity_over_a_restart() -> None:
    watch = Watch([])
    cutoff = next(rule for rule in every(PARK) if rule.id == "system_cutoff_hc_outlet")
    held = watch.happened(cutoff, now_ms=1)
    again = Watch([])
    again.load([alarm(body(held))], every(PARK))
    assert again.severity_of(held.rule) == 1
    assert again.system[held.rule].facility == "hc_outlet"
    assert "恒川雨水排口" in again.system[held.rule].words.zh


def test_every_condition_has_one_id() -> None:
    ids = [rule.id for rule in every(PARK)]
    assert len(ids) == len(set(ids))


def test_what_stands_is_told_from_the_oldest_on_and_what_is_over_is_not() -> None:
    watch = Watch([])
    rules = [SystemRule(id=RuleId(f"r{n}"), words=LOST.words, severity=2) for n in range(3)]
    for rule, at_ms in zip(rules, (7, 5, 6), strict=True):
        watch.holds(rule, is_so=True, now_ms=at_ms)
    assert [item.rule for item in watch.standing()] == ["r1", "r2", "r0"]
    assert watch.holds(rules[1], is_so=True, now_ms=9) is None, "one instance of one condition"
    watch.holds(rules[1], is_so=False, now_ms=10)
    assert watch.acknowledge(rules[1].id, occurrence=1, severity=2, person="zhao") is not None
    assert [item.rule for item in watch.standing()] == ["r2", "r0"]
    assert watch.holds(rules[1], is_so=False, now_ms=11) is None
    held = [
        alarm({**body(watch.of(rule.id)), "raised_ms": at_ms})
        for rule, at_ms in ((rules[0], 1), (rules[2], None))
    ]
    watch.load(held, rules)
    assert [item.rule for item in watch.standing()] == ["r2", "r0"], "of which nobody knows since when, first"


def test_something_that_happened_is_over_and_stands_until_seen() -> None:
    watch = Watch([])
    found = watch.happened(LOST, now_ms=5)
    assert (found.state, found.occurrence, found.raised_ms, found.cleared_ms) == (
        AlarmState.CLEARED_UNACK,
        1,
        5,
        5,
    )
    assert not watch.holding(LOST.id)
    assert watch.happened(LOST, now_ms=6).occurrence == 2
    assert watch.system == {LOST.id: LOST}


def test_nothing_unknown_is_acknowledged_and_an_unknown_rule_is_the_least_severe() -> None:
    watch = Watch([RULE])
    assert watch.severity_of(RuleId("none")) == 3
    assert watch.severity_of(RULE.id) == 1
    assert watch.acknowledge(RuleId("none"), occurrence=0, severity=3, person="zhao") is None
    see(watch, 150.0, 2)
    assert watch.acknowledge(RULE.id, occurrence=1, severity=2, person="zhao") is None
    assert watch.acknowledge(RULE.id, occurrence=1, severity=1, person="zhao") is not None
    assert tuple(watch.points) == (RULE.point,)
