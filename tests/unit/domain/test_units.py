"""Units: what stands beside a number, and by what it is multiplied to be another."""

import pytest

from domain.interlock import ExpressionError, parse
from domain.quantities import check_types
from domain.units import UNITS, ratio


@pytest.mark.parametrize(
    ("sent", "wanted", "factor"),
    [
        ("min", "s", 60.0),
        ("s", "min", 1 / 60),
        ("mg_L", "mg_L", 1.0),
        ("ug_L", "mg_L", 0.001),
        ("s", "mg_L", None),
    ],
)
def test_units_of_one_quantity_convert(sent: str, wanted: str, factor: float | None) -> None:
    assert ratio(sent, wanted) == factor
    assert ratio("none", wanted) is None
    assert ratio(sent, "none") is None


def test_factors_and_quantities_of_units() -> None:
    """A wrong factor here would be a wrong limit everywhere."""
    factors = {name: unit.factor for name, unit in UNITS.items() if unit.factor != 1.0}
    assert factors == FACTORS
    quantities: dict[str, set[str]] = {}
    for name, unit in UNITS.items():
        quantities.setdefault(unit.quantity, set()).add(name)
    together = {frozenset(names) for names in quantities.values() if len(names) > 1}
    assert {frozenset({"s", "min", "h"}), frozenset({"mg_L", "ug_L"})} <= together


SYMBOLS = {
    "": "", "m": "m", "mm": "mm", "m3": "m³", "m3_h": "m³/h", "L_s": "L/s", "mm_h": "mm/h", "mg_L": "mg/L", "ug_L": "µg/L",
    "uS_cm": "µS/cm", "pH": "pH", "percent": "%", "s": "s", "min": "min", "h": "h", "kW": "kW", "A": "A", "degC": "°C",
    "NTU": "NTU", "ug_m3": "µg/m³", "kg": "kg", "m_s": "m/s",
}  # fmt: skip


def test_what_stands_beside_a_number() -> None:
    assert {name: unit.symbol for name, unit in UNITS.items() if name in SYMBOLS} == SYMBOLS
    for one, other in (("mm", "m"), ("L_s", "m3_h"), ("h", "s")):
        assert UNITS[one].quantity == UNITS[other].quantity


FACTORS = {"mm": 0.001, "L_s": 3.6, "ug_L": 0.001, "min": 60.0, "h": 3600.0}


def test_units_of_one_quantity_have_one_base() -> None:
    quantities = {unit.quantity for unit in UNITS.values()}
    for quantity in quantities:
        assert [unit.factor for unit in UNITS.values() if unit.quantity == quantity].count(1.0) == 1
    assert all(name.isidentifier() for name in UNITS if name)


@pytest.mark.parametrize(
    ("unit", "quantity"),
    [
        ("mm", "length"), ("m3", "volume"), ("L_s", "flow"), ("mm_h", "rain"), ("ug_L", "concentration"),
        ("uS_cm", "conductivity"), ("pH", "acidity"), ("percent", "share"), ("min", "time"), ("kW", "power"), ("A", "current"),
        ("degC", "temperature"), ("NTU", "turbidity"), ("ug_m3", "dust"), ("kg", "mass"), ("m_s", "speed"),
    ],
)  # fmt: skip
def test_what_is_no_condition_is_called_by_what_it_measures(unit: str, quantity: str) -> None:
    with pytest.raises(ExpressionError, match=f"it is a {quantity}, not a condition"):
        check_types(parse(f"2 * {unit}"), lambda _: None)
