"""Sums samples up into spans of equal length; the same for every store, so that a chart never depends on which it is."""

import math
from collections.abc import Iterable, Sequence

from domain.quality import worst
from stores.port import Bucket, Row


def sum_up(rows: Iterable[Row], *, from_ms: int, to_ms: int, count: int) -> Sequence[Bucket]:
    """Return the non-empty spans of [from_ms, to_ms), at most `count`; `rows` are of one point, oldest first."""
    assert from_ms < to_ms
    assert count > 0
    span_ms = math.ceil((to_ms - from_ms) / count)
    spans: dict[int, list[Row]] = {}
    for row in rows:
        if from_ms <= row.observed_ms < to_ms:
            spans.setdefault((row.observed_ms - from_ms) // span_ms, []).append(row)
    return [_bucket(from_ms + number * span_ms, spans[number]) for number in sorted(spans)]


def _bucket(start_ms: int, rows: Sequence[Row]) -> Bucket:
    values = [row.value for row in rows if row.value is not None]
    return Bucket(
        start_ms=start_ms,
        min=min(values, default=None),
        max=max(values, default=None),
        mean=math.fsum(values) / len(values) if values else None,
        last=values[-1] if values else None,
        count=len(rows),
        quality=worst(*(row.quality for row in rows)),
    )
