"""Leads the simulated park through model time: moves PLCs and water along, and slows time when one of them lags.

What happens is the world's; what time it is, everybody reads from the page that is written here.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from domain.ids import DeviceId, FacilityId
from runtime.clock import Clock, ClockPage
from runtime.log import logger
from simulators.acts import FaultKind
from simulators.faults import PlayedFault
from simulators.pace import Speedometer, paced
from simulators.plc.server import Link, PlcServer
from simulators.saved import Saved, save
from simulators.water.state import Ledger, WaterState
from simulators.waterworks import Waterworks, storm_of
from simulators.world import World

TICK_S = 0.05
"""Wall seconds between two looks at the PLCs: a gate's limit shows at most this late."""
WATER_STEP_MS = 1000
"""SWMM moves in whole seconds."""
CHUNK_MS = 60_000
"""Water moves at most this far in one call, so that gates are heard while it catches up."""
SAVE_S = 2.0
"""Wall seconds between two saves when nothing moves."""
SAVE_MOVING_S = 0.1
"""Wall seconds between two saves while a gate moves: a killed simulator knows where it stood to this."""
CHECKPOINT_S = 5.0
"""Wall seconds between two checkpoints of the water."""

_LINKS: Mapping[FaultKind, Link] = {
    FaultKind.LINK_CUT: Link.CUT,
    FaultKind.HANG: Link.HUNG,
    FaultKind.SLOW: Link.SLOW,
}


class Conductor:
    """One simulated park in time."""

    def __init__(
        self,
        *,
        park_folder: Path,
        world: World,
        servers: Mapping[DeviceId, PlcServer],
        waterworks: Waterworks,
        moving: frozenset[FacilityId],
        page: ClockPage,
        real: Clock,
        state: Path,
        storm: tuple[str, int],
        speed: float,
    ) -> None:
        """`moving` are the actuators that the water knows; `storm` is the storm's name and its start, model ms."""
        self._park_folder = park_folder
        self.world = world
        self._servers = servers
        self._waterworks = waterworks
        self._moving = moving
        self._page = page
        self._clock = page.clock
        self._real = real
        self._state = state
        self._storm = storm
        self.ceiling = speed
        self.speedometer = Speedometer()
        self.water: WaterState | None = None
        self._late_s = 0.0
        self._log = logger("conductor")

    @property
    def now_ms(self) -> int:
        """Model time."""
        return self._clock.now_ms()

    @property
    def speed(self) -> float:
        """Speed now."""
        return self._clock.speed

    @property
    def lag_s(self) -> float:
        """Wall seconds that the slowest part is behind."""
        if self.water is None:
            return 0.0
        behind_s = (self.now_ms - self.water.time_ms - WATER_STEP_MS) / 1000
        return max(0.0, behind_s / max(self.ceiling, 1.0), self._late_s)

    async def begin(self) -> None:
        """Hold time until the water is there and the PLCs listen. Raises StoplogError."""
        self._page.set_speed(0.0)
        self.water = await self._waterworks.begin(at_ms=self.now_ms, openings=self._openings())
        while self.now_ms - self.water.time_ms >= WATER_STEP_MS:
            await self._advance(min(self.now_ms, self.water.time_ms + CHUNK_MS))
        self.world.show(self.water, self.now_ms)
        await self._waterworks.save()
        for server in self._servers.values():
            await server.start()
        self._page.set_speed(self.ceiling)

    async def run_plcs(self) -> None:
        """Move the PLCs and play what is due, for ever."""
        saved_s = ticked_s = self._real.monotonic()
        unsaved = True
        while True:
            unsaved |= self.world.tick(self.now_ms)
            await self._set_links(self.world.bad_links())
            now_s = self._real.monotonic()
            self._late_s = max(0.0, now_s - ticked_s - TICK_S)
            ticked_s = now_s
            if now_s - saved_s >= (SAVE_MOVING_S if unsaved else SAVE_S):
                save(self._state, self._saved())
                saved_s, unsaved = now_s, False
            await asyncio.sleep(TICK_S)

    async def run_water(self) -> None:
        """Move the water, show it to the instruments and set the pace, for ever."""
        assert self.water is not None, "begin comes first"
        saved_s = self._real.monotonic()
        while True:
            if self.world.wants_storm is not None:
                await self._change_storm(self.world.wants_storm)
            now_ms = self.now_ms
            if now_ms - self.water.time_ms >= WATER_STEP_MS:
                await self._advance(min(now_ms, self.water.time_ms + CHUNK_MS))
                self.world.show(self.water, now_ms)
            self._set_pace()
            if self._real.monotonic() - saved_s >= CHECKPOINT_S:
                await self._waterworks.save()
                saved_s = self._real.monotonic()
            await asyncio.sleep(TICK_S)

    async def end(self) -> None:
        """Hold time, save everything and stop serving."""
        self._page.set_speed(0.0)
        for server in self._servers.values():
            await server.stop()
        save(self._state, replace(self._saved(), speed=None))
        if self.water is not None:
            await self._waterworks.save()
        await self._waterworks.close()

    def set_ceiling(self, speed: float) -> None:
        """Ask for another speed; measuring begins again."""
        self.ceiling = speed
        self.speedometer.reset()
        self._set_pace()

    async def baseline(self) -> Ledger:
        """Return where the mass would be now if nobody had moved a gate; time goes on meanwhile."""
        assert self.water is not None, "begin comes first"
        return await self._waterworks.baseline(self.world.spills, until_ms=self.water.time_ms)

    async def _advance(self, to_ms: int) -> None:
        self.water = await self._waterworks.advance(to_ms, self._openings(), self.world.spills)

    def _set_pace(self) -> None:
        headroom_s = (self._real.now_ms() - self.now_ms) / 1000
        speed = paced(self.speed, ceiling=self.ceiling, lag_s=self.lag_s, headroom_s=headroom_s)
        if speed != self.speed:
            if (speed == 0) != (self.speed == 0):
                self._log.info("pace", speed=speed, lag_s=round(self.lag_s, 3))
            self._page.set_speed(speed)
        self.speedometer.see(self.now_ms, self._real.monotonic())

    async def _change_storm(self, name: str) -> None:
        self.world.wants_storm = None
        self._page.set_speed(0.0)
        self._storm = (name, self.now_ms)
        self.water = await self._waterworks.change_storm(
            storm_of(self._park_folder, name), start_ms=self.now_ms
        )

    async def _set_links(self, bad: Mapping[DeviceId, PlayedFault]) -> None:
        for device, server in self._servers.items():
            server.raise_failure()
            fault = bad.get(device)
            link = Link.UP if fault is None else _LINKS[fault.kind]
            slow_s = fault.value if fault is not None and link is Link.SLOW else 0.0
            if (link, slow_s) != (server.link, server.slow_s):
                await server.set_link(link, slow_s=slow_s)

    def _openings(self) -> Mapping[FacilityId, float]:
        return {name: opening for name, opening in self.world.openings().items() if name in self._moving}

    def _saved(self) -> Saved:
        storm, start_ms = self._storm
        return replace(
            self.world.saved(self.now_ms), storm=storm, storm_start_ms=start_ms, speed=self.ceiling
        )
