"""What is written of a command: its row, and the audit entries that tell of it; decides words, writes nothing."""

from collections.abc import Sequence

from control.audit.entry import SYSTEM, Entry
from control.commands.gate import Request
from control.commands.tracked import Tracked, body
from control.database.change import Change, Write
from domain.command import ACTION_WORDS, STATE_WORDS, Action
from domain.order import Order
from domain.park import Park
from domain.refusal import Cause
from domain.words import Words
from wire.canonical import Json
from wire.consents import consent_body
from wire.messages import Record, record_body

KIND_WORDS = {
    "command": Words("命令", "command"),
    "cutoff": Words("边缘截断动作", "edge cut-off"),
    "order": Words("边缘禁开令", "keep-closed order of the edge"),
    "reassert": Words("禁令设备离开安全位", "not where an order keeps it"),
    "mode": Words("远程/就地切换", "remote/local switched"),
    "moved_by_hand": Words("非本系统动作", "moved by another hand"),
    "refused_write": Words("拒绝未签名写入", "unsigned write refused"),
    "journal": Words("日志盘状态", "journal's disk"),
    "start": Words("网关启动", "gateway started"),
    "crossing": Words("越限", "limit crossed"),
    "override": Words("旁路起止", "override begun or ended"),
}


def row(tracked: Tracked) -> Write:
    """Return the command as the database holds it."""
    command = tracked.command
    return Write(
        table="commands",
        row={
            "id": command.id,
            "actuator": command.actuator,
            "gateway": tracked.gateway,
            "author": command.author,
            "state": command.state.value,
            "created_ms": tracked.created_ms,
            "idempotency_key": tracked.idempotency_key,
            "body": body(tracked),
        },
    )


def order_row(order: Order, *, is_released: bool = False) -> Write:
    """Return the order as the database holds it."""
    return Write(
        table="orders",
        row={
            "id": order.id,
            "kind": order.kind.value,
            "actuator": order.actuator,
            "by": order.by,
            "reason": order.reason,
            "since_ms": order.since_ms,
            "until_ms": order.until_ms,
            "interlock": order.interlock,
            "condition": order.condition,
            "second": order.second,
            "is_released": is_released,
        },
    )


def asked(tracked: Tracked, warnings: Sequence[Cause], park: Park, *, phase: str) -> Change:
    """Return what is written before anything of the command goes out."""
    command = tracked.command
    words = _words(park, command.actuator, command.action)
    said: dict[str, Json] = {
        "command": command.id,
        "action": command.action.value,
        "parameters": dict(command.parameters),
        "reason": command.reason,
        "phase": phase,
        "expires_ms": tracked.expires_ms,
        "warnings": causes(warnings),
        "accepted": list(tracked.accepted),
        "run": tracked.run,
        "consent": None if tracked.consent is None else consent_body(tracked.consent),
        "ticket": tracked.ticket,
        "instead_of": tracked.instead_of,
    }
    entry = Entry(
        at_ms=command.changed_ms if phase == "request" else tracked.created_ms,
        actor=command.author,
        kind=f"command.{phase}",
        object=command.actuator,
        words=words,
        body=said,
    )
    return Change(writes=(row(tracked),), entries=(entry,))


def refused(request: Request, actor: str, reasons: Sequence[Cause], park: Park, *, at_ms: int) -> Change:
    """Return what is written of a request that never became a command."""
    words = _words(park, request.actuator, request.action)
    entry = Entry(
        at_ms=at_ms,
        actor=actor,
        kind="command.refused",
        object=request.actuator if request.actuator in park.facilities else "",
        words=Words(f"{words.zh}:已拒绝", f"{words.en}: refused"),
        body={
            "action": request.action.value,
            "asked_for": request.actuator[:100],
            "reason": request.reason,
            "reasons": causes(reasons),
        },
    )
    return Change(entries=(entry,))


def changed(tracked: Tracked, park: Park, *, cause: str, at_ms: int) -> Change:
    """Return what is written when the centre itself moves a command on: a time-out, a withdrawal."""
    command = tracked.command
    words = _words(park, command.actuator, command.action)
    state = STATE_WORDS[command.state]
    entry = Entry(
        at_ms=at_ms,
        actor=SYSTEM,
        kind=f"command.{command.state.value}",
        object=command.actuator,
        words=Words(f"{words.zh}:{state.zh}", f"{words.en}: {state.en}"),
        body={"command": command.id, "cause": cause},
    )
    return Change(writes=(row(tracked),), entries=(entry,))


def applied(record: Record, park: Park, *, is_late: bool = False) -> Change:
    """Return what is written of a record of an edge: that it was applied, and the record itself in the audit."""
    words = KIND_WORDS.get(record.kind, Words(record.kind, record.kind))
    if record.kind == "command":
        words = _record_words(record, park)
    said: dict[str, Json] = {"record": record_body(record)}
    if is_late:
        said["is_late"] = True
    entry = Entry(
        at_ms=record.at_ms,
        actor=f"edge:{record.gateway}",
        kind=f"edge.{record.kind}",
        object=record.actuator or record.gateway,
        words=words,
        body=said,
    )
    applied_row = Write(
        table="records",
        kind="insert",
        row={
            "gateway": record.gateway,
            "epoch": record.epoch,
            "offset": record.offset,
            "kind": record.kind,
            "at_ms": record.at_ms,
        },
    )
    return Change(writes=(applied_row,), entries=(entry,))


def causes(reasons: Sequence[Cause]) -> list[Json]:
    """Return the JSON forms of `reasons`."""
    return [_json(cause) for cause in reasons]


def _json(cause: Cause) -> Json:
    words = cause.words
    return {"code": cause.code.value, "zh": words.zh, "en": words.en, "values": dict(cause.values)}


def _words(park: Park, actuator: str, action: Action) -> Words:
    facility = next((item for key, item in park.facilities.items() if key == actuator), None)
    name = facility.words if facility is not None else Words("未知设备", "unknown actuator")
    verb = ACTION_WORDS[action]
    return Words(f"{verb.zh}{name.zh}", f"{verb.en} {name.en}")


def _record_words(record: Record, park: Park) -> Words:
    state, action = str(record.body.get("state", "")), str(record.body.get("action", ""))
    said = next((words for key, words in STATE_WORDS.items() if key.value == state), Words(state, state))
    verb = next(
        (words for key, words in ACTION_WORDS.items() if key.value == action), Words("命令", "command")
    )
    facility = park.facilities.get(record.actuator) if record.actuator is not None else None
    name = facility.words if facility is not None else Words("", "")
    return Words(f"{verb.zh}{name.zh}:{said.zh}", f"{verb.en} {name.en}: {said.en}".replace("  ", " "))
