"""Sends the live image to everybody who watches: a snapshot, then numbered deltas, each within the watcher's area.

A watcher that does not keep up is dropped: it comes again and gets a new snapshot.
"""

import asyncio
import json
from collections.abc import Callable, Mapping

from control.live.frame import Frame
from control.live.scope import scoped
from domain.ids import FacilityId
from domain.park import Park
from runtime.clock import Clock
from wire.canonical import Json

DELTA_S = 0.2
"""Wall seconds between two deltas: 5 Hz."""
TICK_S = 1.0
"""Wall seconds between two signs of life."""
WAITING_MAX = 50
"""Messages that wait for one watcher (10 s of deltas); one more, and it is dropped."""
WATCHERS_MAX = 200

Area = frozenset[FacilityId] | None
"""The facilities that a watcher may see; None: all."""


class Watcher:
    """One WebSocket's queue."""

    def __init__(self, area: Area, is_allowed: Callable[[], bool]) -> None:
        """`is_allowed` says whether the session in which it watches still lives."""
        self.area = area
        self.is_allowed = is_allowed
        self.messages: asyncio.Queue[str | None] = asyncio.Queue(maxsize=WAITING_MAX)
        """None: dropped."""
        self.number = 0

    def numbered(self, kind: str, body: Mapping[str, Json]) -> str:
        """Return the next message."""
        self.number += 1
        return json.dumps({"type": kind, "n": self.number, **body}, ensure_ascii=False, separators=(",", ":"))

    def offer(self, message: str) -> None:
        """Queue `message`, or drop the watcher."""
        if self.messages.full() or not self.is_allowed():
            while not self.messages.empty():
                self.messages.get_nowait()
            self.messages.put_nowait(None)
        else:
            self.messages.put_nowait(message)


class Hub:
    """Everybody who watches."""

    def __init__(self, frame: Frame, park: Park, clock: Clock) -> None:
        self._frame = frame
        self._park = park
        self._clock = clock
        self._watchers: set[Watcher] = set()

    @property
    def is_full(self) -> bool:
        """Whether no more may watch."""
        return len(self._watchers) >= WATCHERS_MAX

    def join(self, area: Area, is_allowed: Callable[[], bool]) -> Watcher:
        """Add a watcher; its first message is the snapshot."""
        if not self._watchers:
            self._frame.delta()  # what changed while nobody watched: the snapshot has it
        watcher = Watcher(area, is_allowed)
        watcher.offer(watcher.numbered("snapshot", self.snapshot(area)))
        self._watchers.add(watcher)
        return watcher

    def leave(self, watcher: Watcher) -> None:
        """Forget a watcher."""
        self._watchers.discard(watcher)

    def snapshot(self, area: Area) -> Mapping[str, Json]:
        """Return everything within `area`."""
        return scoped(self._frame.snapshot(), area, self._park)

    async def run(self) -> None:
        """Send deltas and ticks, for ever; for nobody no deltas are made: that would keep the processor from commands."""
        ticked_s = 0.0
        while True:
            await self._clock.sleep(0.0, floor_s=DELTA_S)
            delta = self._frame.delta() if self._watchers else None
            if delta is not None:
                self._send(delta)
            if self._clock.monotonic() - ticked_s >= TICK_S:
                ticked_s = self._clock.monotonic()
                for watcher in self._watchers:
                    watcher.offer('{"type":"tick"}')

    def _send(self, delta: Mapping[str, Json]) -> None:
        by_area: dict[Area, Mapping[str, Json]] = {}
        for watcher in self._watchers:
            if watcher.area not in by_area:
                by_area[watcher.area] = scoped(delta, watcher.area, self._park)
            body = by_area[watcher.area]
            if len(body) > len(_ALWAYS):
                watcher.offer(watcher.numbered("delta", body))


_ALWAYS = ("model_time_ms", "speed")
