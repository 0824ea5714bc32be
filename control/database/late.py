"""Leaves out of a change that was put aside the rows that were written on meanwhile: what is imported late undoes nothing (I5)."""

from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from control.database.change import Change, Write
from control.database.tables import COMMANDS
from wire.canonical import Json


async def still_newest(engine: AsyncEngine, change: Change) -> Change:
    """Return `change` without the rows of commands that the database holds further on."""
    ids = [write.row["id"] for write in change.writes if write.table == COMMANDS.name and write.kind == "put"]
    if not ids:
        return change
    async with engine.connect() as connection:
        rows = await connection.execute(select(COMMANDS.c.id, COMMANDS.c.body).where(COMMANDS.c.id.in_(ids)))
        held = {row.id: _progress(row.body) for row in rows}

    def is_newest(write: Write) -> bool:
        body = write.row.get("body")
        if write.table != COMMANDS.name or write.row["id"] not in held or not isinstance(body, Mapping):
            return True
        return _progress(body) >= held[write.row["id"]]

    return replace(change, writes=tuple(write for write in change.writes if is_newest(write)))


def _progress(body: Mapping[str, Json]) -> tuple[int, ...]:
    """Return how far a command has come: each of these only grows."""
    parts = (body.get(name) for name in ("transitions", "answered", "sent", "messages"))
    return tuple(len(part) if isinstance(part, list | dict) else 0 for part in parts)
