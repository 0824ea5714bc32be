"""An hour without a broker at 400 points/s fits the journal, is back-filled behind live data, and takes no memory.

The 24 hours are played by `make soak`.
"""

from pathlib import Path

import pytest

from tests.outage.limits import wrong
from tests.outage.run import play


@pytest.mark.system
def test_an_hours_outage_is_back_filled_behind_live_data(tmp_path: Path) -> None:
    outage = play(tmp_path, hours=1.0, seed=1)
    print(outage)
    assert outage.written.points == 1_440_000
    assert wrong(outage) == []
