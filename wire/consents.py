"""The JSON form of a second person's approval, as commands and what is kept of them carry it."""

from domain.approval import Consent
from wire.canonical import Json
from wire.fields import Fields


def consent_body(consent: Consent) -> dict[str, Json]:
    """Return the JSON form of a second person's approval."""
    return {
        "by": consent.by,
        "content_hash": consent.content_hash,
        "at_ms": consent.at_ms,
        "basis": consent.basis,
        "is_emergency": consent.is_emergency,
    }


def consent_of(fields: Fields) -> Consent:
    """Return the approval in `fields`. Raises RemoteProtocolError."""
    return Consent(
        by=fields.text("by"),
        content_hash=fields.text("content_hash"),
        at_ms=fields.integer("at_ms"),
        basis=fields.text("basis"),
        is_emergency=fields.boolean("is_emergency"),
    )
