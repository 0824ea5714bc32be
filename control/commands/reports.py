"""Decides what one record of an edge changes: the command that it reports on, a standing order, and what is written of it."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from control.commands.entries import applied, order_row, row
from control.commands.tracked import Tracked, Transition
from control.database.change import Change
from domain.command import Action, Command, Phase, State
from domain.errors import RemoteProtocolError
from domain.ids import CommandId, FacilityId, GatewayId
from domain.order import Order, named_by
from domain.park import Park
from domain.refusal import Code
from wire.canonical import Json
from wire.fields import Fields
from wire.messages import Record, order_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What follows from one record."""

    change: Change
    tracked: Tracked | None = None
    """The command as it is now; None: no command changed."""
    order: Order | None = None
    is_released: bool = False
    """Whether the edge holds the order's tombstone."""
    is_void: bool = False
    """Whether the command is to be asked for again."""


def report(
    record: Record, held: Tracked | None, park: Park, *, released: Collection[str] = frozenset()
) -> Report:
    """Return what follows from `record`; `held` is the command that it names, None when there is none.

    `released` are the tombstones that the centre holds: what is dead stays so, whoever tells of it again.
    """
    try:
        match record.kind:
            case "command":
                return _of_command(record, held, park)
            case "order":
                return _of_order(record, park, released)
    except (RemoteProtocolError, ValueError):
        pass  # a signed record that cannot be read is kept word for word in the audit all the same
    return Report(change=applied(record, park))


def named(record: Record) -> CommandId | None:
    """Return the id of the command that `record` reports on; None when it is about something else."""
    found = record.body.get("id")
    return CommandId(found) if record.kind == "command" and isinstance(found, str) else None


def _of_order(record: Record, park: Park, released: Collection[str]) -> Report:
    """An edge's own order is named by its record; what it holds of before, it tells when it finds that the centre does not."""
    fields = Fields(record.body)
    order = order_of(Fields(fields.mapping("order")))
    is_held = record.body.get("held") is True
    change = applied(record, park)
    own = f"{record.gateway}:{record.epoch}:{record.offset}"
    if not _is_behind(record.gateway, order.actuator, park) or not (is_held or order.id == own):
        return Report(change=change)
    named_by(order.id)
    is_released = (is_held and record.body.get("released") is True) or order.id in released
    row = order_row(order, is_released=is_released)
    return Report(change=replace(change, writes=(*change.writes, row)), order=order, is_released=is_released)


def _of_command(record: Record, held: Tracked | None, park: Park) -> Report:
    fields = Fields(record.body)
    state = fields.one_of("state", State)
    phase = fields.one_of("phase", Phase)
    digest = fields.text_or_none("hash") or ""
    if held is None:
        held = _of_the_edge(record, fields, park)
    elif not _is_of(record, held, phase, digest):
        held = None  # another edge, or somebody else's bytes under this id: the command goes on
    if held is None:
        return Report(change=applied(record, park))
    reasons = record.body.get("reasons")
    if _is_of_other_bytes(phase, state, reasons):
        # A life of control that left no trace on any disk sent other bytes under this id; what became of those nobody knows (I5).
        state = State.UNKNOWN
    entered = Transition(
        state=state,
        at_ms=record.at_ms,
        reasons=tuple(reasons) if isinstance(reasons, list) else (),
        evidence=record.body.get("evidence"),
    )
    is_late = held.state.is_final and held.state is not state
    now = held.reported(phase, entered)
    change = applied(record, park, is_late=is_late)
    return Report(
        change=replace(change, writes=(*change.writes, row(now))), tracked=now, is_void=_is_void(now, entered)
    )


def is_of_the_edge(author: str, gateway: GatewayId) -> bool:
    """Whether `author` is `gateway` itself, or a rule of its own by which it cuts off."""
    return author.partition("/")[0] == f"edge:{gateway}"


def _is_of(record: Record, held: Tracked, phase: Phase, digest: str) -> bool:
    """Whether `record` speaks of `held`: of its own gateway and, unless the edge made the command, of our very bytes."""
    if held.gateway != record.gateway:
        return False
    return held.is_ours(phase, digest) or is_of_the_edge(held.command.author, record.gateway)


def _of_the_edge(record: Record, fields: Fields, park: Park) -> Tracked | None:
    """Return a command that the edge made itself, a cut-off's; a refused stranger is none."""
    author = fields.text("author")
    if not _is_behind(record.gateway, record.actuator, park) or not is_of_the_edge(author, record.gateway):
        return None
    assert record.actuator is not None
    return Tracked(
        command=Command(
            id=CommandId(fields.text("id")),
            actuator=record.actuator,
            action=fields.one_of("action", Action),
            author=author,
            reason=fields.text_or_none("reason") or "",
            changed_ms=record.at_ms,
        ),
        gateway=record.gateway,
        created_ms=record.at_ms,
        expires_ms=record.at_ms + 60_000,
        is_away=False,
        sent=frozenset({Phase.OPERATE}),
    )


def _is_behind(gateway: GatewayId, actuator: FacilityId | None, park: Park) -> bool:
    """Whether `actuator` is one that `gateway` drives: of others its word counts for nothing."""
    return actuator is not None and actuator in park.actuators and park.gateway_of(actuator) == gateway


def _is_void(tracked: Tracked, entered: Transition) -> bool:
    codes = {_code(item) for item in entered.reasons}
    is_refused = tracked.state is State.REFUSED and entered.state is State.REFUSED
    return (
        is_refused
        and codes == {Code.CHALLENGE_STALE.value}
        and not tracked.is_away
        and not tracked.replaced_by
    )


def _is_of_other_bytes(phase: Phase, state: State, reasons: Json) -> bool:
    """Whether the edge knows the id of an operate by bytes that are not the ones it refuses."""
    said = reasons if isinstance(reasons, list) else []
    is_refused = phase is Phase.OPERATE and state is State.REFUSED
    return is_refused and {_code(item) for item in said} == {Code.REPLAYED.value}


def _code(reason: Json) -> str:
    return str(reason.get("code", "")) if isinstance(reason, dict) else ""
