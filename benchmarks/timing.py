"""How a short act is timed again and again; it prints nothing."""

import timeit
from collections.abc import Callable

from benchmarks.report import Size

REPEATS = 5
"""The best of these is reported: on a shared machine the slower ones measure the neighbours."""


def seconds_each(act: Callable[[], object], size: Size) -> float:
    """Return the wall seconds of one call: the best of several rounds of at least 0.2 s, at small size of ten calls."""
    timer = timeit.Timer(act)
    if size is Size.SMALL:
        return timer.timeit(10) / 10
    rounds, _ = timer.autorange()
    return min(timer.repeat(REPEATS, rounds)) / rounds
