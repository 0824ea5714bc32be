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
    little = replace(PASSED, baseline_kg={"plant": 1.0, "park": 0.5, "river": 0.0})
    assert replace(little, escaped_kg={"plant": 1.0, "park": 0.125, "river": 0.0}).kept_share == 0.75


def test_just_enough_passes() -> None:
    just = Expectation(spilled_kg_min=240.0, baseline_park_kg_min=150.0, kept_share_min=PASSED.kept_share)
    assert judge(PASSED, just) == []


def test_the_file_has_every_figure_and_whether_it_passed() -> None:
    kept = PASSED.as_dict()
    assert (kept["kept_share"], kept["passed"], kept["spilled_kg"]) == (0.9733, True, 240.0)
    assert replace(PASSED, problems=["late"]).as_dict()["passed"] is False


def test_the_table_shows_what_passed_each_line_and_how_long_it_took() -> None:
    text = table(replace(PASSED, alarm_to_park_closed_s=None, problems=["late"]))
    rows = [line.split() for line in text.splitlines()]
    assert ["kg", "past", "plant", "park", "river"] in rows
    assert ["nobody", "acting", "239.00", "150.00", "149.00"] in rows
    assert ["this", "run", "9.00", "4.00", "0.00"] in rows
    for fact in (
        "240.0 kg, 97.3%", "60 s of model time", "park closed, proved         —", "58.0 of 60 asked; 100 s",
        "10 accepted, 10 stored", "5 records, verified", "✗ late",
    ):  # fmt: skip
        assert fact in text
    assert "NOT VERIFIED" in table(replace(PASSED, audit={"records": 5, "verified": False}))
    assert "✓" not in text
