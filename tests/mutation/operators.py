"""Finds where a module can be changed by a small mistake, and makes that one change in its tree; runs nothing.

Not changed, since no test should hold it: annotations, decorators, documentation, assertions (only a bug can break them) and
words for people, which are strings with a space or a Chinese character, and whatever an error or `Words` says.
"""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass, field

ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
}
BOUNDARIES: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
}
NEGATIONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
TWINS = {"min": "max", "max": "min", "any": "all", "all": "any"}
NO_MISTAKE_CALLS = {"Words", "NewType", "TypeVar", "ParamSpec", "cast", "assert_never"}
NO_MISTAKE_NAMES = {"__all__", "__slots__", "__match_args__"}
NO_MISTAKE_FIELDS = {"annotation", "returns", "decorator_list", "type_comment"}
TEXT_MAX = 120
"""Characters of a node that are shown."""
CONDITIONS = (ast.If, ast.IfExp, ast.While, ast.match_case, ast.comprehension)


@dataclass(frozen=True)
class Scope:
    """Where a mutant stands."""

    names: tuple[str, ...] = ()
    """Classes and functions around it."""
    is_function: bool = False
    """Within a function's body: the function can be exchanged in a running process."""
    statement: ast.stmt | None = None
    is_said: bool = False
    """Within what an error says."""


@dataclass(frozen=True)
class Mutant:
    """One mistake: `parent.field[index]` becomes `after`."""

    number: int
    kind: str
    where: str
    line: int
    lines: frozenset[int]
    """Lines that run when the mistake does."""
    around: frozenset[int]
    """Lines of the statement around it: a folded constant has no line of its own."""
    is_function: bool
    names: frozenset[str]
    """Names whose meaning changes, where the mutant is not within a function."""
    before: str
    after: str
    _parent: ast.AST = field(repr=False)
    _field: str = field(repr=False)
    _index: int | None = field(repr=False)
    _new: ast.AST = field(repr=False)

    def apply(self) -> None:
        """Change the tree that this mutant was found in, for good."""
        if self._index is None:
            setattr(self._parent, self._field, self._new)
        else:
            getattr(self._parent, self._field)[self._index] = self._new

    @property
    def key(self) -> str:
        """Name this mutant by what it says rather than by its line, which moves."""
        return f"{self.where}: {self.before} → {self.after}"


def mutants(tree: ast.Module) -> list[Mutant]:
    """Return every mutant of a module's tree, in the order of the text."""
    return list(_Search().of(tree))


class _Search:
    def __init__(self) -> None:
        self._count = 0

    def of(self, tree: ast.Module) -> Iterator[Mutant]:
        yield from self._children(tree, Scope())

    def _children(self, node: ast.AST, scope: Scope) -> Iterator[Mutant]:
        for name, value in ast.iter_fields(node):
            if name in NO_MISTAKE_FIELDS:
                continue
            inner = _scope_of_field(node, name, scope)
            if isinstance(value, ast.AST):
                yield from self._node(value, node, name, None, inner)
            elif isinstance(value, list):
                for index, item in enumerate(value):
                    if isinstance(item, ast.AST):
                        yield from self._node(item, node, name, index, inner)

    def _node(
        self, node: ast.AST, parent: ast.AST, name: str, index: int | None, scope: Scope
    ) -> Iterator[Mutant]:
        if _is_no_mistake(node, parent, scope):
            return
        if isinstance(node, ast.stmt):
            scope = Scope(scope.names, scope.is_function, node, scope.is_said)
        if isinstance(node, ast.Raise):
            scope = Scope(scope.names, scope.is_function, scope.statement, is_said=True)
        for kind, new in _variants(node, parent, name, scope):
            _place(new, node)
            self._count += 1
            yield Mutant(
                number=self._count,
                kind=kind,
                where=".".join(scope.names) or "<module>",
                line=getattr(node, "lineno", getattr(scope.statement, "lineno", 0)),
                lines=_lines(node, scope),
                around=_around(scope),
                is_function=scope.is_function,
                names=frozenset() if scope.is_function else frozenset(_names(scope)),
                before=getattr(new, "shown_before", None) or _text(node),
                after=getattr(new, "shown_after", None) or _text(new),
                _parent=parent,
                _field=name,
                _index=index,
                _new=new,
            )
        yield from self._children(node, scope)


def _scope_of_field(node: ast.AST, name: str, scope: Scope) -> Scope:
    if isinstance(node, ast.ClassDef) and name == "body":
        return Scope((*scope.names, node.name), scope.is_function, scope.statement)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        is_body = name == "body" or scope.is_function
        return Scope((*scope.names, node.name), is_body, scope.statement)
    return scope


def _is_no_mistake(node: ast.AST, parent: ast.AST, scope: Scope) -> bool:
    match node:
        case ast.Assert() | ast.Import() | ast.ImportFrom() | ast.JoinedStr(values=[]):
            return True
        case ast.Expr(value=ast.Constant()):
            return True  # documentation, or an ellipsis
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in NO_MISTAKE_CALLS:
            return True
        case ast.Expr(value=ast.Call(func=ast.Name(id="assert_never"))):
            return True
        case ast.Assign(targets=[ast.Name(id=name)]) if name in NO_MISTAKE_NAMES:
            return True
        case ast.keyword(arg="strict"):
            return True  # an assertion on two lengths
        case ast.JoinedStr(values=values):
            return scope.is_said or any(_is_words(item) for item in values)
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.Constant():
            return isinstance(parent, ast.JoinedStr) or (scope.is_said and isinstance(node.value, str))
        case _:
            return False


def _variants(node: ast.AST, parent: ast.AST, name: str, scope: Scope) -> Iterator[tuple[str, ast.AST]]:
    is_condition = isinstance(parent, CONDITIONS) and name in {"test", "guard", "ifs"}
    if is_condition and not isinstance(node, ast.Constant):
        yield "condition", ast.Constant(value=False)
        if not isinstance(parent, ast.While):
            yield "condition", ast.Constant(value=True)
    match node:
        case ast.Compare(ops=[op], left=left, comparators=comparators):
            if type(op) in BOUNDARIES:
                yield "boundary", ast.Compare(left, [BOUNDARIES[type(op)]()], comparators)
            if not is_condition:
                yield "comparison", ast.Compare(left, [NEGATIONS[type(op)]()], comparators)
        case ast.Compare(ops=ops):
            for place, op in enumerate(ops):
                table = BOUNDARIES if type(op) in BOUNDARIES else NEGATIONS
                changed = [*ops[:place], table[type(op)](), *ops[place + 1 :]]
                yield "boundary", ast.Compare(node.left, changed, node.comparators)
        case ast.BoolOp(op=op, values=values):
            for place in range(len(values)):
                rest = [*values[:place], *values[place + 1 :]]
                yield "operand", rest[0] if len(rest) == 1 else ast.BoolOp(op, rest)
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand) if not is_condition:
            yield "sign", operand
        case ast.BinOp(op=op, left=left, right=right):
            if _is_arithmetic(node, scope):
                yield "arithmetic", ast.BinOp(left, ARITHMETIC[type(op)](), right)
        case ast.Call(func=ast.Name(id=twin)) if twin in TWINS:
            yield "twin", ast.Call(ast.Name(TWINS[twin], ast.Load()), node.args, node.keywords)
        case ast.Constant():
            yield from _constants(node)
        case ast.Dict() if not scope.is_function:
            yield from _entries(node)
        case ast.stmt():
            yield from _statements(node)
        case _:
            pass


def _is_arithmetic(node: ast.BinOp, scope: Scope) -> bool:
    if type(node.op) not in ARITHMETIC:
        return False
    if isinstance(node.op, ast.BitOr) and not scope.is_function:
        return False  # an alias of types
    texts = (ast.JoinedStr, ast.List, ast.Tuple, ast.ListComp)
    return not any(
        isinstance(side, texts) or (isinstance(side, ast.Constant) and isinstance(side.value, str | bytes))
        for side in (node.left, node.right)
    )


def _constants(node: ast.Constant) -> Iterator[tuple[str, ast.AST]]:
    match node.value:
        case bool():
            yield "constant", ast.Constant(value=not node.value)
        case int() | float():
            yield "number", ast.Constant(value=node.value + 1)
        case str() if not _is_words(node):
            yield "string", ast.Constant(value=f"XX{node.value}")
        case bytes():
            yield "string", ast.Constant(value=b"XX" + node.value)
        case _:
            pass


def _entries(node: ast.Dict) -> Iterator[tuple[str, ast.AST]]:
    """Leave out each entry of a table, and give it another entry's value where that is a member of the same class."""
    for place, (key, value) in enumerate(zip(node.keys, node.values, strict=True)):
        rest = [index for index in range(len(node.values)) if index != place]
        shown = "**" if key is None else _text(key)
        if rest:
            fewer = ast.Dict([node.keys[k] for k in rest], [node.values[k] for k in rest])
            yield "entry", _shown(fewer, f"{shown}: {_text(value)}", "no such entry")
        others = [node.values[k] for k in rest if _is_other_member(node.values[k], value)]
        if others:
            changed = ast.Dict(node.keys, [*node.values[:place], others[0], *node.values[place + 1 :]])
            yield "entry", _shown(changed, f"{shown}: {_text(value)}", f"{shown}: {_text(others[0])}")


def _shown(node: ast.AST, before: str, after: str) -> ast.AST:
    """Let a mutant of a long text say only what differs."""
    node.shown_before, node.shown_after = before, after  # type: ignore[attr-defined]
    return node


def _is_other_member(one: ast.expr, other: ast.expr) -> bool:
    match one, other:
        case (
            ast.Attribute(value=ast.Name(id=name), attr=attribute),
            ast.Attribute(value=ast.Name(id=other_name), attr=other_attribute),
        ):
            return name == other_name and attribute != other_attribute
        case _:
            return False


def _statements(node: ast.stmt) -> Iterator[tuple[str, ast.AST]]:
    match node:
        case ast.Return(value=ast.AST() as value) if not isinstance(
            value, ast.Constant | ast.Compare | ast.BoolOp | ast.UnaryOp
        ):
            yield "return", ast.Return(value=ast.Constant(value=None))
        case ast.Expr() | ast.AugAssign() | ast.Delete():
            yield "statement", ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield "statement", ast.Pass()
        case ast.Continue():
            yield "statement", ast.Break()
        case ast.Break():
            yield "statement", ast.Continue()
        case _:
            pass
    if isinstance(node, ast.AugAssign) and type(node.op) in ARITHMETIC:
        yield "arithmetic", ast.AugAssign(node.target, ARITHMETIC[type(node.op)](), node.value)


def _is_words(node: ast.AST) -> bool:
    if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        return False
    return any(character == " " or character > "\u2fff" for character in node.value)


def _place(new: ast.AST, old: ast.AST) -> None:
    """Give the new node the old one's lines, so that nothing but the mistake differs."""
    line = getattr(old, "lineno", None)
    if line is None:
        ast.fix_missing_locations(new)
        return
    ast.copy_location(new, old)
    for node in ast.walk(new):
        if "lineno" in node._attributes and not hasattr(node, "lineno"):
            ast.copy_location(node, old)


def _lines(node: ast.AST, scope: Scope) -> frozenset[int]:
    """Return the lines that run when the mistake does."""
    if isinstance(node, ast.stmt):
        return frozenset(range(node.lineno, head_end(node) + 1))
    start = getattr(node, "lineno", None)
    if start is None:
        start = getattr(scope.statement, "lineno", 0)
    end = getattr(node, "end_lineno", None) or start
    return frozenset(range(start, end + 1))


def _around(scope: Scope) -> frozenset[int]:
    statement = scope.statement
    if statement is None:
        return frozenset()
    return frozenset(range(statement.lineno, head_end(statement) + 1))


def head_end(node: ast.stmt) -> int:
    """Return the last line of a statement before the statements within it."""
    body = getattr(node, "body", None)
    return max(node.lineno, body[0].lineno - 1) if body else (node.end_lineno or node.lineno)


def _names(scope: Scope) -> Iterator[str]:
    """Name what stands at a module's or a class's level around a mutant."""
    yield from scope.names
    statement = scope.statement
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign | ast.AugAssign):
        targets = [statement.target]
    for target in targets:
        for node in ast.walk(target):
            if isinstance(node, ast.Name):
                yield node.id


def _text(node: ast.AST) -> str:
    shown = node
    if isinstance(node, ast.If | ast.For | ast.While | ast.With | ast.FunctionDef | ast.ClassDef):
        shown = copy.copy(node)
        shown.body = [ast.Pass()]
    text = " ".join(ast.unparse(ast.fix_missing_locations(copy.deepcopy(shown))).split())
    return text if len(text) <= TEXT_MAX else text[: TEXT_MAX - 1] + "…"
