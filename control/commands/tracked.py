"""A command as control follows it: what was asked, which bytes were signed, and every state it went through."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from control.commands.lifecycle import path, timeout_events
from domain.approval import Consent
from domain.command import Action, Command, Event, Phase, State, advance, next_state
from domain.ids import CommandId, FacilityId, GatewayId
from wire.canonical import Json
from wire.consents import consent_body, consent_of
from wire.fields import Fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One state entered, with what the edge said of it."""

    state: State
    at_ms: int
    reasons: tuple[Json, ...] = ()
    """Cause forms."""
    evidence: Json = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """One command and how far it came."""

    command: Command
    gateway: GatewayId
    created_ms: int
    expires_ms: int
    """Model time; what is not operated by then never is."""
    is_away: bool
    """Away from safe: selected first, and void under a newer term."""
    accepted: tuple[str, ...] = ()
    consent: Consent | None = None
    """The second person's approval that goes with it."""
    ticket: str | None = None
    """The operation ticket (操作票) that it goes out under."""
    instead_of: CommandId | None = None
    replaced_by: CommandId | None = None
    run: str | None = None
    """The plan run that asked for it; None: a person or an edge."""
    idempotency_key: str | None = None
    messages: Mapping[Phase, str] = field(default_factory=dict)
    """The signed tokens by phase; sent again unchanged until answered."""
    wanted: Phase | None = None
    """The phase that is to be out now; None: nothing is to be sent (an edge's own command)."""
    sent: frozenset[Phase] = frozenset()
    answered: frozenset[Phase] = frozenset()
    transitions: tuple[Transition, ...] = ()
    is_inherited: bool = False
    """Asked for in an earlier run of control; no row says so."""

    @property
    def id(self) -> CommandId:
        """The command's id."""
        return self.command.id

    @property
    def state(self) -> State:
        """The command's state."""
        return self.command.state

    @property
    def is_awaiting(self) -> bool:
        """Whether its message is to be sent (again)."""
        return self.wanted is not None and self.wanted not in self.answered and not self.state.is_final

    def is_ours(self, phase: Phase, digest: str) -> bool:
        """Whether `digest` (SHA-256 in hexadecimal) is of the bytes that were signed for this phase of the command."""
        token = self.messages.get(phase)
        return token is not None and hashlib.sha256(token.encode()).hexdigest() == digest

    def signed(self, phase: Phase, token: bytes) -> "Tracked":
        """Return it with the token of `phase`."""
        return replace(self, messages={**self.messages, phase: token.decode()})

    def published(self) -> "Tracked":
        """Return it with its wanted phase marked as gone out."""
        return self if self.wanted is None else replace(self, sent=self.sent | {self.wanted})

    def reported(self, phase: Phase | None, entered: Transition) -> "Tracked":
        """Return it after a report of the edge; a final state stays as it is (I5)."""
        answered = self.answered if phase is None else self.answered | {phase}
        events = None if self.state.is_final else path(self.state, entered.state)
        if not events:
            return replace(self, answered=answered)
        return replace(self._after(events, entered), answered=answered)

    def timed_out(self, *, now_ms: int) -> "Tracked":
        """Return it after the end of waiting."""
        events = timeout_events(self.state, was_operated=self._may_have_gone)
        if not events:
            return self
        state = self.state
        for event in events:
            state = next_state(state, event)
        return self._after(events, Transition(state=state, at_ms=now_ms))

    @property
    def _may_have_gone(self) -> bool:
        """Whether the operate is out, for all that is known.

        A closure waits for no disk: with database and spool full only memory knows that it went, and dies with the process.
        """
        is_lost = self.is_inherited and not self.is_away and self.wanted is Phase.OPERATE
        return Phase.OPERATE in self.sent or is_lost

    def _after(self, events: tuple[Event, ...], entered: Transition) -> "Tracked":
        command = self.command
        for event in events:
            command = advance(command, event, now_ms=entered.at_ms)
        return replace(self, command=command, transitions=(*self.transitions, entered))


def body(tracked: Tracked) -> dict[str, Json]:
    """Return the JSON form kept in the database."""
    command = tracked.command
    return {
        "id": command.id,
        "actuator": command.actuator,
        "action": command.action.value,
        "parameters": dict(command.parameters),
        "author": command.author,
        "reason": command.reason,
        "state": command.state.value,
        "changed_ms": command.changed_ms,
        "gateway": tracked.gateway,
        "created_ms": tracked.created_ms,
        "expires_ms": tracked.expires_ms,
        "is_away": tracked.is_away,
        "accepted": list(tracked.accepted),
        "consent": None if tracked.consent is None else consent_body(tracked.consent),
        "ticket": tracked.ticket,
        "instead_of": tracked.instead_of,
        "replaced_by": tracked.replaced_by,
        "run": tracked.run,
        "idempotency_key": tracked.idempotency_key,
        "messages": {phase.value: token for phase, token in tracked.messages.items()},
        "wanted": tracked.wanted.value if tracked.wanted is not None else None,
        "sent": sorted(phase.value for phase in tracked.sent),
        "answered": sorted(phase.value for phase in tracked.answered),
        "transitions": [
            {
                "state": item.state.value,
                "at_ms": item.at_ms,
                "reasons": list(item.reasons),
                "evidence": item.evidence,
            }
            for item in tracked.transitions
        ],
    }


def tracked(held: Mapping[str, Json]) -> Tracked:
    """Return the command in `held`. Raises RemoteProtocolError when it is none."""
    fields = Fields(held)
    instead_of, replaced_by = fields.text_or_none("instead_of"), fields.text_or_none("replaced_by")
    wanted, given = fields.text_or_none("wanted"), held.get("consent")
    return Tracked(
        command=Command(
            id=CommandId(fields.text("id")),
            actuator=FacilityId(fields.text("actuator")),
            action=fields.one_of("action", Action),
            parameters={
                key: Fields.as_number(key, value) for key, value in fields.mapping("parameters").items()
            },
            author=fields.text("author"),
            reason=fields.text("reason"),
            state=fields.one_of("state", State),
            changed_ms=fields.integer("changed_ms"),
        ),
        gateway=GatewayId(fields.text("gateway")),
        created_ms=fields.integer("created_ms"),
        expires_ms=fields.integer("expires_ms"),
        is_away=fields.boolean("is_away"),
        accepted=tuple(Fields.as_text("accepted", item) for item in fields.sequence("accepted")),
        consent=None if given is None else consent_of(Fields.of("consent", given)),
        ticket=fields.text_or_none("ticket"),
        instead_of=CommandId(instead_of) if instead_of is not None else None,
        replaced_by=CommandId(replaced_by) if replaced_by is not None else None,
        run=fields.text_or_none("run"),
        idempotency_key=fields.text_or_none("idempotency_key"),
        messages={
            Phase(key): Fields.as_text(key, value) for key, value in fields.mapping("messages").items()
        },
        wanted=Phase(wanted) if wanted is not None else None,
        sent=frozenset(Phase(str(item)) for item in fields.sequence("sent")),
        answered=frozenset(Phase(str(item)) for item in fields.sequence("answered")),
        transitions=tuple(
            _transition(item) for item in fields.sequence("transitions") if isinstance(item, Mapping)
        ),
    )


def _transition(item: Mapping[str, Json]) -> Transition:
    fields = Fields(item)
    return Transition(
        state=fields.one_of("state", State),
        at_ms=fields.integer("at_ms"),
        reasons=tuple(fields.sequence("reasons")),
        evidence=item.get("evidence"),
    )
