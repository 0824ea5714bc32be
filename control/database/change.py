"""What a transaction writes, as a value: rows and the audit entries that tell of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from control.audit.entry import Entry
from domain.words import Words
from wire.canonical import Json
from wire.fields import Fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One row."""

    table: str
    kind: Literal["put", "insert", "remove"] = "put"
    """put: the row stands so, whatever stood there; insert: there must be none yet; remove: by its key."""
    row: Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is committed as one: all of it or nothing."""

    writes: tuple[Write, ...] = ()
    entries: tuple[Entry, ...] = field(default_factory=tuple)

    def __add__(self, other: "Change") -> "Change":
        return Change(writes=self.writes + other.writes, entries=self.entries + other.entries)


def change_body(change: Change) -> dict[str, Json]:
    """Return the JSON form, for the spool."""
    return {
        "writes": [{"table": item.table, "kind": item.kind, "row": dict(item.row)} for item in change.writes],
        "entries": [
            {
                "at_ms": item.at_ms,
                "actor": item.actor,
                "kind": item.kind,
                "object": item.object,
                "words": item.words.as_dict(),
                "body": dict(item.body),
            }
            for item in change.entries
        ],
    }


def change(body: Mapping[str, Json]) -> Change:
    """Return the change in `body`. Raises RemoteProtocolError when it is none."""
    fields = Fields(body)
    return Change(
        writes=tuple(_write(Fields.of("writes", item)) for item in fields.sequence("writes")),
        entries=tuple(_entry(Fields.of("entries", item)) for item in fields.sequence("entries")),
    )


def _write(fields: Fields) -> Write:
    kinds: dict[str, Literal["put", "insert", "remove"]] = {
        "put": "put",
        "insert": "insert",
        "remove": "remove",
    }
    return Write(table=fields.text("table"), kind=kinds[fields.text("kind")], row=fields.mapping("row"))


def _entry(fields: Fields) -> Entry:
    words = Fields(fields.mapping("words"))
    return Entry(
        at_ms=fields.integer("at_ms"),
        actor=fields.text("actor"),
        kind=fields.text("kind"),
        object=fields.text("object"),
        words=Words(words.text("zh"), words.text("en")),
        body=fields.mapping("body"),
    )
