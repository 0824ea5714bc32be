"""Small rules that others rest on: units, flags of data loggers, travel time-outs, references."""

from dataclasses import replace

import pytest

from domain.ids import FacilityId, is_id, point_ref
from domain.logger import VERSIONS, Edition, ReportKind, trust_of_flag
from domain.park import PlcHeartbeat
from domain.quality import Quality, Reason
from domain.safety import LockRef
from domain.units import UNITS, ratio
from tests.unit.control.world import GW, OUTLET, PARK, PLC


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


@pytest.mark.parametrize(
    ("flag", "quality", "reason"),
    [
        ("N", Quality.GOOD, None),
        ("F", Quality.BAD, Reason.SENSOR_FAULT),
        ("M", Quality.UNCERTAIN, Reason.CALIBRATION),
        ("S", Quality.UNCERTAIN, Reason.MANUAL),
        ("D", Quality.BAD, Reason.SENSOR_FAULT),
        ("C", Quality.UNCERTAIN, Reason.CALIBRATION),
        ("T", Quality.BAD, Reason.RANGE),
        ("B", Quality.BAD, Reason.LINK),
    ],
)
def test_what_a_flag_says(flag: str, quality: Quality, reason: Reason | None) -> None:
    for edition in Edition:
        assert trust_of_flag(flag, edition) == (quality, reason)
    assert trust_of_flag("X", Edition.V2017) is None


@pytest.mark.parametrize(
    ("flag", "trust"),
    [
        ("P", (Quality.BAD, Reason.SENSOR_FAULT)),
        ("0", (Quality.UNCERTAIN, Reason.CALIBRATION)),
        ("1", (Quality.GOOD, None)),
        ("2", (Quality.UNCERTAIN, Reason.SENSOR_FAULT)),
        ("3", (Quality.GOOD, None)),
    ],
)
def test_flags_of_the_oldest_edition_only(flag: str, trust: tuple[Quality, Reason | None]) -> None:
    assert trust_of_flag(flag, Edition.V2005) == trust
    assert trust_of_flag(flag, Edition.V2017) is None
    assert trust_of_flag(flag, Edition.V2025) is None


def test_which_reports_speak_of_a_period() -> None:
    assert {kind.value for kind in ReportKind if kind.is_of_period} == {"minute", "hour", "day", "run_time"}


def test_a_travel_has_failed_after_one_and_a_half_times_its_time() -> None:
    assert PARK.actuators[OUTLET].travel_timeout_s == 45.0
    assert PARK.gateway_of(OUTLET) == GW
    assert PARK.actuators[OUTLET].point("opened") == "hc_outlet/opened" == point_ref("hc_outlet", "opened")
    assert str(LockRef(FacilityId("a"), "b")) == "a/b"


def test_only_a_plc_that_guards_its_commands_surely_ignores_a_late_one() -> None:
    def is_proven(heartbeat: PlcHeartbeat | None) -> bool:
        device = replace(PARK.devices[PLC], heartbeat=heartbeat)
        return replace(PARK, devices={PLC: device}).has_proven_expiry(OUTLET)

    assert not is_proven(None)
    assert not is_proven(PlcHeartbeat(word=899, period_s=1.0, fallback_after_s=10.0))
    assert is_proven(PlcHeartbeat(word=899, period_s=1.0, guards_commands=True))


def test_an_id() -> None:
    assert is_id("a" * 63)
    assert is_id("a_1")
    assert not any(is_id(text) for text in ("", "A", "1a", "_a", "a" * 64, "a-b", "a\n"))


def test_every_edition_has_its_number_in_a_flag() -> None:
    """HJ 212-2025, 6.3.2: 0 for 2005, 1 for 2017, 2 for 2025."""
    assert {edition.value: VERSIONS[edition] for edition in Edition} == {"2005": 0, "2017": 1, "2025": 2}
