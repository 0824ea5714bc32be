"""`python -m tests.mutation`: kill mutants of the deciding modules, print who survived, and keep docs/mutation.md's table."""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from tests.mutation.kept import FOLDER, Kept
from tests.mutation.modules import deciding, load
from tests.mutation.report import Report, keep, this_run
from tests.mutation.run import Run
from tests.mutation.sample import Sample

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
    reader.add_argument("--anew", action="store_true", help="make again also what is known from earlier runs")
    reader.add_argument(
        "--one-in", type=int, default=1, metavar="N", help="make only one mutant in N of each module"
    )
    reader.add_argument("--functions", action="store_true", help="leave out what is decided at import")
    reader.add_argument("--seed", type=int, default=1, help="by which a sample is drawn")
    asked = reader.parse_args()
    sample = Sample(one_in=max(1, asked.one_in), seed=asked.seed, is_of_functions=asked.functions)
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
            kept=Kept(Path(folder) if asked.anew else FOLDER, run=this_run()),
            tell=lambda line: print(line, file=sys.stderr, flush=True),
            sample=sample,
            is_talkative=asked.survivors,
        )
        report = Report(run.all())
    print(report.table())
    if asked.survivors:
        print(report.survivors())
    if asked.keep:
        keep(report, workers=asked.workers, drawn=sample.words)
    return 0 if report.share >= 0.9 else 1


if __name__ == "__main__":
    raise SystemExit(main())
