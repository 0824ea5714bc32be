"""Notes which lines of the deciding modules run: at import by watching, later by code that notes them itself; judges nothing."""

import ast
import copy
import sys
from collections.abc import Iterable, Sequence
from types import CodeType, FrameType
from typing import Any

from tests.mutation.modules import Module
from tests.mutation.operators import head_end
from tests.mutation.patching import Functions

NOTES = "__lines_run__"
"""The global of a module in which its functions note their lines."""


class Watching:
    """Notes lines by file while modules are imported: before any function can be exchanged."""

    def __init__(self, files: Iterable[str]) -> None:
        self._files = frozenset(files)
        self.lines: dict[str, set[int]] = {file: set() for file in self._files}

    def __enter__(self) -> dict[str, set[int]]:
        """Begin; what is handed out is filled on the way."""
        sys.settrace(self._called)
        return self.lines

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End; once more does nothing."""
        sys.settrace(None)

    def _called(self, frame: FrameType, event: str, arg: Any) -> Any:
        code = frame.f_code
        if code.co_filename not in self._files:
            return None
        lines = self.lines[code.co_filename]
        lines.add(code.co_firstlineno)

        def stepped(frame: FrameType, event: str, arg: Any) -> Any:
            if event == "line":
                lines.add(frame.f_lineno)
            return stepped

        return stepped


class Noting:
    """Exchanges, in this process, every function of the modules for one that notes which of its statements run."""

    def __init__(self, modules: Sequence[Module], functions: Functions) -> None:
        self._notes: dict[str, bytearray] = {}
        self._heads: dict[str, dict[int, set[int]]] = {}
        for module in modules:
            search = _Statements()
            code = search.noting(module)
            self._heads[module.file] = search.heads
            self._notes[module.file] = bytearray(max(search.heads, default=0) + 1)
            functions.patch(code)
            sys.modules[module.name].__dict__[NOTES] = self._notes[module.file]

    def take(self) -> dict[str, frozenset[int]]:
        """Return what ran since this was asked before."""
        found = {}
        for file, notes in self._notes.items():
            if 1 in notes:
                heads = self._heads[file]
                found[file] = frozenset(
                    line for start in range(len(notes)) if notes[start] for line in heads[start]
                )
                notes[:] = bytes(len(notes))
        return found


class _Statements(ast.NodeTransformer):
    """Puts a note before each statement of each function."""

    def __init__(self) -> None:
        self.heads: dict[int, set[int]] = {}
        self._depth = 0

    def noting(self, module: Module) -> CodeType:
        tree = self.visit(copy.deepcopy(module.tree))
        return compile(ast.fix_missing_locations(tree), module.file, "exec", dont_inherit=True)

    def generic_visit(self, node: ast.AST) -> ast.AST:
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        self._depth += is_function
        super().generic_visit(node)
        if self._depth:
            for name in ("body", "orelse", "finalbody"):
                statements = getattr(node, name, None)
                if isinstance(statements, list) and not isinstance(node, ast.ClassDef):
                    setattr(node, name, [new for old in statements for new in self._noted(old)])
        self._depth -= is_function
        return node

    def _noted(self, statement: ast.stmt) -> list[ast.stmt]:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            return [statement]
        line = statement.lineno
        self.heads.setdefault(line, set()).update(_head(statement))
        (note,) = ast.parse(f"{NOTES}[{line}] = 1").body
        for node in ast.walk(note):
            ast.copy_location(node, statement)
        return [note, statement]


def _head(statement: ast.stmt) -> Iterable[int]:
    """Name the lines of a statement but for the statements within it."""
    if not isinstance(statement, ast.Match):
        return range(statement.lineno, head_end(statement) + 1)
    patterns = (
        range(case.pattern.lineno, max(case.body[0].lineno, case.pattern.lineno + 1))
        for case in statement.cases
    )
    return {statement.lineno, *(line for lines in patterns for line in lines)}
