"""A gateway's heartbeat as a value, with its JSON form; what it means is decided by who hears it."""

from collections.abc import Mapping
from dataclasses import dataclass

from domain.errors import RemoteProtocolError
from domain.ids import GatewayId, ParkId
from wire.canonical import Json
from wire.fields import Fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """A gateway's pulse: 1 Hz wall time, and at once when its subscriptions are granted."""

    park: ParkId
    gateway: GatewayId
    epoch: str
    challenge: str
    """Random; a command quotes one. Void after its validity and after a restart."""
    term: int
    """Highest term obeyed."""
    sent_ms: int
    """Model time, never going back within an epoch, though the gateway's clock may."""
    ages_ms: Mapping[str, int | None]
    """Device → wall milliseconds since its last good answer; None: never."""
    stale_after_ms: Mapping[str, int]
    """Device → wall milliseconds after which its points are stale (2 × its poll period, with the floor)."""
    journal_payloads: int
    """Not yet durable at the store."""
    journal_full: bool
    records_pending: int
    clock_offset_ms: int
    """Wall clock minus sample clock."""
    definitions: Mapping[str, tuple[str, str]]
    """Actuator → (hash of the drive, hash of the whole definition)."""
    orders: str
    """Hash of the order set held."""
    now_ms: int | None = None
    """Model time by the gateway's own clock, wherever that was set; None: a gateway of before does not say."""
    up_ms: int | None = None
    """Wall milliseconds by a clock of the gateway that nobody sets, from any origin; None: a gateway of before does not say."""
    born_ms: int | None = None
    """Time that its newest node birth bears; None: there was none yet, or a gateway of before does not say."""
    told: int = 0
    """Sparkplug messages since that birth, all sent before this heartbeat."""


def heartbeat_body(message: Heartbeat) -> Json:
    """Return the JSON form."""
    return {
        "park": message.park,
        "gateway": message.gateway,
        "epoch": message.epoch,
        "challenge": message.challenge,
        "term": message.term,
        "sent_ms": message.sent_ms,
        "ages_ms": dict(message.ages_ms),
        "stale_after_ms": dict(message.stale_after_ms),
        "journal_payloads": message.journal_payloads,
        "journal_full": message.journal_full,
        "records_pending": message.records_pending,
        "clock_offset_ms": message.clock_offset_ms,
        "definitions": {actuator: list(hashes) for actuator, hashes in message.definitions.items()},
        "orders": message.orders,
        "now_ms": message.now_ms,
        "up_ms": message.up_ms,
        "born_ms": message.born_ms,
        "told": message.told,
    }


def heartbeat(body: Mapping[str, Json]) -> Heartbeat:
    """Return the heartbeat in `body`. Raises RemoteProtocolError."""
    fields = Fields(body)
    return Heartbeat(
        park=ParkId(fields.text("park")),
        gateway=GatewayId(fields.text("gateway")),
        epoch=fields.text("epoch"),
        challenge=fields.text("challenge"),
        term=fields.integer("term"),
        sent_ms=fields.integer("sent_ms"),
        ages_ms={
            key: Fields.as_integer_or_none(key, value) for key, value in fields.mapping("ages_ms").items()
        },
        stale_after_ms={
            key: Fields.as_integer(key, value) for key, value in fields.mapping("stale_after_ms").items()
        },
        journal_payloads=fields.integer("journal_payloads"),
        journal_full=fields.boolean("journal_full"),
        records_pending=fields.integer("records_pending"),
        clock_offset_ms=fields.integer("clock_offset_ms"),
        definitions={key: hashes_of(key, value) for key, value in fields.mapping("definitions").items()},
        orders=fields.text("orders"),
        now_ms=fields.integer_or_none("now_ms"),
        up_ms=fields.integer_or_none("up_ms"),
        born_ms=fields.integer_or_none("born_ms"),
        told=fields.integer_or_none("told") or 0,
    )


def hashes_of(name: str, value: Json) -> tuple[str, str]:
    """Return (hash of the drive, hash of the whole definition) in the field `name`. Raises RemoteProtocolError."""
    match value:
        case [str(drive), str(whole)]:
            return drive, whole
        case _:
            message = f"{name}: two hashes are wanted"
            raise RemoteProtocolError(message)
