"""The values that the water is asked with and answers with; no computation."""

from collections.abc import Mapping
from dataclasses import dataclass

from domain.ids import FacilityId
from simulators.water.quality import Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class Spill:
    """A release of one substance at an even rate, with the water that carries it."""

    at: str
    """A place of network.yaml (`hc_yard`: past the bund) or a facility that has a node (`hc_unit`: inside it)."""
    substance: str
    """A key of quality.SUBSTANCES."""
    start_ms: int
    """UTC model time, ms."""
    duration_s: float
    """Above 0."""
    mass_kg: float
    """COD equivalent, 0 or more."""
    water_m3: float = 0.0
    """Liquid released with it (product, fire water), 0 or more."""

    def rate_kg_s(self) -> float:
        return self.mass_kg / self.duration_s

    def water_m3_s(self) -> float:
        return self.water_m3 / self.duration_s

    def overlap_s(self, start_ms: int, end_ms: int) -> float:
        """Return for how many seconds of [start_ms, end_ms) this spill runs."""
        end = self.start_ms + self.duration_s * 1000
        return max(0.0, min(end_ms, end) - max(start_ms, self.start_ms)) / 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class EscapedKg:
    """Mass that crossed each score line toward the river, net of what flowed back; kg COD since the start."""

    plant: float
    """Past the rain and sewage outlets of the enterprises."""
    park: float
    """Past the park sluices and the lift pump."""
    river: float
    """Past the river sluices, into the main river."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Where all spilled mass is; kg COD. spilled = in_network + held + left + surface, to 1e-9 kg."""

    spilled_kg: float
    escaped_kg: EscapedKg
    held_kg: Mapping[FacilityId, float]
    """By pool and bund."""
    in_network_kg: float
    """In pipes, chambers, reaches and the main river: everything but the pools and bunds of `held_kg`."""
    left_kg: float
    """Gone through an outfall: down the main river or into the sewer."""
    surface_kg: float
    """Spilled over the rim of a full pool or well and lost to the ground."""

    def balance_kg(self) -> float:
        """Return mass that the ledger cannot account for; anything but rounding is a bug."""
        held = sum(self.held_kg.values())
        return self.spilled_kg - self.in_network_kg - held - self.left_kg - self.surface_kg


@dataclass(frozen=True, slots=True, kw_only=True)
class WaterState:
    """What instruments would see everywhere at one instant, and what only the score may know (`ledger`)."""

    time_ms: int
    """UTC model time, whole seconds in ms."""
    rain_mm_h: float
    rain_total_mm: float
    """Since the start of the run."""
    levels_m: Mapping[FacilityId, float]
    """Pools, bunds and network nodes: depth over the floor. river_stage: elevation on the park's datum."""
    levels_up_m: Mapping[FacilityId, float]
    """Gates and pumps: water elevation upstream (闸前), on the park's datum."""
    levels_down_m: Mapping[FacilityId, float]
    """Gates and pumps: water elevation downstream (闸后), on the park's datum."""
    flows_m3_h: Mapping[FacilityId, float]
    """Gates, pumps and flow meters; negative is backward."""
    totals_m3: Mapping[FacilityId, float]
    """Flow meters: forward volume since the start of the run."""
    volumes_m3: Mapping[FacilityId, float]
    """Pools and bunds."""
    tracer_mg_l: Mapping[FacilityId, float]
    """Spilled COD alone, at each facility that has a node."""
    quality: Mapping[FacilityId, Quality]
    """At each analyser: background and spill together, without noise or analyser cycle."""
    ledger: Ledger
