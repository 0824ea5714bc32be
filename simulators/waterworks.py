"""The life of the water's process: begun, stepped, saved, restored after a death, given another storm.

Its calls block and so run in a thread; the water itself is simulators.water.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from domain.errors import LinkError, StoplogError
from domain.ids import FacilityId
from runtime.log import logger
from simulators.act_reader import DRY as DRY_NAME
from simulators.water.baseline import run_baseline
from simulators.water.model import WaterConfig
from simulators.water.process import WaterProcess
from simulators.water.state import Ledger, Spill, WaterState
from simulators.water.storm import DRY, Storm, load_storm

GAP_MS_MAX = 2 * 3600 * 1000
"""An older checkpoint is not caught up with (that would take longer than beginning anew): the mass in it is given up."""
DEATHS_MAX = 3
"""As often the process may die without a step between; then the simulator ends."""


class Waterworks:
    """One run of the water, in a process of its own."""

    def __init__(self, config: WaterConfig, *, checkpoint: Path) -> None:
        self._config = config
        self._checkpoint = checkpoint
        self._process: WaterProcess | None = None
        self._deaths = 0
        self._log = logger("water")

    async def begin(self, *, at_ms: int, openings: Mapping[FacilityId, float]) -> WaterState:
        """Go on from the checkpoint if it is not too old for `at_ms`, or begin there. Raises StoplogError."""
        restored = await self._restore()
        if restored is not None and -1000 <= at_ms - restored.time_ms <= GAP_MS_MAX:
            return restored
        if restored is not None:
            self._log.warning("checkpoint given up", checkpoint_ms=restored.time_ms, now_ms=at_ms)
        start_ms = at_ms // 1000 * 1000
        self._config = replace(self._config, start_ms=start_ms, openings=_fit(openings))
        return await self._start(WaterProcess(self._config))

    async def advance(
        self, to_ms: int, openings: Mapping[FacilityId, float], spills: Sequence[Spill]
    ) -> WaterState:
        """Step on to `to_ms`; after a death of the process, the state of the last checkpoint comes back instead."""
        assert self._process is not None, "begin comes first"
        try:
            water = await asyncio.to_thread(self._process.advance, to_ms, _fit(openings), tuple(spills))
        except LinkError as error:
            self._deaths += 1
            self._log.warning("the water's process died", reason=str(error), deaths=self._deaths)
            if self._deaths > DEATHS_MAX:
                raise
            return await self.begin(at_ms=to_ms, openings=openings)
        self._deaths = 0
        return water

    async def save(self) -> None:
        """Write a checkpoint of now; one that fails is said and leaves the old one whole."""
        assert self._process is not None, "begin comes first"
        try:
            await asyncio.to_thread(self._process.save, self._checkpoint)
        except StoplogError as error:
            self._log.warning("no checkpoint", reason=str(error))

    async def change_storm(self, storm: Storm, *, start_ms: int) -> WaterState:
        """Let another storm rain from `start_ms` on; the process is begun again where it stands."""
        assert self._process is not None, "begin comes first"
        await asyncio.to_thread(self._process.save, self._checkpoint)
        self._config = replace(self._config, storm=storm, storm_start_ms=start_ms)
        restored = await self._restore()
        assert restored is not None, "it was saved just now"
        return restored

    async def baseline(self, spills: Sequence[Spill], *, until_ms: int) -> Ledger:
        """Return where the mass would be at `until_ms` had every gate stayed as it was at the start."""
        return await asyncio.to_thread(run_baseline, self._config, tuple(spills), until_ms=until_ms)

    async def close(self) -> None:
        """End the process."""
        if self._process is not None:
            await asyncio.to_thread(self._process.close)
            self._process = None

    async def _restore(self) -> WaterState | None:
        if not self._checkpoint.exists():
            return None
        await self.close()
        process = WaterProcess(self._config)
        try:
            water = await asyncio.to_thread(process.restore, self._checkpoint)
        except StoplogError as error:
            self._log.warning("checkpoint not usable", reason=str(error))
            return None
        self._process = process
        return water

    async def _start(self, process: WaterProcess) -> WaterState:
        await self.close()
        self._process = process
        return await asyncio.to_thread(process.start)


def storm_of(park: Path, name: str) -> Storm:
    """Return a storm of the park in `park` by name. Raises ConfigurationError."""
    return DRY if name == DRY_NAME else load_storm(park / "storms" / f"{name}.csv")


def _fit(openings: Mapping[FacilityId, float]) -> dict[FacilityId, float]:
    return {name: min(1.0, max(0.0, opening)) for name, opening in openings.items()}
