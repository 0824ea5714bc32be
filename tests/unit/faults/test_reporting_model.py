"""The reference model of report by exception, by hand: what must be told of a moving and of a still point, and when."""

from collections.abc import Sequence

import pytest

from domain.quality import Quality, Reason
from tests.faults.evidence import Fact, Payload, Sample
from tests.faults.registers import Point, reporting_points
from tests.faults.reporting import Told, slips

COUNT = reporting_points()[0]
MOVING = Point(name="moving", type="float64", words=4, layout=">d", value=float, dead_band=2.0, silence_s=60)
STILL = Point(name="still", type="float64", words=4, layout=">d", value=lambda _: 7.0, silence_s=0.35)
POINTS = (COUNT, MOVING, STILL)
GOOD, LINK = (Quality.GOOD, None), (Quality.BAD, Reason.LINK)

RIGHT: list[tuple[int, int, tuple[Quality, Reason | None], str]] = [
    # at ms, read, quality, what is told beside the count
    (0, 1, GOOD, "moving still"),  # the first of everything
    (100, 2, GOOD, ""),
    (200, 3, GOOD, ""),  # by 2: not beyond the dead band
    (300, 4, GOOD, "moving"),  # by 3
    (400, 5, GOOD, "still"),  # silent for 400 ms
    (700, 5, LINK, "moving still"),  # the silence, once, with the values last read
    (900, 6, GOOD, "moving still"),  # and its end
    (1000, 7, GOOD, ""),
]


def payloads(rows: Sequence[tuple[int, int, tuple[Quality, Reason | None], str]]) -> list[Payload]:
    return [
        Payload(
            epoch="ab" * 16,
            offset=offset,
            uuid=None,
            samples=tuple(
                Sample(f"f0/{point.name}", at_ms, Fact(point.value(count), *quality))
                for point in POINTS
                if point is COUNT or point.name in told.split()
            ),
        )
        for offset, (at_ms, count, quality, told) in enumerate(rows)
    ]


def test_what_follows_the_rule_is_right() -> None:
    assert list(slips(payloads(RIGHT), POINTS)) == []


@pytest.mark.parametrize(("row", "told", "slip"), [
    (1, "moving", Told.NEEDLESS),
    (2, "moving", Told.NEEDLESS),
    (3, "", Told.MISSING),
    (4, "", Told.MISSING),
    (5, "moving", Told.MISSING),
    (6, "still", Told.MISSING),
    (7, "still", Told.NEEDLESS),
])  # fmt: skip
def test_every_departure_from_it_is_found(row: int, told: str, slip: Told) -> None:
    rows = [(*item[:3], told) if number == row else item for number, item in enumerate(RIGHT)]
    assert slip in {found.told for found in slips(payloads(rows), POINTS)}


def test_a_value_of_before_the_silence_must_be_the_last_one_read() -> None:
    items = payloads(RIGHT)
    at = items[5].samples[1]
    assert at.point == "f0/moving"
    older = at._replace(fact=at.fact._replace(value=4.0))
    changed = [*items[:5], Payload(epoch=items[5].epoch, offset=5, uuid=None, samples=(items[5].samples[0], older, items[5].samples[2])), *items[6:]]  # fmt: skip
    assert [found.told for found in slips(changed, POINTS)] == [Told.OTHERWISE]


def test_a_new_life_of_the_gateway_tells_everything_first() -> None:
    first, second = payloads(RIGHT[:2])
    later = Payload(epoch="cd" * 16, offset=0, uuid=None, samples=second.samples)
    assert [found.told for found in slips([first, later], POINTS)] == [Told.MISSING, Told.MISSING]
