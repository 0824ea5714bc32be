"""Decides from a seed what goes wrong in a run, when and for how long: the same seed gives the same schedule.

What the processes do meanwhile is theirs; a replay meets the same faults at the same times, not the same instructions.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from tests.faults.modes import Mode


class Kind(StrEnum):
    BROKER_WIPED = "broker killed and its disk wiped"
    GATEWAY_KILLED = "gateway killed"
    INGEST_KILLED = "ingest killed"
    STORE_KILLED = "VictoriaMetrics killed"
    GATEWAY_HUNG = "gateway hung"
    BROKER_HUNG = "broker hung"
    INGEST_HUNG = "ingest hung"
    STORE_HUNG = "VictoriaMetrics hung"
    """Stopped by a signal: it takes connections and says nothing."""
    DISK_FULL = "journal's disk full"
    STORE_DISK_FULL = "SQLite's disk full"
    GATEWAY_CLOCK = "gateway's clock stepped"
    INGEST_CLOCK = "ingest's clock stepped"
    LINK = "PLC's link"


CLOCKS = frozenset({Kind.GATEWAY_CLOCK, Kind.INGEST_CLOCK})
OF_INGEST = frozenset({Kind.INGEST_KILLED, Kind.INGEST_HUNG, Kind.INGEST_CLOCK})
OF_STORE = frozenset({Kind.STORE_KILLED, Kind.STORE_HUNG})
OF_SQLITE = frozenset({Kind.STORE_DISK_FULL})
"""Only where the store is a process; only where it is a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong."""

    kind: Kind
    begin_s: float
    """Wall seconds from the begin of the run."""
    end_s: float
    """When it is mended; of a clock that steps, as it began."""
    target: int = 0
    """Number of the PLC, or of the ingest worker."""
    mode: Mode = Mode.FINE
    delay_s: float = 0.0
    offset_ms: int = 0
    """Of a clock: how wrong it is from then on."""

    def __str__(self) -> str:
        """Return a line of the printed schedule."""
        number = f" {self.target}" if self.kind in {Kind.LINK, *OF_INGEST} else ""
        what = f"{self.kind}{number}" + (f": {self.mode}" if self.kind is Kind.LINK else "")
        if self.kind in CLOCKS:
            return f"{self.begin_s:7.2f} s  {what} to {self.offset_ms / 3_600_000:+g} h"
        delay = f" by {self.delay_s:.1f} s" if self.delay_s else ""
        return f"{self.begin_s:7.2f} s  {what}{delay}, for {self.end_s - self.begin_s:.2f} s"


AWAY_S: dict[Kind, tuple[float, float]] = {
    Kind.BROKER_WIPED: (0.3, 3.0),
    Kind.GATEWAY_KILLED: (0.1, 1.5),
    Kind.INGEST_KILLED: (0.1, 3.0),
    Kind.STORE_KILLED: (0.3, 3.0),
    Kind.GATEWAY_HUNG: (0.3, 3.0),
    Kind.BROKER_HUNG: (0.3, 3.0),
    Kind.INGEST_HUNG: (0.3, 3.0),
    Kind.STORE_HUNG: (0.3, 3.0),
    Kind.DISK_FULL: (1.0, 4.0),
    Kind.STORE_DISK_FULL: (1.0, 4.0),
    Kind.LINK: (0.5, 4.0),
}
"""How long each lasts, wall seconds."""
LINK_MODES = tuple(mode for mode in Mode if mode is not Mode.FINE)
APART_S = 0.5
"""What was mended fails again after this at the earliest."""
HOUR_MS = 3_600_000
SLOW_S = (0.2, 3.0)
"""Some answers come within the gateway's time-out, others after it."""


def make_schedule(
    seed: int, *, seconds: float, plcs: int, workers: int, kinds: Sequence[Kind], per_minute: float
) -> tuple[Fault, ...]:
    """Return the faults of a run of `seconds`, in the order of their begins.

    Every kind of `kinds` and every way of a link comes at least once; nothing that fails already fails anew.
    """
    chance = random.Random(seed)
    wanted = [*kinds] + [Kind.LINK] * (len(LINK_MODES) if Kind.LINK in kinds else 0)
    extra = max(0, round(seconds / 60 * per_minute) - len(wanted))
    wanted += chance.choices([*kinds], k=extra)
    chance.shuffle(wanted)
    modes = _modes(chance)
    step_s = seconds / (len(wanted) + 1)
    free_s: dict[tuple[Kind, int], float] = defaultdict(float)
    wrong_ms: dict[tuple[Kind, int], int] = defaultdict(int)
    faults = []
    for number, kind in enumerate(wanted):
        several = plcs if kind is Kind.LINK else workers if kind in OF_INGEST else 1
        targets = [(kind, target) for target in range(several)]
        begin_s = max(step_s * (number + chance.random()), min(free_s[target] for target in targets))
        target = chance.choice([target for target in targets if free_s[target] <= begin_s])
        if kind in CLOCKS:
            wrong_ms[target] = chance.choice([ms for ms in (-HOUR_MS, 0, HOUR_MS) if ms != wrong_ms[target]])
        drawn = _fault(chance, kind, begin_s, target[1], modes)
        fault = replace(drawn, end_s=min(drawn.end_s, seconds), offset_ms=wrong_ms[target])
        if begin_s < seconds:
            free_s[target] = fault.end_s + APART_S
            faults.append(fault)
    return tuple(sorted(faults, key=lambda fault: fault.begin_s))


def count(faults: Sequence[Fault]) -> Counter[str]:
    """Return how many faults of each kind there are, links by their modes."""
    return Counter(f"{f.kind}: {f.mode}" if f.kind is Kind.LINK else str(f.kind) for f in faults)


def _fault(chance: random.Random, kind: Kind, begin_s: float, target: int, modes: Iterator[Mode]) -> Fault:
    end_s = begin_s + chance.uniform(*AWAY_S.get(kind, (0.0, 0.0)))
    if kind is not Kind.LINK:
        return Fault(kind=kind, begin_s=begin_s, end_s=end_s, target=target)
    mode = next(modes)
    delay_s = chance.uniform(*SLOW_S) if mode in {Mode.SLOW, Mode.DRIP} else 0.0
    return Fault(kind=kind, begin_s=begin_s, end_s=end_s, target=target, mode=mode, delay_s=delay_s)


def _modes(chance: random.Random) -> Iterator[Mode]:
    """Yield the ways of a link, each before any comes again."""
    while True:
        yield from chance.sample(LINK_MODES, len(LINK_MODES))


def kinds_for(*, is_victoria: bool, is_reporting: bool) -> tuple[Kind, ...]:
    """Return what can go wrong in a run."""
    left_out = OF_SQLITE if is_victoria else OF_STORE
    if is_reporting:
        # While the journal's disk is full what is told is kept nowhere: the model cannot know it.
        left_out |= {Kind.DISK_FULL}
    return tuple(kind for kind in Kind if kind not in left_out)
