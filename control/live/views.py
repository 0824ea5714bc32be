"""What the screen is told of points, actuators, gateways, alarms and orders; puts words to facts, decides nothing itself."""

from collections.abc import Sequence

from control.alarms.entries import facility_of, words_of
from control.alarms.watch import Watch
from control.commands.book import Book
from control.commands.orders import Orders
from control.commands.pending import Pending
from control.commands.ticket import Ticket
from control.commands.ticket_entries import view as ticket_view
from control.commands.tracked import Tracked
from control.live.image import Image
from domain.alarm import Alarm, AlarmState, Side
from domain.ids import FacilityId, GatewayId, PointRef
from domain.order import Order, OrderKind
from domain.override import lock_of, stands
from domain.park import Actuator, Park
from domain.position import POSITION_WORDS
from wire.canonical import Json

ViewBody = dict[str, Json]


def point_view(image: Image, ref: PointRef, *, now_s: float) -> ViewBody:
    """Return the live value of one point."""
    reading = image.reading(ref, now_s=now_s)
    return {
        "v": reading.value,
        "q": reading.quality.word,
        "reason": reading.reason.value if reading.reason is not None else None,
        "t": reading.observed_ms,
        "age_s": round(reading.age_s, 1) if reading.age_s is not None else None,
        "stale": not reading.fresh,
    }


def actuator_view(
    image: Image,
    orders: Orders,
    book: Book,
    actuator: Actuator,
    hand_report: ViewBody | None,
    *,
    tickets: Sequence[Ticket] = (),
    now_s: float,
    now_ms: int | None = None,
) -> ViewBody:
    """Return where an actuator stands, by its feedback alone, and apart from it what was commanded.

    `now_ms` None: of what ends by itself everything is shown that was given.
    """
    seen = image.indication(actuator, now_s=now_s)
    words = POSITION_WORDS[seen.position]
    feedback = actuator.feedback

    def trusted(name: str | None) -> bool | float | str | None:
        reading = image.reading(actuator.point(name), now_s=now_s) if name is not None else None
        return reading.value if reading is not None and reading.is_trusted else None

    tags = orders.standing(actuator.facility, OrderKind.TAG_OUT)
    newest = book.newest(actuator.facility)
    checks = orders.standing(actuator.facility, OrderKind.COMMISSIONING)
    return {
        "id": actuator.facility,
        "position": seen.position.value,
        "position_words": {"zh": words.zh, "en": words.en},
        "quality": seen.quality.word,
        "reason": seen.reason.value if seen.reason is not None else None,
        "fresh": seen.fresh,
        "last_seen": seen.last_seen.value,
        "opening_percent": trusted(feedback.position),
        "moving": trusted(feedback.moving),
        "remote": trusted(feedback.remote),
        "fault": trusted(feedback.fault),
        "doubt": book.doubt_since_s(actuator.facility) is not None,
        "tagged": tag_view(tags[0], now_ms=now_ms) if tags else None,
        "tags": [tag_view(tag, now_ms=now_ms) for tag in tags],
        "overrides": [
            override_view(order, actuator)
            for order in orders.standing(actuator.facility, OrderKind.OVERRIDE)
            if now_ms is None or stands(order, actuator, now_ms=now_ms)
        ],
        "waiting": [wish_view(wish, actuator) for wish in orders.waiting_on(actuator.facility)],
        "tickets": [ticket_view(ticket, image.park) for ticket in tickets],
        "keep_closed": [order.id for order in orders.held.keeping(actuator.facility)],
        "command": _brief(newest) if newest is not None else None,
        "hand_report": hand_report,
        "is_commissioned": orders.is_commissioned(actuator.facility),
        "commissioning": next((order.by for order in checks), None),
    }


def tag_view(tag: Order, *, now_ms: int | None) -> ViewBody:
    """Return one tag-out."""
    is_overdue = now_ms is not None and tag.until_ms is not None and tag.until_ms <= now_ms
    return {
        "id": tag.id,
        "by": tag.by,
        "reason": tag.reason,
        "since": tag.since_ms,
        "until": tag.until_ms,
        "overdue": is_overdue,
    }


def override_view(order: Order, actuator: Actuator) -> ViewBody:
    """Return one override that stands."""
    return {
        "id": order.id,
        "interlock": order.interlock,
        "words": _lock_words(order, actuator),
        "by": order.by,
        "second": order.second,
        "reason": order.reason,
        "since": order.since_ms,
        "until": order.until_ms,
    }


def wish_view(wish: Pending, actuator: Actuator) -> ViewBody:
    """Return what waits for a second person, with the hash by which that person says what they have seen."""
    order = wish.order
    return {
        "id": wish.id,
        "what": wish.what.value,
        "actuator": order.actuator,
        "order": order.id,
        "interlock": order.interlock,
        "condition": order.condition,
        "words": _lock_words(order, actuator),
        "by": wish.by,
        "reason": wish.reason,
        "asked_ms": wish.at_ms,
        "lapses_ms": wish.until_ms,
        "ends_ms": order.until_ms,
        "content_hash": wish.content_hash,
    }


def _lock_words(order: Order, actuator: Actuator) -> ViewBody | None:
    lock = lock_of(actuator, order.interlock) if order.interlock is not None else None
    return {"zh": lock.words.zh, "en": lock.words.en} if lock is not None else None


def gateway_view(image: Image, gateway: GatewayId, *, now_s: float) -> ViewBody:
    """Return how a gateway is."""
    pulse = image.pulses[gateway]
    silence_s = pulse.silence_s(now_s=now_s)
    newest = pulse.newest
    return {
        "id": gateway,
        "state": pulse.state(now_s=now_s),
        "heartbeat_age_s": round(silence_s) if silence_s is not None else None,
        "journal_depth": newest.journal_payloads if newest is not None else None,
        "journal_full": newest.journal_full if newest is not None else False,
    }


def alarm_view(alarm: Alarm, watch: Watch, park: Park) -> ViewBody:
    """Return one alarm."""
    rule = watch.rules.get(alarm.rule)
    place = facility_of(alarm.rule, watch, park)
    facility = park.facilities.get(FacilityId(place)) if place is not None else None
    words = words_of(alarm.rule, watch)
    return {
        "id": alarm.rule,
        "rule": alarm.rule,
        "facility": place,
        "enterprise": facility.enterprise if facility is not None else None,
        "severity": watch.severity_of(alarm.rule),
        "state": "cleared" if alarm.state is AlarmState.NORMAL else alarm.state.value,
        "occurrence": alarm.occurrence,
        "words": {"zh": words.zh, "en": words.en},
        "value": alarm.value,
        "unit": park.points[rule.point].unit if rule is not None else None,
        "limit": rule.limit if rule is not None else None,
        "side": rule.side.value if rule is not None else Side.ABOVE.value,
        "raised_ms": alarm.raised_ms,
        "cleared_ms": alarm.cleared_ms,
        "acknowledged_by": alarm.acknowledged_by,
    }


def order_view(order: Order) -> ViewBody:
    """Return one standing order."""
    return {
        "id": order.id,
        "kind": order.kind.value,
        "actuator": order.actuator,
        "by": order.by,
        "reason": order.reason,
        "since_ms": order.since_ms,
        "until_ms": order.until_ms,
        "interlock": order.interlock,
        "second": order.second,
    }


def command_view(tracked: Tracked) -> ViewBody:
    """Return a command with its whole life."""
    command = tracked.command
    transitions: Sequence[ViewBody] = [
        {
            "state": item.state.value,
            "at_ms": item.at_ms,
            "reasons": list(item.reasons),
            "evidence": item.evidence,
        }
        for item in tracked.transitions
    ]
    return {
        "id": command.id,
        "actuator": command.actuator,
        "action": command.action.value,
        "parameters": dict(command.parameters),
        "state": command.state.value,
        "author": command.author,
        "reason": command.reason,
        "created_ms": tracked.created_ms,
        "expires_ms": tracked.expires_ms,
        "run": tracked.run,
        "instead_of": tracked.instead_of,
        "replaced_by": tracked.replaced_by,
        "transitions": transitions,
        "outcome": command.state.value if command.state.is_final else None,
    }


def _brief(tracked: Tracked) -> ViewBody:
    command = tracked.command
    return {
        "id": command.id,
        "action": command.action.value,
        "state": command.state.value,
        "author": command.author,
        "since_ms": command.changed_ms,
    }
