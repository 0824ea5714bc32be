"""Explains one condition of the interlock language: what of it is so, what is not, and what would make it as it should be."""

import ast
from collections.abc import Mapping

from domain.explained import Effect, Kind, Node, View, joined, name_of, readings, seen
from domain.ids import PointRef
from domain.interlock import BOOLEAN, Truth
from domain.operators import Count, Held, Rate, operator, points_of, reference, seconds_of
from domain.units import UNITS
from domain.words import Words


def part_of(node: ast.expr, view: View, *, wanted: bool) -> Node:
    """Return one part of a condition that should be `wanted`."""
    match node:
        case ast.BoolOp(op=op, values=values):
            is_all = isinstance(op, ast.And) is wanted
            return _several(node, tuple(values), len(values) if is_all else 1, view, wanted=wanted)
        case ast.Call() if isinstance(found := operator(node), Count):
            n, many = found.n, len(found.conditions)
            return _several(node, found.conditions, n if wanted else many - n + 1, view, wanted=wanted)
        case ast.Call() if isinstance(found := operator(node), Held):
            return _held(node, found, view, wanted=wanted)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            part = part_of(operand, view, wanted=not wanted)
            return _node(Kind.NOT, node, view, wanted=wanted, change=part.change, parts=(part,), need=1)
        case ast.Compare():
            return _compare(node, view, wanted=wanted)
        case ast.Attribute():
            ref = reference(node)
            name, state = name_of(view.park, ref), Words("是", "true") if wanted else Words("否", "false")
            change = Words(f"{name.zh}须为“{state.zh}”", f"{name.en} must be {state.en}")
            return _node(Kind.STATE, node, view, wanted=wanted, change=change, refs=[ref])
        case _:
            return _node(Kind.CONSTANT, node, view, wanted=wanted, change=None)


def _node(
    kind: Kind,
    node: ast.expr,
    view: View,
    *,
    wanted: bool,
    change: Words | None,
    refs: list[PointRef] | None = None,
    parts: tuple[Node, ...] = (),
    need: int | None = None,
    so_far_s: float | None = None,
    needed_s: float | None = None,
) -> Node:
    truth = view.truth(node)
    is_so = truth is (Truth.TRUE if wanted else Truth.FALSE)
    missing = [ref for ref in refs or () if not view.situation.read(ref).is_trusted]
    if truth is Truth.UNKNOWN and missing:
        change = readings(view, missing)
    return Node(
        kind=kind,
        words=_said(node, view),
        text=ast.unparse(node),
        truth=truth,
        wanted=wanted,
        effect=Effect.PASSES if is_so else Effect.BLOCKS,
        change=None if is_so else change,
        values=seen(view, refs or []),
        parts=parts,
        need=need,
        so_far_s=so_far_s,
        needed_s=needed_s,
    )


def _several(
    node: ast.expr, conditions: tuple[ast.expr, ...], need: int, view: View, *, wanted: bool
) -> Node:
    parts = tuple(part_of(item, view, wanted=wanted) for item in conditions)
    good = sum(part.effect is Effect.PASSES for part in parts)
    changes = [part.change for part in parts if part.change is not None]
    change = None
    if changes and need - good == len(changes):
        change = joined(changes, Words(";", "; "))
    elif changes:
        short = need - good
        either = joined(changes, Words(" 或 ", ", or "))
        change = Words(f"还须满足 {short} 项:{either.zh}", f"{short} more of these: {either.en}")
    return _node(Kind.SEVERAL, node, view, wanted=wanted, change=change, parts=parts, need=need)


def _held(node: ast.Call, found: Held, view: View, *, wanted: bool) -> Node:
    part = part_of(found.condition, view, wanted=wanted)
    so_far_s = view.so_far_s(found.text)
    change: Words | None
    if not wanted:
        change = part.change or Words("条件须中断", "the condition must be interrupted")
    elif part.effect is Effect.PASSES:
        left_s = found.for_s - (so_far_s or 0.0)
        change = Words(f"须再保持 {left_s:.0f} 秒", f"it must stay so for {left_s:.0f} s more")
    else:
        inner = part.change or Words("条件须成立", "the condition must hold")
        change = Words(
            f"{inner.zh},并连续保持 {found.for_s:g} 秒", f"{inner.en}, and stay so for {found.for_s:g} s"
        )
    return _node(
        Kind.HELD,
        node,
        view,
        wanted=wanted,
        change=change,
        parts=(part,),
        need=1,
        so_far_s=so_far_s,
        needed_s=found.for_s,
    )


_SIGNS: Mapping[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: ("<", "≥"),
    ast.LtE: ("≤", ">"),
    ast.Gt: (">", "≤"),
    ast.GtE: ("≥", "<"),
    ast.Eq: ("=", "≠"),
    ast.NotEq: ("≠", "="),
}
"""How a comparison is written, and how its opposite is."""
_MIRRORED = {"<": ">", "≤": "≥", ">": "<", "≥": "≤", "=": "=", "≠": "≠"}


def _compare(node: ast.Compare, view: View, *, wanted: bool) -> Node:
    refs = sorted({reference(item) for item in ast.walk(node) if isinstance(item, ast.Attribute)})
    rates = [
        found
        for item in ast.walk(node)
        if isinstance(item, ast.Call) and isinstance(found := operator(item), Rate)
    ]
    sofars = [view.so_far_s(rate.text) for rate in rates]
    return _node(
        Kind.COMPARE,
        node,
        view,
        wanted=wanted,
        change=_asked(node, view, rates, wanted=wanted),
        refs=refs,
        so_far_s=min((item for item in sofars if item is not None), default=None),
        needed_s=max((rate.over_s for rate in rates), default=None),
    )


def _asked(node: ast.Compare, view: View, rates: list[Rate], *, wanted: bool) -> Words:
    """Return what a comparison asks for, beside what is."""
    for rate in rates:
        trusted = all(view.situation.read(ref).is_trusted for ref in points_of(rate))
        if trusted and view.situation.recall(rate.text) is None:
            left_s = seconds_of(rate) - (view.so_far_s(rate.text) or 0.0)
            return Words(f"须再观察 {left_s:.0f} 秒", f"it must be watched for {left_s:.0f} s more")
    sign = _SIGNS[type(node.ops[0])][0 if wanted else 1]
    left, right = node.left, node.comparators[0]
    if not isinstance(left, ast.Attribute) and isinstance(right, ast.Attribute):
        left, right, sign = right, left, _MIRRORED[sign]
    limit, now = view.quantity(right), view.quantity(left)
    if isinstance(left, ast.Attribute) and limit is not None and now is not None:
        ref = reference(left)
        unit = view.situation.unit_of(ref)
        factor = 1.0 if unit == BOOLEAN else UNITS[unit].factor
        symbol = "" if unit == BOOLEAN else f" {UNITS[unit].symbol}".rstrip()
        name = name_of(view.park, ref)
        asked, seen, off = limit / factor, now / factor, abs(limit - now) / factor
        return Words(
            f"{name.zh}须 {sign} {_plain(asked)}{symbol},现为 {_plain(seen)}{symbol},差 {_plain(off)}{symbol}",
            f"{name.en} must be {sign} {_plain(asked)}{symbol}; it is {_plain(seen)}{symbol}, off by {_plain(off)}{symbol}",
        )
    text = ast.unparse(node)
    return Words(f"须{'' if wanted else '不'}满足 {text}", f"{text} must {'' if wanted else 'not '}hold")


def _plain(value: float) -> str:
    """Return a number as a person says it: three figures, and no exponent."""
    digits = 3 if abs(value) < 1 else 2 if abs(value) < 100 else 0
    return f"{value:.{digits}f}".rstrip("0").rstrip(".") if digits else f"{value:.0f}"


def _said(node: ast.expr, view: View) -> Words:
    """Return a part of a condition in words."""
    match node:
        case ast.Attribute():
            return name_of(view.park, reference(node))
        case ast.UnaryOp():
            return Words("以下不成立", "not this")
        case ast.BoolOp(op=ast.And()):
            return Words("全部成立", "all of these")
        case ast.BoolOp():
            return Words("任一成立", "any of these")
        case ast.Call() if isinstance(found := operator(node), Count):
            return Words(
                f"{len(found.conditions)} 项中至少 {found.n} 项成立",
                f"at least {found.n} of {len(found.conditions)}",
            )
        case ast.Call() if isinstance(found := operator(node), Held):
            return Words(f"连续成立满 {found.for_s:g} 秒", f"for {found.for_s:g} s without interruption")
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            sign = _SIGNS[type(op)][0]
            one, two = _quantity_said(left, view), _quantity_said(right, view)
            return Words(f"{one.zh} {sign} {two.zh}", f"{one.en} {sign} {two.en}")
        case _:
            text = ast.unparse(node)
            return Words(text, text)


def _quantity_said(node: ast.expr, view: View) -> Words:
    match node:
        case ast.Attribute():
            return name_of(view.park, reference(node))
        case ast.Call():
            found = operator(node)
            assert isinstance(found, Rate)
            name = name_of(view.park, found.point)
            return Words(
                f"{name.zh} {found.over_s:g} 秒平均变化率", f"rate of {name.en} over {found.over_s:g} s"
            )
        case ast.Name(id=unit):
            return Words(UNITS[unit].symbol, UNITS[unit].symbol)
        case ast.Constant():
            return Words(ast.unparse(node), ast.unparse(node))
        case ast.BinOp(left=left, op=op, right=right):
            one, two = _quantity_said(left, view), _quantity_said(right, view)
            is_number = isinstance(op, ast.Mult) and isinstance(right, ast.Name)
            sign = " " if is_number else f" {_ARITHMETIC[type(op)]} "
            sign = "/" if isinstance(op, ast.Div) else sign
            return Words(f"{one.zh}{sign}{two.zh}", f"{one.en}{sign}{two.en}")
        case ast.UnaryOp(operand=operand):
            inner = _quantity_said(operand, view)
            return Words(f"−{inner.zh}", f"−{inner.en}")
        case _:
            raise AssertionError(ast.dump(node))


_ARITHMETIC: Mapping[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "−", ast.Mult: "×", ast.Div: "/"}
