"""Hours, bodies, ranges, codes and buckets: the pure parts of the stores."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ids import PointRef
from domain.quality import Quality, Reason
from stores.buckets import sum_up
from stores.codes import MEANINGS, code_of
from stores.columns import HOUR_MS, Cell, Conflict, Hour, decode_body, encode_body
from stores.lines import encode_lines
from stores.port import Row
from stores.ranges import RangeSet

HOUR = 480_000
START_MS = HOUR * HOUR_MS
values = st.one_of(st.floats(allow_nan=False), st.just(math.nan))
cells = st.builds(
    Cell, st.integers(START_MS, START_MS + HOUR_MS - 1), values, st.integers(0, len(MEANINGS) - 1)
)
POINT = PointRef("hc_analyser/cod")


def same(left: list[Cell], right: list[Cell]) -> bool:
    return len(left) == len(right) and all(
        a.at_ms == b.at_ms and a.is_same(b) for a, b in zip(left, right, strict=True)
    )


@given(st.lists(st.lists(cells, max_size=6), max_size=6))
def test_an_hour_keeps_the_first_at_each_time_whatever_the_order(batches: list[list[Cell]]) -> None:
    hour, first = Hour(HOUR), dict[int, Cell]()
    duplicates = conflicts = wanted_duplicates = wanted_conflicts = 0
    for batch in batches:
        for cell in sorted(batch, key=lambda item: item.at_ms):
            known = first.setdefault(cell.at_ms, cell)
            if known is not cell:
                wanted_duplicates += known.is_same(cell)
                wanted_conflicts += not known.is_same(cell)
        if batch:
            again, differing = hour.merge(batch)
            duplicates, conflicts = duplicates + again, conflicts + len(differing)
    assert same(list(hour), [first[at_ms] for at_ms in sorted(first)])
    assert (duplicates, conflicts) == (wanted_duplicates, wanted_conflicts)
    assert same(list(Hour.unpack(HOUR, hour.pack())), list(hour))


def test_a_conflict_says_what_stays_and_what_was_refused() -> None:
    hour = Hour(HOUR)
    kept, refused = Cell(START_MS, 1.0, 0), Cell(START_MS, 1.0, 2)
    hour.merge([kept])
    assert hour.merge([refused]) == (0, [Conflict(kept, refused)])
    assert list(hour) == [kept]


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), cells)))
def test_a_body_is_read_back(pairs: list[tuple[int, Cell]]) -> None:
    found = list(decode_body(encode_body(pairs)))
    assert [series for series, _ in found] == [series for series, _ in pairs]
    assert same([cell for _, cell in found], [cell for _, cell in pairs])


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 8))))
def test_ranges_are_a_set(added: list[tuple[int, int]]) -> None:
    ranges, wanted = RangeSet(), set[int]()
    for first, length in added:
        ranges.add(first, first + length)
        wanted |= {*range(first, first + length + 1)}
    assert {number for number in range(80) if number in ranges} == wanted
    assert len(ranges) == len(wanted)
    assert bool(ranges) == bool(wanted)
    pairs = ranges.as_tuple()
    assert all(last + 1 < first for (_, last), (first, _) in itertools.pairwise(pairs))
    assert RangeSet(pairs).as_tuple() == ranges.copy().as_tuple() == pairs


def test_a_copy_of_ranges_is_its_own() -> None:
    first = RangeSet([(1, 2)])
    first.copy().add(9)
    assert first.as_tuple() == ((1, 2),)


def test_codes_are_for_ever() -> None:
    """What is on a disk keeps its meaning: a changed line here is a lost history."""
    assert [(quality.word, reason) for quality, reason in MEANINGS[:7]] == [
        ("good", None), ("uncertain", None), ("bad", None), ("uncertain", "stale"), ("bad", "stale"),
        ("uncertain", "link"), ("bad", "link"),
    ]  # fmt: skip
    assert MEANINGS[-1] == (Quality.BAD, Reason.ILLEGAL_ADDRESS)
    assert len(set(MEANINGS)) == len(MEANINGS) < 256


@pytest.mark.parametrize("reason", [None, *Reason])
@pytest.mark.parametrize("quality", list(Quality))
def test_every_quality_and_reason_has_a_code(quality: Quality, reason: Reason | None) -> None:
    wanted = (quality, None) if quality is Quality.GOOD else (quality, reason)
    assert MEANINGS[code_of(quality, reason)] == wanted


def row(at_ms: int, value: float | None) -> Row:
    return Row(POINT, at_ms, value, Quality.GOOD if value is not None else Quality.BAD, None)


def test_buckets_leave_empty_spans_out() -> None:
    found = sum_up([row(0, 1.0), row(9, None), row(95, 3.0)], from_ms=0, to_ms=100, count=10)
    assert [(item.start_ms, item.count, item.last, item.quality) for item in found] == [
        (0, 2, 1.0, Quality.BAD),
        (90, 1, 3.0, Quality.GOOD),
    ]


@given(st.lists(st.integers(-50, 1500)), st.integers(1, 40))
def test_buckets_hold_each_sample_of_the_span_once(times: list[int], count: int) -> None:
    found = sum_up([row(at_ms, 1.0) for at_ms in sorted(times)], from_ms=0, to_ms=1000, count=count)
    assert sum(item.count for item in found) == sum(0 <= at_ms < 1000 for at_ms in times)
    assert len(found) <= count


def test_line_protocol_is_of_numbers_only() -> None:
    rows = [row(1500, 0.1), Row(POINT, 1501, None, Quality.BAD, Reason.LINK)]
    assert encode_lines("lingang", rows) == (
        "stoplog,park=lingang,point=hc_analyser/cod value=0.1,code=0 1500\n"
        "stoplog,park=lingang,point=hc_analyser/cod code=6 1501"
    )
