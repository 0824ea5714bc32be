"""Makes every mutant of the chosen modules, each in a process of its own, and gathers how each ended; prints and writes nothing."""

import importlib
import os
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.mutation.choosing import Chooser, Ran
from tests.mutation.modules import Module
from tests.mutation.operators import Mutant
from tests.mutation.patching import MutatedImport, mutated
from tests.mutation.pool import End, forked, give_up_after, leave
from tests.mutation.session import Chosen, Session, collected

OTHERS = (
    "pytest", "hypothesis", "hypothesis.stateful", "numpy", "pydantic", "sqlalchemy.ext.asyncio", "joserfc.jws", "structlog",
    "prometheus_client", "ruamel.yaml", "fastapi", "alembic", "aiomqtt", "httpx", "google.protobuf.message", "typer",
    "pytest_asyncio.plugin",
)  # fmt: skip
"""Imported before children are made that import ours anew."""


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


@dataclass
class Run:
    """One run over some modules."""

    modules: Sequence[Module]
    every: Sequence[Module]
    """Every deciding module, also those that are not changed in this run."""
    tests: Sequence[str]
    workers: int
    folder: Path
    tell: Callable[[str], None]
    is_talkative: bool = False
    """Say each survivor when it is found."""
    results: list[Result] = field(default_factory=list)
    _later: list[tuple[Module, Mutant]] = field(default_factory=list)
    _ran: list[Ran] = field(default_factory=list)
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
        self.results, self._later, self._ran = pickle.loads(kept.read_bytes())
        self._fresh()
        return sorted(self.results, key=lambda result: (result.module, result.line, result.mutant))

    def _functions_child(self, kept: Path) -> None:
        try:
            session = Session(
                files=[module.file for module in self.every],
                workers=self.workers,
                then=self._functions,
                map_file=self.folder / "map",
            )
            with session.collecting as lines:
                self._at_import = lines
                for module in self.every:
                    importlib.import_module(module.name)
                status = collected(session, self.tests)
            if session.tests:
                kept.write_bytes(pickle.dumps((self.results, self._later, session.tests)))
            os._exit(status)
        except BaseException as error:  # noqa: BLE001 the parent goes on by what was kept
            self.tell(repr(error))
            os._exit(1)

    def _functions(self, session: Session) -> None:
        chooser = Chooser(session.tests)
        works = []
        for module in self.modules:
            for mutant in module.mutants:
                if not mutant.is_function:
                    self._later.append((module, mutant))
                elif chooser.for_function(module, mutant):
                    works.append((module, mutant))
                elif (mutant.lines | mutant.around) & self._at_import.get(module.file, frozenset()):
                    self._later.append((module, mutant))
                else:
                    self._note(module, mutant, End.SURVIVED, "no test runs it")
        self.tell(f"{len(session.tests)} tests, {len(works)} mutants in functions")

        def child(work: tuple[Module, Mutant]) -> None:
            module, mutant = work
            code = mutated(module, mutant)
            if code is None:
                leave(End.SAME)
            elif not session.functions.patch(code):
                leave(End.NOT_HERE)
            else:
                session.run(chooser.for_function(module, mutant))

        for done, ((module, mutant), end, note) in enumerate(
            forked(works, workers=self.workers, child=child), 1
        ):
            ran_before = mutant.lines & self._at_import.get(module.file, frozenset())
            if end is End.NOT_HERE or (end is End.SURVIVED and ran_before):
                self._later.append((module, mutant))  # what was made of it before stands in the tests already
            else:
                self._note(module, mutant, end, note)
            if end is End.KILLED:
                chooser.killed(module, note)
            if done % 500 == 0:
                self.tell(f"{done} of {len(works)}")

    def _fresh(self) -> None:
        chooser = Chooser(self._ran)
        for name in OTHERS:
            importlib.import_module(name)
        works = []
        by_file = {module.file: module for module in self.modules}
        for module, known in self._later:
            mutant = next(item for item in by_file[module.file].mutants if item.number == known.number)
            tests = chooser.for_module(module, mutant, self.every)
            if tests:
                works.append((by_file[module.file], mutant, tests))
            else:
                self._note(module, mutant, End.SURVIVED, "no test names it")
        self.tell(f"{len(works)} mutants of what is decided at import")

        def child(work: tuple[Module, Mutant, list[Ran]]) -> None:
            module, mutant, _ = work
            code = mutated(module, mutant)
            if code is None:
                leave(End.SAME)
                return
            give_up_after(60, 300)
            MutatedImport(module.name, module.file, code).install()
            Chosen(chooser.for_module(module, mutant, self.every)).run()

        for done, ((module, mutant, _), end, note) in enumerate(
            forked(works, workers=self.workers, child=child), 1
        ):
            self._note(module, mutant, end, note)
            if end is End.KILLED and "::" in note:
                chooser.killed(module, note)
            if done % 100 == 0:
                self.tell(f"{done} of {len(works)}")

    def _note(self, module: Module, mutant: Mutant, end: End, note: str) -> None:
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
            )
        )
