"""Units of points and of numbers in interlocks; a number without its unit is refused where the point has one."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit, the quantity it measures and its factor to that quantity's base."""

    symbol: str
    quantity: str
    factor: float


UNITS: Mapping[str, Unit] = {
    "": Unit("", "number", 1.0),
    "m": Unit("m", "length", 1.0),
    "mm": Unit("mm", "length", 0.001),
    "m3": Unit("m³", "volume", 1.0),
    "m3_h": Unit("m³/h", "flow", 1.0),
    "L_s": Unit("L/s", "flow", 3.6),
    "mm_h": Unit("mm/h", "rain", 1.0),
    "mg_L": Unit("mg/L", "concentration", 1.0),
    "ug_L": Unit("µg/L", "concentration", 0.001),
    "uS_cm": Unit("µS/cm", "conductivity", 1.0),
    "pH": Unit("pH", "acidity", 1.0),
    "percent": Unit("%", "share", 1.0),
    "s": Unit("s", "time", 1.0),
    "min": Unit("min", "time", 60.0),
    "h": Unit("h", "time", 3600.0),
    "kW": Unit("kW", "power", 1.0),
    "A": Unit("A", "current", 1.0),
    "degC": Unit("°C", "temperature", 1.0),
    "NTU": Unit("NTU", "turbidity", 1.0),
    "ug_m3": Unit("µg/m³", "dust", 1.0),
    "kg": Unit("kg", "mass", 1.0),
    "m_s": Unit("m/s", "speed", 1.0),
}
"""By the name used in park files and expressions."""


def ratio(sent: str, wanted: str) -> float | None:
    """Return by what a number in `sent` is multiplied to be one in `wanted`; None when they measure different things."""
    if sent not in UNITS or wanted not in UNITS or UNITS[sent].quantity != UNITS[wanted].quantity:
        return None
    return UNITS[sent].factor / UNITS[wanted].factor
