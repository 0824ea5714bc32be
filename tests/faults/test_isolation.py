"""Of 100 PLCs one accepts and never answers, one answers after 5 s, one sends garbage, one resets: the other 96 keep their period."""

import statistics
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.faults.modes import Mode
from tests.faults.processes import CLOCK, processes, rest, wait_until
from tests.faults.registers import ledger_points
from tests.faults.served import read_served
from tests.faults.site import make_site

pytestmark = pytest.mark.system

PLCS = 100
SICK = {11: (Mode.SILENT, 0.0), 37: (Mode.SLOW, 5.0), 62: (Mode.GARBAGE, 0.0), 88: (Mode.RESET, 0.0)}
PERIOD_S = 0.5
MEASURED_S = 8.0
WITHIN = 0.10
LOOK_S = 0.02
"""Between looks at how late this machine gives a process its turn: other tests run at the same time."""
TURNS = 3
"""Turns that a period waits for: the gateway's, the PLC's, the gateway's again."""
POINTS = 8


def test_sick_plcs_delay_no_other(tmp_path: Path) -> None:
    site = make_site(tmp_path, plcs=PLCS, points=ledger_points(POINTS), is_victoria=False, period_s=PERIOD_S)
    with processes(site, ledger=POINTS, seed=1) as running:
        for plc, (mode, delay_s) in SICK.items():
            running.plcs.set(plc, mode, delay_s=delay_s)
        running.start_broker()
        running.gateway.start()

        def are_polled() -> bool:
            running.plcs.flush()
            return len({read.plc for read in read_served(site.served)}) >= PLCS - 1

        wait_until("every PLC that answers is polled", are_polled)
        from_s = CLOCK.monotonic()
        late_s = sorted(_latenesses(MEASURED_S))
        until_s = CLOCK.monotonic()
        running.gateway.kill()
    served_s: dict[int, list[float]] = defaultdict(list)
    for read in read_served(site.served):
        if from_s <= read.monotonic_s <= until_s:
            served_s[read.plc].append(read.monotonic_s)
    healthy = {plc: served_s[plc] for plc in range(PLCS) if plc not in SICK}
    means_s = [statistics.mean(_gaps(times)) for times in healthy.values()]
    gaps_s = sorted(gap for times in healthy.values() for gap in _gaps(times))
    longest_s = gaps_s[-1]
    p99_s = gaps_s[len(gaps_s) * 99 // 100]
    busy_s = late_s[len(late_s) * 99 // 100]
    print(
        f"{len(healthy)} PLCs at {PERIOD_S} s: mean periods {min(means_s):.4f} to {max(means_s):.4f} s, "
        f"single ones p99 {p99_s:.3f} s, longest {longest_s:.3f} s, of {len(gaps_s)}; "
        f"this machine gave turns {busy_s * 1000:.0f} ms late (p99)"
    )
    assert len(healthy) == PLCS - len(SICK)
    assert all(len(times) >= MEASURED_S / PERIOD_S - 2 for times in healthy.values())
    assert all(abs(mean - PERIOD_S) <= WITHIN * PERIOD_S for mean in means_s)
    assert p99_s <= (1 + WITHIN) * PERIOD_S + TURNS * busy_s


def _gaps(times: list[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(times)]


def _latenesses(seconds: float) -> Iterator[float]:
    """Yield for so long how late this process was woken each time."""
    until_s = CLOCK.monotonic() + seconds
    while (now_s := CLOCK.monotonic()) < until_s:
        rest(LOOK_S)
        yield CLOCK.monotonic() - now_s - LOOK_S
