"""Conditions of the interlock language as formulas: what is true, what is known to be true and what is known to be false.

It says of every moment what `domain.interlock.evaluate` says of one; a property test holds the two together.
"""

import ast
from collections.abc import Callable
from dataclasses import dataclass

import z3

from domain.ids import PointRef, point_ref
from domain.interlock import Expression
from domain.units import UNITS
from stoplog.verify.world import World, number, unit_of

Lookup = Callable[[PointRef], z3.ExprRef]


@dataclass(frozen=True, slots=True)
class Known:
    """The three values of Kleene's logic: known true, known false, and neither."""

    true: z3.BoolRef
    false: z3.BoolRef


def actual(expression: Expression, lookup: Lookup, world: World) -> z3.BoolRef:
    """Return whether a condition holds on the values that `lookup` gives, all of them taken as known."""
    return _known(expression.tree, _Reader(lookup, lambda _: z3.BoolVal(val=True), world)).true


def known(expression: Expression, world: World) -> Known:
    """Return what is known of a condition."""
    return _known(expression.tree, _Reader(world.value, world.trust, world))


@dataclass(frozen=True, slots=True)
class _Reader:
    value: Lookup
    trust: Callable[[PointRef], z3.BoolRef]
    world: World


def _known(node: ast.expr, reader: _Reader) -> Known:
    match node:
        case ast.BoolOp(op=ast.And(), values=values):
            parts = [_known(value, reader) for value in values]
            return Known(z3.And(*(p.true for p in parts)), z3.Or(*(p.false for p in parts)))
        case ast.BoolOp(values=values):
            parts = [_known(value, reader) for value in values]
            return Known(z3.Or(*(p.true for p in parts)), z3.And(*(p.false for p in parts)))
        case ast.UnaryOp(operand=operand):
            part = _known(operand, reader)
            return Known(part.false, part.true)
        case ast.Compare(left=left, ops=[operator], comparators=[right]):
            return _seen(
                _compare(operator, _number(left, reader), _number(right, reader)),
                z3.And(*(reader.trust(ref) for ref in _references(node))),
            )
        case ast.Constant(value=bool(value)):
            return Known(z3.BoolVal(val=value), z3.BoolVal(val=not value))
        case ast.Attribute():
            ref = _reference(node)
            return _seen(reader.value(ref), reader.trust(ref))
        case _:
            raise AssertionError(ast.dump(node))


def _seen(holds: z3.BoolRef, trusted: z3.BoolRef) -> Known:
    return Known(z3.And(trusted, holds), z3.And(trusted, z3.Not(holds)))


def _compare(operator: ast.cmpop, left: z3.ArithRef, right: z3.ArithRef) -> z3.BoolRef:
    match operator:
        case ast.Lt():
            return left < right
        case ast.LtE():
            return left <= right
        case ast.Gt():
            return left > right
        case ast.GtE():
            return left >= right
        case ast.Eq():
            return left == right
        case _:
            return left != right


def _number(node: ast.expr, reader: _Reader) -> z3.ArithRef:
    """Return a quantity in base units."""
    match node:
        case ast.Constant(value=int(value) | float(value)):
            return number(value)
        case ast.Name(id=unit):
            return number(UNITS[unit].factor)
        case ast.Attribute():
            ref = _reference(node)
            return reader.value(ref) * number(UNITS[unit_of(reader.world.park, ref)].factor)
        case ast.UnaryOp(operand=operand):
            return -_number(operand, reader)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _number(left, reader) + _number(right, reader)
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            return _number(left, reader) - _number(right, reader)
        case ast.BinOp(left=left, right=right):
            return _number(left, reader) * _number(right, reader)
        case _:
            raise AssertionError(ast.dump(node))


def _references(node: ast.expr) -> list[PointRef]:
    return sorted({_reference(found) for found in ast.walk(node) if isinstance(found, ast.Attribute)})


def _reference(node: ast.Attribute) -> PointRef:
    assert isinstance(node.value, ast.Name)
    return point_ref(node.value.id, node.attr)
