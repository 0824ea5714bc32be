"""The edge cut-off fires on n of the last m trusted samples, once, and on nothing less."""

from dataclasses import replace

import pytest

from domain.alarm import Side
from domain.cutoff import CutoffRule, CutoffWatch
from domain.ids import FacilityId, PointRef, RuleId
from domain.quality import Quality, Reason
from domain.sample import Reading
from domain.words import Words

RULE = CutoffRule(
    id=RuleId("cut"),
    point=PointRef("hc_analyser/conductivity"),
    side=Side.ABOVE,
    limit=2000.0,
    n=3,
    m=5,
    actuators=(FacilityId("hc_outlet"),),
    is_enabled=True,
    words=Words("切断", "cut-off"),
)


def good(value: float, at_ms: int) -> Reading:
    return Reading(value=value, quality=Quality.GOOD, observed_ms=at_ms, age_s=0.1, fresh=True)


def fires(rule: CutoffRule, *values: float) -> int | None:
    """Return the index of the sample that fired, None if none did."""
    watch = CutoffWatch(rule=rule)
    found = [at for at, value in enumerate(values) if watch.observe(good(value, at)) is not None]
    assert len(found) <= 1
    return found[0] if found else None


@pytest.mark.parametrize(
    ("values", "at"),
    [
        ((2500, 2500, 2500), 2),
        ((2500, 100, 2500, 100, 2500), 4),
        ((2500, 100, 100, 2500, 100, 2500), None),
        ((2000, 2000, 2000, 2000), None),
        ((2500, 2500), None),
        ((2500,) * 9, 2),
    ],
)
def test_n_of_m(values: tuple[float, ...], at: int | None) -> None:
    assert fires(RULE, *values) == at


def test_below() -> None:
    rule = replace(RULE, side=Side.BELOW, limit=4.5)
    assert fires(rule, 4.5, 4.0, 3.0, 2.0) == 3


def test_a_disabled_rule_never_fires() -> None:
    assert fires(replace(RULE, is_enabled=False), *[9000.0] * 9) is None


def test_it_says_on_which_samples() -> None:
    watch = CutoffWatch(rule=RULE)
    results = [watch.observe(good(value, at)) for at, value in enumerate((2500, 100, 2600, 2700))]
    assert results[-1] == [(0, 2500.0), (2, 2600.0), (3, 2700.0)]
    assert watch.is_latched


@pytest.mark.parametrize(
    "spoil",
    [
        {"quality": Quality.BAD, "reason": Reason.SENSOR_FAULT},
        {"quality": Quality.UNCERTAIN, "reason": Reason.FROZEN},
        {"fresh": False},
        {"value": None},
        {"value": float("inf")},
        {"observed_ms": None},
        {"value": "9999"},
    ],
)
def test_untrusted_samples_do_not_count(spoil: dict[str, object]) -> None:
    watch = CutoffWatch(rule=RULE)
    for at in range(20):
        assert watch.observe(replace(good(9000, at), **spoil)) is None  # type: ignore[arg-type]


def test_one_sample_read_twice_counts_once() -> None:
    watch = CutoffWatch(rule=RULE)
    assert all(watch.observe(good(9000, 1)) is None for _ in range(10))
