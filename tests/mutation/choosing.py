"""Chooses the tests that can notice a mutant, cheapest first, from the lines that each test runs; runs none."""

import ast
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.mutation.modules import ROOT, Module
from tests.mutation.operators import Mutant

COST_MAX_S = 5.0
"""Seconds of tests that one mutant may cost. A mutant that dearer tests would kill counts as survived: figures err low."""
FRESH_COST_MAX_S = 3.0
COST_MIN_S = 0.002
"""What pytest itself takes for a test."""
NEAR = 10
"""A test that noticed a mistake in the same function counts for so many that noticed one elsewhere in the module."""
ANY_LINE = range(1, 10_000)
FRESH_FILES_MAX = 14
"""Files of tests for a mutant that needs a process of its own, which imports them anew."""


@dataclass(frozen=True)
class Ran:
    """What one test did when nothing was changed."""

    name: str
    cost_s: float
    lines: Mapping[str, frozenset[int]]
    """By file of a deciding module."""

    @property
    def file(self) -> str:
        return self.name.split("::", 1)[0]


@dataclass
class Chooser:
    """Who runs what."""

    tests: Sequence[Ran]
    _by_line: dict[tuple[str, int], list[Ran]] = field(default_factory=dict)
    _killers: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)
    _texts: dict[str, str] = field(default_factory=dict)
    """Of the files of tests."""
    _named: dict[str, Mapping[str, Ran]] = field(default_factory=dict)
    _imported: dict[str, frozenset[str]] = field(default_factory=dict)
    """By module: what it imports from."""
    _users: dict[str, list[tuple[str, range]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for test in self.tests:
            for file, lines in test.lines.items():
                for line in lines:
                    self._by_line.setdefault((file, line), []).append(test)
        self._texts = {
            file: (ROOT / file).read_text(encoding="utf-8") for file in {test.file for test in self.tests}
        }

    def killed(self, module: Module, mutant: Mutant, test: str) -> None:
        """Remember who noticed: it is asked sooner about the module's next mutants."""
        self._killers.setdefault((module.name, ""), Counter())[test] += 1
        self._killers.setdefault((module.name, mutant.where), Counter())[test] += NEAR

    def for_function(self, module: Module, mutant: Mutant) -> dict[str, Ran]:
        """Find what runs a mutant's lines."""
        return self._running(module.file, mutant.lines) or self._running(module.file, mutant.around)

    def for_module(self, module: Module, mutant: Mutant, users: Sequence[Module]) -> dict[str, Ran]:
        """Find for what is decided at import the tests that name it, or run a function that does."""
        found: dict[str, Ran] = {}
        for name in mutant.names:
            for file, lines in self._users_of(name, module, users):
                found |= self._running(file, lines)
            found |= self._naming(name)
        for name in (module.name, *self._importers(module, users)):
            # Of a module that only runs when it is imported, what runs the modules that import it.
            file = next(item.file for item in users if item.name == name)
            found = found or self._running(file, ANY_LINE)
        return found

    def in_order(self, module: Module, mutant: Mutant, tests: Mapping[str, Ran]) -> list[Ran]:
        """Order them by how soon they may notice, as far as they may cost; of those that need imports some files only."""
        if mutant.is_function:
            return self._cheapest(module, mutant, tests, COST_MAX_S)
        return _few_files(self._cheapest(module, mutant, tests, FRESH_COST_MAX_S))

    def _importers(self, module: Module, users: Sequence[Module]) -> list[str]:
        for item in users:
            if item.name not in self._imported:
                self._imported[item.name] = _imports(item.tree)
        return [item.name for item in users if module.name in self._imported[item.name]]

    def _running(self, file: str, lines: Iterable[int]) -> dict[str, Ran]:
        return {test.name: test for line in lines for test in self._by_line.get((file, line), [])}

    def _cheapest(
        self, module: Module, mutant: Mutant, tests: Mapping[str, Ran], cost_max_s: float
    ) -> list[Ran]:
        nowhere: Counter[str] = Counter()
        near = self._killers.get((module.name, mutant.where), nowhere)
        anywhere = self._killers.get((module.name, ""), nowhere)
        mirrored = f"test_{module.name.rsplit('.', 1)[-1]}.py"

        def later(test: Ran) -> tuple[float, str]:
            named = test.file.endswith(mirrored) or f"[{module.name}." in test.name
            hope = 1 + near[test.name] + anywhere[test.name] + NEAR * named
            return max(test.cost_s, COST_MIN_S) / hope, test.name

        order = sorted(tests.values(), key=later)
        taken: list[Ran] = []
        cost_s = 0.0
        for test in order:
            cost_s += test.cost_s
            if cost_s > cost_max_s and taken:
                break
            taken.append(test)
        return taken

    def _users_of(self, name: str, module: Module, users: Sequence[Module]) -> list[tuple[str, range]]:
        """Return the functions that name it; a private name is its own module's alone."""
        if name.startswith("_"):
            return list(_functions_naming(module, name))
        if name not in self._users:
            self._users[name] = [found for user in users for found in _functions_naming(user, name)]
        return self._users[name]

    def _naming(self, name: str) -> Mapping[str, Ran]:
        """Return the tests whose file names it."""
        if name not in self._named:
            pattern = re.compile(rf"\b{re.escape(name)}\b")
            files = {file for file, text in self._texts.items() if pattern.search(text)}
            self._named[name] = {test.name: test for test in self.tests if test.file in files}
        return self._named[name]


def _imports(tree: ast.Module) -> frozenset[str]:
    return frozenset(
        node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module is not None
    )


def _functions_naming(module: Module, name: str) -> Iterable[tuple[str, range]]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and any(
            (isinstance(inner, ast.Name) and inner.id == name)
            or (isinstance(inner, ast.Attribute) and inner.attr == name)
            for inner in ast.walk(node)
        ):
            yield module.file, range(node.body[0].lineno, (node.end_lineno or node.lineno) + 1)


def _few_files(tests: Sequence[Ran]) -> list[Ran]:
    files: list[str] = []
    for test in tests:
        if test.file not in files:
            files.append(test.file)
    kept = frozenset(files[:FRESH_FILES_MAX])
    return [test for test in tests if test.file in kept]
