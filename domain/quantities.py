"""Checks that the quantities of a condition agree: like is compared with like, and each number has its unit."""

import ast
from collections.abc import Callable, Iterable

from domain.ids import PointRef
from domain.interlock import BOOLEAN, Expression, ExpressionError, require
from domain.operators import Count, Held, Rate, operator, reference
from domain.units import UNITS

PER_TIME = "/time"
"""Behind a quantity's name: how fast it changes, `1 * m / h`; its base is the quantity's base per second."""


def check_types(expression: Expression, unit_of: Callable[[PointRef], str | None]) -> None:
    """Check that `expression` is a condition whose quantities agree.

    `unit_of` gives a point's unit name, `BOOLEAN` for a state, None when there is no such point.
    Raises ExpressionError naming the first disagreement.
    """
    found = _type(expression.tree, unit_of)
    if found != BOOLEAN:
        message = f"it is a {found}, not a condition: compare it with something"
        raise ExpressionError(message)


def _type(node: ast.expr, unit_of: Callable[[PointRef], str | None]) -> str:
    match node:
        case ast.BoolOp(values=values):
            _require_conditions(values, unit_of)
            return BOOLEAN
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            _require_conditions((operand,), unit_of)
            return BOOLEAN
        case ast.UnaryOp(operand=operand):
            return _type(operand, unit_of)
        case (
            ast.Compare(left=left, comparators=[right])
            | ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right)
        ):
            a, b = _type(left, unit_of), _type(right, unit_of)
            require(
                a == b != BOOLEAN, f"`{ast.unparse(node)}` combines {a} with {b}: give the number its unit"
            )
            return BOOLEAN if isinstance(node, ast.Compare) else a
        case ast.BinOp(left=left, op=ast.Div()):
            a = _type(left, unit_of)
            require(a != BOOLEAN and "/" not in a, f"`{ast.unparse(node)}` divides {a} by a time")
            return f"{a}{PER_TIME}"
        case ast.BinOp(left=left, right=right):
            a, b = _type(left, unit_of), _type(right, unit_of)
            require(
                "number" in {a, b},
                f"`{ast.unparse(node)}` multiplies {a} by {b}: one side must be a plain number",
            )
            return b if a == "number" else a
        case ast.Name(id=unit):
            require(unit in UNITS, f"`{unit}` is not a unit; known: {', '.join(key for key in UNITS if key)}")
            return UNITS[unit].quantity
        case ast.Attribute():
            found = unit_of(reference(node))
            if found is None:
                message = f"there is no point `{ast.unparse(node)}`"
                raise ExpressionError(message)
            require(
                found == BOOLEAN or found in UNITS,
                f"`{ast.unparse(node)}` is text: it is compared with nothing",
            )
            return found if found == BOOLEAN else UNITS[found].quantity
        case ast.Call():
            return _type_of_call(node, unit_of)
        case ast.Constant(value=value):
            return BOOLEAN if isinstance(value, bool) else "number"
        case _:
            raise AssertionError(ast.dump(node))


def _type_of_call(node: ast.Call, unit_of: Callable[[PointRef], str | None]) -> str:
    match operator(node):
        case Rate():
            point = node.args[0]
            found = _type(point, unit_of)
            require(found != BOOLEAN, f"`{ast.unparse(point)}` is a state and has no rate")
            return f"{found}{PER_TIME}"
        case Held(condition=condition):
            _require_conditions((condition,), unit_of)
        case Count(conditions=conditions):
            _require_conditions(conditions, unit_of)
    return BOOLEAN


def _require_conditions(nodes: Iterable[ast.expr], unit_of: Callable[[PointRef], str | None]) -> None:
    for node in nodes:
        require(_type(node, unit_of) == BOOLEAN, f"`{ast.unparse(node)}` is not a condition")
