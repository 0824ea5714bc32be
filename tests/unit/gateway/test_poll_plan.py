"""The poll planner: few reads, none too long, none without a point."""

from hypothesis import given
from hypothesis import strategies as st

from domain.drive import Table
from domain.ids import DeviceId, FacilityId
from domain.park import Point, Register, RegisterType
from domain.words import Words
from gateway.poll_plan import GAP_REGISTERS_MAX, plan_reads, split
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


def test_neighbours_are_one_read_and_small_gaps_are_read_along() -> None:
    points = [point(0), point(1), point(2 + GAP_REGISTERS_MAX)]
    [block] = plan_reads(points, registers_max=120)
    assert (block.start, block.count, block.rows) == (0, 3 + GAP_REGISTERS_MAX, (0, 1, 2))


def test_large_gaps_tables_and_limits_part_reads() -> None:
    points = [point(0), point(30 + GAP_REGISTERS_MAX), point(5, table=Table.HOLDING)]
    assert len(plan_reads(points, registers_max=120)) == 3
    dense = [point(n) for n in range(100)]
    assert [block.count for block in plan_reads(dense, registers_max=60)] == [60, 40]


def test_without_gaps_nothing_unused_is_read() -> None:
    points = [point(0), point(2)]
    assert [block.count for block in plan_reads(points, registers_max=120, gaps=False)] == [1, 1]


def test_a_refused_block_is_asked_point_by_point() -> None:
    points = [point(0, RegisterType.FLOAT32), point(4)]
    [block] = plan_reads(points, registers_max=120)
    assert [(one.start, one.count, one.rows) for one in split(block, points)] == [(0, 2, (0,)), (4, 1, (1,))]


_points = st.lists(
    st.builds(
        point,
        st.integers(0, 400),
        st.sampled_from([RegisterType.UINT16, RegisterType.FLOAT32, RegisterType.FLOAT64]),
        st.sampled_from(list(Table)),
    ),
    max_size=60,
)


@given(_points, st.integers(4, 125))
def test_every_point_is_read_once_and_no_read_is_too_long(points: list[Point], registers_max: int) -> None:
    blocks = plan_reads(points, registers_max=registers_max)
    assert sorted(row for block in blocks for row in block.rows) == list(range(len(points)))
    for block in blocks:
        room = min(2000, registers_max * 16) if block.table in BIT_TABLES else registers_max
        assert 0 < block.count <= room
        for row in block.rows:
            register = points[row].register
            assert register.table is block.table
            assert block.start <= register.address
            assert register.address + width(register) <= block.start + block.count
