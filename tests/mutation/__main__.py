"""`python -m tests.mutation`: kill mutants of the deciding modules, print who survived, and keep docs/mutation.md's table."""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from tests.mutation.modules import deciding, load
from tests.mutation.report import Report, keep
from tests.mutation.run import Run

TESTS = ("tests/unit", "tests/properties", "tests/spec")


def main() -> int:
    reader = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    reader.add_argument(
        "--module", action="append", default=[], help="this module or package only; repeatable"
    )
    reader.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    reader.add_argument(
        "--tests", action="append", default=[], help="files or folders of tests, instead of all"
    )
    reader.add_argument("--survivors", action="store_true", help="print each mutant that survived")
    reader.add_argument(
        "--keep", action="store_true", help="write docs/mutation.md's table; asks for every module"
    )
    asked = reader.parse_args()
    sys.dont_write_bytecode = False  # children import what is compiled already
    every = [load(name, path) for name, path in deciding().items()]
    chosen = [
        module
        for module in every
        if not asked.module
        or any(module.name == name or module.name.startswith(f"{name}.") for name in asked.module)
    ]
    if not chosen:
        reader.error(
            f"no deciding module is named {', '.join(asked.module)}: see import-linter's list in pyproject.toml"
        )
    if asked.keep and (asked.module or asked.tests):
        reader.error("--keep asks for every module and every test: leave out --module and --tests")
    with tempfile.TemporaryDirectory(prefix="stoplog-mutation-") as folder:
        run = Run(
            modules=chosen,
            every=every,
            tests=asked.tests or TESTS,
            workers=asked.workers,
            folder=Path(folder),
            tell=lambda line: print(line, file=sys.stderr, flush=True),
            is_talkative=asked.survivors,
        )
        report = Report(run.all())
    print(report.table())
    if asked.survivors:
        print(report.survivors())
    if asked.keep:
        keep(report, workers=asked.workers)
    return 0 if report.share >= 0.9 else 1


if __name__ == "__main__":
    raise SystemExit(main())
