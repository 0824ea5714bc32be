"""Plays fault runs from the command line: one seed again, or one after another until the minutes have passed."""

import argparse
import platform
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.faults.processes import CLOCK, ROOT
from tests.faults.reporting import slips
from tests.faults.run import LEDGER, Outcome, Plan, play
from tests.faults.schedule import count, kinds_for

SECONDS = 75.0
"""Of faults in one run of the soak: waits of a minute end within it."""
PER_MINUTE = 30.0


@dataclass(kw_only=True)
class Sum:
    """The counts over all runs."""

    runs: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    accepted: int = 0
    redelivered: int = 0
    reads: int = 0
    failed: list[int] = field(default_factory=list)
    """Seeds of runs with findings."""

    def add(self, outcome: Outcome, wrong: str) -> None:
        self.runs += 1
        self.faults += count(outcome.plan.schedule)
        self.accepted += outcome.verdict.accepted
        self.reads += outcome.verdict.reads_accepted
        self.redelivered += outcome.redelivered
        if wrong:
            self.failed.append(outcome.plan.seed)

    def __str__(self) -> str:
        kinds = "\n".join(f"  {number:5d} × {kind}" for kind, number in sorted(self.faults.items()))
        return (
            f"sum of {self.runs} runs:\n{kinds}\n  {self.reads} reads and {self.accepted} samples accepted; "
            f"{self.redelivered} payloads sent again; "
            + (f"FINDINGS in the runs with the seeds {self.failed}" if self.failed else "nothing lost, doubled, changed or invented")
        )  # fmt: skip


def main() -> int:
    """Return 0 when every run was sound."""
    asked = _arguments()
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    when = datetime.fromtimestamp(CLOCK.now_ms() / 1000, UTC)
    print(f"fault runs of {when:%Y-%m-%dT%H:%MZ}, commit {commit or 'unknown'}")
    print(f"machine: {_cores()}, Python {platform.python_version()}")
    total = Sum()
    for plan in _plans(asked):
        print(f"\nrun {total.runs + 1}", flush=True)
        folder = Path(tempfile.mkdtemp(prefix="stoplog-faults-"))
        outcome = play(plan, folder)
        wrong = outcome.verdict.words
        if not plan.ledger:
            wrong += "\n".join(
                str(slip) for slip in slips(outcome.evidence.accepted, outcome.evidence.points)
            )
        total.add(outcome, wrong)
        print(outcome.table + (f"\nFINDINGS, evidence in {folder}\n{wrong}" if wrong else ""), flush=True)
        if not wrong:
            shutil.rmtree(folder)
    print(f"\n{total}")
    return 1 if total.failed else 0


def _plans(asked: argparse.Namespace) -> Iterator[Plan]:
    """Yield the one run asked for, or runs in turn over both stores and both kinds of points until the time is up."""
    if asked.minutes is None:
        yield _plan(asked, asked.seed, is_victoria=asked.victoria, is_reporting=asked.reporting)
        return
    until_s, seed = CLOCK.monotonic() + asked.minutes * 60, asked.seed
    while CLOCK.monotonic() < until_s:
        yield _plan(asked, seed, is_victoria=seed % 3 == 1, is_reporting=seed % 3 == 0)
        seed += 1


def _plan(asked: argparse.Namespace, seed: int, *, is_victoria: bool, is_reporting: bool) -> Plan:
    return Plan(
        seed=seed,
        seconds=asked.seconds,
        kinds=kinds_for(is_victoria=is_victoria, is_reporting=is_reporting),
        is_victoria=is_victoria,
        ledger=0 if is_reporting else LEDGER,
        per_minute=asked.per_minute,
        is_patient=asked.minutes is not None,
    )


def _cores() -> str:
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    models = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return f"{len(models)} cores, {models[0] if models else platform.machine()}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--per-minute", type=float, default=PER_MINUTE, help="faults")
    parser.add_argument("--victoria", action="store_true", help="VictoriaMetrics instead of SQLite")
    parser.add_argument("--reporting", action="store_true", help="points with dead bands and silences")
    parser.add_argument("--minutes", type=float, help="one run after another, with the seeds from --seed on")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
