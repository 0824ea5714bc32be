"""Judges one demonstration from what it left behind: journals, freed segments, store, quarantine, served reads, faults played.

Its journals must have drained: the gateways have stopped, and ingest has answered for everything.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from domain.park import Park
from domain.quality import Quality
from domain.sample import Value
from ingest.quarantine import read_quarantine
from simulators.happenings import read_happenings
from simulators.plc.served import read_served
from stoplog.oracle.qualities import played_faults, unexplained
from stoplog.oracle.reads import never_served, served_histories
from stoplog.oracle.samples import Accepted, Key, Stored, compare, read_accepted
from stores.port import Tally
from stores.sqlite_reader import SqliteHistory, everything

PROBLEMS_SHOWN = 5
"""Of each kind; the rest is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleVerdict:
    """The counts of a run and what is wrong with them."""

    accepted: int
    stored: int
    duplicated: int
    """Samples that stand more than once in the store."""
    redelivered: int
    """Payloads that came again and had no second effect."""
    quarantined: int
    problems: list[str]

    @property
    def counts(self) -> dict[str, int]:
        """The counts by name."""
        names = ("accepted", "stored", "duplicated", "redelivered", "quarantined")
        return {name: getattr(self, name) for name in names}


def judge_samples(state: Path, park: Park) -> SampleVerdict:
    """Hold every accepted sample against the store, one by one."""
    accepted, stored = read_run(state, park)
    return verdict(accepted, stored, compare(accepted, stored))


def judge_truth(state: Path, park: Park, accepted: Accepted, *, speed: float) -> list[str]:
    """Hold accepted samples against what the PLCs served, and their qualities against the faults played.

    `speed` is the most model seconds per wall second that the run had.
    """
    last_ms = max((at_ms for _, at_ms in accepted.samples), default=0)
    faults = played_faults(read_happenings(state / "simulator" / "happenings.jsonl"), until_ms=last_ms)
    histories = served_histories(park, read_served(state / "simulator" / "served"))
    # A read is on its way for up to a second of the wall, and a device is called stale half a second later at the latest.
    wall_s = 2.0
    tolerance_ms = round(wall_s * max(1.0, speed) * 1000)
    strange = never_served(accepted.samples, histories, tolerance_ms=tolerance_ms)
    doubtful = unexplained(
        park, accepted.samples, faults, tolerance_ms=3 * tolerance_ms, floor_ms=5 * tolerance_ms
    )
    return [*_few(strange), *_few(doubtful)]


def read_run(state: Path, park: Park) -> tuple[Accepted, Stored]:
    """Read both sides of a run: what gateways accepted and what ingest kept."""
    folders = [
        state / kind / gateway / "samples" for kind in ("journal", "freed") for gateway in park.gateways
    ]
    return read_accepted(folders), _stored(state, park)


def verdict(accepted: Accepted, stored: Stored, problems: list[str]) -> SampleVerdict:
    """Put counts and problems together."""
    return SampleVerdict(
        accepted=accepted.count,
        stored=len(stored.samples),
        duplicated=stored.duplicated,
        redelivered=stored.redelivered,
        quarantined=stored.quarantined,
        problems=problems,
    )


def _stored(state: Path, park: Park) -> Stored:
    path = state / "store.sqlite"
    samples: dict[Key, tuple[Value | None, Quality]] = {}
    duplicated = 0
    for row in everything(path, park=park.id):
        key = (str(row.point), row.observed_ms)
        duplicated += key in samples
        samples[key] = (row.value, row.quality)
    tally = asyncio.run(_tally(path, park))
    return Stored(
        samples=samples,
        duplicated=duplicated,
        redelivered=tally.redelivered,
        conflicts=tally.conflicts,
        quarantined=read_quarantine(state / "ingest" / "ingest.sqlite").samples,
    )


async def _tally(path: Path, park: Park) -> Tally:
    reader = SqliteHistory(path, park=park.id)
    try:
        return await reader.tally()
    finally:
        await reader.close()


def _few(problems: list[str]) -> list[str]:
    rest = len(problems) - PROBLEMS_SHOWN
    return problems if rest <= 0 else [*problems[:PROBLEMS_SHOWN], f"… and {rest} more of this kind"]
