"""`make bench`: runs every benchmark of this folder, or one, prints tables, and writes JSON or the page of results.

A module of this folder that has a NAME and a `run(size)` is a benchmark; nothing else registers it.
"""

import argparse
import importlib
import json
import pkgutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.machine import this_machine
from benchmarks.page import update
from benchmarks.report import Report, Size, tables

Benchmark = Callable[[Size], Report]


def registered() -> Mapping[str, Benchmark]:
    """Return the benchmarks by name."""
    names = sorted(module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]))
    modules = [importlib.import_module(f"benchmarks.{name}") for name in names if not name.startswith("__")]
    return {module.NAME: module.run for module in modules if hasattr(module, "NAME")}


def main() -> int:
    """Run what the command line asks for; return the exit status."""
    asked = _asked()
    benchmarks = registered()
    if asked.only is not None and asked.only not in benchmarks:
        print(f"no benchmark {asked.only}; there are {', '.join(benchmarks)}", file=sys.stderr)
        return 2
    size = Size.SMALL if asked.small else Size.FULL
    machine = this_machine()
    print(machine, end="\n\n", flush=True)
    reports = []
    for name in benchmarks if asked.only is None else (asked.only,):
        print(f"## {name}\n", flush=True)
        report = benchmarks[name](size)
        reports.append(report)
        print("\n".join(tables(report)), flush=True)
        if asked.write is not None:
            # After each, not at the end: hours of measuring are not lost with the last of them.
            update(asked.write, report, machine, size)
    if asked.json is not None:
        shapes = [report.as_json(machine) for report in reports]
        shape = shapes if asked.only is None else shapes[0]
        asked.json.write_text(
            json.dumps(shape, ensure_ascii=False, indent=1, allow_nan=False) + "\n", "utf-8"
        )
    return 0


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", metavar="NAME", help="run this one")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write one report's shape, of all: a list of them"
    )
    parser.add_argument("--small", action="store_true", help="a few seconds each: does it run?")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="bring this page of results up to date")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
