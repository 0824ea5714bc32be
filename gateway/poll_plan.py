"""Decides which few reads fetch the points of a poll group, and learns from refusals what a device will not read."""

from collections.abc import Iterable, Sequence
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
    """Which of the points given it fetches, in order of address."""


class PollPlan:
    """The reads of one poll group, and what its device has refused. Its work is in proportion to the number of points."""

    def __init__(self, points: Sequence[Point], rows: Iterable[int], *, registers_max: int) -> None:
        """`rows` are those of `points` to be read; `registers_max` is the most registers that the device answers at once."""
        self._registers_max = registers_max
        self._places = {
            row: (register.table, register.address, register.address + width(register))
            for row in rows
            for register in (points[row].register,)
        }
        # Tables in any fixed order; within one by address.
        self._order = sorted(self._places, key=lambda row: (self._places[row][0].value, self._places[row][1]))
        self.refused: set[int] = set()
        """Rows that the device does not read."""
        self._cuts: set[tuple[Table, int]] = set()
        """Addresses at which a read may begin, but which none may reach from below."""
        self.blocks = self._join()
        """The reads, in order of table and address."""

    def halves(self, block: Block) -> tuple[Block, Block] | None:
        """Return the two reads that `block` falls into, without the gap between them; None: it begins at one address only."""
        rows = block.rows
        starts = [
            place for place in range(1, len(rows)) if self._start(rows[place]) > self._start(rows[place - 1])
        ]
        if not starts:
            return None
        middle = min(starts, key=lambda place: abs(2 * place - len(rows)))
        return self._block(rows[:middle]), self._block(rows[middle:])

    def refuse(self, block: Block) -> None:
        """Remember that the device does not read the one address at which `block` begins."""
        self.refused.update(block.rows)

    def cut(self, right: Block) -> None:
        """Remember that `right` is read alone, and not together with what lies before it."""
        self._cuts.add((right.table, right.start))

    def accept(self, block: Block) -> None:
        """Remember that the device reads `block` after all."""
        self.refused.difference_update(block.rows)

    def again(self) -> list[Block]:
        """Return one read for each address that was refused."""
        starts: dict[tuple[Table, int], list[int]] = {}
        for row in self._order:
            if row in self.refused:
                starts.setdefault(self._places[row][:2], []).append(row)
        return [self._block(tuple(rows)) for rows in starts.values()]

    def renew(self) -> None:
        """Plan anew with what was learnt."""
        self.blocks = self._join()

    def _join(self) -> tuple[Block, ...]:
        """Join neighbours into reads; none goes over a refused address, into the gaps beside it, or over a cut."""
        blocks: list[Block] = []
        rows: list[int] = []
        first = last = end = 0
        table: Table | None = None
        for row in self._order:
            here, address, stop = self._places[row]
            if row in self.refused:
                self._finish(blocks, rows)
                continue
            is_new = address > last and (here, address) in self._cuts
            joins = rows and here is table and not is_new and self._fits(here, first, end, address, stop)
            if not joins:
                self._finish(blocks, rows)
                table, first, end = here, address, stop
            rows.append(row)
            last, end = address, max(end, stop)
        self._finish(blocks, rows)
        return tuple(blocks)

    def _finish(self, blocks: list[Block], rows: list[int]) -> None:
        if rows:
            blocks.append(self._block(tuple(rows)))
            rows.clear()

    def _fits(self, table: Table, first: int, end: int, address: int, stop: int) -> bool:
        is_bits = table in BIT_TABLES
        room = min(BITS_MAX, self._registers_max * 16) if is_bits else min(REGISTERS_MAX, self._registers_max)
        gap_max = GAP_BITS_MAX if is_bits else GAP_REGISTERS_MAX
        return address - end <= gap_max and max(end, stop) - first <= room

    def _block(self, rows: tuple[int, ...]) -> Block:
        table, start, _ = self._places[rows[0]]
        return Block(
            table=table, start=start, count=max(self._places[row][2] for row in rows) - start, rows=rows
        )

    def _start(self, row: int) -> int:
        return self._places[row][1]
