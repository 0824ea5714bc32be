"""Makes every mutant of the chosen modules, each in a process of its own, and gathers how each ended; prints and writes nothing."""

import gc
import importlib
import os
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tests.mutation.choosing import Chooser, Ran
from tests.mutation.kept import Kept
from tests.mutation.modules import Module
from tests.mutation.operators import Mutant
from tests.mutation.patching import MutatedImport, mutated, unchanged
from tests.mutation.pool import End, forked, give_up_after, leave
from tests.mutation.preloading import before
from tests.mutation.sample import Sample
from tests.mutation.session import Chosen, Session, collected

OTHERS = (
    "pytest", "hypothesis", "hypothesis.stateful", "numpy", "pydantic", "sqlalchemy.ext.asyncio", "joserfc.jws", "structlog",
    "prometheus_client", "ruamel.yaml", "fastapi", "alembic", "aiomqtt", "httpx", "google.protobuf.message", "typer",
    "pytest_asyncio.plugin",
)  # fmt: skip
"""Imported before children are made that import ours anew."""


LIVING, FRESH = "living", "fresh"
"""Stages: functions exchanged where they live; modules imported anew."""
Work = tuple[Module, Mutant, Mapping[str, Ran]]


@dataclass(frozen=True)
class Result:
    """How one mutant ended."""

    module: str
    mutant: str
    kind: str
    line: int
    end: End
    by: str
    """The test that noticed, or why none could."""
    run: str = ""
    """When and at which commit it was found."""


@dataclass
class Run:
    """One run over some modules."""

    modules: Sequence[Module]
    every: Sequence[Module]
    """Every deciding module, also those that are not changed in this run."""
    tests: Sequence[str]
    workers: int
    folder: Path
    kept: Kept
    tell: Callable[[str], None]
    sample: Sample
    is_talkative: bool = False
    """Say each survivor when it is found."""
    results: list[Result] = field(default_factory=list)
    _later: dict[str, list[Mutant]] = field(default_factory=dict)
    """By module: what needs a process of its own."""
    _at_import: dict[str, set[int]] = field(default_factory=dict)

    def all(self) -> list[Result]:
        """Return every mutant's end, in the order of the modules' texts."""
        kept = self.folder / "functions.pickle"
        kept.unlink(missing_ok=True)
        process = os.fork()  # so that this process stays without our modules
        if process == 0:
            self._functions_child(kept)
        _, status = os.waitpid(process, 0)
        if not kept.exists():
            raise SystemExit(f"the tests could not be collected or are red (status {status})")
        self.results, self._later, tests, self.kept.helpers = pickle.loads(kept.read_bytes())
        for name in OTHERS:
            importlib.import_module(name)
        chooser = Chooser(tests)
        for module in self.modules:
            numbers = {mutant.number for mutant in self._later.get(module.name, [])}
            # Of this process's tree: what came out of the child changes another.
            mutants = [mutant for mutant in module.mutants if mutant.number in numbers]
            files = {
                test.file
                for mutant in mutants
                for test in chooser.in_order(module, mutant, chooser.for_module(module, mutant, self.every))
            }
            if mutants:
                needed = before(module.name, files)
                self._in_child(partial(self._fresh, module, mutants, needed, chooser))
        return sorted(self.results, key=lambda result: (result.module, result.line, result.mutant))

    def _functions_child(self, kept: Path) -> None:
        try:
            session = Session(
                modules=self.every,
                workers=self.workers,
                kept=self.kept,
                then=self._functions,
                map_file=self.folder / "map",
            )
            with session.collecting as lines:
                self._at_import = lines
                for module in self.every:
                    importlib.import_module(module.name)
                status = collected(session, self.tests)
            if session.tests:
                found = self.results, self._later, session.tests, self.kept.helpers
                kept.write_bytes(pickle.dumps(found))
            os._exit(status)
        except BaseException as error:  # noqa: BLE001 the parent goes on by what was kept
            self.tell(repr(error))
            os._exit(1)

    def _functions(self, session: Session) -> None:
        chooser = Chooser(session.tests)
        self.tell(
            f"{len(session.tests)} tests, {sum(len(self.sample.of(module)) for module in self.modules)} mutants"
        )

        def child(work: Work) -> None:
            module, mutant, tests = work
            code = mutated(module, mutant)
            if code is None:
                leave(End.SAME)
            elif not session.functions.patch(code):
                leave(End.NOT_HERE)
            else:
                session.run(chooser.in_order(module, mutant, tests))

        for module in self.modules:
            mutants = self.sample.of(module)
            self._later[module.name] = [mutant for mutant in mutants if not mutant.is_function]
            living = [mutant for mutant in mutants if mutant.is_function]
            self._make(module, LIVING, living, chooser, child)

    def _in_child(self, work: Callable[[], None]) -> None:
        """Do a part of the run in a child, which may import our modules, and take over what it found."""
        kept = self.folder / "part.pickle"
        process = os.fork()
        if process == 0:
            try:
                self.results = []
                work()
                kept.write_bytes(pickle.dumps(self.results))
                os._exit(0)
            except BaseException as error:  # noqa: BLE001 the parent says that it failed
                self.tell(repr(error))
                os._exit(1)
        _, status = os.waitpid(process, 0)
        if status != 0:
            raise SystemExit(f"a part of the run failed (status {status})")
        self.results += pickle.loads(kept.read_bytes())

    def _fresh(
        self, module: Module, mutants: Sequence[Mutant], needed: Sequence[str], chooser: Chooser
    ) -> None:
        for name in needed:
            importlib.import_module(name)
        gc.collect()
        gc.freeze()
        self._make(module, FRESH, mutants, chooser, partial(self._fresh_child, chooser.tests))

    def _fresh_child(self, every: Sequence[Ran], work: Work) -> None:
        module, mutant, tests = work
        code = mutated(module, mutant)
        if code is None:
            leave(End.SAME)
            return
        give_up_after(60, 300)
        MutatedImport(module.name, module.file, code).install()
        Chosen(list(tests.values()), every).run()

    def _make(
        self,
        module: Module,
        stage: str,
        mutants: Sequence[Mutant],
        chooser: Chooser,
        child: Callable[[Work], None],
    ) -> None:
        """Make some mutants of a module that have not been made before, and note how all ended."""
        tests: dict[int, Mapping[str, Ran]] = {}
        works = []
        for mutant in mutants:
            if stage == LIVING:
                found = chooser.for_function(module, mutant)
            else:
                found = chooser.for_module(module, mutant, self.every)
            tests[mutant.number] = found
            known = self.kept.known(module, mutant, stage, found)
            if known is not None:
                self._ended(module, mutant, stage, *known, chooser)
            elif found:
                works.append((module, mutant, self.kept.unasked(module, mutant, stage, found)))
            elif stage == LIVING and self._ran_at_import(module, mutant, is_near=True):
                self._later[module.name].append(mutant)
            else:
                self._ended(module, mutant, stage, End.SURVIVED, "no test runs it", chooser)
        unchanged(module)
        ordered = self._in_order(works, stage, chooser)
        for (_, mutant, _), end, note in forked(ordered, workers=self.workers, child=child):
            self.kept.note(module, mutant, stage, tests[mutant.number], end, note)
            self._ended(module, mutant, stage, end, note, chooser)
        self.kept.write(module, stage)
        if works:
            self.tell(f"{module.name}, {stage}: {len(works)} made, {len(tests) - len(works)} known")

    @staticmethod
    def _in_order(works: Sequence[Work], stage: str, chooser: Chooser) -> Iterator[Work]:
        """Choose the tests of each mutant only when it is made: those that noticed others come first."""
        for module, mutant, tests in works:
            order = tests if stage == LIVING else {t.name: t for t in chooser.in_order(module, mutant, tests)}
            yield module, mutant, order

    def _ended(
        self, module: Module, mutant: Mutant, stage: str, end: End, note: str, chooser: Chooser
    ) -> None:
        if end is End.KILLED and "::" in note:
            chooser.killed(module, mutant, note)
        if stage == LIVING and (
            end is End.NOT_HERE
            or (end is End.SURVIVED and self._ran_at_import(module, mutant, is_near=False))
        ):
            self._later[module.name].append(mutant)  # what was made of it before stands in the tests already
            return
        if self.is_talkative and end is End.SURVIVED:
            self.tell(f"survived: {module.name}:{mutant.line} {mutant.key} {note}")
        self.results.append(
            Result(
                module=module.name,
                mutant=mutant.key,
                kind=mutant.kind,
                line=mutant.line,
                end=end,
                by=note,
                run=self.kept.run_of(module, mutant, stage),
            )
        )

    def _ran_at_import(self, module: Module, mutant: Mutant, *, is_near: bool) -> bool:
        lines = mutant.lines | mutant.around if is_near else mutant.lines
        return bool(lines & self._at_import.get(module.file, frozenset()))
