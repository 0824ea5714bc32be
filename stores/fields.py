"""Puts a series together from the fields that a server keeps apart; the counterpart of stores.lines, and asks nobody."""

from collections.abc import Mapping

import numpy as np

from stores.lines import CODE_FIELDS, DOUBTED, VALUE
from stores.track import Track, empty, merge

Field = tuple[list[int], list[float]]
"""Times and values."""
HALF_KEPT = 1
"""The code of a doubted value whose reason is lost: uncertain."""


def track_of_fields(fields: Mapping[str, Field]) -> Track:
    """Return the samples of one point from its fields by name; at one time the worse quality stands."""
    doubted = _track(fields.get(DOUBTED), code=HALF_KEPT)
    coded = merge(*(_coded(fields.get(name), doubted) for name in reversed(CODE_FIELDS.values()))).track
    return merge(coded, doubted, _track(fields.get(VALUE), code=0)).track


def _track(field: Field | None, *, code: int) -> Track:
    if field is None:
        return empty()
    times, values = field
    track = Track(
        np.array(times, np.int64), np.array(values, np.float64), np.full(len(times), code, np.uint8)
    )
    return merge(track).track


def _coded(field: Field | None, doubted: Track) -> Track:
    """Return samples whose field is the code; their value is the doubted one of the same time, if there is one."""
    if field is None:
        return empty()
    times, codes, _ = _track(field, code=0)
    values = np.full(len(times), np.nan)
    if doubted.size:
        at = np.searchsorted(doubted.times_ms, times).clip(max=doubted.size - 1)
        has_value = doubted.times_ms[at] == times
        values[has_value] = doubted.values[at[has_value]]
    return Track(times, values, codes.astype(np.uint8))
