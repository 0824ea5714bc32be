"""Decides whether an actuator may be moved now, from one definition, at the centre (to explain) and at the edge (to enforce).

The two directions are not equal: away from safe, whatever is not known to be right refuses; toward safe, only what is
known to forbid it blocks, and the rest is a warning (I6). It does not know persons, signatures or time-outs.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from domain.command import ACTION_WORDS, Action
from domain.commissioning import may_be_driven
from domain.drive import takes
from domain.ids import PointRef
from domain.interlock import Interlock, Recall, Truth, evaluate, forgotten
from domain.order import Order, OrderKind, OrderSet
from domain.park import Actuator, SafePosition
from domain.position import POSITION_WORDS, Position, indicate
from domain.refusal import Admission, Admitted, Cause, Code, Refused
from domain.sample import Reading
from domain.words import Words

OPENING_MAX = 100.0
"""Percent."""
NO_SUCH_ACTION = {
    Action.SET: Words(
        "驱动没有开度设定,只能全开、全关", "the drive has no set-point: it opens and closes all the way"
    ),
    Action.STOP: Words("驱动不能中途停止", "the drive cannot be stopped on its way"),
}
"""What is said of an action that a drive may lack."""


class Direction(StrEnum):
    """Which way a move goes, seen from the river."""

    TOWARD_SAFE = "toward_safe"
    AWAY_FROM_SAFE = "away_from_safe"
    NONE = "none"
    """Stop and verify."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What is known when the decision is made."""

    read: Callable[[PointRef], Reading]
    unit_of: Callable[[PointRef], str]
    """Unit of a point, `domain.interlock.BOOLEAN` for a state."""
    orders: OrderSet
    executing: Action | None = None
    """The move that is being executed on this actuator; None: none."""
    owner: str = ""
    """Whose move that is."""
    is_in_doubt: bool = False
    """The last command ended unknown and no fresh feedback has come since (I5)."""
    recall: Recall = forgotten
    """What was seen over time, for the interlocks that rest on it."""
    drive: str = ""
    """Hash of the actuator's drive: what a commissioning was signed for."""
    author: str = ""
    """Who asks; a device that is being commissioned obeys whoever checks it."""
    overridden: Mapping[str, Order] = field(default_factory=dict)
    """Interlocks of this actuator that are overridden now, with the order by which they are (I8, domain.override)."""


def direction(actuator: Actuator, action: Action, *, opening_percent: float | None = None) -> Direction:
    """Return which way `action` moves `actuator`; SET counts as away unless it asks for the safe end itself."""
    safe = Action.CLOSE if actuator.safe_position is SafePosition.CLOSED else Action.OPEN
    match action:
        case Action.STOP | Action.VERIFY:
            return Direction.NONE
        case Action.SET:
            end = 0.0 if safe is Action.CLOSE else OPENING_MAX
            return Direction.TOWARD_SAFE if opening_percent == end else Direction.AWAY_FROM_SAFE
        case _:
            return Direction.TOWARD_SAFE if action is safe else Direction.AWAY_FROM_SAFE


def target(action: Action, *, opening_percent: float | None = None) -> Position | None:
    """Return the position whose proof confirms `action`; None for stop, verify and openings between the limits."""
    match action:
        case Action.OPEN:
            return Position.OPEN
        case Action.CLOSE:
            return Position.CLOSED
        case Action.SET if opening_percent == 0.0:
            return Position.CLOSED
        case Action.SET if opening_percent == OPENING_MAX:
            return Position.OPEN
        case _:
            return None


def admit(
    actuator: Actuator, action: Action, situation: Situation, *, opening_percent: float | None = None
) -> Admission:
    """Return whether `action` may go out, with every reason against it or every warning."""
    way = direction(actuator, action, opening_percent=opening_percent)
    refusals = [*_standing(actuator, action, way, situation)]
    warnings: list[Cause] = []
    match way:
        case Direction.AWAY_FROM_SAFE:
            refusals += [*_unknowns(actuator, situation), *_away(actuator, action, situation)]
        case Direction.TOWARD_SAFE:
            warnings += [*_unknowns(actuator, situation), *_doubtful_inhibits(actuator, situation)]
            refusals += _inhibits(actuator, situation)
        case Direction.NONE:
            pass
    warnings += _overridden(actuator, way, situation)
    return Refused(reasons=tuple(refusals)) if refusals else Admitted(warnings=tuple(warnings))


def _standing(actuator: Actuator, action: Action, way: Direction, situation: Situation) -> Iterator[Cause]:
    """What blocks any output: no such drive, not commissioned, tagged out, local, device fault (I7)."""
    if action is Action.VERIFY:
        return
    if not takes(actuator.drive, action):
        yield Cause(code=Code.MODE, detail=NO_SUCH_ACTION[action])
    if not may_be_driven(actuator, situation.drive, situation.orders, author=situation.author):
        yield Cause(code=Code.NOT_COMMISSIONED)
    is_ours_to_stop = action is Action.STOP and situation.executing is not None
    tags = situation.orders.standing(actuator.facility, OrderKind.TAG_OUT)
    if tags and not is_ours_to_stop:
        yield from (_standing_order(Code.TAGGED_OUT, tag) for tag in tags)
    remote = situation.read(actuator.point(actuator.feedback.remote))
    if remote.is_trusted and remote.value is False:
        yield Cause(code=Code.LOCAL, values=_shown(actuator.point(actuator.feedback.remote), remote))
    if way is not Direction.NONE and actuator.feedback.fault is not None:
        fault = situation.read(actuator.point(actuator.feedback.fault))
        if fault.is_trusted and fault.value is True:
            yield Cause(code=Code.HEALTH, values=_shown(actuator.point(actuator.feedback.fault), fault))


def _unknowns(actuator: Actuator, situation: Situation) -> Iterator[Cause]:
    """Own feedback that is missing, stale or not good."""
    names = (
        actuator.feedback.opened,
        actuator.feedback.closed,
        actuator.feedback.remote,
        actuator.feedback.fault,
    )
    refs = (actuator.point(name) for name in names if name is not None)
    values = {ref: reading for ref in refs if not (reading := situation.read(ref)).is_trusted}
    if values:
        shown = {key: text for ref, reading in values.items() for key, text in _shown(ref, reading).items()}
        yield Cause(code=Code.STALE_INPUT, values=shown)


def _away(actuator: Actuator, action: Action, situation: Situation) -> Iterator[Cause]:
    if situation.executing is not None:
        by = {"by": situation.owner} if situation.owner else {}
        yield Cause(code=Code.BUSY, detail=ACTION_WORDS[situation.executing], values=by)
    if situation.is_in_doubt:
        yield Cause(code=Code.IN_DOUBT)
    kept = Code.KEEP_CLOSED if actuator.safe_position is SafePosition.CLOSED else Code.KEEP_OPEN
    yield from (_standing_order(kept, order) for order in situation.orders.keeping(actuator.facility))
    wanted = target(action)
    if wanted is not None and situation.executing is None:
        opened = situation.read(actuator.point(actuator.feedback.opened))
        closed = situation.read(actuator.point(actuator.feedback.closed))
        if indicate(opened, closed).position is wanted:
            yield Cause(code=Code.POSITION_REACHED, detail=POSITION_WORDS[wanted])
    for lock in actuator.permits:
        if lock.id in situation.overridden:
            continue
        match truth_now(lock, situation):
            case Truth.FALSE:
                yield _cause(Code.INTERLOCK, lock, situation)
            case Truth.UNKNOWN:
                yield _cause(Code.STALE_INPUT, lock, situation)
            case Truth.TRUE:
                pass


def truth_now(lock: Interlock, situation: Situation) -> Truth:
    """Return what is known of an interlock's condition, overridden or not."""
    return evaluate(lock.expression, situation.read, situation.unit_of, situation.recall)


def _inhibits(actuator: Actuator, situation: Situation) -> Iterator[Cause]:
    for lock in actuator.inhibits:
        if lock.id not in situation.overridden and truth_now(lock, situation) is Truth.TRUE:
            yield _cause(Code.INTERLOCK, lock, situation)


def _doubtful_inhibits(actuator: Actuator, situation: Situation) -> Iterator[Cause]:
    for lock in actuator.inhibits:
        if lock.id not in situation.overridden and truth_now(lock, situation) is Truth.UNKNOWN:
            yield _cause(Code.STALE_INPUT, lock, situation)


def _overridden(actuator: Actuator, way: Direction, situation: Situation) -> Iterator[Cause]:
    """What is let through by an override only goes on the record with it (I8)."""
    locks = {Direction.AWAY_FROM_SAFE: actuator.permits, Direction.TOWARD_SAFE: actuator.inhibits}
    for lock in locks.get(way, ()):
        order = situation.overridden.get(lock.id)
        if order is not None:
            who = {"by": order.by, "second": order.second or "", "reason": order.reason}
            yield Cause(code=Code.OVERRIDDEN, detail=lock.words, values={**who, "order": order.id})


def _standing_order(code: Code, order: Order) -> Cause:
    """Whose order it is, and why; an edge gives its reason in both languages on one line."""
    zh, _, en = order.reason.partition(" / ")
    is_both = order.by.startswith("edge:") and en
    return Cause(code=code, detail=Words(zh, en) if is_both else order.reason, values={"by": order.by})


def _cause(code: Code, lock: Interlock, situation: Situation) -> Cause:
    shown: dict[str, str] = {}
    for ref in sorted(lock.expression.references):
        shown |= _shown(ref, situation.read(ref), situation.unit_of(ref))
    return Cause(code=code, detail=lock.words, values=shown)


def _shown(ref: PointRef, reading: Reading, unit: str = "") -> dict[str, str]:
    age = "—" if reading.age_s is None else f"{reading.age_s:.1f} s"
    trust = reading.quality.word + (f"/{reading.reason.value}" if reading.reason else "")
    fresh = "" if reading.fresh else " stale"
    unit = "" if unit == "boolean" else f" {unit}"
    return {ref: f"{reading.value}{unit} ({trust}{fresh}, {age})"}
