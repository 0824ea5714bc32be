"""A gateway whose whole process believes a time of day that steps, by Debian's libfaketime."""

from pathlib import Path

import pytest

from tests.faults.checks import check
from tests.faults.faketime import REMEDY, library
from tests.faults.run import Plan, play
from tests.faults.schedule import HOUR_MS, Kind

pytestmark = pytest.mark.system


@pytest.mark.parametrize("seed", [7])
def test_a_gateway_under_libfaketime_stamps_by_a_clock_that_does_not_step(seed: int, tmp_path: Path) -> None:
    if library() is None:
        pytest.skip(f"libfaketime is not installed: {REMEDY}")
    kinds = (Kind.GATEWAY_CLOCK, Kind.GATEWAY_KILLED)
    plan = Plan(seed=seed, seconds=7, kinds=kinds, per_minute=26, is_victoria=False, is_faketime=True)
    steps = [fault.offset_ms for fault in plan.schedule]
    assert steps == [-HOUR_MS, 0, 0], "back by an hour, killed, right again"
    check(play(plan, tmp_path))
