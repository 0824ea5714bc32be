"""Decides at the centre whether a person's request becomes a command: authority, area, tier, definition, then `admit`.

The edge decides again by the same `admit`; here it is decided to be able to say why before anything is signed (I6, I14).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from control.people.roles import Person, Role
from control.people.standing import lacking, needs_of
from domain.admission import Direction, Situation, admit, direction
from domain.approval import Consent
from domain.command import Action
from domain.commissioning import is_checked_by, is_trial
from domain.ids import FacilityId, GatewayId, PointRef
from domain.interlock import Recall, Truth, forgotten
from domain.operators import points_of
from domain.park import Actuator, Park, Tier
from domain.quality import Quality
from domain.refusal import Cause, Code, Refused
from domain.sample import Reading
from domain.words import Words
from wire.messages import Evidence

MAY_CLOSE = frozenset({Role.OPERATOR, Role.SHIFT_CHIEF, Role.ENTERPRISE})
"""Toward safe, stop and verify."""
MAY_OPEN = frozenset({Role.OPERATOR, Role.SHIFT_CHIEF})
"""Away from safe."""
MAY_CHECK = frozenset({Role.ENGINEER})
"""Either way, on a device that they commission just now."""

_NO_TICKET = Cause(
    code=Code.APPROVAL,
    detail=Words(
        "须先开操作票,由另一人同意后再预选",
        "ask for an operation ticket; select once another person has agreed to it",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What somebody asks for."""

    actuator: FacilityId
    action: Action
    parameters: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""
    accepted: frozenset[str] = frozenset()
    """Warnings that the person was shown and accepts, as `Cause.shown` has them; `*` accepts whatever comes (a plan's
    confirmation)."""
    consent: Consent | None = None
    """The second person's approval: of a ticket, of a river step, or of a reopening; None: nobody gave one."""
    ticket: str | None = None
    """The operation ticket (操作票) that it is to go out under."""

    @property
    def opening_percent(self) -> float | None:
        """For SET."""
        return self.parameters.get("opening_percent")

    @property
    def approved_by(self) -> str | None:
        """The second person; None: nobody approved."""
        return None if self.consent is None else self.consent.by


@dataclass(frozen=True, slots=True, kw_only=True)
class Clear:
    """It may go out."""

    way: Direction
    warnings: tuple[Cause, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedsConfirmation:
    """It may go out once the person has accepted these warnings."""

    warnings: tuple[Cause, ...]


Verdict = Clear | NeedsConfirmation | Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What the gateway's pulse says when the decision is made."""

    is_heard: bool
    definition: tuple[str, str] | None
    """The edge's hashes of this actuator; None: it has not said."""


def consider(
    request: Request,
    person: Person,
    park: Park,
    situation: Situation,
    *,
    link: Link,
    definition: tuple[str, str],
    is_recordable: bool,
    asks_second: bool = True,
) -> Verdict:
    """Return what becomes of `request`. `is_recordable`: the audit log takes records.

    `asks_second` False: as if another person had agreed to a move away from safe; never so of the river.
    """
    actuator = park.actuators.get(request.actuator)
    if actuator is None:
        return Refused(reasons=(Cause(code=Code.UNKNOWN_ACTUATOR, detail=request.actuator),))
    malformed = _malformed(request)
    if malformed is not None:
        return Refused(reasons=(malformed,))
    way = direction(actuator, request.action, opening_percent=request.opening_percent)
    is_checking = is_checked_by(actuator, situation.drive, situation.orders, author=person.username)
    reasons = beside(
        request,
        person,
        park,
        way,
        link=link,
        definition=definition,
        is_recordable=is_recordable,
        is_checking=is_checking,
    )
    situation = replace(situation, author=person.username)
    admission = admit(actuator, request.action, situation, opening_percent=request.opening_percent)
    if isinstance(admission, Refused):
        reasons += admission.reasons
        return Refused(reasons=tuple(reasons))
    if reasons:
        return Refused(reasons=tuple(reasons))
    # Asked last: what else speaks against the move is what both persons want to know first.
    is_alone = request.approved_by in {None, person.username}
    if asks_second and is_alone and takes_second(actuator, request, park, situation):
        return Refused(reasons=(_NO_TICKET,))
    is_all = "*" in request.accepted
    open_warnings = [
        item for item in admission.warnings if not is_all and not item.is_accepted(request.accepted)
    ]
    # An override was answered for by two persons; it goes on the record with the command and is asked of nobody again.
    if any(item.code is not Code.OVERRIDDEN for item in open_warnings):
        return NeedsConfirmation(warnings=admission.warnings)
    return Clear(way=way, warnings=admission.warnings)


def beside(
    request: Request,
    person: Person,
    park: Park,
    way: Direction,
    *,
    link: Link,
    definition: tuple[str, str],
    is_recordable: bool,
    is_checking: bool = False,
) -> list[Cause]:
    """Return what stands against `request` at the centre, beside what `admit` says.

    `is_checking`: the person commissions the device just now.
    """
    return [
        *_authority(request, person, park, way, is_checking=is_checking),
        *_at_the_centre(way, link=link, definition=definition, is_recordable=is_recordable),
    ]


def takes_second(actuator: Actuator, request: Request, park: Park, situation: Situation) -> bool:
    """Whether the move goes out under a ticket: away from safe, off the river, and not in the check of a new device (联调)."""
    if park.facilities[actuator.facility].tier is Tier.RIVER:
        return False
    way = direction(actuator, request.action, opening_percent=request.opening_percent)
    is_new = is_trial(actuator, situation.drive, situation.orders, author=situation.author)
    return way is Direction.AWAY_FROM_SAFE and not is_new


def evidence_for(
    actuator: Actuator,
    park: Park,
    read: Callable[[PointRef], Reading],
    gateway: GatewayId,
    recall: Recall = forgotten,
) -> tuple[Evidence, ...]:
    """Return what the centre sees of the points behind other gateways that this actuator's interlocks use.

    Of an operator that rests on the past of such points the centre's judgement goes with them, under the operator's text.
    """

    def is_foreign(ref: PointRef) -> bool:
        return park.devices[park.points[ref].device].gateway != gateway

    locks = (*actuator.permits, *actuator.inhibits)
    used = {ref for lock in locks for ref in lock.expression.references}
    foreign = sorted(ref for ref in used if is_foreign(ref))
    found = []
    for ref in foreign:
        reading = read(ref)
        age_ms = None if reading.age_s is None or not reading.fresh else round(reading.age_s * 1000)
        found.append(Evidence(point=ref, value=reading.value, quality=int(reading.quality), age_ms=age_ms))
    judged = {item.text: item for lock in locks for item in lock.expression.timed}
    for text, item in sorted(judged.items()):
        points = points_of(item)
        if any(is_foreign(ref) for ref in points):
            found.append(_judgement(text, [read(ref) for ref in points], recall(text)))
    return tuple(found)


def _judgement(text: str, readings: Sequence[Reading], known: Truth | float | None) -> Evidence:
    """Return what is known of an operator, as old as the oldest value that it rests on; a value of None: nothing is."""
    value = {Truth.TRUE: True, Truth.FALSE: False}.get(known) if isinstance(known, Truth) else known
    ages = [reading.age_s if reading.fresh else None for reading in readings]
    oldest_s = None if None in ages else max(age for age in ages if age is not None)
    age_ms = None if oldest_s is None else round(oldest_s * 1000)
    return Evidence(point=text, value=value, quality=int(Quality.GOOD), age_ms=age_ms)


def _malformed(request: Request) -> Cause | None:
    percent = request.opening_percent
    if request.action is Action.SET and (percent is None or not 0.0 <= percent <= 100.0):
        return Cause(code=Code.MALFORMED, detail="opening_percent: 0–100")
    if request.action is not Action.SET and request.parameters:
        return Cause(code=Code.MALFORMED, detail="parameters")
    return None


def _authority(
    request: Request, person: Person, park: Park, way: Direction, *, is_checking: bool
) -> list[Cause]:
    facility = park.facilities[request.actuator]
    reasons = []
    may = person.has(MAY_OPEN if way is Direction.AWAY_FROM_SAFE else MAY_CLOSE)
    may = may or (is_checking and person.has(MAY_CHECK))
    if not may or not person.reaches(facility):
        reasons.append(Cause(code=Code.NO_AUTHORITY))
    unproved = lacking(person.standing, needs_of(way))
    if unproved is not None:
        reasons.append(unproved)
    is_move = way is not Direction.NONE
    if is_move and facility.tier is Tier.RIVER and request.approved_by in {None, person.username}:
        reasons.append(
            Cause(
                code=Code.APPROVAL,
                detail=Words(
                    "河道闸门须双人复核:关闭走一键方案,开启走恢复程序",
                    "a river sluice needs a second person: a one-key plan closes it, a reopening opens it",
                ),
            )
        )
    return reasons


def _at_the_centre(
    way: Direction, *, link: Link, definition: tuple[str, str], is_recordable: bool
) -> list[Cause]:
    """Away from safe needs the log, the link and one definition; toward safe only the same drive (I18)."""
    reasons = []
    if way is Direction.AWAY_FROM_SAFE:
        if not is_recordable:
            reasons.append(Cause(code=Code.AUDIT))
        if not link.is_heard:
            reasons.append(Cause(code=Code.LINK))
        elif link.definition != definition:
            reasons.append(Cause(code=Code.DEFINITION))
    elif way is Direction.TOWARD_SAFE and link.definition is not None and link.definition[0] != definition[0]:
        reasons.append(Cause(code=Code.DEFINITION))
    return reasons
