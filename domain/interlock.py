"""The interlock language: a typed, three-valued subset of Python's expression grammar over points with units.

`hc_pool.volume <= 1800 * m3 and not hc_diversion.fault` is an expression. It is parsed once, checked against the park's
points, and evaluated at the centre and at the edge from the same text. It has no loops, calls or assignments.
"""

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from domain.ids import PointRef, point_ref
from domain.sample import Reading
from domain.units import UNITS
from domain.words import Words

LENGTH_MAX = 500
"""Characters; a longer condition is not readable at 3 a.m. and is refused."""
NUMBER_MAX = 1e15
"""No quantity of a park is larger; keeps arithmetic finite."""
NODES_MAX = 120
"""Syntax nodes: bounds the time of one evaluation to about 0.1 ms."""

BOOLEAN = "boolean"
"""The type of a state point and of a condition; any other type is a quantity's name (see domain.units)."""


class Truth(Enum):
    """Three-valued logic (Kleene): a missing or untrusted input makes the result unknown unless the rest decides it."""

    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"

    def __invert__(self) -> "Truth":
        return {Truth.TRUE: Truth.FALSE, Truth.FALSE: Truth.TRUE, Truth.UNKNOWN: Truth.UNKNOWN}[self]


class ExpressionError(ValueError):
    """The text is not a condition; the message says where and what is allowed."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed condition."""

    text: str
    tree: ast.expr

    @property
    def references(self) -> frozenset[PointRef]:
        """The points that it reads."""
        return frozenset(_references(self.tree))

    def __hash__(self) -> int:
        return hash(self.text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and self.text == other.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Interlock:
    """A condition on moving one actuator."""

    id: str
    expression: Expression
    words: Words


def parse(text: str) -> Expression:
    """Return the condition written in `text`.

    Raises ExpressionError when it is too long or uses anything outside the language.
    """
    if len(text) > LENGTH_MAX:
        message = f"{len(text)} characters, at most {LENGTH_MAX}"
        raise ExpressionError(message)
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        message = f"not an expression: {getattr(error, 'msg', error)}"
        raise ExpressionError(message) from error
    count = sum(1 for _ in ast.walk(tree))
    if count > NODES_MAX:
        message = f"{count} terms, at most {NODES_MAX}"
        raise ExpressionError(message)
    for node in _terms(tree):
        _require_allowed(node)
    return Expression(text.strip(), tree)


def check_types(expression: Expression, unit_of: Callable[[PointRef], str | None]) -> None:
    """Check that `expression` is a condition whose quantities agree.

    `unit_of` gives a point's unit name, `BOOLEAN` for a state, None when there is no such point.
    Raises ExpressionError naming the first disagreement.
    """
    found = _type(expression.tree, unit_of)
    if found != BOOLEAN:
        message = f"it is a {found}, not a condition: compare it with something"
        raise ExpressionError(message)


def evaluate(
    expression: Expression, read: Callable[[PointRef], Reading], unit_of: Callable[[PointRef], str]
) -> Truth:
    """Return the truth of `expression` on what `read` gives now; untrusted readings count as unknown."""
    return _truth(expression.tree, _Inputs(read, unit_of))


@dataclass(frozen=True, slots=True)
class _Inputs:
    read: Callable[[PointRef], Reading]
    unit_of: Callable[[PointRef], str]


def _truth(node: ast.expr, inputs: _Inputs) -> Truth:
    match node:
        case ast.BoolOp(op=ast.And(), values=values):
            return _all(_truth(value, inputs) for value in values)
        case ast.BoolOp(op=ast.Or(), values=values):
            return ~_all(~_truth(value, inputs) for value in values)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return ~_truth(operand, inputs)
        case ast.Compare(left=left, ops=[operator], comparators=[right]):
            return _compare(operator, _number(left, inputs), _number(right, inputs))
        case ast.Constant(value=bool(value)):
            return Truth.TRUE if value else Truth.FALSE
        case ast.Attribute():
            state = _trusted(node, inputs)
            return Truth.UNKNOWN if not isinstance(state, bool) else (Truth.TRUE if state else Truth.FALSE)
        case _:
            raise AssertionError(ast.dump(node))


def _all(truths: Iterator[Truth]) -> Truth:
    found = list(truths)
    if Truth.FALSE in found:
        return Truth.FALSE
    return Truth.UNKNOWN if Truth.UNKNOWN in found else Truth.TRUE


def _compare(operator: ast.cmpop, left: float | None, right: float | None) -> Truth:
    if left is None or right is None:
        return Truth.UNKNOWN
    holds = _COMPARISONS[type(operator)](left, right)
    return Truth.TRUE if holds else Truth.FALSE


_COMPARISONS: Mapping[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Lt: lambda a, b: a < b,
    ast.LtE: lambda a, b: a <= b,
    ast.Gt: lambda a, b: a > b,
    ast.GtE: lambda a, b: a >= b,
    ast.Eq: lambda a, b: a == b,
    ast.NotEq: lambda a, b: a != b,
}


def _number(node: ast.expr, inputs: _Inputs) -> float | None:
    """Return the value in base units; None when unknown."""
    match node:
        case ast.Constant(value=int(value) | float(value)):
            return float(value)
        case ast.Name(id=unit):
            return UNITS[unit].factor
        case ast.Attribute():
            read = _trusted(node, inputs)
            if read is None or isinstance(read, str):
                return None
            unit = inputs.unit_of(_reference(node))
            return float(read) * (1.0 if unit == BOOLEAN else UNITS[unit].factor)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = _number(operand, inputs)
            return None if inner is None else -inner
        case ast.BinOp(left=left, op=operator, right=right):
            a, b = _number(left, inputs), _number(right, inputs)
            return None if a is None or b is None else _ARITHMETIC[type(operator)](a, b)
        case _:
            raise AssertionError(ast.dump(node))


_ARITHMETIC: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
}


def _trusted(node: ast.Attribute, inputs: _Inputs) -> float | bool | str | None:
    reading = inputs.read(_reference(node))
    return reading.value if reading.is_trusted else None


def _type(node: ast.expr, unit_of: Callable[[PointRef], str | None]) -> str:
    match node:
        case ast.BoolOp(values=values):
            for value in values:
                _require(_type(value, unit_of) == BOOLEAN, f"`{ast.unparse(value)}` is not a condition")
            return BOOLEAN
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            _require(_type(operand, unit_of) == BOOLEAN, f"`{ast.unparse(operand)}` is not a condition")
            return BOOLEAN
        case ast.UnaryOp(operand=operand):
            return _type(operand, unit_of)
        case (
            ast.Compare(left=left, comparators=[right])
            | ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right)
        ):
            a, b = _type(left, unit_of), _type(right, unit_of)
            _require(
                a == b != BOOLEAN, f"`{ast.unparse(node)}` combines {a} with {b}: give the number its unit"
            )
            return BOOLEAN if isinstance(node, ast.Compare) else a
        case ast.BinOp(left=left, right=right):
            a, b = _type(left, unit_of), _type(right, unit_of)
            _require(
                "number" in {a, b},
                f"`{ast.unparse(node)}` multiplies {a} by {b}: one side must be a plain number",
            )
            return b if a == "number" else a
        case ast.Name(id=unit):
            _require(
                unit in UNITS, f"`{unit}` is not a unit; known: {', '.join(key for key in UNITS if key)}"
            )
            return UNITS[unit].quantity
        case ast.Attribute():
            found = unit_of(_reference(node))
            if found is None:
                message = f"there is no point `{ast.unparse(node)}`"
                raise ExpressionError(message)
            return found if found == BOOLEAN else UNITS[found].quantity
        case ast.Constant(value=value):
            return BOOLEAN if isinstance(value, bool) else "number"
        case _:
            raise AssertionError(ast.dump(node))


def _require(holds: bool, message: str) -> None:  # noqa: FBT001  (reads as a sentence at every use)
    if not holds:
        raise ExpressionError(message)


_ALLOWED = (
    ast.BoolOp,
    ast.And,
    ast.Or,
    ast.UnaryOp,
    ast.Not,
    ast.USub,
    ast.Compare,
    ast.Lt,
    ast.LtE,
    ast.Gt,
    ast.GtE,
    ast.Eq,
    ast.NotEq,
    ast.BinOp,
    ast.Add,
    ast.Sub,
    ast.Mult,
    ast.Name,
    ast.Load,
    ast.Attribute,
    ast.Constant,
)


def _require_allowed(node: ast.AST) -> None:
    where = ast.unparse(node) if isinstance(node, ast.expr) else type(node).__name__
    _require(
        isinstance(node, _ALLOWED),
        f"`{where}` is not part of the language (and, or, not, < <= > >= == !=, + - *)",
    )
    match node:
        case ast.Compare(ops=ops):
            _require(len(ops) == 1, f"`{where}` compares more than two things: write `a < b and b < c`")
        case ast.Attribute(value=value):
            _require(isinstance(value, ast.Name), f"`{where}` is not `facility.point`")
        case ast.Constant(value=bool()):
            pass
        case ast.Constant(value=int(value) | float(value)):
            _require(abs(value) <= NUMBER_MAX, f"`{where[:20]}…` is larger than {NUMBER_MAX:g}")
        case ast.Constant():
            _require(False, f"`{where}` is neither a number nor True or False")  # noqa: FBT003


def _terms(node: ast.AST) -> Iterator[ast.AST]:
    """Yield every node; of `facility.point` the attribute only, not the facility's name."""
    yield node
    if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
        for child in ast.iter_child_nodes(node):
            yield from _terms(child)


def _references(tree: ast.expr) -> Iterator[PointRef]:
    return (_reference(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute))


def _reference(node: ast.Attribute) -> PointRef:
    assert isinstance(node.value, ast.Name)
    return point_ref(node.value.id, node.attr)
