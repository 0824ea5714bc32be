"""Judges what was allowed: interlocks against what was truly so, overrides, plans, and one definition on both sides."""

import ast
import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from tests.simulation.checker_story import LIMIT, Body, Story, Write, percent_of
from tests.simulation.plcs import CALM
from tests.simulation.small_park import small_park
from tests.simulation.trace import Fault

SLACK_S = 3.0
"""From the last evaluation at the edge to the bytes: a Modbus answer that is awaited, a reversing pause."""
FOREIGN_S = 7.0
"""How much older a value from behind another gateway may be."""
OVERRIDE_S_MAX = 8 * 3600.0
Found = tuple[str, float, str]


def interlocks(story: Story) -> Iterator[Found]:
    """I6: away from safe nothing moves against a condition that is false; toward safe doubt does not refuse. I8: overrides end."""
    locks = _locks()
    for write in story.writes:
        if write.actuator in locks and story.writes_away(write):
            yield from _against(story, write, locks[write.actuator])
            yield from _kept(story, write)
    for record in story.records.get("command", ()):
        body: Body = record.body
        name = str(record.actuator)
        codes = {reason["code"] for reason in body["reasons"]}
        is_move = name in story.actuators and body["action"] in {"open", "close", "set"}
        is_doubt = bool(codes) and codes <= {"stale-input", "outcome-in-doubt"}
        if (
            body["state"] == "refused"
            and is_move
            and is_doubt
            and not story.is_away(name, body["action"], percent_of(body))
        ):
            yield "I6", record.at_s, f"{name} is not let toward safe because something is not known"
    for order in {key: order for held in story.held.values() for key, order in held.orders.items()}.values():
        if order["kind"] == "override":
            yield from _override(story, order)


def plans(story: Story) -> Iterator[Found]:
    """I10: a run keeps its order, never stops as a whole, and no step of it moves away from safe."""
    by_plan = small_park().plans
    ended = {"confirmed", "failed", "unknown", "refused", "preempted", "skipped"}
    bad = ended - {"confirmed", "skipped"}
    newest: dict[str, Body] = {}
    for commit, row in story.rows("runs"):
        plan = by_plan.get(row["plan"])
        if plan is None:
            continue
        body = row["body"]
        newest[row["id"]] = body
        states = {step["id"]: step["state"] for step in body["steps"]}
        for step in plan.steps:
            if states.get(step.id) not in {"running", "confirmed", "failed", "unknown"}:
                continue
            if any(states.get(before) not in ended for before in step.after):
                yield "I10", commit.at_s, f"step {step.id} of {row['id'][:6]} does not wait for {step.after}"
            named = [item for item in plan.steps if item.alternative == step.id]
            if named and not any(states.get(item.id) in bad for item in named):
                yield (
                    "I10",
                    commit.at_s,
                    f"the alternative {step.id} of {row['id'][:6]} runs though nothing failed",
                )
    for key, body in newest.items():
        plan = by_plan[body["plan"]]
        spare = {step.alternative for step in plan.steps}
        states = {step["id"]: step["state"] for step in body["steps"]}
        for step in plan.steps:
            if (
                states[step.id] == "skipped"
                and not step.after
                and step.id not in spare
                and not body["is_aborted"]
            ):
                yield (
                    "I10",
                    story.end_s,
                    f"step {step.id} of {key[:6]} was left out though it waits for nothing",
                )
            failed = [item for item in plan.steps if item.alternative == step.id and states[item.id] in bad]
            if failed and states[step.id] == "skipped" and not body["is_aborted"]:
                yield (
                    "I10",
                    story.end_s,
                    f"the alternative {step.id} of {key[:6]} was left out though it was needed",
                )
    for commit, row in story.rows("commands"):
        body = row["body"]
        if body["run"] is not None and story.is_away(row["actuator"], body["action"], percent_of(body)):
            yield "I10", commit.at_s, f"the run {body['run'][:6]} moves {row['actuator']} away from safe"


def definitions(story: Story) -> Iterator[Found]:
    """I18: centre and edge act on the same definition: the whole of it away from safe, the drive toward safe."""
    said: dict[tuple[str, int], list[tuple[float, Body]]] = defaultdict(list)
    for gateway, beats in story.beats.items():
        for at_s, life, beat in beats:
            if not said[gateway, life]:
                said[gateway, life].append((at_s, beat["definitions"]))
    for edit in story.all(Fault):
        if edit.kind == "edit":
            for life in story.lives[edit.where]:
                if life.begin_s <= edit.at_s <= life.end_s:
                    said[edit.where, life.number].append((edit.at_s, json.loads(edit.detail)))
    for record in story.records.get("command", ()):
        body: Body = record.body
        name = str(record.actuator)
        if (
            body["state"] not in {"selected", "operating"}
            or not body["hash"]
            or body["action"] in {"stop", "verify"}
        ):
            continue
        known = [
            item
            for item in story.heard["command"].get(record.gateway, ())
            if item.body["id"] == body["id"]
            and item.body["phase"] == body["phase"]
            and item.at_s <= record.at_s
        ]
        if not known:
            continue
        # In force from when it was heard to when it was obeyed; which of them the edge compared with, it alone knows.
        held = [pair for at_s, pair in said[record.gateway, record.life] if at_s <= known[0].at_s][-1:]
        held += [
            pair for at_s, pair in said[record.gateway, record.life] if known[0].at_s < at_s <= record.at_s
        ]
        asked, is_away = known[0].body["definition"], story.is_away(name, body["action"], percent_of(body))
        part = slice(0, 2) if is_away else slice(0, 1)
        if held and all(asked[part] != list(pair[name])[part] for pair in held if name in pair):
            yield "I18", record.at_s, f"{name} moves on the definition {asked}; its gateway holds another"


@cache
def _locks() -> Mapping[str, Sequence[tuple[str, ast.expr]]]:
    return {
        key: [(lock.id, ast.parse(lock.expression.text, mode="eval").body) for lock in actuator.permits]
        for key, actuator in small_park().actuators.items()
    }


def _against(story: Story, write: Write, locks: Sequence[tuple[str, ast.expr]]) -> Iterator[Found]:
    for name, condition in locks:
        points = _points(condition)
        since_s = (
            write.at_s - SLACK_S - max((_age_s(story, point, write.gateway) for point in points), default=0.0)
        )
        if since_s < 0:
            continue
        instants = [since_s, write.at_s, *_changes(story, points, since_s, write.at_s)]
        if any(_value(story, condition, at_s) is not False for at_s in instants):
            continue
        orders = [order for order in _known(story, write) if order.get("interlock") == name]
        if not orders:
            yield "I6", write.at_s, f"{write.actuator} moves away from safe against {name}"
        elif not any(_is_in_force(story, write, order) for order in orders):
            yield (
                "I8",
                write.at_s,
                f"{write.actuator} moves away from safe by an override of {name} that had ended",
            )


def _known(story: Story, write: Write) -> list[Body]:
    """Return the overrides of this actuator of which the gateway had been told."""
    found = {}
    for message in story.heard["orders"].get(write.gateway, ()):
        if message.at_s <= write.at_s:
            for order in message.body["orders"]:
                if order["kind"] == "override" and order["actuator"] == write.actuator:
                    found[order["id"]] = order
    return list(found.values())


def _is_in_force(story: Story, write: Write, order: Body) -> bool:
    until_s = (order["until_ms"] - 1_780_000_000_000) / 1000
    was_stepped = story.is_faulty(("step",), f"{write.gateway} clock", 0.0, write.at_s)
    return write.at_s <= until_s + SLACK_S or was_stepped


def _override(story: Story, order: Body) -> Iterator[Found]:
    lasts_s = ((order["until_ms"] or 1e18) - order["since_ms"]) / 1000
    second = order["second"]
    by = second["by"] if isinstance(second, dict) else second
    if (
        not order["reason"]
        or not order["interlock"]
        or not by
        or by == order["by"]
        or lasts_s > OVERRIDE_S_MAX
    ):
        yield "I8", story.end_s, f"the override {order['id'][:6]} lacks a reason, a second person or an end"


def _kept(story: Story, write: Write) -> Iterator[Found]:
    """A gate does not leave its safe end while its gateway holds an order for it that nobody released."""
    told: set[str] = set()
    lifted: set[str] = set()
    for message in story.heard["orders"].get(write.gateway, ()):
        if message.at_s > write.at_s:
            break
        lifted |= set(message.body["tombstones"])
        if message.life == write.life and message.at_s <= write.at_s - SLACK_S:
            told |= {
                order["id"]
                for order in message.body["orders"]
                if order["actuator"] == write.actuator and order["kind"] in {"keep_closed", "keep_open"}
            }
    for record in story.records.get("order", ()):
        order = record.body.get("order", {})
        is_own = (record.gateway, record.life) == (write.gateway, write.life)
        if is_own and record.at_s <= write.at_s - SLACK_S and order.get("actuator") == write.actuator:
            told.add(order["id"])
    if told - lifted:
        yield (
            "I6",
            write.at_s,
            f"{write.actuator} leaves its safe end while {len(told - lifted)} orders keep it there",
        )


def _points(condition: ast.expr) -> set[str]:
    return {
        f"{node.value.id}/{node.attr}"
        for node in ast.walk(condition)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }


def _age_s(story: Story, point: str, gateway: str) -> float:
    """Return how old a value of `point` may be and still count as present."""
    park = small_park()
    found = park.points[point]  # type: ignore[index]
    device = park.devices[found.device]
    own = 2 * device.groups[found.group].period_s
    return own if device.gateway == gateway else own + FOREIGN_S


def _changes(story: Story, points: set[str], since_s: float, until_s: float) -> list[float]:
    found = []
    for point in points:
        found += [item.at_s for item in story.measured.get(point, ()) if since_s <= item.at_s <= until_s]
        facility = point.partition("/")[0]
        if facility in story.gates:
            found += [
                item.at_s for item in story.gates[facility].within(since_s, until_s) if item.at_s >= since_s
            ]
    return found


def _value(story: Story, node: ast.expr, at_s: float) -> Any:
    """Return what an expression truly is at one instant; None: it cannot be told from the trace."""
    match node:
        case ast.BoolOp(op=ast.And(), values=values):
            return _all([_value(story, item, at_s) for item in values])
        case ast.BoolOp(values=values):
            found = _all([_not(_value(story, item, at_s)) for item in values])
            return _not(found)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _not(_value(story, operand, at_s))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _compare(op, _value(story, left, at_s), _value(story, right, at_s))
        case ast.BinOp(left=left, op=op, right=right):
            return _reckon(op, _value(story, left, at_s), _value(story, right, at_s))
        case ast.Constant(value=value):
            return value
        case ast.Name():
            return 1.0  # a unit; every point of the park has the unit of its interlocks
        case ast.Attribute(value=ast.Name(id=facility), attr=name):
            return _reading(story, facility, name, at_s)
        case ast.Call(func=ast.Name(id="held"), args=[condition, _]):
            return _value(story, condition, at_s)  # false now is false however long
    return None


def _all(values: Sequence[Any]) -> Any:
    if any(value is False for value in values):
        return False
    return None if any(value is None for value in values) else True


def _not(value: Any) -> Any:
    return None if value is None else not value


def _compare(op: ast.cmpop, left: Any, right: Any) -> Any:
    if left is None or right is None:
        return None
    match op:
        case ast.LtE():
            return left <= right
        case ast.GtE():
            return left >= right
        case ast.Lt():
            return left < right
        case ast.Gt():
            return left > right
    return None


def _reckon(op: ast.operator, left: Any, right: Any) -> Any:
    if left is None or right is None:
        return None
    match op:
        case ast.Mult():
            return left * right
        case ast.Sub():
            return left - right
        case ast.Add():
            return left + right
    return None


def _reading(story: Story, facility: str, name: str, at_s: float) -> Any:
    if facility in story.gates:
        stood = story.gates[facility].at(at_s)
        if story.is_faulty(("lie",), facility, at_s - 3.0, at_s):
            return None
        match name:
            case "opened":
                return stood.opening >= 1 - LIMIT
            case "closed":
                return stood.opening <= LIMIT
            case "power":
                return stood.has_power
            case "remote":
                return stood.is_remote
        if name not in CALM:
            return None
    changes = story.measured.get(f"{facility}/{name}", ())
    place = bisect_right(changes, at_s, key=lambda item: item.at_s)
    if place:
        return changes[place - 1].value
    point = small_park().points.get(f"{facility}/{name}")  # type: ignore[call-overload]
    if point is None:
        return None
    return False if point.is_boolean else CALM.get(name, 0.0)
