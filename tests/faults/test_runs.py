"""Seeded faults over the whole data path: nothing accepted is lost, doubled or changed, and nothing is accepted that no PLC served.

A run is played again by `python -m tests.faults --seed N --seconds S --store …`, which the head of its output spells out.
"""

from pathlib import Path

import pytest

from runtime.exits import Exit
from tests.faults.faketime import REMEDY, library
from tests.faults.reporting import slips, sparse
from tests.faults.run import Outcome, Plan, play
from tests.faults.schedule import HOUR_MS, Kind, count

pytestmark = pytest.mark.system

SECONDS = 22.0
IN_ALL = tuple(kind for kind in Kind if kind is not Kind.STORE_KILLED)
REPORTING = tuple(kind for kind in IN_ALL if kind is not Kind.DISK_FULL)
"""While the disk is full what is told is kept nowhere: the model cannot know it."""


ENDS = {"ingest": int(Exit.UNAVAILABLE), "gateway": int(Exit.CANNOT_WRITE)}
"""Who may end by itself, and with which status."""


def check(outcome: Outcome) -> None:
    """Print the counts; fail with what was found."""
    print(outcome.table)
    verdict = outcome.verdict
    assert not verdict.findings, f"{verdict.words}\n{outcome.table}\n{outcome.logs['gateway'][-4000:]}"
    assert verdict.accepted == verdict.stored
    assert verdict.reads_accepted > verdict.reads_served / 2
    assert outcome.redelivered > 0
    assert set(outcome.exits.values()) == {0}
    # An ingest worker that finds no broker at its start ends and says so, and a gateway that finds no room on its disk.
    assert outcome.ended.keys() <= ENDS.keys()
    assert all(outcome.ended[part].keys() <= {ENDS[part]} for part in outcome.ended)


@pytest.mark.parametrize("seed", [11])
def test_every_accepted_sample_is_in_sqlite_once(seed: int, tmp_path: Path) -> None:
    plan = Plan(seed=seed, seconds=SECONDS, kinds=IN_ALL, is_victoria=False)
    assert set(count(plan.schedule)) >= {str(kind) for kind in IN_ALL if kind is not Kind.LINK}
    check(play(plan, tmp_path))


@pytest.mark.parametrize("seed", [12])
def test_every_accepted_sample_is_in_victoriametrics_once(seed: int, tmp_path: Path) -> None:
    plan = Plan(seed=seed, seconds=SECONDS, kinds=tuple(Kind), is_victoria=True)
    assert set(count(plan.schedule)) >= {str(kind) for kind in Kind if kind is not Kind.LINK}
    check(play(plan, tmp_path))


@pytest.mark.parametrize("seed", [13])
def test_what_a_report_by_exception_leaves_out_is_what_the_rule_says(seed: int, tmp_path: Path) -> None:
    plan = Plan(seed=seed, seconds=SECONDS, kinds=REPORTING, is_victoria=False, ledger=0)
    outcome = play(plan, tmp_path)
    check(outcome)
    points, accepted = outcome.evidence.points, outcome.evidence.accepted
    told = sparse(accepted, points)
    print(f"told {told}")
    assert [str(slip) for slip in slips(accepted, points)] == []
    assert all(0 < told[point.name] < told["count"] / 2 for point in points[1:])


@pytest.mark.parametrize("seed", [36])
def test_a_gateway_under_libfaketime_stamps_by_a_clock_that_does_not_step(seed: int, tmp_path: Path) -> None:
    if library() is None:
        pytest.skip(f"libfaketime is not installed: {REMEDY}")
    kinds = (Kind.GATEWAY_CLOCK, Kind.GATEWAY_KILLED)
    plan = Plan(seed=seed, seconds=7, kinds=kinds, per_minute=26, is_victoria=False, is_faketime=True)
    steps = [fault.offset_ms for fault in plan.schedule]
    assert steps == [-HOUR_MS, 0, HOUR_MS], "back by an hour, killed, ahead by an hour"
    check(play(plan, tmp_path))
