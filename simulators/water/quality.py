"""What an analyser would read in water that carries a background and spilled substances.

Smooth functions of the concentrations, for alarms to find; no chemistry beyond that, no noise, no analyser cycle.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Background = Literal["storm", "river"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """The four continuous factors of a rain outlet."""

    cod_mg_l: float
    nh3n_mg_l: float
    ph: float
    conductivity_us_cm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Substance:
    """What one mg/L of the substance's COD brings with it."""

    zh: str
    en: str
    nh3n_mg: float
    """mg NH3-N per mg COD."""
    conductivity_us_cm: float
    """µS/cm per mg/L COD."""
    acid_meq: float
    """meq of strong acid per mg COD; negative is alkali."""


SUBSTANCES: Mapping[str, Substance] = {
    "mother_liquor": Substance(
        zh="高盐母液", en="saline mother liquor", nh3n_mg=0.02, conductivity_us_cm=2.0, acid_meq=0.0002
    ),
    "acid_waste": Substance(
        zh="酸性废液", en="acid waste", nh3n_mg=0.005, conductivity_us_cm=1.5, acid_meq=0.02
    ),
    "ammonia_liquor": Substance(
        zh="氨氮废液", en="ammonia liquor", nh3n_mg=0.6, conductivity_us_cm=1.2, acid_meq=-0.005
    ),
    "lye": Substance(zh="碱液", en="lye", nh3n_mg=0.0, conductivity_us_cm=1.8, acid_meq=-0.02),
    # Conducts hardly at all: only the slow COD analyser finds it.
    "solvent": Substance(
        zh="水溶性溶剂", en="soluble solvent", nh3n_mg=0.0, conductivity_us_cm=0.02, acid_meq=0.0
    ),
}
"""Invented mixtures with factors of a plausible size, by the key that scenarios use."""

_RIVER = Quality(cod_mg_l=15.0, nh3n_mg_l=0.5, ph=7.6, conductivity_us_cm=480.0)

_ALKALINITY_MEQ_L = 1.5
"""Typical for rain water off concrete; sets how much acid it takes before pH moves."""
_PH_SLOPE = 1.7
"""pH units per e-fold of acid beyond the alkalinity."""
_FLUSH_MM = 2.0
"""Rain depth at which the first flush off roofs and yards is dirtiest."""
_DILUTION_MM = 4.0
"""Rain depth over which the salty dry-weather water is washed away."""


def background(kind: Background, *, rain_total_mm: float) -> Quality:
    """Return clean-weather water of a storm drain or of the river, after so much rain.

    A first flush is dirtier than what follows, but far below any alarm limit of the park.
    """
    if kind == "river":
        return _RIVER
    flush = rain_total_mm / _FLUSH_MM * math.exp(1 - rain_total_mm / _FLUSH_MM)
    dry = math.exp(-rain_total_mm / _DILUTION_MM)
    return Quality(
        cod_mg_l=20.0 + 25.0 * flush,
        nh3n_mg_l=0.4 + 0.8 * flush,
        ph=7.0 + 0.3 * dry,
        conductivity_us_cm=180.0 + 170.0 * dry + 60.0 * flush,
    )


def mixed(clean: Quality, tracer_mg_l: Mapping[str, float]) -> Quality:
    """Return `clean` with spilled substances in it.

    `tracer_mg_l` is mg/L COD by key of SUBSTANCES, 0 or more.
    """
    cod, nh3n, conductivity, acid = clean.cod_mg_l, clean.nh3n_mg_l, clean.conductivity_us_cm, 0.0
    for key, mg_l in tracer_mg_l.items():
        substance = SUBSTANCES[key]
        cod += mg_l
        nh3n += mg_l * substance.nh3n_mg
        conductivity += mg_l * substance.conductivity_us_cm
        acid += mg_l * substance.acid_meq
    return Quality(
        cod_mg_l=cod, nh3n_mg_l=nh3n, ph=_ph(clean.ph, acid_meq_l=acid), conductivity_us_cm=conductivity
    )


def _ph(clean: float, *, acid_meq_l: float) -> float:
    """Bend pH down for acid and up for alkali, smoothly and never out of 1..13."""
    bend = math.tanh(_PH_SLOPE * math.asinh(acid_meq_l / _ALKALINITY_MEQ_L) / 6.0)
    return clean - bend * (clean - 1.0 if bend > 0 else 13.0 - clean)
