"""One audit record as a value and as the canonical bytes that are hashed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.words import Words
from wire.canonical import Json, dumps

SYSTEM = "system"
"""The actor of what control does by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Something that happened, said so that it can be read without any other table."""

    at_ms: int
    """Model time."""
    actor: str
    """A person's user name, `edge:<gateway>` or `system`."""
    kind: str
    """Dotted, e.g. `command.requested`."""
    object: str
    """What it happened to: an actuator, a plan, a user; empty for the service itself."""
    words: Words
    body: Mapping[str, Json] = field(default_factory=dict)


def is_by_a_person(entry: Entry) -> bool:
    """Whether somebody asked for it, or a system by its token; not what control or an edge did by itself."""
    return entry.actor != SYSTEM and not entry.actor.startswith("edge:")


def record_bytes(entry: Entry, seq: int) -> bytes:
    """Return the canonical JSON (RFC 8785) of `entry` as record number `seq`, from 0."""
    return dumps(
        {
            "seq": seq,
            "at_ms": entry.at_ms,
            "actor": entry.actor,
            "kind": entry.kind,
            "object": entry.object,
            "words": entry.words.as_dict(),
            "body": dict(entry.body),
        }
    )
