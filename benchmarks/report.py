"""What a benchmark returns, and how it is shown: as tables with the ratios first, and as JSON; it measures nothing."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import Enum
from itertools import groupby

from benchmarks.machine import Machine

OURS = "stoplog"
"""`who` of our own rows."""


class Size(Enum):
    """How much is measured."""

    SMALL = "small"
    """At most six seconds: it shows that the benchmark runs, its figures mean nothing."""
    FULL = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure."""

    load: str
    """What was done, e.g. `100x100@100ms`."""
    metric: str
    """What was measured, its unit last: `points_per_s`."""
    value: float
    unit: str
    who: str = OURS
    """Ours, or the peer that did the same in the same run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one benchmark found in one run."""

    benchmark: str
    rows: Sequence[Row]
    ratios: Mapping[str, float] = field(default_factory=dict)
    """Name → figure by figure of the same run: what another machine may be compared by."""
    notes: Sequence[str] = ()
    """Sentences that belong under the table."""
    charts: Mapping[str, str] = field(default_factory=dict)
    """Title → SVG, written beside the page of results."""

    def as_json(self, machine: Machine) -> dict[str, object]:
        """Return the shape that every benchmark has."""
        return {
            "benchmark": self.benchmark,
            "machine": asdict(machine),
            "rows": [
                {"who": r.who, "load": r.load, "metric": r.metric, "value": r.value, "unit": r.unit}
                for r in self.rows
            ],
            "ratios": dict(self.ratios),
        }


def with_peers() -> bool:
    """Whether peers that have to be installed first are measured too: `PEERS=1`."""
    return os.environ.get("PEERS", "") not in {"", "0"}


def tables(report: Report) -> Iterator[str]:
    """Yield the lines of a report in Markdown: ratios, then one table for each load."""
    if report.ratios:
        yield from _table(("ratio", ""), [(name, number(value)) for name, value in report.ratios.items()])
    for load, of_load in groupby(sorted(report.rows, key=_load_order(report.rows)), key=lambda row: row.load):
        yield from _table(
            (load, "who", "", "unit"),
            [(row.metric, row.who, number(row.value), row.unit) for row in of_load],
        )
    for note in report.notes:
        yield from (note, "")


def number(value: float) -> str:
    """Return `value` with three or four significant digits and thousands apart."""
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{1 if size >= 100 else 2 if size >= 1 else 3}f}"


def _load_order(rows: Sequence[Row]) -> "_Order":
    return _Order({load: place for place, load in reversed(list(enumerate(row.load for row in rows)))})


@dataclass(frozen=True, slots=True)
class _Order:
    """Loads stay in the order in which they were first named; rows of one load stay as they were."""

    places: Mapping[str, int]

    def __call__(self, row: Row) -> int:
        return self.places[row.load]


def _table(head: tuple[str, ...], body: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(2, *(len(line[n]) for line in (head, *body))) for n in range(len(head))]
    numeric = len(head) - 1 if len(head) == 2 else 2

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell.rjust(width) if n == numeric else cell.ljust(width)
            for n, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return f"| {' | '.join(padded)} |"

    yield line(head)
    yield line(["-" * (width - 1) + ":" if n == numeric else "-" * width for n, width in enumerate(widths)])
    yield from (line(cells) for cells in body)
    yield ""
