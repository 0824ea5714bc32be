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
from tests.mutation.kept import Kept, helpers
from tests.mutation.modules import Module
from tests.mutation.patching import Functions
from tests.mutation.pool import End, forked, give_up_after, leave
from tests.mutation.tracing import Noting, Watching

FIRST_S, TIMES = 1.0, 4.0
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
    "--assert=plain",
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


def leave_at_failure(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """End this child at the first test that notices, before pytest writes down how."""
    if call.excinfo is not None and not isinstance(call.excinfo.value, pytest.skip.Exception):
        leave(End.KILLED, item.nodeid)


@dataclass
class Session:
    """A pytest plugin that collects every test, notes what each runs, and hands over to `then`."""

    modules: Sequence[Module]
    workers: int
    kept: Kept
    then: Callable[["Session"], None]
    map_file: Path
    files: Sequence[str] = field(init=False)
    collecting: Watching = field(init=False)
    """Notes which lines run while modules are imported and tests collected: before any function can be exchanged."""
    tests: list[Ran] = field(default_factory=list)
    is_red: bool = False
    functions: Functions = field(init=False)
    _items: dict[str, pytest.Item] = field(default_factory=dict)
    _failed: list[str] = field(default_factory=list)
    _is_child: bool = False

    def __post_init__(self) -> None:
        self.files = [module.file for module in self.modules]
        self.collecting = Watching(self.files)

    def pytest_configure(self) -> None:
        quickly()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        if self._is_child:
            leave_at_failure(item, call)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
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
        self.kept.helpers = helpers()
        files = list(dict.fromkeys(_file(name) for name in self._items))
        traces = self.kept.traces(files)
        found = {test.name: test for tests in traces.values() for test in tests}
        names = [name for name in self._items if _file(name) not in traces]
        parts = [(number, self._whole_files(names, number, self.workers)) for number in range(self.workers)]
        for (number, part), end, note in forked(parts, workers=self.workers, child=self._trace_part):
            if end is not End.SURVIVED:
                raise SystemExit(f"the unchanged tests could not be run ({end}): {note}; {len(part)} tests")
            kept = self.map_file.with_suffix(f".{number}")
            ran, failed = pickle.loads(kept.read_bytes())
            kept.unlink()
            green = {test.name: test for test in ran if test.name not in failed}
            found |= green
            red_files = {_file(name) for name in failed}
            whole = [file for file in files if file not in red_files and any(_file(n) == file for n in part)]
            self.kept.write_traces(list(green.values()), whole)
            for name in failed:
                print(f"left out, fails unchanged: {name}")
        return [found[name] for name in self._items if name in found]

    @staticmethod
    def _whole_files(names: Sequence[str], number: int, parts: int) -> list[str]:
        files = sorted({_file(name) for name in names})
        mine = frozenset(files[number::parts])
        return [name for name in names if _file(name) in mine]

    def _trace_part(self, part: tuple[int, list[str]]) -> None:
        number, names = part
        ran = []
        items = [self._items[name] for name in names]
        noting = Noting(self.modules, self.functions)
        for place, item in enumerate(items):
            noting.take()
            began_s = time.process_time()
            following = items[place + 1] if place + 1 < len(items) else None
            item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
            cost_s = time.process_time() - began_s
            ran.append(Ran(name=item.nodeid, cost_s=cost_s, lines=noting.take()))
        self.map_file.with_suffix(f".{number}").write_bytes(pickle.dumps((ran, self._failed)))
        leave(End.SURVIVED)


def _file(name: str) -> str:
    return name.split("::", 1)[0]


def _family(name: str) -> str:
    """Return the name of a test without its case."""
    return name.split("[", 1)[0]


@dataclass
class Chosen:
    """A pytest plugin of a child that imports anew: runs only the tests that it was given, until one fails.

    A changed word may stand in the name of a test over every word of a table: a case that the unchanged tests do not
    have is run when another case of its test was given.
    """

    tests: Sequence[Ran]
    every: Sequence[Ran]
    """All that there are when nothing is changed."""

    def pytest_configure(self) -> None:
        quickly()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        places = {test.name: place for place, test in enumerate(self.tests)}
        families = {_family(test.name): place for place, test in reversed(list(enumerate(self.tests)))}
        for name in {item.nodeid for item in items} - {test.name for test in self.every}:
            if _family(name) in families:
                places[name] = families[_family(name)]
        items[:] = sorted((item for item in items if item.nodeid in places), key=lambda it: places[it.nodeid])

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        leave_at_failure(item, call)

    def run(self) -> None:
        """Run them in this child and leave it; what cannot even be imported is killed."""
        cost_s = sum(test.cost_s for test in self.tests)
        give_up_after(30 + TIMES * cost_s, 120 + WALL_TIMES * cost_s)
        for file in dict.fromkeys(test.file for test in self.tests):  # most are noticed by the first
            status = pytest.main([*OPTIONS, file], plugins=[self])
            if status not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
                leave(End.KILLED, f"pytest ended with {int(status)}")
        leave(End.SURVIVED)


def collected(session: Session, tests: Sequence[str]) -> int:
    """Run `session` over some folders of tests."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    return int(pytest.main([*OPTIONS, "-s", *tests], plugins=[session]))
