"""Columns as they go through the port: what is picked of them stays together."""

import numpy as np

from domain.ids import PointRef
from stores.port import Columns


def test_what_is_picked_keeps_its_place_in_every_column() -> None:
    columns = Columns(
        (PointRef("a/b"), PointRef("c/d"), PointRef("e/f")),
        np.array([10, 20, 30]),
        np.array([1.0, 2.0, 3.0]),
        np.array([0, 1, 2], dtype=np.uint8),
    )
    found = columns.picked(np.array([2, 0]))
    assert found.points == ("e/f", "a/b")
    assert (found.times_ms.tolist(), found.values.tolist(), found.codes.tolist()) == (
        [30, 10],
        [3.0, 1.0],
        [2, 0],
    )
