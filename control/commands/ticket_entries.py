"""What is written and shown of an operation ticket: its row, its audit entries, its view; decides words, writes nothing."""

from collections.abc import Mapping

from control.audit.entry import Entry
from control.commands.ticket import Ticket, TicketState
from control.database.change import Change, Write
from domain.approval import Approval
from domain.command import ACTION_WORDS, Action
from domain.ids import FacilityId
from domain.park import Park
from domain.words import Words
from wire.canonical import Json
from wire.fields import Fields

_VERBS: Mapping[TicketState, Words] = {
    TicketState.WAITING: Words("申请操作票", "ticket asked for"),
    TicketState.APPROVED: Words("同意操作票", "ticket agreed to"),
    TicketState.USED: Words("操作票已用", "ticket used"),
    TicketState.WITHDRAWN: Words("撤回操作票", "ticket withdrawn"),
    TicketState.REFUSED: Words("拒绝操作票", "ticket refused"),
    TicketState.LAPSED: Words("操作票过期", "ticket lapsed"),
    TicketState.VOID: Words("操作票作废:设备定义已变", "ticket void: the actuator is defined otherwise"),
}
_KINDS = {TicketState.WAITING: "asked"}


def row(ticket: Ticket) -> Write:
    """Return the ticket as the database holds it."""
    return Write(
        table="tickets",
        row={
            "id": ticket.id,
            "actuator": ticket.actuator,
            "state": ticket.state.value,
            "asked_ms": ticket.asked_ms,
            "body": body(ticket),
        },
    )


def told(ticket: Ticket, park: Park, *, actor: str, at_ms: int) -> Change:
    """Return what is written when `ticket` has come to its present state."""
    words, verb = words_of(ticket, park), _VERBS[ticket.state]
    entry = Entry(
        at_ms=at_ms,
        actor=actor,
        kind=f"ticket.{_KINDS.get(ticket.state, ticket.state.value)}",
        object=ticket.actuator,
        words=Words(f"{verb.zh}:{words.zh}", f"{verb.en}: {words.en}"),
        body={
            "ticket": ticket.id,
            "action": ticket.action.value,
            "parameters": dict(ticket.parameters),
            "reason": ticket.reason,
            "by": ticket.by,
            "second": ticket.approved_by,
            "content_hash": ticket.content_hash,
            "until_ms": ticket.until_ms,
        },
    )
    return Change(writes=(row(ticket),), entries=(entry,))


def words_of(ticket: Ticket, park: Park) -> Words:
    """Return what would be done, in words."""
    facility = park.facilities.get(ticket.actuator)
    name = Words(ticket.actuator, ticket.actuator) if facility is None else facility.words
    verb, percent = ACTION_WORDS[ticket.action], ticket.parameters.get("opening_percent")
    if percent is None:
        return Words(f"{verb.zh}{name.zh}", f"{verb.en} {name.en}")
    return Words(f"{verb.zh}{name.zh}至 {percent:g} %", f"{verb.en} {name.en} to {percent:g} %")


def view(ticket: Ticket, park: Park) -> dict[str, Json]:
    """Return the ticket for the screens, with the hash by which the second person says what they have seen."""
    return {
        "id": ticket.id,
        "actuator": ticket.actuator,
        "action": ticket.action.value,
        "parameters": dict(ticket.parameters),
        "reason": ticket.reason,
        "words": words_of(ticket, park).as_dict(),
        "by": ticket.by,
        "second": ticket.approved_by,
        "state": ticket.state.value,
        "asked_ms": ticket.asked_ms,
        "until_ms": ticket.until_ms,
        "ended_by": ticket.ended_by,
        "content_hash": ticket.content_hash,
    }


def body(ticket: Ticket) -> dict[str, Json]:
    """Return the JSON form kept in the database."""
    found = ticket.approval
    return {
        "id": ticket.id,
        "actuator": ticket.actuator,
        "action": ticket.action.value,
        "parameters": dict(ticket.parameters),
        "reason": ticket.reason,
        "definition": list(ticket.definition),
        "by": ticket.by,
        "session": ticket.session,
        "asked_ms": ticket.asked_ms,
        "state": ticket.state.value,
        "approval": None
        if found is None
        else {
            "by": found.by,
            "session": found.session,
            "content_hash": found.content_hash,
            "at_ms": found.at_ms,
        },
        "ended_by": ticket.ended_by,
        "ended_ms": ticket.ended_ms,
    }


def ticket(held: Mapping[str, Json]) -> Ticket:
    """Return the ticket in `held`. Raises RemoteProtocolError when it is none."""
    fields = Fields(held)
    drive, whole = (Fields.as_text("definition", item) for item in fields.sequence("definition"))
    return Ticket(
        id=fields.text("id"),
        actuator=FacilityId(fields.text("actuator")),
        action=fields.one_of("action", Action),
        parameters={key: Fields.as_number(key, value) for key, value in fields.mapping("parameters").items()},
        reason=fields.text("reason"),
        definition=(drive, whole),
        by=fields.text("by"),
        session=fields.text("session"),
        asked_ms=fields.integer("asked_ms"),
        state=fields.one_of("state", TicketState),
        approval=_approval(held.get("approval")),
        ended_by=fields.text_or_none("ended_by"),
        ended_ms=fields.integer_or_none("ended_ms"),
    )


def _approval(given: Json) -> Approval | None:
    if given is None:
        return None
    fields = Fields.of("approval", given)
    return Approval(
        by=fields.text("by"),
        session=fields.text("session"),
        content_hash=fields.text("content_hash"),
        at_ms=fields.integer("at_ms"),
    )
