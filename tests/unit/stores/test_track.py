"""Hours, bodies, ranges, codes and buckets: the pure parts of the stores."""

import itertools
import math
import zlib
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ids import ParkId, PointRef
from domain.quality import Quality, Reason
from stores.block import decode_block, encode_block, place_of
from stores.buckets import sum_up
from stores.codes import MEANINGS, code_of
from stores.fields import track_of_fields
from stores.lines import LineEncoder
from stores.port import Columns, Row
from stores.ranges import RangeSet
from stores.rows import columns_of, rows_of, track_of
from stores.track import HOUR_MS, Cell, Conflict, Track, empty, joined, merge, pack, unpack

HOUR = 480_000
START_MS = HOUR * HOUR_MS
values = st.one_of(st.floats(allow_nan=False), st.just(math.nan))
cells = st.builds(
    Cell, st.integers(START_MS, START_MS + HOUR_MS - 1), values, st.integers(0, len(MEANINGS) - 1)
)
POINT = PointRef("hc_analyser/cod")


def track(*cells: Cell) -> Track:
    times, found, codes = zip(*cells, strict=True) if cells else ((), (), ())
    return Track(np.array(times, np.int64), np.array(found, np.float64), np.array(codes, np.uint8))


def is_same(left: Cell, right: Cell) -> bool:
    values_agree = left.value == right.value or (math.isnan(left.value) and math.isnan(right.value))
    return values_agree and (left.at_ms, left.code) == (right.at_ms, right.code)


def same(left: Iterable[Cell], right: Iterable[Cell]) -> bool:
    left, right = [*left], [*right]
    return len(left) == len(right) and all(map(is_same, left, right))


@given(st.lists(st.lists(cells, max_size=6), max_size=6))
def test_a_track_keeps_the_first_at_each_time_whatever_the_order(batches: list[list[Cell]]) -> None:
    kept, first = empty(), dict[int, Cell]()
    duplicates = conflicts = wanted_duplicates = wanted_conflicts = 0
    for batch in batches:
        for cell in batch:
            known = first.setdefault(cell.at_ms, cell)
            if known is not cell:
                wanted_duplicates += is_same(known, cell)
                wanted_conflicts += not is_same(known, cell)
        kept, again, differing = merge(kept, track(*batch))
        duplicates, conflicts = duplicates + again, conflicts + len(differing)
    assert same(kept.cells(), [first[at_ms] for at_ms in sorted(first)])
    assert (duplicates, conflicts) == (wanted_duplicates, wanted_conflicts)
    assert same(unpack(HOUR, pack(kept, HOUR)).cells(), kept.cells())


def test_a_conflict_says_what_stays_and_what_was_refused() -> None:
    kept, refused = Cell(START_MS, 1.0, 0), Cell(START_MS, 1.0, 2)
    found = merge(track(kept), track(refused))
    assert (found.duplicates, found.conflicts) == (0, (Conflict(kept, refused),))
    assert [*found.track.cells()] == [kept]


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), cells), min_size=1))
def test_a_block_is_read_back(pairs: list[tuple[int, Cell]]) -> None:
    parts = [(np.array([series], np.uint32), track(cell)) for series, cell in pairs]
    block = decode_block(encode_block(parts))
    assert block.series.tolist() == [series for series, _ in pairs]
    assert same(block.samples.cells(), [cell for _, cell in pairs])
    series, cell = pairs[-1]
    place = place_of(block, series, cell)
    assert place is not None
    assert is_same(pairs[place][1], cell)
    assert place_of(block, series, cell._replace(at_ms=0)) is None


def test_in_a_block_a_sample_is_found_by_time_value_and_quality_together() -> None:
    stored = [Cell(START_MS, 1.0, 0), Cell(START_MS, math.nan, 2), Cell(START_MS, 1.0, 2)]
    block = decode_block(encode_block([(np.full(3, 7, np.uint32), track(*stored))]))
    assert [place_of(block, 7, cell) for cell in stored] == [0, 1, 2]
    for other in (Cell(START_MS, math.nan, 0), Cell(START_MS, 2.0, 0), Cell(START_MS, 2.0, 2)):
        assert place_of(block, 7, other) is None
    assert place_of(block, 8, stored[0]) is None


def test_of_no_tracks_nothing_is_joined_or_merged() -> None:
    assert joined().size == 0
    assert (merge().track.size, merge().duplicates, merge().conflicts) == (0, 0, ())


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
    assert MEANINGS[24:26] == ((Quality.BAD, Reason.ILLEGAL_ADDRESS), (Quality.UNCERTAIN, Reason.RATE))
    assert len(set(MEANINGS)) == len(MEANINGS) < 256


def test_a_packed_hour_is_for_ever() -> None:
    packed = pack(track(Cell(HOUR * 3_600_000 + 5, 1.5, 3), Cell(HOUR * 3_600_000 + 9, math.nan, 2)), HOUR)
    assert packed[:1] == b"\x01"
    steps = bytes([5, 0, 0, 0, 4, 0, 0, 0])
    planes = bytes(12) + bytes([0xF8, 0xF8, 0x3F, 0x7F])
    assert zlib.decompress(packed[1:]) == steps + planes + bytes([3, 2])
    earlier = zlib.compress(bytes([5, 0, 0, 0]) + bytes([0, 0, 0, 0, 0, 0, 0xF8, 0x3F, 3]))
    assert [*unpack(HOUR, earlier).cells()] == [Cell(HOUR * 3_600_000 + 5, 1.5, 3)]


@pytest.mark.parametrize("reason", [None, *Reason])
@pytest.mark.parametrize("quality", list(Quality))
def test_every_quality_and_reason_has_a_code(quality: Quality, reason: Reason | None) -> None:
    wanted = (quality, None) if quality is Quality.GOOD else (quality, reason)
    assert MEANINGS[code_of(quality, reason)] == wanted


def row(at_ms: int, value: float | None) -> Row:
    return Row(POINT, at_ms, value, Quality.GOOD if value is not None else Quality.BAD, None)


def test_buckets_leave_empty_spans_out() -> None:
    found = sum_up(track_of([row(0, 1.0), row(9, None), row(95, 3.0)]), from_ms=0, to_ms=100, count=10)
    assert [(item.start_ms, item.count, item.last, item.quality) for item in found] == [
        (0, 2, 1.0, Quality.BAD),
        (90, 1, 3.0, Quality.GOOD),
    ]


@given(st.lists(st.integers(-50, 1500)), st.integers(1, 40))
def test_buckets_hold_each_sample_of_the_span_once(times: list[int], count: int) -> None:
    track = track_of([row(at_ms, 1.0) for at_ms in sorted(set(times))])
    found = sum_up(track, from_ms=0, to_ms=1000, count=count)
    assert sum(item.count for item in found) == sum(0 <= at_ms < 1000 for at_ms in set(times))
    assert len(found) <= count


def test_line_protocol_shows_as_value_what_is_good_and_nothing_else() -> None:
    lines = LineEncoder(ParkId("lingang"))
    head = "stoplog,park=lingang,point=hc_analyser/cod"
    good = columns_of([row(1500, 0.1), row(1500, -3.0)])
    for _ in range(2):
        assert lines.encode(good) == f"{head} value=0.1 1500\n{head} value=-3.0 1500\n"
    mixed = columns_of(
        [row(1500, 0.1), row(1501, 0.2), Row(POINT, 1502, None, Quality.BAD, Reason.LINK),
         Row(POINT, 1503, 7.0, Quality.UNCERTAIN, Reason.STALE)]
    )  # fmt: skip
    assert lines.encode(mixed) == (
        f"{head} value=0.1 1500\n{head} value=0.2 1501\n{head} bad=6 1502\n{head} doubted=7.0,uncertain=3 1503\n"
    )
    assert lines.encode(columns_of([])) == ""


@given(st.lists(cells, max_size=12, unique_by=lambda cell: cell.at_ms))
def test_fields_are_put_together_as_they_were_taken_apart(made: list[Cell]) -> None:
    """Values that are not good carry a value or none; good ones always carry one: ingest sees to that."""
    wanted = [
        cell._replace(value=1.0) if cell.code == 0 and math.isnan(cell.value) else cell for cell in made
    ]
    wanted = [cell for cell in wanted if not math.isinf(cell.value)]
    fields: dict[str, tuple[list[int], list[float]]] = {}
    columns = Columns((POINT,) * len(wanted), *track(*wanted))
    for line in LineEncoder(ParkId("lingang")).encode(columns).splitlines():
        _, of, at = line.split(" ")
        for name, value in (field.split("=") for field in of.split(",")):
            times, numbers = fields.setdefault(name, ([], []))
            times.append(int(at))
            numbers.append(float(value))
    assert same(track_of_fields(fields).cells(), sorted(wanted))


def test_a_value_whose_reason_is_lost_is_never_good() -> None:
    assert [*track_of_fields({"doubted": ([5], [1.0])}).cells()] == [Cell(5, 1.0, 1)]
    both = track_of_fields({"doubted": ([5], [1.0]), "bad": ([5], [6.0]), "value": ([5], [2.0])})
    assert [*both.cells()] == [Cell(5, 1.0, 6)]


@given(st.lists(cells))
def test_rows_and_columns_are_the_same(made: list[Cell]) -> None:
    columns = Columns((POINT,) * len(made), *track(*made))
    again = columns_of(rows_of(columns))
    assert again.points == columns.points
    wanted = [cell if MEANINGS[cell.code][0] is not Quality.GOOD else cell._replace(code=0) for cell in made]
    assert same(Track(*again[1:]).cells(), wanted)
