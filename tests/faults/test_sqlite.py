"""Seeded faults over the data path into SQLite: nothing accepted is lost, doubled or changed, and no PLC is put words in its mouth."""

from pathlib import Path

import pytest

from tests.faults.checks import SECONDS, check
from tests.faults.run import Plan, play
from tests.faults.schedule import Kind, count, kinds_for

pytestmark = pytest.mark.system

KINDS = kinds_for(is_victoria=False, is_reporting=False)


@pytest.mark.parametrize("seed", [11])
def test_every_accepted_sample_is_in_sqlite_once(seed: int, tmp_path: Path) -> None:
    plan = Plan(seed=seed, seconds=SECONDS, kinds=KINDS, is_victoria=False)
    assert set(count(plan.schedule)) >= {str(kind) for kind in KINDS if kind is not Kind.LINK}
    outcome = play(plan, tmp_path)
    check(outcome)
    assert outcome.redelivered > 0
