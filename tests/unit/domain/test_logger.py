"""What a data logger says: its flags, its reports, its edition."""

import pytest

from domain.logger import FAULT_FLAGS, FLAGS_2005, VERSIONS, Edition, ReportKind, trust_of_flag
from domain.quality import Quality, Reason


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


def test_an_instrument_gives_no_measurement_where_its_flag_makes_the_value_bad() -> None:
    assert {flag for flag, (quality, _) in FLAGS_2005.items() if quality is Quality.BAD} == FAULT_FLAGS


def test_every_edition_has_its_number_in_a_flag() -> None:
    """HJ 212-2025, 6.3.2: 0 for 2005, 1 for 2017, 2 for 2025."""
    assert {edition.value: VERSIONS[edition] for edition in Edition} == {"2005": 0, "2017": 1, "2025": 2}
