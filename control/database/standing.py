"""Says whether the audit log holds a change already: then it was committed although nobody heard the answer."""

import json

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncEngine

from control.audit.entry import Entry
from control.database.change import Change
from control.database.tables import AUDIT
from wire.canonical import dumps

# Made once: to build and to compile a statement costs more than to run it.
_ALIKE = select(AUDIT.c.record).where(
    (AUDIT.c.object == bindparam("of_object"))
    & (AUDIT.c.at_ms == bindparam("of_ms"))
    & (AUDIT.c.record != "")
    & (AUDIT.c.kind == bindparam("of_kind"))
    & (AUDIT.c.actor == bindparam("of_actor"))
)


async def is_in_log(engine: AsyncEngine, change: Change) -> bool:
    """Return whether every entry of `change` stands in the log; a change without entries is never said to.

    An entry tells its object, its millisecond and its body, in which ids stand: no two acts make the same one.
    """
    if not change.entries:
        return False
    async with engine.connect() as connection:
        for entry in change.entries:
            said = {
                "of_object": entry.object,
                "of_ms": entry.at_ms,
                "of_kind": entry.kind,
                "of_actor": entry.actor,
            }
            records = await connection.scalars(_ALIKE, said)
            if not any(_says(record, entry) for record in records):
                return False
    return True


def _says(record: str, entry: Entry) -> bool:
    return dumps(json.loads(record)["body"]) == dumps(dict(entry.body))
