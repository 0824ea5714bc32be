"""Turns rows into columns and back: rows are for those who read, columns for the path of a sample."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from domain.ids import PointRef
from stores.codes import MEANINGS, code_of
from stores.port import Columns, PayloadName, Row, StoredPayload
from stores.track import Track


def columns_of(rows: Iterable[Row]) -> Columns:
    """Return `rows` as columns, in their order."""
    rows = tuple(rows)
    return Columns(
        tuple(row.point for row in rows),
        np.array([row.observed_ms for row in rows], np.int64),
        np.array([math.nan if row.value is None else row.value for row in rows], np.float64),
        np.array([code_of(row.quality, row.reason) for row in rows], np.uint8),
    )


def payload_of(name: PayloadName, rows: Iterable[Row], *, is_first: bool = True) -> StoredPayload:
    """Return a payload of `rows`."""
    return StoredPayload(name=name, samples=columns_of(rows), is_first=is_first)


def rows_of(samples: Columns) -> list[Row]:
    """Return columns as rows, in their order."""
    return [
        _row(*cell)
        for cell in zip(
            samples.points, samples.times_ms.tolist(), samples.values.tolist(), samples.codes.tolist(),
            strict=True,
        )
    ]  # fmt: skip


def rows_of_track(point: PointRef, track: Track) -> list[Row]:
    """Return one series as rows."""
    return [
        _row(point, *cell)
        for cell in zip(track.times_ms.tolist(), track.values.tolist(), track.codes.tolist(), strict=True)
    ]


def track_of(rows: Sequence[Row]) -> Track:
    """Return rows of one point, in their order, as a series."""
    return Track(*columns_of(rows)[1:])


def _row(point: PointRef, at_ms: int, value: float, code: int) -> Row:
    quality, reason = MEANINGS[code]
    return Row(point, at_ms, None if math.isnan(value) else value, quality, reason)
