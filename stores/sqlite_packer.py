"""Moves logged payloads of the embedded store into hourly columns, inside a transaction that its caller owns."""

import math
import sqlite3

from stores.columns import HOUR_MS, Cell, Conflict, Hour, decode_body

PACKED_MAX = 5000
"""Payloads in one pass: bounds the time for which acknowledgements wait."""


def pack(db: sqlite3.Connection) -> int:
    """Merge the oldest logged payloads into their hours; return how many were taken, 0 when the log is empty."""
    cells: dict[tuple[int, int], list[Cell]] = {}
    taken = last = 0
    for number, body in db.execute("SELECT id, body FROM log ORDER BY id LIMIT ?", (PACKED_MAX,)):
        for series, cell in decode_body(body):
            cells.setdefault((series, cell.at_ms // HOUR_MS), []).append(cell)
        taken, last = taken + 1, number
    duplicates = 0
    for (series, hour), added in sorted(cells.items(), key=lambda item: item[0]):
        again, conflicts = _merge(db, series, hour, added)
        duplicates += again
        for conflict in conflicts:
            _keep(db, series, conflict, last)
    if duplicates:
        db.execute("UPDATE tally SET number = number + ? WHERE name = 'duplicates'", (duplicates,))
    db.execute("DELETE FROM log WHERE id <= ?", (last,))
    return taken


def _merge(db: sqlite3.Connection, series: int, number: int, cells: list[Cell]) -> tuple[int, list[Conflict]]:
    found = db.execute("SELECT body FROM hour WHERE series = ? AND hour = ?", (series, number)).fetchone()
    hour = Hour(number) if found is None else Hour.unpack(number, found[0])
    before = len(hour)
    duplicates, conflicts = hour.merge(cells)
    if len(hour) > before:
        db.execute(
            "INSERT INTO hour (series, hour, count, body) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (series, hour) DO UPDATE SET count = excluded.count, body = excluded.body",
            (series, number, len(hour), hour.pack()),
        )
    return duplicates, conflicts


def _keep(db: sqlite3.Connection, series: int, conflict: Conflict, last: int) -> None:
    """Keep the refused sample, once, beside the one that stays."""
    stored, refused = conflict
    values = (series, refused.at_ms, _null(refused.value), refused.code)
    known = db.execute(
        "SELECT 1 FROM conflict WHERE series = ? AND at_ms = ? AND value IS ? AND code = ?", values
    ).fetchone()
    if known is not None:
        return
    db.execute(
        "INSERT INTO conflict (series, at_ms, value, code, stored_value, stored_code, epoch, offset)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (*values, _null(stored.value), stored.code, *_origin(db, last, series, refused)),
    )


def _origin(db: sqlite3.Connection, last: int, series: int, sought: Cell) -> tuple[int, int]:
    """Return (epoch number, offset) of the logged payload that holds `sought`; read anew, as conflicts are rare."""
    for epoch, offset, body in db.execute("SELECT epoch, offset, body FROM log WHERE id <= ?", (last,)):
        for of, cell in decode_body(body):
            if of == series and cell.at_ms == sought.at_ms and cell.is_same(sought):
                return int(epoch), int(offset)
    raise AssertionError("a conflict comes from a logged payload")


def _null(value: float) -> float | None:
    return None if math.isnan(value) else value
