"""Decides which few reads fetch the points of a poll group, from their addresses alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.drive import Table
from domain.park import Point
from wire.modbus import BIT_TABLES, BITS_MAX, REGISTERS_MAX, width

GAP_REGISTERS_MAX = 24
"""Unused registers read along rather than asking twice: 48 bytes cost less than a round trip of some milliseconds."""
GAP_BITS_MAX = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One read."""

    table: Table
    start: int
    """Zero-based."""
    count: int
    """Registers, or bits."""
    rows: tuple[int, ...]
    """Which of the points given it fetches."""


def plan_reads(
    points: Sequence[Point], *, registers_max: int, skip: frozenset[int] = frozenset(), gaps: bool = True
) -> tuple[Block, ...]:
    """Return the reads that fetch `points` but the rows in `skip`, in order of table and address.

    `registers_max` is the most registers that the device answers at once; without `gaps` nothing unused is read along.
    """
    wanted = sorted(
        (row for row in range(len(points)) if row not in skip),
        key=lambda row: (points[row].register.table.value, points[row].register.address),
    )
    blocks: list[Block] = []
    for row in wanted:
        register = points[row].register
        end = register.address + width(register)
        last = blocks[-1] if blocks else None
        if last is not None and _joins(last, register.table, register.address, end, registers_max, gaps=gaps):
            count = max(last.count, end - last.start)
            blocks[-1] = Block(table=last.table, start=last.start, count=count, rows=(*last.rows, row))
        else:
            blocks.append(
                Block(table=register.table, start=register.address, count=end - register.address, rows=(row,))
            )
    return tuple(blocks)


def split(block: Block, points: Sequence[Point]) -> tuple[Block, ...]:
    """Return one read for each point of `block`: to find the one that the device refuses."""
    return tuple(
        Block(
            table=block.table,
            start=points[row].register.address,
            count=width(points[row].register),
            rows=(row,),
        )
        for row in block.rows
    )


def _joins(last: Block, table: Table, address: int, end: int, registers_max: int, *, gaps: bool) -> bool:
    if last.table is not table:
        return False
    is_bits = table in BIT_TABLES
    room = min(BITS_MAX, registers_max * 16) if is_bits else min(REGISTERS_MAX, registers_max)
    gap_max = 0 if not gaps else GAP_BITS_MAX if is_bits else GAP_REGISTERS_MAX
    return address - (last.start + last.count) <= gap_max and end - last.start <= room
