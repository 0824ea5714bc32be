"""Decides which word on a row is the newest when some were put aside: what is imported late undoes nothing (I5)."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from control.database.change import Change, Write
from control.database.tables import COMMANDS, METADATA

Row = tuple[str, ...]
"""A table and the key of one row of it."""

ROWS_MAX = 10_000
"""Rows of which it is known who had the last word; the oldest go first. What is under way at once is far less."""

_ADDED = ("messages", "sent")
"""What a change without a word in the audit adds to a command: how far it has come, its own entry tells."""

_KEYS = {name: tuple(column.name for column in table.primary_key) for name, table in METADATA.tables.items()}


class Newest:
    """Knows, of rows written or put aside of late, the number of the change that had the last word on each."""

    def __init__(self) -> None:
        self._asked = 0
        self._newest: dict[Row, int] = {}
        self._aside: set[Row] = set()
        """Rows that wait beside the database."""

    def number(self) -> int:
        """Return the number of a change that somebody asks to be written now."""
        self._asked += 1
        return self._asked

    def written(self, change: Change, number: int) -> Change:
        """Note that `change` is in the database; return of it what must be said again behind an older word that waits."""
        again = self._newer(change, number)
        return Change(writes=tuple(write for write in again.writes if row_of(write) in self._aside))

    def put_aside(self, change: Change, number: int) -> Change:
        """Note that `change` waits; return it without the rows of which a newer word is told already."""
        newer = self._newer(change, number)
        self._aside.update(row_of(write) for write in newer.writes if write.kind != "insert")
        kept = tuple(write for write in change.writes if write.kind == "insert" or write in newer.writes)
        return replace(change, writes=kept)

    def imported(self) -> None:
        """Nothing waits any more."""
        self._aside.clear()

    def _newer(self, change: Change, number: int) -> Change:
        """Return the rows of `change` that no newer one has written, and note them as its own; a row that is new is not among them."""
        rows = [write for write in change.writes if write.kind != "insert"]
        rows = [write for write in rows if self._newest.get(row_of(write), 0) <= number]
        for write in rows:
            self._newest.pop(row_of(write), None)
            self._newest[row_of(write)] = number
        while len(self._newest) > ROWS_MAX:
            del self._newest[next(iter(self._newest))]
        return Change(writes=tuple(rows))


def last_words(changes: Iterable[Change], written: Collection[int] = ()) -> Sequence[Change]:
    """Return `changes` in their order, each row written once and as the last of them has it.

    It is written by the last change that says so in the audit (I13): what only adds to a row, as a message that was sent, has no
    entries and comes with the change that it adds to, unless that one is in the database already: `written` are the places of those.
    """
    every = list(changes)
    last: dict[Row, Write] = {}
    by: dict[Row, int] = {}
    for place, change in enumerate(every):
        for write in change.writes:
            row = row_of(write)
            if write.kind != "insert":
                is_own = bool(change.entries) or row not in last or by[row] in written
                last[row] = write if is_own else _with_added(last[row], write)
                by[row] = place if is_own else by[row]
    return [
        replace(
            change,
            writes=tuple(
                write if write.kind == "insert" else last[row_of(write)]
                for write in change.writes
                if write.kind == "insert" or by[row_of(write)] == place
            ),
        )
        for place, change in enumerate(every)
    ]


def row_of(write: Write) -> Row:
    """Return which row `write` is about."""
    return (write.table, *(str(write.row[name]) for name in _KEYS[write.table]))


def _with_added(held: Write, said: Write) -> Write:
    """Return `said`; of a command `held` with what `said` adds, for no audit record told yet how far it has come since (I13)."""
    before, now = held.row.get("body"), said.row.get("body")
    if said.table != COMMANDS.name or not isinstance(before, Mapping) or not isinstance(now, Mapping):
        return said
    return replace(
        held, row={**held.row, "body": {**before, **{name: now[name] for name in _ADDED if name in now}}}
    )


async def still_newest(engine: AsyncEngine, change: Change) -> Change:
    """Return `change` without the rows of commands that the database holds further on; one without a word adds to those it holds."""
    ids = [write.row["id"] for write in change.writes if write.table == COMMANDS.name and write.kind == "put"]
    if not ids:
        return change
    async with engine.connect() as connection:
        rows = await connection.execute(select(COMMANDS).where(COMMANDS.c.id.in_(ids)))
        held = {row["id"]: Write(table=COMMANDS.name, row=dict(row)) for row in rows.mappings()}

    def newest(write: Write) -> Iterator[Write]:
        there = held.get(write.row["id"]) if write.table == COMMANDS.name else None
        if there is None or _progress(write) >= _progress(there):
            yield write if there is None or change.entries else _with_added(there, write)

    return replace(change, writes=tuple(one for write in change.writes for one in newest(write)))


def _progress(write: Write) -> tuple[int, ...]:
    """Return how far a command has come: each of these only grows."""
    body = write.row["body"]
    assert isinstance(body, Mapping)
    parts = (body.get(name) for name in ("transitions", "answered", "sent", "messages"))
    return tuple(len(part) if isinstance(part, list | dict) else 0 for part in parts)
