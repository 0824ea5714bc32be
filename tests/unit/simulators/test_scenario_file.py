"""Scenario files and lines of the control socket: what is right is read, what is wrong is named."""

from dataclasses import replace
from pathlib import Path

import pytest

from domain.errors import ConfigurationError, RemoteProtocolError
from domain.words import Words
from runtime.parkfiles.loading import load_park
from simulators.act_reader import Known
from simulators.acts import (
    ClearAct,
    FaultAct,
    FaultKind,
    HandAct,
    Question,
    RainAct,
    SpeedAct,
    SpillAct,
    Switch,
)
from simulators.control_socket import read_order
from simulators.plc.drive import Ask
from simulators.scenario import Scenario, due, is_live, starts_at
from simulators.scenario_file import known_names, load_scenario
from simulators.water.network import load_network

PARK = Path(__file__).parents[3] / "parks" / "lingang"
SCENARIOS = sorted((PARK / "scenarios").glob("*.yaml"))


@pytest.fixture(scope="module")
def known() -> Known:
    network = load_network(PARK / "network" / "network.yaml")
    return known_names(load_park(PARK), PARK, frozenset(network.spill_places))


def load(text: str, known: Known, tmp_path: Path) -> Scenario:
    path = tmp_path / "some.yaml"
    path.write_text(text, encoding="utf-8")
    return load_scenario(path, known)


STORM = (PARK / "scenarios" / "spill-in-storm.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_the_parks_own_scenarios_are_sound(path: Path, known: Known) -> None:
    scenario = load_scenario(path, known)
    assert scenario.id == path.stem
    assert all(event.at_s < scenario.duration_s for event in scenario.events)


def test_the_main_scenario_asks_for_what_it_must_show(known: Known, tmp_path: Path) -> None:
    scenario = load(STORM, known, tmp_path)
    spills = [event.act for event in scenario.events if isinstance(event.act, SpillAct)]
    assert sum(act.kg for act in spills) >= 200
    assert scenario.response is not None
    assert scenario.response.plans == ("close_hc", "close_park")
    assert (scenario.expect.spilled_kg_min, scenario.expect.kept_back_min) == (200, 0.9)
    kinds = {event.act.kind for event in scenario.events if isinstance(event.act, FaultAct)}
    assert kinds >= {FaultKind.CALIBRATION, FaultKind.LINK_CUT}


@pytest.mark.parametrize(
    ("old", "new", "field", "kind"),
    [
        ("seed: ", "sead: ", "sead", "unknown-key"),
        ("kg: 240", "kg: -1", "events[0].spill.kg", "out-of-range"),
        ("over: 00:20:00", "over: 20min", "events[0].spill.over", "wrong-type"),
        ("over: 00:20:00, ", "", "events[0].spill.over", "missing-key"),
        ("enterprise: hc", "enterprise: hx", "events[0].spill.enterprise", "unknown-reference"),
        ("mother_liquor", "soup", "events[0].spill.substance", "wrong-choice"),
        ("kind: calibration", "kind: calibrated", "events[1].fault.kind", "wrong-choice"),
        ("target: ly_analyser", "target: ly_flow", "events[1].fault.target", "unknown-reference"),
        ("target: plc_jt_plant", "target: plc_xx", "events[2].fault.target", "unknown-reference"),
        ("storm: design_30mm_2h", "storm: typhoon", "storm", "unknown-reference"),
        ("duration: 01:00:00", "duration: 00:00:00", "duration", "out-of-range"),
        (
            "plans: [close_hc, close_park]",
            "plans: [close_xx, close_park]",
            "response.plans[0]",
            "unknown-reference",
        ),
        ("alarm_of: hc", "alarm_of: hx", "response.alarm_of", "unknown-reference"),
        ("kept_back_min: 0.9", "kept_back_min: much", "expect.kept_back_min", "wrong-type"),
    ],
)
def test_one_mistake_is_one_fault(
    old: str, new: str, field: str, kind: str, known: Known, tmp_path: Path
) -> None:
    assert old in STORM
    with pytest.raises(ConfigurationError) as raised:
        load(STORM.replace(old, new), known, tmp_path)
    (fault,) = raised.value.faults
    assert (fault.field, fault.kind) == (field, kind)
    line = fault.line - 1
    assert new in STORM.replace(old, new).splitlines()[line] or not new
    assert fault.remedy


def test_events_come_in_time(known: Known, tmp_path: Path) -> None:
    scenario = load(STORM, known, tmp_path)
    assert due(scenario, fired=0, elapsed_s=719.9) == ()
    assert len(due(scenario, fired=0, elapsed_s=720)) == 1
    assert due(scenario, fired=1, elapsed_s=720) == ()
    assert len(due(scenario, fired=1, elapsed_s=1e6)) == len(scenario.events) - 1


def test_a_scenario_ends_before_the_present(known: Known, tmp_path: Path) -> None:
    now_ms = 1_800_000_000_123
    past = load(STORM, known, tmp_path)
    assert starts_at(past, real_ms=now_ms, speed=60.0) + past.duration_s * 1000 < now_ms
    assert starts_at(past, real_ms=now_ms, speed=60.0) % 1000 == 0
    live = load(STORM.replace("seed:", "start: present\nseed:"), known, tmp_path)
    assert now_ms - 10_000 < starts_at(live, real_ms=now_ms, speed=1.0) < now_ms
    assert starts_at(live, real_ms=now_ms, speed=60.0) < now_ms - 3_600_000
    assert starts_at(None, real_ms=now_ms, speed=60.0) == starts_at(live, real_ms=now_ms, speed=60.0)
    fixed = load(STORM.replace("seed:", "start: 2026-06-15T06:00:00Z\nseed:"), known, tmp_path)
    assert starts_at(fixed, real_ms=now_ms, speed=60.0) == 1_781_503_200_000
    assert starts_at(fixed, real_ms=1_781_503_200_000, speed=60.0) < 1_781_503_200_000


@pytest.mark.parametrize(
    ("line", "order"),
    [
        (
            '{"do": "spill", "enterprise": "hc", "kg": 240, "minutes": 20}',
            SpillAct(at="hc_yard", substance="mother_liquor", kg=240, over_s=1200),
        ),
        (
            '{"do": "spill", "at": "hc_unit", "substance": "lye", "kg": 5, "over": "00:01:00", "water_m3": 2}',
            SpillAct(at="hc_unit", substance="lye", kg=5, over_s=60, water_m3=2),
        ),
        (
            '{"do": "fault", "kind": "stuck", "target": "hc_outlet", "value": 40, "minutes": 5}',
            FaultAct(kind=FaultKind.STUCK, target="hc_outlet", value=40, for_s=300),
        ),
        (
            '{"do": "fault", "kind": "hang", "target": "plc_hc_outlet"}',
            FaultAct(kind=FaultKind.HANG, target="plc_hc_outlet"),
        ),
        ('{"do": "clear"}', ClearAct(target=None)),
        (
            '{"do": "clear", "target": "hc_outlet", "kind": "stuck"}',
            ClearAct(target="hc_outlet", kind=FaultKind.STUCK),
        ),
        (
            '{"do": "hand", "actuator": "hc_outlet", "switch": "local", "move": "close"}',
            HandAct(actuator="hc_outlet", switch=Switch.LOCAL, move=Ask.CLOSE),  # type: ignore[arg-type]
        ),
        ('{"do": "rain", "storm": "dry"}', RainAct(storm="dry")),
        ('{"do": "speed", "x": 60}', SpeedAct(speed=60)),
        ('{"do": "status"}', Question.STATUS),
        ('{"do": "baseline"}', Question.BASELINE),
    ],
)
def test_the_socket_understands(line: str, order: object, known: Known) -> None:
    assert read_order(line, known) == order


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("", "mapping"),
        ("hello", "mapping"),
        ("{", "not YAML"),
        ('{"do": "open"}', "none of them"),
        ('{"undo": "spill"}', "do"),
        ('{"do": "status", "x": 1}', "x"),
        ('{"do": "speed", "x": -1}', "out of range"),
        ('{"do": "speed", "x": 1e9}', "out of range"),
        ('{"do": "speed", "x": "fast"}', "another type"),
        ('{"do": "spill", "enterprise": "hc", "kg": 240}', "over"),
        ('{"do": "spill", "enterprise": "hc", "kg": 1e12, "minutes": 5}', "out of range"),
        ('{"do": "fault", "kind": "stuck", "target": "hc_outlet"}', "value"),
        ('{"do": "fault", "kind": "stuck", "target": "hc_outlet", "value": 140}', "140"),
        ('{"do": "fault", "kind": "bias", "target": "hc_outlet/closed", "value": 1}', "state"),
        ('{"do": "fault", "kind": "not_available", "target": "hc_outlet/position"}', "no code"),
        ('{"do": "hand", "actuator": "hc_flow", "move": "close"}', "no actuator"),
        ('{"do": "hand", "actuator": "hc_outlet", "move": "jump"}', "none of them"),
        ('{"do": "rain", "storm": "../secret"}', "no storm"),
    ],
)
def test_the_socket_refuses_nonsense_in_words(line: str, word: str, known: Known) -> None:
    with pytest.raises(RemoteProtocolError, match=word):
        read_order(line, known)


PLAYED = Scenario(id="x", words=Words("某", "some"), seed=1, storm="dry", duration_s=3600.0)
NOW_MS = 1_800_000_000_999


@pytest.mark.parametrize(
    ("scenario", "speed", "before_s"),
    [
        (None, 1.0, 5.0),
        (None, 1.1, 43_200.0),
        (replace(PLAYED, starts_at_present=True), 1.0, 5.0),
        (replace(PLAYED, starts_at_present=True), 60.0, 43_200.0),
        (PLAYED, 1.0, 3600.0 + 600.0),
        (PLAYED, 60.0, 3600.0 + 600.0),
        (replace(PLAYED, start_ms=1_700_000_000_000), 1.0, 100_000_000.0),
        (replace(PLAYED, start_ms=1_800_000_000_000), 60.0, 4200.0),
    ],
)
def test_what_is_played_in_the_present_starts_just_behind_it_and_all_else_so_that_it_fits(
    scenario: Scenario | None, speed: float, before_s: float
) -> None:
    assert starts_at(scenario, real_ms=NOW_MS, speed=speed) == 1_800_000_000_000 - round(1000 * before_s)
    assert is_live(scenario, speed=speed) is (before_s == 5.0)
