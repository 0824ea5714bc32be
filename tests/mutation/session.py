"""Drives pytest for mutants: one session that imports every test, and a child of it, or of an earlier process, for each mutant."""

import gc
import os
import pickle
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.mutation.choosing import Ran
from tests.mutation.patching import Functions
from tests.mutation.pool import End, forked, give_up_after, leave
from tests.mutation.tracing import Watching

FIRST_S, TIMES = 3.0, 6.0
"""A test may take so many seconds and so many times what it took unchanged, of a core."""
WALL_S, WALL_TIMES = 30.0, 20.0
"""And of the clock on the wall, where others run as well."""
PLUGINS_LEFT_OUT = ("cacheprovider", "xdist", "schemathesis", "anyio", "unraisableexception", "faulthandler")
FILES_LEFT_OUT = (
    "tests/unit/benchmarks", "tests/unit/deploy", "tests/unit/faults", "tests/unit/mutation", "tests/unit/stoplog/test_verify.py",
)  # fmt: skip
"""They run no deciding module for its own sake, and some of them take long."""
OPTIONS = (
    "-q",
    *(f"--ignore={file}" for file in FILES_LEFT_OUT),
    "-W",
    "ignore::pytest.PytestAssertRewriteWarning",
    *(word for name in PLUGINS_LEFT_OUT for word in ("-p", f"no:{name}")),
)


def quickly() -> None:
    """Draw the examples of every run, and stop at the first that fails rather than look for the smallest."""
    settings.register_profile(
        "mutation",
        parent=settings.get_profile("house"),
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        database=None,
    )
    settings.load_profile("mutation")


@dataclass
class Session:
    """A pytest plugin that collects every test, notes what each runs, and hands over to `then`."""

    files: Sequence[str]
    workers: int
    then: Callable[["Session"], None]
    map_file: Path
    collecting: Watching = field(init=False)
    """Notes which lines run while modules are imported and tests collected: before any function can be exchanged."""
    tests: list[Ran] = field(default_factory=list)
    is_red: bool = False
    functions: Functions = field(init=False)
    _items: dict[str, pytest.Item] = field(default_factory=dict)
    _failed: list[str] = field(default_factory=list)
    _is_child: bool = False

    def __post_init__(self) -> None:
        self.collecting = Watching(self.files)

    def pytest_configure(self) -> None:
        quickly()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and self._is_child:
            leave(End.KILLED, report.nodeid)
        if report.failed:
            self._failed.append(report.nodeid)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.collecting.stop()
        if session.testsfailed:
            self.is_red = True
            return True
        self._items = {item.nodeid: item for item in session.items}
        gc.collect()
        self.functions = Functions(self.files)
        gc.freeze()  # children share what lies still
        self.tests = self._trace()
        self.then(self)
        return True

    def run(self, tests: Sequence[Ran]) -> None:
        """Run some tests in this child and leave it."""
        self._is_child = True
        items = [self._items[test.name] for test in tests]
        for number, (test, item) in enumerate(zip(tests, items, strict=True)):
            give_up_after(FIRST_S + TIMES * test.cost_s, WALL_S + WALL_TIMES * test.cost_s)
            following = items[number + 1] if number + 1 < len(items) else None
            item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
        leave(End.SURVIVED)

    def _trace(self) -> list[Ran]:
        """Run every test once in children; a test that fails unchanged is left out, and said."""
        names = list(self._items)
        parts = [(number, self._whole_files(names, number, self.workers)) for number in range(self.workers)]
        found: dict[str, Ran] = {}
        for (number, part), end, note in forked(parts, workers=self.workers, child=self._trace_part):
            if end is not End.SURVIVED:
                raise SystemExit(f"the unchanged tests could not be run ({end}): {note}; {len(part)} tests")
            kept = self.map_file.with_suffix(f".{number}")
            ran, failed = pickle.loads(kept.read_bytes())
            kept.unlink()
            found |= {test.name: test for test in ran if test.name not in failed}
            for name in failed:
                print(f"left out, fails unchanged: {name}")
        return [found[name] for name in names if name in found]

    @staticmethod
    def _whole_files(names: Sequence[str], number: int, parts: int) -> list[str]:
        files = sorted({name.split("::", 1)[0] for name in names})
        mine = frozenset(files[number::parts])
        return [name for name in names if name.split("::", 1)[0] in mine]

    def _trace_part(self, part: tuple[int, list[str]]) -> None:
        number, names = part
        ran = []
        items = [self._items[name] for name in names]
        for place, item in enumerate(items):
            began_s = time.process_time()
            with Watching(self.files) as lines:
                following = items[place + 1] if place + 1 < len(items) else None
                item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
            cost_s = time.process_time() - began_s
            kept = {file: frozenset(numbers) for file, numbers in lines.items()}
            ran.append(Ran(name=item.nodeid, cost_s=cost_s, lines=kept))
        self.map_file.with_suffix(f".{number}").write_bytes(pickle.dumps((ran, self._failed)))
        leave(End.SURVIVED)


@dataclass
class Chosen:
    """A pytest plugin of a child that imports anew: runs only the tests that it was given, until one fails."""

    tests: Sequence[Ran]

    def pytest_configure(self) -> None:
        quickly()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        places = {test.name: place for place, test in enumerate(self.tests)}
        items[:] = sorted((item for item in items if item.nodeid in places), key=lambda it: places[it.nodeid])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            leave(End.KILLED, report.nodeid)

    def run(self) -> None:
        """Run them in this child and leave it; what cannot even be imported is killed."""
        cost_s = sum(test.cost_s for test in self.tests)
        give_up_after(30 + TIMES * cost_s, 120 + WALL_TIMES * cost_s)
        files = list(dict.fromkeys(test.file for test in self.tests))
        status = pytest.main([*OPTIONS, *files], plugins=[self])
        leave(End.SURVIVED if status == 0 else End.KILLED, f"pytest ended with {status}")


def collected(session: Session, tests: Sequence[str]) -> int:
    """Run `session` over some folders of tests."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    return int(pytest.main([*OPTIONS, "-s", *tests], plugins=[session]))
