"""Seeded faults with dead bands and silences: what a report by exception leaves out is what the reference model says."""

from pathlib import Path

import pytest

from tests.faults.checks import SECONDS, check
from tests.faults.reporting import slips, sparse
from tests.faults.run import Plan, play
from tests.faults.schedule import kinds_for

pytestmark = pytest.mark.system

KINDS = kinds_for(is_victoria=False, is_reporting=True)


@pytest.mark.parametrize("seed", [13])
def test_what_a_report_by_exception_leaves_out_is_what_the_rule_says(seed: int, tmp_path: Path) -> None:
    plan = Plan(seed=seed, seconds=SECONDS, kinds=KINDS, is_victoria=False, ledger=0)
    outcome = play(plan, tmp_path)
    check(outcome)
    points, accepted = outcome.evidence.points, outcome.evidence.accepted
    told = sparse(accepted, points)
    print(f"told {told}")
    assert [str(slip) for slip in slips(accepted, points)] == []
    assert all(0 < told[point.name] < told["count"] / 2 for point in points[1:])
