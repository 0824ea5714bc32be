"""Storm files: the park's own, and what is refused with its line."""

from pathlib import Path

import pytest

from domain.errors import ConfigurationError
from simulators.water.storm import DRY, load_storm

STORMS = Path(__file__).parents[4] / "parks" / "lingang" / "storms"


@pytest.mark.parametrize(
    ("name", "depth_mm", "end_minute"),
    [("design_30mm_2h", 30, 120), ("first_flush_12mm_1h", 12, 60), ("typhoon_120mm_6h", 120, 360)],
)
def test_the_parks_storms_rain_what_their_names_say(name: str, depth_mm: float, end_minute: float) -> None:
    storm = load_storm(STORMS / f"{name}.csv")
    assert storm.depth_mm() == pytest.approx(depth_mm, rel=1e-3)
    assert storm.intensity_mm_h(-0.1) == 0
    assert storm.intensity_mm_h(0) > 0
    assert storm.intensity_mm_h(end_minute - 0.1) > 0
    assert storm.intensity_mm_h(end_minute) == 0


def test_dry_is_dry() -> None:
    assert (DRY.intensity_mm_h(5), DRY.depth_mm()) == (0, 0)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("minutes,rain\n0,1\n", 1),
        ("minute,mm_per_h\n0,1\nfive,2\n9,0\n", 3),
        ("minute,mm_per_h\n0,1\n5,-2\n9,0\n", 3),
        ("minute,mm_per_h\n0,1\n5,2,3\n9,0\n", 3),
        ("minute,mm_per_h\n0,1\n5,2\n5,0\n", 4),
        ("minute,mm_per_h\n0,1\n5,2\n", 3),
        ("minute,mm_per_h\n", 1),
    ],
)
def test_a_bad_storm_is_refused_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    path = tmp_path / "storm.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as refused:
        load_storm(path)
    assert [(fault.file, fault.line) for fault in refused.value.faults] == [(str(path), line)]
