"""Rewrites a SWMM input text for a run: its dates, and long conduits split into short ones.

The file in the park folder describes conduits as built; the transport needs cells of at most 50 m. Text in, text out.
"""

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

CONDUIT_M_MAX = 50.0
"""Longer ones mix a spill over a stretch that no sampler would call one place."""

RUN_DAYS_MAX = 365
"""End of a run, for SWMM wants one."""

_SECTION = re.compile(r"^\[(\w+)\]\s*$")


@dataclass(frozen=True, slots=True)
class _Node:
    invert_m: float
    depth_m: float
    initial_m: float
    ponded_m2: float


def run_text(text: str, *, start: datetime, conduit_m_max: float = CONDUIT_M_MAX) -> str:
    """Return the input text of a run from `start` (aware, UTC): dates set, conduits split.

    Raises ValueError if a conduit names a node that the file does not have.
    """
    return _dated(_split(text, conduit_m_max), start.astimezone(UTC))


def names(text: str) -> dict[str, frozenset[str]]:
    """Return the names in each section, by section."""
    return {section: frozenset(row[0] for row in rows) for section, rows in _rows(text).items()}


def _rows(text: str) -> dict[str, list[list[str]]]:
    sections: dict[str, list[list[str]]] = {}
    rows: list[list[str]] = []
    for line in text.splitlines():
        if header := _SECTION.match(line):
            rows = sections.setdefault(header[1].upper(), [])
        elif words := line.split(";", 1)[0].split():
            rows.append(words)
    return sections


def _dated(text: str, start: datetime) -> str:
    end = start + timedelta(days=RUN_DAYS_MAX)
    date, time = "%m/%d/%Y", "%H:%M:%S"
    values = {
        "START_DATE": start.strftime(date), "START_TIME": start.strftime(time),
        "REPORT_START_DATE": start.strftime(date), "REPORT_START_TIME": start.strftime(time),
        "END_DATE": end.strftime(date), "END_TIME": end.strftime(time),
    }  # fmt: skip
    for name, value in values.items():
        text, found = re.subn(rf"^{name}\s+\S+$", f"{name} {value}", text, count=1, flags=re.MULTILINE)
        if not found:
            raise ValueError(f"[OPTIONS] has no {name}")
    return text


def _split(text: str, conduit_m_max: float) -> str:
    sections = _rows(text)
    nodes = _nodes(sections)
    shapes = {row[0]: " ".join(row[1:]) for row in sections.get("XSECTIONS", [])}
    conduits, junctions, xsections = [], [], []
    for name, start, end, length, *rest in sections.get("CONDUITS", []):
        if not {start, end} <= nodes.keys():
            raise ValueError(f"conduit {name} joins {start} and {end}, of which one is no node of the file")
        parts = max(1, math.ceil(float(length) / conduit_m_max - 1e-9))
        path = [start, *(f"{name}.{k}" for k in range(1, parts)), end]
        junctions += [_junction(path[k], nodes[start], nodes[end], k / parts) for k in range(1, parts)]
        for k in range(parts):
            part = name if parts == 1 else f"{name}:{k + 1}"
            conduits.append(" ".join([part, path[k], path[k + 1], repr(float(length) / parts), *rest]))
            xsections.append(f"{part} {shapes.pop(name) if k == parts - 1 else shapes[name]}")
    xsections += [f"{name} {shape}" for name, shape in shapes.items()]
    text = _replaced(text, "CONDUITS", conduits)
    text = _replaced(text, "XSECTIONS", xsections)
    return text + "\n[JUNCTIONS]\n" + "\n".join(junctions) + "\n"


def _nodes(sections: dict[str, list[list[str]]]) -> dict[str, _Node]:
    nodes = {}
    for name, invert, depth, initial, _surcharge, ponded in sections.get("JUNCTIONS", []):
        nodes[name] = _Node(float(invert), float(depth), float(initial), float(ponded))
    for name, invert, depth, initial, *_ in sections.get("STORAGE", []):
        nodes[name] = _Node(float(invert), float(depth), float(initial), 0.0)
    for name, invert, kind, *rest in sections.get("OUTFALLS", []):
        stage = float(rest[0]) - float(invert) if kind == "FIXED" else 0.0
        nodes[name] = _Node(float(invert), math.inf, stage, 0.0)
    return nodes


def _junction(name: str, start: _Node, end: _Node, share: float) -> str:
    """Return a junction `share` of the way along; its rim is as high as the line between the ends', its pond as theirs."""

    def between(a: float, b: float) -> float:
        return a + (b - a) * share

    invert = between(start.invert_m, end.invert_m)
    depth = start.depth_m if math.isinf(end.depth_m) else between(start.depth_m, end.depth_m)
    initial = between(start.initial_m, end.initial_m)
    return f"{name} {invert:.6f} {depth:.6f} {initial:.6f} 0 {max(start.ponded_m2, end.ponded_m2)}"


def _replaced(text: str, section: str, rows: list[str]) -> str:
    pattern = re.compile(rf"^\[{section}\][^\[]*", re.MULTILINE)
    return pattern.sub("[{}]\n{}\n\n".format(section, "\n".join(rows)).replace("\\", r"\\"), text, count=1)
