"""Says whether the audit log holds a change already: then it was committed although nobody heard the answer."""

import json

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from control.audit.entry import Entry
from control.database.change import Change
from control.database.tables import AUDIT
from wire.canonical import dumps


async def is_in_log(engine: AsyncEngine, change: Change) -> bool:
    """Return whether every entry of `change` stands in the log; a change without entries is never said to.

    An entry tells its object, its millisecond and its body, in which ids stand: no two acts make the same one.
    """
    if not change.entries:
        return False
    async with engine.connect() as connection:
        for entry in change.entries:
            wanted = (AUDIT.c.object == entry.object) & (AUDIT.c.at_ms == entry.at_ms)
            same = (
                wanted
                & (AUDIT.c.record != "")
                & (AUDIT.c.kind == entry.kind)
                & (AUDIT.c.actor == entry.actor)
            )
            records = await connection.scalars(select(AUDIT.c.record).where(same))
            if not any(_says(record, entry) for record in records):
                return False
    return True


def _says(record: str, entry: Entry) -> bool:
    return dumps(json.loads(record)["body"]) == dumps(dict(entry.body))
