"""What a simulated instrument shows of the water: its unit, its noise and the cycle of an analyser; decides only values.

Noise is a function of seed, point and instant, so that a restart needs no memory of it.
"""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from domain.ids import FacilityId
from domain.park import Point
from domain.units import UNITS
from simulators.water.quality import Quality
from simulators.water.state import WaterState

ANALYSER_CYCLE_S = 1800.0
"""COD and NH3-N are wet chemistry: one result in half an hour."""
NOISE_STEP_MS = 2000
"""Noise changes this often; a real transmitter filters over seconds too."""

CLEAN = Quality(cod_mg_l=20.0, nh3n_mg_l=0.4, ph=7.2, conductivity_us_cm=300.0)
"""For an analyser that the water network does not have."""

Source = Callable[[WaterState, FacilityId], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """One kind of measured point."""

    source: Source
    unit: str
    """Of what `source` returns, as in domain.units."""
    noise: float = 0.0
    """Half width, as a share of the value."""
    noise_least: float = 0.0
    """Half width that is always there, in `unit`."""
    has_cycle: bool = False
    """Whether it is measured once an analyser cycle."""


QUANTITIES: Mapping[str, Quantity] = {
    "cod": Quantity(source=lambda w, f: _at(w, f).cod_mg_l, unit="mg_L", noise=0.02, has_cycle=True),
    "nh3n": Quantity(source=lambda w, f: _at(w, f).nh3n_mg_l, unit="mg_L", noise=0.02, has_cycle=True),
    "ph": Quantity(source=lambda w, f: _at(w, f).ph, unit="pH", noise_least=0.02),
    "conductivity": Quantity(source=lambda w, f: _at(w, f).conductivity_us_cm, unit="uS_cm", noise=0.005),
    "flow": Quantity(source=lambda w, f: w.flows_m3_h.get(f, 0.0), unit="m3_h", noise=0.005),
    "total": Quantity(source=lambda w, f: w.totals_m3.get(f, 0.0), unit="m3"),
    "level": Quantity(source=lambda w, f: w.levels_m.get(f, 0.0), unit="m", noise_least=0.002),
    "stage": Quantity(source=lambda w, f: w.levels_m.get(f, 0.0), unit="m", noise_least=0.002),
    "volume": Quantity(source=lambda w, f: w.volumes_m3.get(f, 0.0), unit="m3"),
    "level_up": Quantity(source=lambda w, f: w.levels_up_m.get(f, 0.0), unit="m", noise_least=0.002),
    "level_down": Quantity(source=lambda w, f: w.levels_down_m.get(f, 0.0), unit="m", noise_least=0.002),
    "rain": Quantity(source=lambda w, _: w.rain_mm_h, unit="mm_h"),
    "rain_total": Quantity(source=lambda w, _: w.rain_total_mm, unit="mm"),
}
"""By the name of the point."""


def measured(point: Point, water: WaterState, *, seed: int, now_ms: int) -> float | None:
    """Return what the instrument of `point` shows, in the point's unit; None when nothing here measures it."""
    quantity = QUANTITIES.get(point.name)
    if quantity is None:
        return None
    value = quantity.source(water, point.facility)
    spread = abs(value) * quantity.noise + quantity.noise_least
    if spread:
        value += spread * _noise(seed, point.ref, now_ms // NOISE_STEP_MS)
    return value * UNITS[quantity.unit].factor / UNITS[point.unit].factor


def has_cycle(point: Point) -> bool:
    """Whether the point is measured once an analyser cycle."""
    quantity = QUANTITIES.get(point.name)
    return quantity is not None and quantity.has_cycle


def cycle_of(facility: FacilityId, *, seed: int, now_ms: int, cycle_s: float = ANALYSER_CYCLE_S) -> int:
    """Return the number of the analyser's cycle at an instant; each analyser has a phase of its own."""
    cycle_ms = round(cycle_s * 1000)
    phase_ms = zlib.crc32(f"{seed} {facility} phase".encode()) % cycle_ms
    return (now_ms + phase_ms) // cycle_ms


def _at(water: WaterState, facility: FacilityId) -> Quality:
    return water.quality.get(facility, CLEAN)


def _noise(seed: int, ref: str, step: int) -> float:
    """Return −1 to 1, more often near 0."""
    drawn = zlib.crc32(f"{seed} {ref} {step}".encode())
    return ((drawn & 0xFFFF) + (drawn >> 16)) / 0xFFFF - 1.0
