"""One operation ticket (操作票) as a value: a person's wish to move one actuator away from safe, and a second person's word on it (I9)."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from control.commands.pending import by_another
from control.people.roles import Person
from domain.approval import VALID_MS, Approval
from domain.command import Action
from domain.ids import FacilityId
from domain.refusal import Cause, Code
from domain.words import Words
from wire.canonical import dumps


class TicketState(StrEnum):
    """Where a ticket is."""

    WAITING = "waiting"
    """For a second person."""
    APPROVED = "approved"
    USED = "used"
    """An operate was signed under it."""
    WITHDRAWN = "withdrawn"
    """By who asked."""
    REFUSED = "refused"
    """By somebody else, before or after it was approved."""
    LAPSED = "lapsed"
    VOID = "void"
    """What it would move is defined otherwise now."""


class TicketEvent(StrEnum):
    """What happens to a ticket."""

    APPROVE = "approve"
    USE = "use"
    WITHDRAW = "withdraw"
    REFUSE = "refuse"
    LAPSE = "lapse"
    VOID = "void"


_ENDS = {
    TicketEvent.WITHDRAW: TicketState.WITHDRAWN,
    TicketEvent.REFUSE: TicketState.REFUSED,
    TicketEvent.LAPSE: TicketState.LAPSED,
    TicketEvent.VOID: TicketState.VOID,
}
TABLE: Mapping[tuple[TicketState, TicketEvent], TicketState] = {
    (TicketState.WAITING, TicketEvent.APPROVE): TicketState.APPROVED,
    (TicketState.APPROVED, TicketEvent.USE): TicketState.USED,
    **{(TicketState.WAITING, event): state for event, state in _ENDS.items()},
    **{(TicketState.APPROVED, event): state for event, state in _ENDS.items()},
}
"""What is not in it does not happen: an end is final."""
OPEN = frozenset({TicketState.WAITING, TicketState.APPROVED})

ENDED_WORDS: Mapping[TicketState, Words] = {
    TicketState.USED: Words("操作票已用过", "the ticket is used up"),
    TicketState.WITHDRAWN: Words("操作票已撤回", "the ticket was withdrawn"),
    TicketState.REFUSED: Words("操作票被另一人拒绝", "the ticket was refused by another person"),
    TicketState.LAPSED: Words("操作票已过期", "the ticket has lapsed"),
    TicketState.VOID: Words(
        "设备定义已变,操作票作废", "the actuator is defined otherwise now: the ticket is void"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """One person's wish, until it was carried out or can be no more."""

    id: str
    actuator: FacilityId
    action: Action
    parameters: Mapping[str, float] = field(default_factory=dict)
    reason: str
    definition: tuple[str, str]
    """(drive, whole) of the actuator when it was asked for."""
    by: str
    session: str
    """Hash of the session's token; never leaves the centre."""
    asked_ms: int
    state: TicketState = TicketState.WAITING
    approval: Approval | None = None
    ended_by: str | None = None
    ended_ms: int | None = None

    @property
    def content_hash(self) -> str:
        """Hash of all that the second person is shown, and of what it was compiled from; agreeing to another is agreeing to nothing."""
        shown = {
            "ticket": self.id,
            "actuator": self.actuator,
            "action": self.action.value,
            "parameters": dict(self.parameters),
            "reason": self.reason,
            "definition": list(self.definition),
            "by": self.by,
        }
        return hashlib.sha256(dumps(shown)).hexdigest()

    @property
    def until_ms(self) -> int:
        """When nobody can agree to it any more; once somebody has, when it can be used no more."""
        return (self.asked_ms if self.approval is None else self.approval.at_ms) + VALID_MS

    @property
    def is_open(self) -> bool:
        """Whether it waits or may be used."""
        return self.state in OPEN

    @property
    def approved_by(self) -> str | None:
        """The second person."""
        return None if self.approval is None else self.approval.by


def approved(ticket: Ticket, who: Person, *, now_ms: int) -> Ticket:
    """Return `ticket` with the word of `who` on it."""
    word = Approval(by=who.username, session=who.session, content_hash=ticket.content_hash, at_ms=now_ms)
    return replace(ticket, state=TABLE[ticket.state, TicketEvent.APPROVE], approval=word)


def ended(ticket: Ticket, event: TicketEvent, *, by: str, now_ms: int) -> Ticket:
    """Return `ticket` after its end. It must be open, and approved to be used."""
    return replace(ticket, state=TABLE[ticket.state, event], ended_by=by, ended_ms=now_ms)


def objection(ticket: Ticket, who: Person, *, content_hash: str, now_ms: int) -> Cause | None:
    """Return why `who` cannot be the second person; None: they can."""
    cause = by_another(who, by=ticket.by, session=ticket.session)
    if cause is not None:
        return cause
    if ticket.state is not TicketState.WAITING:
        words = Words("操作票已有人复核", "somebody has agreed to the ticket already")
        return Cause(code=Code.APPROVAL, detail=ENDED_WORDS.get(ticket.state, words))
    if now_ms >= ticket.until_ms:
        return Cause(code=Code.TIME_LIMIT, detail=ENDED_WORDS[TicketState.LAPSED])
    if content_hash != ticket.content_hash:
        return Cause(code=Code.APPROVAL, detail=Words("内容不是所示的内容", "this is not what was shown"))
    return None


def unusable(
    ticket: Ticket,
    *,
    author: str,
    actuator: FacilityId,
    action: Action,
    parameters: Mapping[str, float],
    definition: tuple[str, str],
    now_ms: int,
) -> Cause | None:
    """Return why `author` cannot make this move under `ticket` now; None: they can."""
    asked_for = (ticket.by, ticket.actuator, ticket.action, dict(ticket.parameters))
    if asked_for != (author, actuator, action, dict(parameters)):
        words = Words(
            "操作票是另一人、另一设备或另一操作的,请为此操作另行申请",
            "the ticket is another person's or for another move: ask for one for this",
        )
        return Cause(code=Code.APPROVAL, detail=words)
    if not ticket.is_open:
        return Cause(code=Code.APPROVAL, detail=ENDED_WORDS[ticket.state])
    if definition != ticket.definition:
        return Cause(code=Code.APPROVAL, detail=ENDED_WORDS[TicketState.VOID])
    found = ticket.approval
    if found is None:
        words = Words("操作票尚无另一人同意", "nobody else has agreed to the ticket yet")
        return Cause(code=Code.APPROVAL, detail=words)
    if now_ms >= ticket.until_ms or not found.holds(
        author=author, session=ticket.session, content_hash=ticket.content_hash, now_ms=now_ms
    ):
        return Cause(code=Code.APPROVAL, detail=ENDED_WORDS[TicketState.LAPSED])
    return None


def overdue(tickets: Iterable[Ticket], *, now_ms: int) -> tuple[Ticket, ...]:
    """Return the open ones whose time is over."""
    return tuple(item for item in tickets if item.is_open and now_ms >= item.until_ms)
