"""One edit of an interlock of the demonstration park, one fault: its line, field and kind, and nothing else."""

import shutil
from pathlib import Path

import pytest

from runtime.parkfiles import check_park
from tests.unit.runtime.parkfiles.test_check_faults import PARK, Edit, one_fault

EDITS = {
    "interlock syntax": Edit(
        "interlocks.yaml", "900 * uS_cm and", "900 * uS_cm and and", "interlocks.hc_outlet.permits[0].when", "interlock-syntax"
    ),
    "interlock unit": Edit(
        "interlocks.yaml", "900 * uS_cm", "900 * mg_L", "interlocks.hc_outlet.permits[0].when", "interlock-unit"
    ),
    "interlock without unit": Edit(
        "interlocks.yaml", "900 * uS_cm", "900", "interlocks.hc_outlet.permits[0].when", "interlock-unit"
    ),
    "interlock on an unknown point": Edit(
        "interlocks.yaml",
        "hc_analyser.conductivity",
        "hc_analyser.salt",
        "interlocks.hc_outlet.permits[0].when",
        "unknown-reference",
    ),
    "inhibit behind another gateway": Edit(
        "interlocks.yaml",
        "hc_pool.level >= 4.9",
        "jt_pool.level >= 4.9",
        "interlocks.hc_diversion.inhibits[0].when",
        "other-gateway",
    ),
    "interlock of a pool": Edit(
        "interlocks.yaml", "  hc_outlet:", "  hc_pool:", "interlocks.hc_pool", "no-actuator"
    ),
    "interlock id twice": Edit(
        "interlocks.yaml", "id: slow_quality", "id: fast_quality", "interlocks.hc_outlet.permits[1].id", "duplicate-id"
    ),
    "inhibit that looks back behind another gateway": Edit(
        "interlocks.yaml",
        "hc_pool.level >= 4.9 * m",
        "held(jt_pool.level >= 4.9 * m, 60 * s)",
        "interlocks.hc_diversion.inhibits[0].when",
        "other-gateway",
    ),
    "inhibit that counts behind another gateway": Edit(
        "interlocks.yaml",
        "hc_pool.level >= 4.9 * m",
        "count(1, hc_pool.level >= 4.9 * m, rate(jt_pool.level, 60 * s) > 1 * m / h)",
        "interlocks.hc_diversion.inhibits[0].when",
        "other-gateway",
    ),
    "time without unit": Edit(
        "interlocks.yaml", "4.95 * m, 30 * s)", "4.95 * m, 30)", "interlocks.public_inlet.inhibits[0].when", "interlock-syntax"
    ),
    "time shorter than two polls": Edit(
        "interlocks.yaml", "4.95 * m, 30 * s)", "4.95 * m, 9 * s)", "interlocks.public_inlet.inhibits[0].when", "interlock-time"
    ),
    "rate over less than two polls": Edit(
        "interlocks.yaml", "level_down, 60 * s)", "level_down, 9 * s)", "interlocks.river_sluice_1.permits[1].when", "interlock-time"
    ),
    "more than there are": Edit(
        "interlocks.yaml", "count(3, buffer_1", "count(5, buffer_1", "interlocks.buffer_inlet.inhibits[0].when", "interlock-syntax"
    ),
    "rate against a length": Edit(
        "interlocks.yaml", "level_down, 60 * s) <= 3 * m / h", "level_down, 60 * s) <= 3 * m", "interlocks.river_sluice_1.permits[1].when", "interlock-unit"
    ),
    "rate in another quantity": Edit(
        "interlocks.yaml", "level_down, 60 * s) <= 3 * m / h", "level_down, 60 * s) <= 3 * m3 / h", "interlocks.river_sluice_1.permits[1].when", "interlock-unit"
    ),
    "call that there is not": Edit(
        "interlocks.yaml", "rate(river_sluice_1", "slope(river_sluice_1", "interlocks.river_sluice_1.permits[1].when", "interlock-syntax"
    ),
}  # fmt: skip


@pytest.fixture
def park(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PARK, tmp_path / "park", ignore=shutil.ignore_patterns("network", "storms")))


@pytest.mark.parametrize("name", EDITS)
def test_one_edit_gives_one_fault(name: str, park: Path) -> None:
    one_fault(EDITS[name], park)


def test_the_remedy_says_how_long_is_long_enough(park: Path) -> None:
    path = park / "interlocks.yaml"
    path.write_text(path.read_text("utf-8").replace("4.95 * m, 30 * s)", "4.95 * m, 9 * s)"), "utf-8")
    (fault,) = check_park(park)
    assert (
        fault.message
        == "`held(public_pool.level >= 4.95 * m, 9 * s)`: public_pool/level is read only every 5 s"
    )
    assert fault.remedy == "write at least 10 * s"
