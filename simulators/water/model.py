"""The water of one run in one process: SWMM and the transport stepped together under a storm and spills.

Restarts from a checkpoint to where it stood; keeps no clock and obeys the instants it is asked for.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from domain.errors import StoplogError
from domain.ids import FacilityId
from simulators.water import checkpoint
from simulators.water.hydraulics import STEP_S, Hydraulics
from simulators.water.network import ANALYSING, HOLDING, LINES, MOVING, Place, Role, load_network
from simulators.water.quality import SUBSTANCES, Background, Quality, background, mixed
from simulators.water.state import EscapedKg, Ledger, Spill, WaterState
from simulators.water.storm import Storm
from simulators.water.transport import Floats, Grid, Ints, Transport, halves, indices

STEP_MS = int(STEP_S * 1000)
_SUBSTANCES = tuple(SUBSTANCES)


class WaterRefused(StoplogError):
    """The water was asked for something that it does not have; nothing has moved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaterConfig:
    """What a run of the water is; the same value and the same calls give the same water, bit by bit."""

    network: Path
    """network.yaml; the .inp is the one it names."""
    storm: Storm
    start_ms: int
    """UTC model time of the first state, whole seconds."""
    storm_start_ms: int
    """When minute 0 of the storm is; may lie before or after `start_ms`."""
    workspace: Path
    """Existing directory for SWMM's scratch files; one run at a time may use it."""
    warm_up_s: int = 1800
    """Dry weather before `start_ms`, so that base flow fills pipes and reaches."""
    openings: Mapping[FacilityId, float] = field(default_factory=dict)
    """Gates that do not begin as network.yaml's `normal` says."""


class WaterModel:
    """SWMM, the pollutant and the score of one run. At most one in a process, see hydraulics."""

    def __init__(self, config: WaterConfig, *, restore_from: Path | None = None) -> None:
        """Begin at `config.start_ms`, or where the checkpoint `restore_from` was saved.

        Raises ConfigurationError for network.yaml, HydraulicsError for the .inp, StorageError for the checkpoint.
        """
        self._config = config
        self._network = load_network(config.network)
        saved = checkpoint.load(restore_from, unpack_to=config.workspace) if restore_from else None
        self._water = Hydraulics(
            self._network.inp,
            start_ms=saved.time_ms if saved else config.start_ms - config.warm_up_s * 1000,
            workspace=config.workspace,
            hot_start=saved.hot_start if saved else None,
        )
        self._places = self._network.facilities
        self._from, self._to = self._water.ends()
        self._nodes = {name: self._water.node(p.node) for name, p in self._places.items() if p.node}
        self._links = {name: self._water.link(p.link) for name, p in self._places.items() if p.link}
        self._transport = Transport(self._grid(), substances=len(_SUBSTANCES))
        self._meters = {name: self._links[name] for name, _ in self._having(Role.FLOW)}
        self._totals_m3 = dict.fromkeys(self._meters, 0.0)
        self._rain_mm_h = 0.0
        self._rain_total_mm = 0.0
        self._carried: dict[int, float] = {}
        self._openings = {name: place.normal for name, place in self._having(*MOVING)}
        self._set({**self._openings, **config.openings})
        if saved:
            self._take_over(saved)
        else:
            self._warm_up()

    @property
    def time_ms(self) -> int:
        return self._water.time_ms

    def advance(
        self, to_ms: int, settings: Mapping[FacilityId, float], spills: Sequence[Spill]
    ) -> WaterState:
        """Set the gates, move on to the last whole second at or before `to_ms`, and return what is there.

        `settings` are openings 0..1; gates not named keep theirs. `spills` are all that are known by now: each second takes
        its share of those that run in it, so that the whole list may be passed every time, and what ran in seconds that
        are already past is not made up for. An instant already passed moves nothing.
        Raises WaterRefused for a name or number that makes no sense; nothing has changed then.
        """
        releases = [self._release_of(spill) for spill in spills]
        self._set(settings)
        while self.time_ms + STEP_MS <= to_ms:
            self._rain()
            self._release(releases)
            self._step()
        return self.state()

    def state(self) -> WaterState:
        """Return what instruments would see now, and the ledger."""
        depths, heads = self._water.depths_m().tolist(), self._water.heads_m().tolist()
        volumes, flows = self._water.node_volumes_m3().tolist(), self._water.flows_m3_s().tolist()
        tracer = self._transport.mass_kg
        if not self._transport.is_clean():
            tracer = self._transport.concentration_mg_l(self._cells_m3())
        tracer_sum = tracer.sum(axis=0).tolist()
        ends = {name: (self._from[self._links[name]], self._to[self._links[name]]) for name in self._openings}
        stages = {name: heads[self._nodes[name]] for name, _ in self._having(Role.STAGE)}
        return WaterState(
            time_ms=self.time_ms,
            rain_mm_h=self._rain_mm_h,
            rain_total_mm=self._rain_total_mm,
            levels_m={name: depths[node] for name, node in self._nodes.items()} | stages,
            levels_up_m={name: heads[up] for name, (up, _) in ends.items()},
            levels_down_m={name: heads[down] for name, (_, down) in ends.items()},
            flows_m3_h={name: flows[link] * 3600 for name, link in self._links.items()},
            totals_m3=dict(self._totals_m3),
            volumes_m3={name: volumes[self._nodes[name]] for name, _ in self._having(*HOLDING)},
            tracer_mg_l={name: tracer_sum[node] for name, node in self._nodes.items()},
            quality={
                name: self._quality(place.role, tracer[:, self._nodes[name]])
                for name, place in self._having(*ANALYSING)
            },
            ledger=self._ledger(),
        )

    def save(self, path: Path) -> None:
        """Write a checkpoint of this instant to `path`, all or nothing. Raises StorageError."""
        hot_start = self._config.workspace / "save.hsf"
        self._water.save(hot_start)
        arrays = self._transport.saved()
        arrays["rain_total_mm"] = np.array([self._rain_total_mm])
        arrays |= {f"total_{name}": np.array([total]) for name, total in self._totals_m3.items()}
        arrays |= {f"opening_{name}": np.array([opening]) for name, opening in self._openings.items()}
        checkpoint.save(path, time_ms=self.time_ms, arrays=arrays, hot_start=hot_start)

    def close(self) -> None:
        self._water.close()

    def _take_over(self, saved: checkpoint.Checkpoint) -> None:
        try:
            self._transport.restore(saved.arrays)
            self._rain_total_mm = float(saved.arrays["rain_total_mm"][0])
            self._totals_m3 = {name: float(saved.arrays[f"total_{name}"][0]) for name in self._meters}
            self._set({name: float(saved.arrays[f"opening_{name}"][0]) for name in self._openings})
        except (KeyError, ValueError) as error:
            self.close()
            raise WaterRefused(f"the checkpoint is of another network: {error}") from error

    def _warm_up(self) -> None:
        while self.time_ms < self._config.start_ms:
            self._water.step()

    def _rain(self) -> None:
        minute = (self.time_ms - self._config.storm_start_ms) / 60_000
        rate = self._config.storm.intensity_mm_h(minute)
        if rate != self._rain_mm_h:
            self._water.set_rain(self._network.rain_gage, rate)
            self._rain_mm_h = rate
        self._rain_total_mm += rate * STEP_S / 3600

    def _release(self, releases: Sequence[tuple[Spill, int, int]]) -> None:
        carried = dict.fromkeys(self._carried, 0.0)
        for spill, substance, node in releases:
            seconds = spill.overlap_s(self.time_ms, self.time_ms + STEP_MS)
            if seconds > 0:
                self._transport.inject(substance, node, spill.rate_kg_s() * seconds)
                carried[node] = carried.get(node, 0.0) + spill.water_m3_s() * seconds / STEP_S
        for node, m3_s in carried.items():
            if m3_s != self._carried.get(node, 0.0):
                self._water.set_inflow(node, m3_s)
        self._carried = carried

    def _step(self) -> None:
        cells = None if self._transport.is_clean() else self._cells_m3()
        self._water.step()
        flows = self._water.flows_m3_s()
        for name, link in self._meters.items():
            self._totals_m3[name] += max(0.0, float(flows[link])) * STEP_S
        if cells is not None:
            overflows = self._water.overflows_m3_s()
            self._transport.step(flow_m3_s=flows, volume_m3=cells, overflow_m3_s=overflows, dt_s=STEP_S)

    def _cells_m3(self) -> Floats:
        node_m3, link_m3 = self._water.node_volumes_m3(), self._water.link_volumes_m3()
        return halves(link_m3, node_m3=node_m3, from_node=self._from, to_node=self._to)

    def _set(self, settings: Mapping[FacilityId, float]) -> None:
        for name, opening in settings.items():
            if name not in self._openings:
                raise WaterRefused(f"{name} is no gate or pump of {self._config.network}")
            if not 0 <= opening <= 1:
                raise WaterRefused(f"{name} cannot be open by {opening}: 0 to 1")
        self._openings |= settings
        self._water.set_openings({self._links[name]: opening for name, opening in settings.items()})

    def _release_of(self, spill: Spill) -> tuple[Spill, int, int]:
        """Return the spill with the positions of its substance and node."""
        if spill.at not in self._network.spill_places:
            raise WaterRefused(
                f"nothing can be spilled at {spill.at}: no place or node of {self._config.network}"
            )
        if spill.substance not in SUBSTANCES:
            raise WaterRefused(f"no substance {spill.substance}: one of {', '.join(SUBSTANCES)}")
        if spill.duration_s <= 0 or spill.mass_kg < 0 or spill.water_m3 < 0:
            raise WaterRefused(f"a spill takes time and has no negative mass or water: {spill}")
        node = self._water.node(self._network.spill_places[spill.at])
        return spill, _SUBSTANCES.index(spill.substance), node

    def _quality(self, role: Role, tracer: Floats) -> Quality:
        kind: Background = "river" if role is Role.RIVER_ANALYSER else "storm"
        clean = background(kind, rain_total_mm=self._rain_total_mm)
        return mixed(clean, {key: float(mg_l) for key, mg_l in zip(_SUBSTANCES, tracer, strict=True)})

    def _ledger(self) -> Ledger:
        carried = self._transport
        by_node = carried.mass_kg.sum(axis=0)
        held = {name: float(by_node[self._nodes[name]]) for name, _ in self._having(*HOLDING)}
        return Ledger(
            spilled_kg=float(carried.injected_kg.sum()),
            escaped_kg=EscapedKg(**{line: float(carried.crossed_kg[line].sum()) for line in LINES}),
            held_kg=held,
            in_network_kg=float(by_node.sum()) - sum(held.values()),
            left_kg=float(carried.left_kg.sum()),
            surface_kg=float(carried.surface_kg.sum()),
        )

    def _grid(self) -> Grid:
        lines: dict[str, Ints] = {
            line: indices([self._links[name] for name, place in self._places.items() if place.line == line])
            for line in LINES
        }
        return Grid(
            nodes=self._water.node_count, from_node=self._from, to_node=self._to,
            outfalls=self._water.outfalls(), lines=lines,
        )  # fmt: skip

    def _having(self, *roles: Role) -> Iterator[tuple[FacilityId, Place]]:
        return ((name, place) for name, place in self._places.items() if place.role in roles)
