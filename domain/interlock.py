"""The interlock language: a typed, three-valued subset of Python's expression grammar over points with units.

`hc_pool.volume <= 1800 * m3 and not hc_diversion.fault` is an expression. It is parsed once, checked against the park's
points, and evaluated at the centre and at the edge from the same text. It has no loops or assignments, and of calls only
those of domain.operators; what these rest on beside the readings of now is remembered elsewhere (domain.past).
"""

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from domain.ids import PointRef
from domain.operators import FORMS, Count, Held, OperatorError, Rate, operator, reference, timed
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


EXPRESSIONS_MAX = 10_000
"""Conditions of which is remembered what they read, so that nobody walks a tree at every poll."""
Recall = Callable[[str], Truth | float | None]
"""What was seen over time: text of an operator → its truth, or its rate in base units per second; None: nothing is known."""


def forgotten(_text: str) -> None:
    """Recall nothing: every operator that rests on the past is unknown."""


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
        return _read_by(self)

    @property
    def timed(self) -> tuple[Held | Rate, ...]:
        """Its operators that rest on the past, the inner ones first."""
        return _timed_in(self)

    def __hash__(self) -> int:
        return hash(self.text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and self.text == other.text


@lru_cache(maxsize=EXPRESSIONS_MAX)
def _read_by(expression: Expression) -> frozenset[PointRef]:
    return frozenset(_references(expression.tree))


@lru_cache(maxsize=EXPRESSIONS_MAX)
def _timed_in(expression: Expression) -> tuple[Held | Rate, ...]:
    return tuple(timed(expression.tree))


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


def evaluate(
    expression: Expression,
    read: Callable[[PointRef], Reading],
    unit_of: Callable[[PointRef], str],
    recall: Recall = forgotten,
) -> Truth:
    """Return the truth of `expression` on what `read` gives now; untrusted readings count as unknown."""
    return truth_of(expression.tree, read, unit_of, recall)


def truth_of(
    node: ast.expr,
    read: Callable[[PointRef], Reading],
    unit_of: Callable[[PointRef], str],
    recall: Recall = forgotten,
) -> Truth:
    """Return the truth of one part of an expression."""
    return _truth(node, _Inputs(read, unit_of, recall))


def quantity_of(
    node: ast.expr,
    read: Callable[[PointRef], Reading],
    unit_of: Callable[[PointRef], str],
    recall: Recall = forgotten,
) -> float | None:
    """Return the quantity that one part of an expression gives, in base units; None: not known."""
    return _number(node, _Inputs(read, unit_of, recall))


@dataclass(frozen=True, slots=True)
class _Inputs:
    read: Callable[[PointRef], Reading]
    unit_of: Callable[[PointRef], str]
    recall: Recall


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
        case ast.Call():
            return _called(node, inputs)
        case _:
            raise AssertionError(ast.dump(node))


def _called(node: ast.Call, inputs: _Inputs) -> Truth:
    match operator(node):
        case Count(n=n, conditions=conditions):
            truths = [_truth(condition, inputs) for condition in conditions]
            return counted(n, truths)
        case Held(text=text, condition=condition):
            now, before = _truth(condition, inputs), inputs.recall(text)
            # What is not known true now is not known to have been so up to now, whatever was seen before.
            if now is Truth.FALSE or before is Truth.FALSE:
                return Truth.FALSE
            return Truth.TRUE if now is before is Truth.TRUE else Truth.UNKNOWN
        case Rate():
            raise AssertionError(ast.dump(node))


def counted(n: int, truths: Sequence[Truth]) -> Truth:
    """Return whether at least `n` of `truths` are true, as far as that is known."""
    if truths.count(Truth.TRUE) >= n:
        return Truth.TRUE
    return Truth.FALSE if len(truths) - truths.count(Truth.FALSE) < n else Truth.UNKNOWN


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
            unit = inputs.unit_of(reference(node))
            return float(read) * (1.0 if unit == BOOLEAN else UNITS[unit].factor)
        case ast.Call():
            return _rate(node, inputs)
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
    ast.Div: lambda a, b: a / b,
}


def _rate(node: ast.Call, inputs: _Inputs) -> float | None:
    found = operator(node)
    assert isinstance(found, Rate)
    if not inputs.read(found.point).is_trusted:
        return None
    known = inputs.recall(found.text)
    return None if isinstance(known, Truth) else known


def _trusted(node: ast.Attribute, inputs: _Inputs) -> float | bool | str | None:
    reading = inputs.read(reference(node))
    return reading.value if reading.is_trusted else None


def require(holds: bool, message: str) -> None:  # noqa: FBT001  (reads as a sentence at every use)
    """Raise ExpressionError unless it holds."""
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
    ast.Div,
    ast.Name,
    ast.Load,
    ast.Attribute,
    ast.Constant,
    ast.Call,
)


def _require_allowed(node: ast.AST) -> None:
    where = ast.unparse(node) if isinstance(node, ast.expr) else type(node).__name__
    require(
        isinstance(node, _ALLOWED),
        f"`{where}` is not part of the language (and, or, not, < <= > >= == !=, + - *, {FORMS})",
    )
    match node:
        case ast.Compare(ops=ops):
            require(len(ops) == 1, f"`{where}` compares more than two things: write `a < b and b < c`")
        case ast.Attribute(value=value):
            require(isinstance(value, ast.Name), f"`{where}` is not `facility.point`")
        case ast.BinOp(op=ast.Div(), right=right):
            is_time = isinstance(right, ast.Name) and right.id in UNITS and UNITS[right.id].quantity == "time"
            require(is_time, f"`{where}` divides by something else than s, min or h")
        case ast.Call():
            try:
                operator(node)
            except OperatorError as error:
                raise ExpressionError(str(error)) from error
        case ast.Constant(value=bool()):
            pass
        case ast.Constant(value=int(value) | float(value)):
            require(abs(value) <= NUMBER_MAX, f"`{where[:20]}…` is larger than {NUMBER_MAX:g}")
        case ast.Constant():
            require(False, f"`{where}` is neither a number nor True or False")  # noqa: FBT003


def _terms(node: ast.AST) -> Iterator[ast.AST]:
    """Yield every node; of `facility.point` the attribute only, not the facility's name, and of a call its arguments."""
    yield node
    if isinstance(node, ast.Call):
        for argument in node.args:
            yield from _terms(argument)
    elif not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
        for child in ast.iter_child_nodes(node):
            yield from _terms(child)


def _references(tree: ast.expr) -> Iterator[PointRef]:
    return (reference(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute))
