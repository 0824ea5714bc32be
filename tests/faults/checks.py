"""What must hold of every run: the judge finds nothing, what ended by itself may, and what was killed was sent again.

The head of a run's output is the command that plays it again.
"""

from runtime.exits import Exit
from tests.faults.run import Outcome
from tests.faults.site import WORKERS

SECONDS = 22.0
"""Of faults in a run of `make test`."""
MISSED_MAX = 0.02
"""Share of the reads that may come too late on a busy machine, where no fault explains it."""
ENDS = {
    "gateway": {Exit.CANNOT_WRITE},
    **{worker: {Exit.UNAVAILABLE, Exit.CANNOT_WRITE} for worker in WORKERS},
}
"""Who may end by itself, and with which status: at a start without room on the disk, or without a broker."""


def check(outcome: Outcome) -> None:
    """Print the counts; fail with what was found."""
    print(outcome.table)
    verdict = outcome.verdict
    assert not verdict.findings, f"{verdict.words}\n{outcome.table}\n{outcome.logs['gateway'][-4000:]}"
    assert verdict.accepted == verdict.stored
    assert verdict.reads_accepted > verdict.reads_served / 2
    assert verdict.reads_missed <= MISSED_MAX * verdict.reads_served
    assert set(outcome.exits.values()) == {0}
    assert all(ended.keys() <= ENDS[part] for part, ended in outcome.ended.items())
