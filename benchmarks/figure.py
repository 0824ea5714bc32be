"""What one measurement yields, and how a repeated one is taken; it prints nothing."""

import timeit
from collections.abc import Callable
from dataclasses import dataclass

REPEATS = 5
"""The best of these is reported: on a shared machine the slower ones measure the neighbours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table."""

    name: str
    value: float
    unit: str
    of: str
    """What it was measured on."""


def seconds_each(act: Callable[[], object]) -> float:
    """Return the wall seconds of one call, the best of several rounds of at least 0.2 s."""
    timer = timeit.Timer(act)
    rounds, _ = timer.autorange()
    return min(timer.repeat(REPEATS, rounds)) / rounds
