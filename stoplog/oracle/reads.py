"""Holds accepted samples against the PLCs' own log of what they served: nothing may be accepted that nobody served."""

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping

from domain.drive import Table
from domain.park import Park, Point
from domain.quality import Quality
from domain.sample import Value
from simulators.plc.served import Served
from stoplog.oracle.registers import value_of, width
from stoplog.oracle.samples import Key

_FUNCTION = {Table.COIL: 1, Table.DISCRETE: 2, Table.HOLDING: 3, Table.INPUT: 4}
History = tuple[list[int], list[float | None]]
"""(model ms, value) of one point as it was served, in the order of time."""


def served_histories(park: Park, reads: Iterable[Served]) -> Mapping[str, History]:
    """Return, by point, what was served and when."""
    places: dict[tuple[str, int], list[Point]] = defaultdict(list)
    for point in park.points.values():
        places[point.device, _FUNCTION[point.register.table]].append(point)
    found: dict[str, list[tuple[int, float | None]]] = defaultdict(list)
    for read in reads:
        for point in places[read.device, read.function]:
            at = point.register.address - read.address
            if at >= 0 and at + width(point.register) <= len(read.values):
                words = read.values[at : at + width(point.register)]
                found[point.ref].append((read.model_ms, value_of(point.register, words)))
    return {ref: _columns(items) for ref, items in found.items()}


def never_served(
    accepted: Mapping[Key, tuple[Value | None, Quality]], served: Mapping[str, History], *, tolerance_ms: int
) -> list[str]:
    """Return the accepted good samples whose value was not served within `tolerance_ms` of their time."""
    problems = []
    for (ref, at_ms), (value, quality) in accepted.items():
        if quality is Quality.GOOD and not _was_served(served.get(ref, ([], [])), at_ms, value, tolerance_ms):
            problems.append(
                f"{ref} = {value} at {at_ms} was accepted, but no PLC served it within {tolerance_ms} ms"
            )
    return problems


def _was_served(history: History, at_ms: int, value: Value | None, tolerance_ms: int) -> bool:
    times, values = history
    first, last = bisect_left(times, at_ms - tolerance_ms), bisect_right(times, at_ms + tolerance_ms)
    return any(_same(values[place], value) for place in range(first, last))


def _same(served: float | None, accepted: Value | None) -> bool:
    if served is None or accepted is None or isinstance(accepted, str):
        return False
    return math.isclose(served, accepted, rel_tol=1e-9, abs_tol=1e-12)


def _columns(items: list[tuple[int, float | None]]) -> History:
    items.sort(key=lambda item: item[0])
    return [at for at, _ in items], [value for _, value in items]
