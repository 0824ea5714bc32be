"""When a headless run passes."""

from dataclasses import replace

from stoplog.headless.result import Expectation, Result, judge, table

EXPECTED = Expectation(spilled_kg_min=200, baseline_park_kg_min=100, kept_share_min=0.9)
PASSED = Result(
    scenario="spill-in-storm",
    seed=1,
    spilled_kg=240.0,
    escaped_kg={"plant": 9.0, "park": 4.0, "river": 0.0},
    baseline_kg={"plant": 239.0, "park": 150.0, "river": 149.0},
    held_kg={"hc_pool": 220.0},
    spill_to_alarm_s=60.0,
    alarm_to_closed_s=70.0,
    alarm_to_park_closed_s=500.0,
    speed_asked=60,
    speed_reached=58.0,
    wall_s=100.0,
    samples={"accepted": 10, "stored": 10},
    audit={"records": 5, "verified": True},
    restarts=0,
)


def test_a_good_run_passes() -> None:
    assert judge(PASSED, EXPECTED) == []
    assert "✓ passed" in table(PASSED)


def test_each_expectation_bites() -> None:
    for changes, word in (
        ({"spilled_kg": 199.0}, "199.0 kg were spilled"),
        ({"baseline_kg": {"plant": 99.0, "park": 99.0, "river": 0.0}}, "nothing is proved"),
        ({"escaped_kg": {"plant": 20.0, "park": 15.1, "river": 0.0}}, "kept back 89.9%"),
        ({"alarm_to_closed_s": None}, "not closed with proof"),
        ({"audit": {"records": 5, "verified": False}}, "does not verify"),
    ):
        problems = judge(replace(PASSED, **changes), EXPECTED)
        assert any(word in problem for problem in problems), (changes, problems)


def test_nothing_past_the_park_proves_nothing() -> None:
    assert replace(PASSED, baseline_kg={"plant": 0.0, "park": 0.0, "river": 0.0}).kept_share == 0.0
