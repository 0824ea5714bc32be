"""Audit records as files that leave the machine: JSON lines with proofs for an auditor, CSV for a spreadsheet."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from control.audit.log import Kept
from control.audit.proofs import Path
from wire.canonical import Json, dumps

COLUMNS = ("seq", "time_utc", "at_ms", "actor", "kind", "object", "zh", "en", "body", "hash")
BYTE_ORDER_MARK = "\ufeff"
"""Without it spreadsheets take Chinese for another encoding."""


def json_lines(kept: Sequence[Kept], proofs: Mapping[int, Path], *, size: int) -> Iterator[str]:
    """Yield one line a record: its canonical text, its hash, and the proof that it is among the first `size`."""
    for item in kept:
        proof: list[Json] = [step.hex() for step in proofs[item.seq]]
        line: dict[str, Json] = {"record": item.record, "hash": item.hash, "size": size, "proof": proof}
        yield dumps(line).decode() + "\n"


def csv_lines(kept: Sequence[Kept]) -> Iterator[str]:
    """Yield a head and one line a record."""
    yield BYTE_ORDER_MARK + _line(COLUMNS)
    for item in kept:
        said = json.loads(item.record)
        time = datetime.fromtimestamp(said["at_ms"] / 1000, UTC).isoformat(timespec="milliseconds")
        words, body = said["words"], json.dumps(said["body"], ensure_ascii=False, sort_keys=True)
        row = (said["actor"], said["kind"], said["object"], words["zh"], words["en"], body, item.hash)
        yield _line((str(item.seq), time, str(said["at_ms"]), *map(_harmless, row)))


def _harmless(text: str) -> str:
    """Return text that a spreadsheet does not take for a formula (OWASP, CSV injection)."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


def _line(cells: Sequence[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(cells)
    return buffer.getvalue()
