"""The poll planner: few reads, none too long, none without a point, none over what the device refuses."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import overload

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.drive import Table
from domain.ids import DeviceId, FacilityId
from domain.park import Point, Register, RegisterType
from domain.words import Words
from gateway.poll_plan import GAP_BITS_MAX, GAP_REGISTERS_MAX, Block, PollPlan
from wire.modbus import BIT_TABLES, width


def point(address: int, kind: RegisterType = RegisterType.UINT16, table: Table = Table.INPUT) -> Point:
    return Point(
        facility=FacilityId("f"),
        name=f"{table.value}{address}",
        words=Words("点", "point"),
        device=DeviceId("d"),
        register=Register(table=table, address=address, type=kind),
        unit="",
    )


def plan(points: Sequence[Point], *, registers_max: int = 120) -> PollPlan:
    return PollPlan(points, range(len(points)), registers_max=registers_max)


def spans(blocks: Sequence[Block]) -> list[tuple[int, int]]:
    return [(block.start, block.count) for block in blocks]


def test_neighbours_are_one_read_and_small_gaps_are_read_along() -> None:
    points = [point(0), point(1), point(2 + GAP_REGISTERS_MAX)]
    [block] = plan(points).blocks
    assert (block.start, block.count, block.rows) == (0, 3 + GAP_REGISTERS_MAX, (0, 1, 2))


def test_large_gaps_tables_and_limits_part_reads() -> None:
    points = [point(0), point(30 + GAP_REGISTERS_MAX), point(5, table=Table.HOLDING)]
    assert len(plan(points).blocks) == 3
    dense = [point(n) for n in range(100)]
    assert spans(plan(dense, registers_max=60).blocks) == [(0, 60), (60, 40)]


def test_only_the_rows_asked_for_are_read() -> None:
    points = [point(n) for n in range(4)]
    [block] = PollPlan(points, [3, 1], registers_max=120).blocks
    assert (block.start, block.count, block.rows) == (1, 3, (1, 3))


_points = st.lists(
    st.builds(
        point,
        st.integers(0, 400),
        st.sampled_from([RegisterType.UINT16, RegisterType.FLOAT32, RegisterType.FLOAT64]),
        st.sampled_from(list(Table)),
    ),
    max_size=60,
)


def assert_fits(blocks: Sequence[Block], points: Sequence[Point], registers_max: int) -> None:
    for block in blocks:
        room = min(2000, registers_max * 16) if block.table in BIT_TABLES else registers_max
        assert 0 < block.count <= room
        for row in block.rows:
            register = points[row].register
            assert register.table is block.table
            assert block.start <= register.address
            assert register.address + width(register) <= block.start + block.count


@given(_points, st.integers(4, 125))
def test_every_point_is_read_once_and_no_read_is_too_long(points: list[Point], registers_max: int) -> None:
    blocks = plan(points, registers_max=registers_max).blocks
    assert sorted(row for block in blocks for row in block.rows) == list(range(len(points)))
    assert_fits(blocks, points, registers_max)


class Plc:
    """Refuses reads over some registers, and longer ones than it likes; counts what it was asked."""

    def __init__(self, illegal: frozenset[int], longest: int = 125) -> None:
        self.illegal = illegal
        self.longest = longest
        self.asked = 0

    def answers(self, block: Block) -> bool:
        self.asked += 1
        inside = range(block.start, block.start + block.count)
        return block.count <= self.longest and self.illegal.isdisjoint(inside)


def learn(plan: PollPlan, plc: Plc, block: Block) -> bool:
    """Find out what of a refused block is refused, as the poller does."""
    halves = plan.halves(block)
    if halves is None:
        plan.refuse(block)
        return True
    is_found = False
    for half in halves:
        if not plc.answers(half):
            is_found |= learn(plan, plc, half)
    if not is_found:
        plan.cut(halves[1])
    return is_found


def poll(plan: PollPlan, plc: Plc) -> int:
    """Read everything once; return how many reads of the plan were refused."""
    refused = [block for block in plan.blocks if not plc.answers(block)]
    for block in refused:
        learn(plan, plc, block)
    plan.renew()
    return len(refused)


def test_one_illegal_address_among_many_is_found_by_halving_and_never_asked_again() -> None:
    points = [point(n) for n in range(100)]
    made, plc = plan(points), Plc(frozenset({37}))
    assert poll(made, plc) == 1
    assert made.refused == {37}
    assert plc.asked <= 1 + 2 * math.ceil(math.log2(100))
    assert spans(made.blocks) == [(0, 37), (38, 62)]
    assert poll(made, plc) == 0


def test_an_illegal_gap_costs_no_point() -> None:
    points = [point(0), point(1), point(10), point(11), point(12)]
    made, plc = plan(points), Plc(frozenset({5}))
    while poll(made, plc):
        pass
    assert made.refused == set()
    assert spans(made.blocks) == [(0, 2), (10, 3)]


def test_a_device_that_answers_fewer_registers_than_was_said_is_read_in_pieces() -> None:
    made, plc = plan([point(n) for n in range(100)]), Plc(frozenset(), longest=32)
    while poll(made, plc):
        pass
    assert made.refused == set()
    assert all(block.count <= 32 for block in made.blocks)


def test_points_on_one_address_are_refused_together() -> None:
    points = [point(0), point(3), point(3), point(4)]
    made = plan(points)
    poll(made, Plc(frozenset({3})))
    assert made.refused == {1, 2}
    assert [block.rows for block in made.again()] == [(1, 2)]


def test_what_answers_again_is_read_again() -> None:
    made = plan([point(n) for n in range(10)])
    poll(made, Plc(frozenset({4})))
    [block] = made.again()
    made.accept(block)
    made.renew()
    assert spans(made.blocks) == [(0, 10)]


def addresses(item: Point) -> range:
    return range(item.register.address, item.register.address + width(item.register))


@given(_points, st.frozensets(st.integers(0, 405), max_size=12), st.integers(8, 125))
def test_learning_ends_and_loses_no_point_that_can_be_read(
    points: list[Point], illegal: frozenset[int], longest: int
) -> None:
    made, plc = plan(points), Plc(illegal, longest)
    for _ in range(len(points) + 2):
        if not poll(made, plc):
            break
    assert poll(made, plc) == 0, "what was refused is never asked again by itself"
    spoilt = {
        (item.register.table, item.register.address)
        for item in points
        if not illegal.isdisjoint(addresses(item))
    }
    refused = {
        row for row, item in enumerate(points) if (item.register.table, item.register.address) in spoilt
    }
    assert made.refused == refused, "points that begin at one address are asked for together"
    read = [row for block in made.blocks for row in block.rows]
    assert sorted(read + list(made.refused)) == list(range(len(points)))


class Counted(Sequence[Point]):
    """Points that count how often each is looked at."""

    def __init__(self, points: Sequence[Point]) -> None:
        self.points = points
        self.looks = 0

    @overload
    def __getitem__(self, row: int) -> Point: ...
    @overload
    def __getitem__(self, row: slice) -> Sequence[Point]: ...
    def __getitem__(self, row: int | slice) -> Point | Sequence[Point]:
        self.looks += 1
        return self.points[row]

    def __len__(self) -> int:
        return len(self.points)


class CountedPlan(PollPlan):
    """A plan that counts its steps: points weighed, and rows copied into reads."""

    steps: Counter[str]

    def _fits(self, table: Table, first: int, end: int, address: int, stop: int) -> bool:
        self.steps["weighed"] += 1
        return super()._fits(table, first, end, address, stop)

    def _block(self, rows: tuple[int, ...]) -> Block:
        self.steps["copied"] += len(rows)
        return super()._block(rows)


def steps(count: int) -> int:
    """Return the steps of a plan for `count` points in four tables, in no order, with gaps of every kind."""
    tables = list(Table)
    scattered = [(n * 7919) % count for n in range(count)]
    points = Counted([point(n // 4 % 65_000, table=tables[n % 4]) for n in scattered])
    CountedPlan.steps = Counter()
    made = CountedPlan(points, range(count), registers_max=120)
    assert sum(len(block.rows) for block in made.blocks) == count
    return points.looks + CountedPlan.steps.total()


@pytest.mark.parametrize("count", [1_000, 10_000, 100_000])
def test_planning_is_linear_in_the_number_of_points(count: int) -> None:
    assert steps(count) <= 3 * count


def test_the_points_of_one_register_stay_together_at_a_cut() -> None:
    """A read that is known to begin at an address fetches every point there, and the one before it ends below."""
    points = [point(8), point(10), point(10, RegisterType.BIT), point(11)]
    made = plan(points)
    [whole] = made.blocks
    halves = made.halves(whole)
    assert halves is not None
    made.cut(Block(table=Table.INPUT, start=10, count=2, rows=(1, 2, 3)))
    made.renew()
    assert [(block.start, block.count, block.rows) for block in made.blocks] == [
        (8, 1, (0,)),
        (10, 2, (1, 2, 3)),
    ]


def test_a_read_falls_into_halves_and_never_between_the_points_of_one_address() -> None:
    def halved(*points: Point) -> list[tuple[int, ...]] | None:
        made = plan(points)
        [whole] = made.blocks
        halves = made.halves(whole)
        return None if halves is None else [half.rows for half in halves]

    float32 = RegisterType.FLOAT32
    assert halved(*map(point, range(4))) == [(0, 1), (2, 3)]
    assert halved(point(0), point(3), point(3, float32), point(9)) == [(0,), (1, 2, 3)]
    assert halved(point(3), point(3, float32)) is None, "it begins at one address only"


def test_points_of_one_address_are_asked_for_together_again_however_wide() -> None:
    made = plan([point(2), point(3), point(3, RegisterType.FLOAT32)])
    made.refused.update((1, 2))
    assert [(block.start, block.count, block.rows) for block in made.again()] == [(3, 2, (1, 2))]


def test_a_read_begins_where_the_widest_of_overlapping_points_does() -> None:
    made = plan([point(1), point(0, RegisterType.FLOAT64)])
    assert [(block.start, block.count, block.rows) for block in made.blocks] == [(0, 4, (1, 0))]


def test_behind_a_refused_address_a_read_is_as_long_as_any_other() -> None:
    made = plan([point(n) for n in range(100)], registers_max=60)
    poll(made, Plc(frozenset({37})))
    assert spans(made.blocks) == [(0, 37), (38, 60), (98, 2)]


def test_sixteen_bits_are_read_for_each_register_and_wider_gaps_along() -> None:
    def coils(*addresses: int, registers_max: int = 120) -> list[tuple[int, int]]:
        points = [point(n, RegisterType.BIT, Table.COIL) for n in addresses]
        return spans(plan(points, registers_max=registers_max).blocks)

    assert coils(*range(200), registers_max=10) == [(0, 160), (160, 40)]
    assert coils(0, 1 + GAP_BITS_MAX) == [(0, 2 + GAP_BITS_MAX)]
    assert coils(0, 2 + GAP_BITS_MAX) == [(0, 1), (2 + GAP_BITS_MAX, 1)]


def test_no_read_is_longer_than_the_standard_allows_whatever_a_device_is_said_to_bear() -> None:
    """Modbus Application Protocol V1.1b3: at most 125 registers (6.3) and 2000 bits (6.1)."""
    words = [point(n) for n in range(126)]
    bits = [point(n, RegisterType.BIT, Table.COIL) for n in (*range(0, 2000, 200), 1999, 2000)]
    assert spans(plan(words, registers_max=200).blocks) == [(0, 125), (125, 1)]
    assert spans(plan(bits, registers_max=200).blocks) == [(0, 2000), (2000, 1)]
