"""A commit as bytes: the payloads of one group, column by column, as the embedded store logs them."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stores.track import Cell, Track


class Block(NamedTuple):
    """Samples in the order in which they were written; `series` says whose each is."""

    series: NDArray[np.int64]
    samples: Track
    """Unsorted."""


def encode_block(parts: Sequence[tuple[NDArray[np.uint32], Track]]) -> bytes:
    """Return the bytes of (series numbers, samples) pairs, one after the other."""
    count = sum(len(series) for series, _ in parts)
    columns = [
        np.concatenate([series for series, _ in parts]).astype("<u4"),
        np.concatenate([samples.times_ms for _, samples in parts]).astype("<i8"),
        np.concatenate([samples.values for _, samples in parts]).astype("<f8"),
        np.concatenate([samples.codes for _, samples in parts]).astype(np.uint8),
    ]
    assert all(len(column) == count for column in columns)
    return b"".join(column.tobytes() for column in columns)


def decode_block(body: bytes) -> Block:
    """Return what `encode_block` wrote."""
    count, rest = divmod(len(body), 21)
    assert rest == 0, "a block's columns are 4 + 8 + 8 + 1 bytes a sample"
    return Block(
        np.frombuffer(body, "<u4", count).astype(np.int64),
        Track(
            np.frombuffer(body, "<i8", count, 4 * count),
            np.frombuffer(body, "<f8", count, 12 * count),
            np.frombuffer(body, np.uint8, count, 20 * count),
        ),
    )


def place_of(block: Block, series: int, cell: Cell) -> int | None:
    """Return where in the block a sample stands; None when it does not."""
    at = np.flatnonzero((block.series == series) & (block.samples.times_ms == cell.at_ms))
    found = block.samples.picked(at)
    for place, known in zip(at.tolist(), found.cells(), strict=True):
        values_agree = known.value == cell.value or (math.isnan(known.value) and math.isnan(cell.value))
        if known.code == cell.code and values_agree:
            return int(place)
    return None
