"""Decides, before anything moves, whether a command is one for us, fresh, of the right term and definition (I2, I3, I18).

What its signature is worth and what the interlocks say is decided elsewhere (wire.signing, domain.admission).
"""

import re
from dataclasses import dataclass

from domain.admission import Direction, direction
from domain.approval import missing
from domain.command import Action, Phase, State
from domain.ids import GatewayId, ParkId
from domain.park import Actuator
from domain.refusal import Cause, Code
from domain.words import Words
from gateway.ledger_entry import Entry
from wire.messages import CommandMessage

_COMMAND_ID = re.compile(r"[0-9a-f]{32}\Z")
REASON_MAX = 2000
"""Characters of an author's reason; a longer one is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where the gateway stands when a command comes."""

    park: ParkId
    gateway: GatewayId
    actuator: Actuator | None
    """The actuator that is named, when it is one behind this gateway."""
    is_known: bool
    """Whether the park has an actuator of that name at all."""
    definition: tuple[str, str]
    """(drive, whole) as we hold it; empty when the actuator is not ours."""
    term: int
    challenge_age_s: float | None
    challenge_validity_s: float
    now_ms: int
    """Model time."""
    is_disk_full: bool
    is_river: bool = False
    """Whether the actuator is of the river tier: two persons agree to every move of it (I9, I11)."""
    is_trial: bool = False
    """Whether the author checks an actuator for which nobody has signed yet (联调)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """The command ends here."""

    state: State
    reasons: tuple[Cause, ...]


def examine(message: CommandMessage, standing: Standing) -> Rejected | None:
    """Return why `message` goes no further, or None. The order is the one in which a person would want to know."""
    for found in (_address(message, standing), _form(message), _freshness(message, standing)):
        if found is not None:
            return found
    assert standing.actuator is not None
    return _authority(message, standing, standing.actuator)


def is_fresh(
    message: CommandMessage, *, challenge_age_s: float | None, validity_s: float, now_ms: int
) -> bool:
    """Whether `message` may still be written now: asked again right before the bytes (I3)."""
    return challenge_age_s is not None and challenge_age_s <= validity_s and now_ms <= message.expires_ms


def way_of(message: CommandMessage, actuator: Actuator) -> Direction:
    """Return which way the command moves its actuator."""
    return direction(actuator, message.action, opening_percent=message.parameters.get("opening_percent"))


def selects(selected: Entry, message: CommandMessage) -> bool:
    """Whether `message` operates exactly what was selected: same person, actuator, action and parameters (I1)."""
    return (
        selected.author == message.author
        and selected.actuator == message.actuator
        and selected.action is message.action
        and selected.parameters == dict(message.parameters)
    )


def _address(message: CommandMessage, standing: Standing) -> Rejected | None:
    if message.park != standing.park or message.gateway != standing.gateway:
        return _refused(Code.NOT_OURS, f"{message.park}/{message.gateway}")
    if standing.actuator is None:
        code = Code.NOT_OURS if standing.is_known else Code.UNKNOWN_ACTUATOR
        return _refused(code, message.actuator)
    return None


def _form(message: CommandMessage) -> Rejected | None:
    if _COMMAND_ID.match(message.id) is None:
        return _refused(Code.MALFORMED, "id")
    if not message.author or len(message.author) + len(message.reason) > REASON_MAX:
        return _refused(Code.MALFORMED, "author, reason")
    percent = message.parameters.get("opening_percent")
    wanted = {"opening_percent"} if message.action is Action.SET else set()
    if set(message.parameters) != wanted or (percent is not None and not 0 <= percent <= 100):
        return _refused(Code.MALFORMED, "parameters")
    return None


def _freshness(message: CommandMessage, standing: Standing) -> Rejected | None:
    age_s = standing.challenge_age_s
    if age_s is None:
        return _refused(Code.CHALLENGE_STALE, Words("不是本次启动后发出的", "not one of ours since start"))
    if age_s > standing.challenge_validity_s:
        return _refused(Code.CHALLENGE_STALE, f"{age_s:.0f} s > {standing.challenge_validity_s:.0f} s")
    if standing.now_ms > message.expires_ms:
        late_s = (standing.now_ms - message.expires_ms) / 1000
        return Rejected(state=State.EXPIRED, reasons=(Cause(code=Code.TIME_LIMIT, detail=f"{late_s:.1f} s"),))
    return None


def _authority(message: CommandMessage, standing: Standing, actuator: Actuator) -> Rejected | None:
    if message.phase is Phase.CANCEL:
        return None
    way = way_of(message, actuator)
    if _takes_two(way, standing):
        wanting = missing(
            message.consent, author=message.author, now_ms=standing.now_ms, is_river=standing.is_river
        )
        if wanting is not None:
            return _refused(Code.APPROVAL, wanting)
    if way is Direction.AWAY_FROM_SAFE:
        if message.term < standing.term:
            return _refused(Code.TERM, f"{message.term} < {standing.term}")
        if message.definition != standing.definition:
            return _refused(Code.DEFINITION, "")
        if standing.is_disk_full:
            return _refused(Code.DISK_FULL, "")
    elif way is Direction.TOWARD_SAFE and message.definition[0] != standing.definition[0]:
        return _refused(Code.DEFINITION, Words("驱动", "drive"))
    return None


def _takes_two(way: Direction, standing: Standing) -> bool:
    """Whether a second person must have agreed: to every move of the river, and to every other one away from safe (I9)."""
    if standing.is_river:
        return way is not Direction.NONE
    return way is Direction.AWAY_FROM_SAFE and not standing.is_trial


def _refused(code: Code, detail: Words | str) -> Rejected:
    return Rejected(state=State.REFUSED, reasons=(Cause(code=code, detail=detail),))
