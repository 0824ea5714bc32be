"""Rules of a gateway whose park changes while it runs: one that stayed goes on where it stood, a changed one begins anew."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from domain.cutoff import CutoffRule
from domain.ids import FacilityId, PointRef
from tests.service.gateway.test_doubtful_moves import CLOSE_COIL, Watched, play
from tests.service.gateway.test_random_commands import GATE, PARK, STEP_S

PH = PointRef("hc_analyser/ph")
RULES = {
    rule.id: replace(rule, actuators=(GATE,), n=3, m=5)
    for rule in PARK.cutoffs
    if rule.point.startswith("hc_")
}
ACID = next(rule for rule in RULES.values() if rule.id == "hc_acid")
OTHERS = [rule for rule in RULES.values() if rule.id != "hc_acid"]


def change(bench: Watched, rules: Sequence[CutoffRule]) -> None:
    field = bench.parts[0]
    field.change(replace(bench.park, cutoffs=tuple(rules)), list(field.stations.values()))
    bench.watch.park_changed()


async def spilt(bench: Watched) -> None:
    """Let two of the three samples that the rule wants be seen."""
    change(bench, [ACID, *OTHERS])
    bench.plc.image.put(PH, 1.0)
    await bench.step(2 * STEP_S)
    assert bench.own() == []


def test_a_rule_that_stayed_remembers_what_it_has_seen() -> None:
    async def what(bench: Watched) -> None:
        await spilt(bench)
        change(bench, [*(replace(rule, limit=rule.limit + 1) for rule in OTHERS), ACID])
        await bench.step(STEP_S)
        assert bench.own() == ["close"]
        assert CLOSE_COIL in bench.link.sent

    play(what)


def test_a_changed_rule_counts_anew() -> None:
    async def what(bench: Watched) -> None:
        await spilt(bench)
        change(bench, [replace(ACID, limit=ACID.limit + 0.1), *OTHERS])
        await bench.step(2 * STEP_S)
        assert bench.own() == []
        await bench.step(STEP_S)
        assert bench.own() == ["close"]

    play(what)


def test_a_rule_that_has_cut_off_stays_latched_and_one_that_is_gone_says_nothing() -> None:
    async def what(bench: Watched) -> None:
        await spilt(bench)
        await bench.step(STEP_S)
        change(bench, [replace(ACID, limit=ACID.limit + 0.1), *OTHERS])
        await bench.step(10 * STEP_S)
        assert bench.own() == ["close"]
        bench.plc.image.put(PH, 13.0)
        change(bench, [])
        await bench.step(10 * STEP_S)
        assert bench.own() == ["close"]

    play(what)


@pytest.mark.parametrize("is_done", [False, True])
def test_a_cut_off_that_a_kill_left_undone_cuts_off_once_more(*, is_done: bool) -> None:
    async def what(bench: Watched) -> None:
        bench.plc.image.put(PH, 1.0)
        bench.link.mode = "up" if is_done else "lost"
        change(bench, [ACID, *OTHERS])
        await bench.step(60 if is_done else 4 * STEP_S)
        assert bench.link.sent == ([CLOSE_COIL] if is_done else [])
        assert [body["rule"] for body in bench.said() if "samples" in body] == ["hc_acid"]
        bench.link.mode = "up"
        bench.restart()
        await bench.step(60)
        bench.restart()
        await bench.step(60)
        assert bench.link.sent == [CLOSE_COIL], "once, and not again after it came to its proof"
        assert len([body for body in bench.said() if "samples" in body]) == (1 if is_done else 2)

    play(what)


def test_what_is_asked_of_the_field_follows_the_park() -> None:
    async def what(bench: Watched) -> None:
        field = bench.parts[0]
        images, definitions, known = field.images, field.definitions, field.known
        before = dict(definitions)
        gate = replace(bench.park.actuators[GATE], travel_time_s=7.0)
        actuators = {GATE: gate, FacilityId("hc_diversion"): bench.park.actuators[FacilityId("hc_diversion")]}
        field.change(replace(bench.park, actuators=actuators), list(field.stations.values()))
        assert field.actuators == {GATE: gate}
        assert field.images is images
        assert field.definitions is definitions
        assert field.known is known
        assert images == [bench.image]
        assert definitions.keys() == before.keys()
        assert definitions[GATE][0] == before[GATE][0]
        assert definitions[GATE][1] != before[GATE][1]
        assert known == set(actuators)

    play(what)
