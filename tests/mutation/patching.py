"""Puts a mutant's code into the functions of this process, or into a module before it is imported."""

import ast
import gc
import importlib.abc
import importlib.machinery
import importlib.util
import marshal
import sys
from collections.abc import Iterator, Sequence
from types import CodeType, FunctionType, ModuleType

from tests.mutation.modules import Module
from tests.mutation.operators import Mutant


def mutated(module: Module, mutant: Mutant) -> CodeType | None:
    """Return the changed module's code, None where the compiler sees no difference. Changes the tree for good."""
    before = unchanged(module)
    mutant.apply()
    after = compile(ast.fix_missing_locations(module.tree), module.file, "exec", dont_inherit=True)
    return None if before == marshal.dumps(after) else after


_unchanged: dict[str, bytes] = {}


def unchanged(module: Module) -> bytes:
    """Return the unchanged module's code; compiled once for all children that are forked later."""
    if module.file not in _unchanged:
        code = compile(module.tree, module.file, "exec", dont_inherit=True)
        _unchanged[module.file] = marshal.dumps(code)
    return _unchanged[module.file]


class Functions:
    """Every function of some files that lives in this process."""

    def __init__(self, files: Sequence[str]) -> None:
        wanted = frozenset(files)
        self._by_file: dict[str, list[FunctionType]] = {}
        for thing in gc.get_objects():
            if isinstance(thing, FunctionType) and thing.__code__.co_filename in wanted:
                self._by_file.setdefault(thing.__code__.co_filename, []).append(thing)

    def patch(self, code: CodeType) -> bool:
        """Give every function of the file its code from `code`; say whether any differs."""
        fresh: dict[tuple[str, int], list[CodeType]] = {}
        for inner in _codes(code):
            fresh.setdefault((inner.co_qualname, inner.co_firstlineno), []).append(inner)
        is_patched = False
        for function in self._by_file.get(code.co_filename, []):
            old = function.__code__
            found = fresh.get((old.co_qualname, old.co_firstlineno), [])
            if len(found) == 1 and found[0] != old and len(found[0].co_freevars) == len(old.co_freevars):
                function.__code__ = found[0]
                is_patched = True
        return is_patched


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


class MutatedImport(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module with a mutant's code."""

    def __init__(self, name: str, file: str, code: CodeType) -> None:
        self._name, self._file, self._code = name, file, code

    def install(self) -> None:
        sys.meta_path.insert(0, self)

    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._name:
            return None
        return importlib.util.spec_from_file_location(fullname, self._file, loader=self)  # type: ignore[arg-type]

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        exec(self._code, module.__dict__)
