"""Keeps docs/performance.md: one section for each benchmark, replaced when that benchmark has run again."""

import re
from pathlib import Path

from benchmarks.machine import Machine
from benchmarks.report import Report, Size, tables

HEAD = """# Performance

Written by `python -m benchmarks --write docs/performance.md`; each section says what it ran on. Compare ratios, taken in one
run on one machine; absolute figures belong to the machine named. `make bench` runs all of it, `make bench ONLY=gateway
JSON=out.json` one, `PEERS=1` beside it the peers that must be installed first.

"""


def update(page: Path, report: Report, machine: Machine, size: Size = Size.FULL) -> None:
    """Put `report` into `page`, in place of what the same benchmark left there before."""
    sections = _sections(page.read_text("utf-8")) if page.exists() else {}
    sections[report.benchmark] = "\n".join(_section(page, report, machine, size))
    body = "\n".join(f"## {name}\n\n{sections[name].strip()}\n" for name in sorted(sections))
    page.write_text(HEAD + body, "utf-8")


def _sections(text: str) -> dict[str, str]:
    parts = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _section(page: Path, report: Report, machine: Machine, size: Size) -> list[str]:
    lines = [f"`make bench ONLY={report.benchmark}` on {machine}", ""]
    if size is Size.SMALL:
        lines += ["**Small size**: shows that it runs; its figures mean nothing.", ""]
    lines += tables(report)
    for number, (title, svg) in enumerate(report.charts.items()):
        file = page.with_name(f"{page.stem}-{report.benchmark}-{number}.svg")
        file.write_text(svg, "utf-8")
        lines += [f"![{title}]({file.name})", ""]
    return lines
