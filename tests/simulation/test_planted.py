"""The checker bites: a bug planted for each invariant is found under that invariant's name, and without it nothing is found."""

import pytest

from tests.conftest import EXPLORES
from tests.simulation.checker import violations
from tests.simulation.planted import PLANTS, Plant

SEEDS = range(1, 9)
"""Worlds that a plant gets at most; most are found in the first, whatever the seeds come to mean when a service changes."""


def test_there_is_a_plant_for_every_invariant() -> None:
    assert {plant.invariant for plant in PLANTS.values()} == {f"I{number}" for number in range(1, 19)}


@pytest.mark.parametrize("plant", PLANTS.values(), ids=PLANTS)
def test_a_planted_bug_is_found_by_its_name(plant: Plant) -> None:
    for seed in SEEDS:
        found = {item.invariant for item in violations(plant.play(seed))}
        if plant.invariant in found:
            break
    else:
        pytest.fail(f"{plant.words}: not found in {len(SEEDS)} worlds")
    if plant.has_own_scene or EXPLORES:  # the others are clean in every world that test_world.py plays
        assert violations(plant.play(seed, is_planted=False)) == []
