"""Our own messages as values, with their JSON forms: command, record, acknowledgement, orders, term.

Each is the body of a signed token (wire.signing). Decoding refuses what is missing or of another type, and reads no more
than it knows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.approval import Consent
from domain.command import Action, Phase
from domain.errors import RemoteProtocolError
from domain.ids import CommandId, FacilityId, GatewayId, ParkId
from domain.order import Order, OrderKind, OrderSet
from wire.canonical import Json
from wire.consents import consent_body, consent_of
from wire.fields import Fields
from wire.heartbeat import hashes_of

Ranges = tuple[tuple[int, int], ...]
"""Sets of offsets as inclusive ranges, ascending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A value behind another gateway as control saw it when it signed."""

    point: str
    value: bool | float | str | None
    quality: int
    age_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandMessage:
    """One phase of one command, to be executed at most once."""

    id: CommandId
    phase: Phase
    park: ParkId
    gateway: GatewayId
    actuator: FacilityId
    action: Action
    parameters: Mapping[str, float] = field(default_factory=dict)
    author: str
    reason: str
    expires_ms: int
    """Model time."""
    term: int
    definition: tuple[str, str]
    """(hash of the drive, hash of the whole definition) as control holds it (I18)."""
    challenge: str
    accepted: tuple[str, ...] = ()
    """Warnings that the author has confirmed, as they were shown: each its code and what it was about."""
    evidence: tuple[Evidence, ...] = ()
    instead_of: CommandId | None = None
    consent: Consent | None = None
    """A second person's approval; without one no river sluice moves, and nothing else moves away from safe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Something that happened at an edge, exactly once by (gateway, epoch, offset)."""

    park: ParkId
    gateway: GatewayId
    epoch: str
    offset: int
    at_ms: int
    """Model time."""
    kind: str
    """`command`, `cutoff`, `order`, `mode`, `moved_by_hand`, `refused_write`, `journal`, `start`, `crossing`."""
    actuator: FacilityId | None
    body: Mapping[str, Json]
    """`command`: id, phase, hash, action, author, state, reasons (list of Cause forms), evidence (point → value form)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """Which payloads of one epoch the receiver has, and which it has for good."""

    park: ParkId
    gateway: GatewayId
    epoch: str
    received: Ranges
    durable: Ranges


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdersMessage:
    """The whole order set as control holds it."""

    park: ParkId
    gateway: GatewayId
    term: int
    orders: OrderSet


@dataclass(frozen=True, slots=True, kw_only=True)
class TermMessage:
    """A new leader's claim."""

    park: ParkId
    gateway: GatewayId
    term: int


def command_body(message: CommandMessage) -> Json:
    """Return the JSON form."""
    return {
        "id": message.id,
        "phase": message.phase.value,
        "park": message.park,
        "gateway": message.gateway,
        "actuator": message.actuator,
        "action": message.action.value,
        "parameters": dict(message.parameters),
        "author": message.author,
        "reason": message.reason,
        "expires_ms": message.expires_ms,
        "term": message.term,
        "definition": list(message.definition),
        "challenge": message.challenge,
        "accepted": list(message.accepted),
        "evidence": [
            {"point": item.point, "value": item.value, "quality": item.quality, "age_ms": item.age_ms}
            for item in message.evidence
        ],
        "instead_of": message.instead_of,
        "consent": None if message.consent is None else consent_body(message.consent),
    }


def command(body: Mapping[str, Json]) -> CommandMessage:
    """Return the command in `body`. Raises RemoteProtocolError."""
    fields = Fields(body)
    instead_of, given = fields.text_or_none("instead_of"), body.get("consent")
    return CommandMessage(
        id=CommandId(fields.text("id")),
        phase=fields.one_of("phase", Phase),
        park=ParkId(fields.text("park")),
        gateway=GatewayId(fields.text("gateway")),
        actuator=FacilityId(fields.text("actuator")),
        action=fields.one_of("action", Action),
        parameters={key: Fields.as_number(key, value) for key, value in fields.mapping("parameters").items()},
        author=fields.text("author"),
        reason=fields.text("reason"),
        expires_ms=fields.integer("expires_ms"),
        term=fields.integer("term"),
        definition=hashes_of("definition", fields.sequence("definition")),
        challenge=fields.text("challenge"),
        accepted=tuple(Fields.as_text("accepted", item) for item in fields.sequence("accepted")),
        evidence=tuple(_evidence(Fields.of("evidence", item)) for item in fields.sequence("evidence")),
        instead_of=CommandId(instead_of) if instead_of is not None else None,
        consent=None if given is None else consent_of(Fields.of("consent", given)),
    )


def record_body(message: Record) -> Json:
    """Return the JSON form."""
    return {
        "park": message.park,
        "gateway": message.gateway,
        "epoch": message.epoch,
        "offset": message.offset,
        "at_ms": message.at_ms,
        "kind": message.kind,
        "actuator": message.actuator,
        "body": dict(message.body),
    }


def record(body: Mapping[str, Json]) -> Record:
    """Return the record in `body`. Raises RemoteProtocolError."""
    fields = Fields(body)
    actuator = fields.text_or_none("actuator")
    return Record(
        park=ParkId(fields.text("park")),
        gateway=GatewayId(fields.text("gateway")),
        epoch=fields.text("epoch"),
        offset=fields.integer("offset"),
        at_ms=fields.integer("at_ms"),
        kind=fields.text("kind"),
        actuator=FacilityId(actuator) if actuator is not None else None,
        body=fields.mapping("body"),
    )


def acknowledgement_body(message: Acknowledgement) -> Json:
    """Return the JSON form."""
    return {
        "park": message.park,
        "gateway": message.gateway,
        "epoch": message.epoch,
        "received": [list(pair) for pair in message.received],
        "durable": [list(pair) for pair in message.durable],
    }


def acknowledgement(body: Mapping[str, Json]) -> Acknowledgement:
    """Return the acknowledgement in `body`. Raises RemoteProtocolError."""
    fields = Fields(body)
    return Acknowledgement(
        park=ParkId(fields.text("park")),
        gateway=GatewayId(fields.text("gateway")),
        epoch=fields.text("epoch"),
        received=_ranges(fields, "received"),
        durable=_ranges(fields, "durable"),
    )


def orders_body(message: OrdersMessage) -> Json:
    """Return the JSON form."""
    return {
        "park": message.park,
        "gateway": message.gateway,
        "term": message.term,
        "orders": [order_body(order) for _, order in sorted(message.orders.orders.items())],
        "tombstones": sorted(message.orders.tombstones),
    }


def orders(body: Mapping[str, Json]) -> OrdersMessage:
    """Return the order set in `body`. Raises RemoteProtocolError."""
    fields = Fields(body)
    held = tuple(order_of(Fields.of("orders", item)) for item in fields.sequence("orders"))
    tombstones = frozenset(Fields.as_text("tombstones", item) for item in fields.sequence("tombstones"))
    return OrdersMessage(
        park=ParkId(fields.text("park")),
        gateway=GatewayId(fields.text("gateway")),
        term=fields.integer("term"),
        orders=OrderSet().with_orders(*held).with_tombstones(tombstones),
    )


def term_body(message: TermMessage) -> Json:
    """Return the JSON form."""
    return {"park": message.park, "gateway": message.gateway, "term": message.term, "claim": "term"}


def term(body: Mapping[str, Json]) -> TermMessage:
    """Return the claim in `body`. Raises RemoteProtocolError."""
    fields = Fields(body)
    if fields.text("claim") != "term":
        message = "not a claim of a term"
        raise RemoteProtocolError(message)
    return TermMessage(
        park=ParkId(fields.text("park")),
        gateway=GatewayId(fields.text("gateway")),
        term=fields.integer("term"),
    )


def order_body(order: Order) -> dict[str, Json]:
    """Return the JSON form of one order."""
    return {
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
    }


def order_of(fields: Fields) -> Order:
    """Return the order in `fields`. Raises RemoteProtocolError."""
    return Order(
        id=fields.text("id"),
        kind=fields.one_of("kind", OrderKind),
        actuator=FacilityId(fields.text("actuator")),
        by=fields.text("by"),
        reason=fields.text("reason"),
        since_ms=fields.integer("since_ms"),
        until_ms=fields.integer_or_none("until_ms"),
        interlock=fields.text_or_none("interlock"),
        condition=fields.text_or_none("condition"),
        second=fields.text_or_none("second"),
    )


def _evidence(fields: Fields) -> Evidence:
    return Evidence(
        point=fields.text("point"),
        value=fields.scalar("value"),
        quality=fields.integer("quality"),
        age_ms=fields.integer_or_none("age_ms"),
    )


def _ranges(fields: Fields, name: str) -> Ranges:
    found: list[tuple[int, int]] = []
    for item in fields.sequence(name):
        match item:
            case [int(first), int(last)] if type(first) is type(last) is int and 0 <= first <= last:
                found.append((first, last))
            case _:
                message = f"{name}: [first, last] is wanted, not {item!r}"
                raise RemoteProtocolError(message)
    return tuple(found)
