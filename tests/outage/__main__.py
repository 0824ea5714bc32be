"""Plays one long outage from the command line and prints what was measured: `python -m tests.outage --hours 24 --seed 1`."""

import argparse
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.machine import this_machine
from tests.faults.processes import CLOCK, ROOT
from tests.outage.limits import wrong
from tests.outage.run import play


def main() -> int:
    """Return 0 when every limit was held."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--hours", type=float, default=24.0, help="of model time without a broker")
    parser.add_argument("--seed", type=int, default=1, help="of the instruments' values")
    parser.add_argument("--store", choices=("sqlite", "victoriametrics"), default="sqlite")
    asked = parser.parse_args()
    when = datetime.fromtimestamp(CLOCK.now_ms() / 1000, UTC)
    print(
        f"outage of {asked.hours:g} h, {when:%Y-%m-%dT%H:%MZ}, seed {asked.seed}\nmachine: {this_machine()}",
        flush=True,
    )
    print(
        "the backlog is written by the gateway's own publisher and journal in model time; the back-fill is a real gateway's,"
    )
    print(
        "through mosquitto, into a real ingest, while the gateway polls real Modbus servers",
        flush=True,
    )
    # Beside the sources: /tmp may be memory, and the disk is a part of what is measured.
    with tempfile.TemporaryDirectory(dir=ROOT, prefix="state-outage-", ignore_cleanup_errors=True) as folder:
        outage = play(Path(folder), hours=asked.hours, seed=asked.seed, kind=asked.store)
    print(outage)
    missed = wrong(outage)
    print("\n".join(missed) if missed else "all limits held")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
