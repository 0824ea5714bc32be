"""One commit of the embedded store in the making: what it adds is known to the store only when it is committed."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from domain.ids import ParkId, PointRef
from stores.block import encode_block
from stores.port import StoredPayload
from stores.ranges import RangeSet
from stores.track import Track

LAYOUTS_MAX = 10_000
"""Tuples of points whose series numbers are remembered; beyond, all are forgotten and found again."""


@dataclass(slots=True)
class Known:
    """What a database holds, by number."""

    series: dict[PointRef, int] = field(default_factory=dict)
    epochs: dict[tuple[str, str], int] = field(default_factory=dict)
    seen: dict[tuple[str, str], RangeSet] = field(default_factory=dict)
    layouts: dict[tuple[PointRef, ...], NDArray[np.uint32]] = field(default_factory=dict)
    """The series of the points of a payload."""

    def update(self, added: "Known") -> None:
        """Take over what is committed."""
        self.series.update(added.series)
        self.epochs.update(added.epochs)
        self.seen.update(added.seen)
        if len(self.layouts) > LAYOUTS_MAX:
            self.layouts.clear()
        self.layouts.update(added.layouts)


class Draft:
    """One commit."""

    def __init__(self, db: sqlite3.Connection, park: ParkId, known: Known) -> None:
        self._db = db
        self._park = park
        self._known = known
        self.added = Known()
        self.logged = 0
        """Samples."""

    def write(self, payloads: Sequence[StoredPayload]) -> None:
        """Write them, inside a transaction that the caller owns."""
        redelivered = 0
        logged: list[tuple[int, int, int]] = []
        parts: list[tuple[NDArray[np.uint32], Track]] = []
        for payload in payloads:
            key: tuple[str, str] = (payload.name.gateway, payload.name.epoch)
            epoch = self._epoch(key)
            seen = self.added.seen[key]
            redelivered += payload.name.offset in seen
            seen.add(payload.name.offset)
            points, times, values, codes = payload.samples
            if points:
                # What came again is logged again: the packer tells the same from the differing.
                logged.append((epoch, payload.name.offset, len(points)))
                parts.append((self._layout(points), Track(times, values, codes)))
        if parts:
            self.logged = sum(count for _, _, count in logged)
            self._db.execute(
                "INSERT INTO log (payloads, count, body) VALUES (?, ?, ?)",
                (json.dumps(logged), self.logged, encode_block(parts)),
            )
        self._db.executemany(
            "UPDATE epoch SET seen = ? WHERE id = ?",
            [(json.dumps(seen.as_tuple()), self._epoch(key)) for key, seen in self.added.seen.items()],
        )
        if redelivered:
            self._db.execute(
                "UPDATE tally SET number = number + ? WHERE name = 'redelivered'", (redelivered,)
            )

    def _layout(self, points: tuple[PointRef, ...]) -> NDArray[np.uint32]:
        found = self._known.layouts.get(points)
        if found is None:
            found = self.added.layouts.get(points)
        if found is None:
            found = np.array([self._series(point) for point in points], np.uint32)
            self.added.layouts[points] = found
        return found

    def _series(self, point: PointRef) -> int:
        number = self._known.series.get(point) or self.added.series.get(point)
        if number is None:
            made = self._db.execute("INSERT INTO series (park, point) VALUES (?, ?)", (self._park, point))
            number = self.added.series[point] = int(made.lastrowid or 0)
        return number

    def _epoch(self, key: tuple[str, str]) -> int:
        number = self._known.epochs.get(key) or self.added.epochs.get(key)
        if number is None:
            made = self._db.execute(
                "INSERT INTO epoch (park, gateway, epoch, seen) VALUES (?, ?, ?, '[]')", (self._park, *key)
            )
            number = self.added.epochs[key] = int(made.lastrowid or 0)
        if key not in self.added.seen:
            known = self._known.seen.get(key)
            self.added.seen[key] = RangeSet() if known is None else known.copy()
        return number
