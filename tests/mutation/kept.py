"""Keeps on disk how each mutant ended and what each test ran, for as long as nothing that could change it changes; runs nothing.

A killed mutant stays killed while its module and the file of the test that noticed are unchanged; a survivor is asked again as
soon as any test that runs it is new or changed. What a test runs is asked again when any file of Python changes.
"""

import hashlib
import pickle
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tests.mutation.choosing import Ran
from tests.mutation.modules import ROOT, Module
from tests.mutation.operators import Mutant
from tests.mutation.pool import End

FOLDER = ROOT / "build" / "mutation"
CHANGERS = tuple(Path(__file__).with_name(name) for name in ("operators.py", "patching.py"))
Content = TypeVar("Content")


@dataclass(frozen=True)
class Ended:
    """How one mutant ended, and by what this stands."""

    end: End
    by: str
    proof: tuple[tuple[str, str], ...]
    """Files of tests, with the number of each."""
    run: str
    """When and at which commit."""


def digest(texts: Iterable[str]) -> str:
    """Return one number for some texts."""
    made = hashlib.sha256()
    for text in texts:
        made.update(hashlib.sha256(text.encode()).digest())
    return made.hexdigest()


@dataclass
class Kept:
    """What is known already, in one folder."""

    folder: Path
    run: str
    helpers: str = ""
    """Number of everything that tests share."""
    _modules: dict[tuple[str, str], dict[int, Ended]] = field(default_factory=dict)
    _files: dict[str, str] = field(default_factory=dict)

    def known(
        self, module: Module, mutant: Mutant, stage: str, tests: Mapping[str, Ran]
    ) -> tuple[End, str] | None:
        """Return how a mutant ended before, if that still stands."""
        found = self._of(module, stage).get(mutant.number)
        if found is None or found.proof != self._proof(found.end, found.by, tests):
            return None
        return found.end, found.by

    def unasked(
        self, module: Module, mutant: Mutant, stage: str, tests: Mapping[str, Ran]
    ) -> Mapping[str, Ran]:
        """Return the tests that may say something new of a mutant: of a survivor, those of files it has not met so."""
        found = self._of(module, stage).get(mutant.number)
        if found is None or found.end is not End.SURVIVED:
            return tests
        met = frozenset(found.proof)
        fresh = {name: test for name, test in tests.items() if (test.file, self._file(test.file)) not in met}
        return fresh or tests

    def note(
        self, module: Module, mutant: Mutant, stage: str, tests: Mapping[str, Ran], end: End, by: str
    ) -> None:
        proof = self._proof(end, by, tests)
        self._of(module, stage)[mutant.number] = Ended(end=end, by=by, proof=proof, run=self.run)

    def run_of(self, module: Module, mutant: Mutant, stage: str) -> str:
        found = self._of(module, stage).get(mutant.number)
        return self.run if found is None else found.run

    def write(self, module: Module, stage: str) -> None:
        """Put a module's ends on the disk."""
        self._write(f"{module.name}.{stage}", self._text(module), self._of(module, stage))

    def traces(self, files: Sequence[str]) -> dict[str, list[Ran]]:
        """Return what the tests of some files ran, where no file of Python that is loaded changed since."""
        known = self._read("traces", self.loaded(), {})
        return {
            file: known[file][1] for file in files if file in known and known[file][0] == self._file(file)
        }

    def write_traces(self, tests: Sequence[Ran], files: Sequence[str]) -> None:
        """Keep what each test ran; of other files what was known stays."""
        known = self._read("traces", self.loaded(), {})
        for file in files:
            known[file] = (self._file(file), [test for test in tests if test.file == file])
        self._write("traces", self.loaded(), known)

    @staticmethod
    def loaded() -> str:
        """Return one number for all files of Python of ours that are loaded but for the tests themselves."""
        texts = (Path(file).read_text(encoding="utf-8") for file in _ours(is_helper_only=False))
        return digest([str(ROOT), *texts])

    def _proof(self, end: End, by: str, tests: Mapping[str, Ran]) -> tuple[tuple[str, str], ...]:
        if end in {End.SAME, End.NOT_HERE}:
            return ()
        is_noticed = end is End.KILLED and by in tests
        files = {tests[by].file} if is_noticed else {test.file for test in tests.values()}
        return tuple((file, self._file(file)) for file in sorted(files))

    def _file(self, file: str) -> str:
        if file not in self._files:
            self._files[file] = digest([self.helpers, (ROOT / file).read_text(encoding="utf-8")])
        return self._files[file]

    def _of(self, module: Module, stage: str) -> dict[int, Ended]:
        key = module.name, stage
        if key not in self._modules:
            self._modules[key] = self._read(f"{module.name}.{stage}", self._text(module), {})
        return self._modules[key]

    @staticmethod
    def _text(module: Module) -> str:
        return digest([module.text, *(file.read_text(encoding="utf-8") for file in CHANGERS)])

    def _read(self, name: str, number: str, empty: Content) -> Content:
        file = self.folder / f"{name}.pickle"
        if not file.exists():
            return empty
        found = pickle.loads(file.read_bytes())
        return found[1] if found[0] == number else empty

    def _write(self, name: str, number: str, content: object) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        fresh = self.folder / f"{name}.new"
        fresh.write_bytes(pickle.dumps((number, content)))
        fresh.replace(self.folder / f"{name}.pickle")


def helpers() -> str:
    """Return one number for the files that tests import from tests; known once they are collected."""
    return digest(Path(file).read_text(encoding="utf-8") for file in _ours(is_helper_only=True))


def _ours(*, is_helper_only: bool) -> list[str]:
    mutation = str(Path(__file__).parent)
    return sorted(
        file
        for module in list(sys.modules.values())
        if (file := getattr(module, "__file__", None))
        and file.startswith(f"{ROOT}/")
        and file.endswith(".py")
        and "/.venv/" not in file
        and not file.startswith(mutation)
        and not Path(file).name.startswith("test_")
        and (not is_helper_only or file.startswith(f"{ROOT}/tests/"))
    )
