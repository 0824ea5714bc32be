"""The numbers in an explanation as a person reads them: figures, units, how far off, how long still, and what is missing."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from domain.admission import Situation
from domain.explained import Kind, Node, View
from domain.explained_condition import part_of
from domain.ids import PointRef
from domain.interlock import parse
from domain.order import OrderSet
from domain.quality import Quality
from domain.sample import NEVER_READ, Reading, Value
from domain.words import Words
from tests.unit.control.world import OUTLET, PARK
from tests.unit.domain.test_explanation import good

POINTS = {
    "level": (Words("水位", "level"), "m"),
    "depth": (Words("积水", "depth"), "mm"),
    "trace": (Words("痕量", "trace"), "ug_L"),
    "pumps": (Words("台数", "pumps"), ""),
}
PROBE = PARK.points[PointRef("hc_outlet/cod")]
MEASURED = replace(
    PARK,
    points={
        item.ref: item
        for item in (
            replace(PROBE, facility=OUTLET, name=name, words=words, unit=unit)
            for name, (words, unit) in POINTS.items()
        )
    },
)


def explained(
    condition: str,
    readings: Mapping[str, Value | Reading] | None = None,
    *,
    wanted: bool = True,
    so_far: Mapping[str, float] | None = None,
) -> Node:
    """Explain a condition that should be `wanted`; of what is not given nothing was ever read."""

    def read(ref: PointRef) -> Reading:
        value = (readings or {}).get(ref.removeprefix("hc_outlet/"), NEVER_READ)
        return value if isinstance(value, Reading) else good(value)

    situation = Situation(
        read=read,
        unit_of=lambda ref: MEASURED.points[ref].unit,
        orders=OrderSet(),
    )
    return part_of(parse(condition).tree, View(MEASURED, situation, (so_far or {}).get), wanted=wanted)


@pytest.mark.parametrize(
    ("condition", "level", "zh", "en"),
    [
        (
            "hc_outlet.level >= 1.5 * m", 0.12345,
            "排口水位须 ≥ 1.5 m,现为 0.123 m,差 1.38 m",
            "outlet level must be ≥ 1.5 m; it is 0.123 m, off by 1.38 m",
        ),
        (
            "hc_outlet.level >= 100.4 * m", 12.3456,
            "排口水位须 ≥ 100 m,现为 12.35 m,差 88.05 m",
            "outlet level must be ≥ 100 m; it is 12.35 m, off by 88.05 m",
        ),
        (
            "hc_outlet.level < 1234.56 * m", 98765.4,
            "排口水位须 < 1235 m,现为 98765 m,差 97531 m",
            "outlet level must be < 1235 m; it is 98765 m, off by 97531 m",
        ),
        (
            "hc_outlet.level > -0.5 * m", -2.25,
            "排口水位须 > -0.5 m,现为 -2.25 m,差 1.75 m",
            "outlet level must be > -0.5 m; it is -2.25 m, off by 1.75 m",
        ),
        (
            "hc_outlet.level <= 20 * m", 100.0,
            "排口水位须 ≤ 20 m,现为 100 m,差 80 m",
            "outlet level must be ≤ 20 m; it is 100 m, off by 80 m",
        ),
    ],
)  # fmt: skip
def test_a_number_has_as_many_figures_as_a_person_says(
    condition: str, level: float, zh: str, en: str
) -> None:
    assert explained(condition, {"level": level}).change == Words(zh, en)


@pytest.mark.parametrize(
    ("condition", "readings", "zh", "en"),
    [
        (
            "hc_outlet.trace <= 0.1 * mg_L", {"trace": 250.0},
            "排口痕量须 ≤ 100 µg/L,现为 250 µg/L,差 150 µg/L",
            "outlet trace must be ≤ 100 µg/L; it is 250 µg/L, off by 150 µg/L",
        ),
        (
            "1.2 * m > hc_outlet.depth", {"depth": 1500.0},
            "排口积水须 < 1200 mm,现为 1500 mm,差 300 mm",
            "outlet depth must be < 1200 mm; it is 1500 mm, off by 300 mm",
        ),
        (
            "hc_outlet.pumps >= 3", {"pumps": 1.0},
            "排口台数须 ≥ 3,现为 1,差 2",
            "outlet pumps must be ≥ 3; it is 1, off by 2",
        ),
        (
            "hc_outlet.level < hc_outlet.depth", {"level": 2.0, "depth": 1500.0},
            "排口水位须 < 1.5 m,现为 2 m,差 0.5 m",
            "outlet level must be < 1.5 m; it is 2 m, off by 0.5 m",
        ),
    ],
)  # fmt: skip
def test_limit_value_and_distance_are_in_the_unit_of_the_point(
    condition: str, readings: dict[str, Value | Reading], zh: str, en: str
) -> None:
    assert explained(condition, readings).change == Words(zh, en)


def test_of_two_points_compared_the_one_that_is_missing_is_asked_for() -> None:
    for missing, name in (("depth", Words("积水", "depth")), ("level", Words("水位", "level"))):
        readings: dict[str, Value | Reading] = {"level": 2.0, "depth": 1500.0, missing: NEVER_READ}
        assert explained("hc_outlet.level < hc_outlet.depth", readings).change == Words(
            f"须有新鲜可信的读数:排口{name.zh}(从未读到)",
            f"a fresh and good reading must come of outlet {name.en} (never read)",
        )


@pytest.mark.parametrize(
    "reading",
    [good(float("nan")), replace(good(1.0), quality=Quality.UNCERTAIN), replace(good(1.0), value=None)],
    ids=["no number", "uncertain", "nothing"],
)
def test_a_fresh_value_that_is_not_good_and_gives_no_reason_is_called_doubtful(reading: Reading) -> None:
    assert explained("hc_outlet.level < 1 * m", {"level": replace(reading, age_s=7.4)}).change == Words(
        "须有新鲜可信的读数:排口水位(存疑 7 秒)",
        "a fresh and good reading must come of outlet level (doubtful 7 s)",
    )


def test_a_rate_of_which_nothing_was_seen_is_watched_for_its_whole_time() -> None:
    rate = "rate(hc_outlet.level, 60 * s)"
    whole = Words("须再观察 60 秒", "it must be watched for 60 s more")
    assert explained(f"{rate} < 1 * m / h", {"level": 2.0}).change == whole
    assert explained(f"{rate} < 1 * m / h", {"level": 2.0}, so_far={rate: 0.0}).change == whole


def test_how_many_parts_must_be_as_wanted() -> None:
    parts = ", ".join(f"hc_outlet.level > {limit} * m" for limit in (1, 2, 3))
    assert explained(f"count(1, {parts})", {"level": 0.0}).need == 1
    assert explained(f"count(1, {parts})", {"level": 0.0}, wanted=False).need == 3
    assert explained(f"count(3, {parts})", {"level": 0.0}).need == 3
    assert explained(f"count(3, {parts})", {"level": 9.0}, wanted=False).need == 1


def test_where_nothing_can_be_changed_nothing_is_asked() -> None:
    found = explained("False and True")
    assert (found.kind, found.need, found.change) == (Kind.SEVERAL, 2, None)
    assert (
        explained("hc_outlet.level > 1 * m and hc_outlet.pumps > 1", {"level": 2.0, "pumps": 2.0}).change
        is None
    )


def test_a_unit_alone_is_one_of_it() -> None:
    found = explained("hc_outlet.level - m < 5 * m", {"level": 2.0})
    assert found.words == Words("排口水位 − m < 5 m", "outlet level − m < 5 m")
    assert explained("hc_outlet.level - m < 1 * m", {"level": 2.5}).change is not None
    assert explained("hc_outlet.level - m < 1 * m", {"level": 1.5}).change is None
