"""The registers of one PLC, laid out from its points and drives; holds values, and serves none."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from domain.drive import CommandWord, Drive, MaintainedCoil, MomentaryCoils, Setpoint, Table
from domain.ids import PointRef
from domain.park import Point, Register, RegisterType
from simulators.plc.encoding import encode, words_of

BIT_TABLES = frozenset({Table.COIL, Table.DISCRETE})

Value = float | bool | None
"""None: the device says that it has no value."""


class Cells:
    """One table of registers; the tables of bits keep 16 in a register, lowest bit first."""

    def __init__(self, addresses: Iterable[int], *, of_bits: bool) -> None:
        taken = sorted(set(addresses)) or [0]
        self.of_bits = of_bits
        self.start = taken[0] // 16 * 16 if of_bits else taken[0]
        """First address; what lies between the lowest and the highest address used answers 0."""
        count = taken[-1] + 1 - self.start
        self.count = -(-count // 16) * 16 if of_bits else count
        """Number of addresses."""
        self.registers = [0] * (self.count // 16 if of_bits else self.count)

    def bit(self, address: int) -> bool:
        """Return one bit of a table of bits."""
        index, bit = divmod(address - self.start, 16)
        return bool(self.registers[index] >> bit & 1)

    def set_bit(self, address: int, *, to: bool) -> None:
        """Set one bit of a table of bits."""
        index, bit = divmod(address - self.start, 16)
        self.set_bit_of_word(index, bit, to=to)

    def set_bit_of_word(self, index: int, bit: int, *, to: bool) -> None:
        """Set one bit of a register, by its index in `registers`."""
        mask = 1 << bit
        self.registers[index] = self.registers[index] | mask if to else self.registers[index] & ~mask

    def word(self, address: int) -> int:
        """Return one register."""
        return self.registers[address - self.start]

    def set_words(self, address: int, words: Sequence[int]) -> None:
        """Set registers from `address` on."""
        at = address - self.start
        self.registers[at : at + len(words)] = words


class Image:
    """Registers of one PLC."""

    def __init__(
        self, points: Iterable[Point], drives: Iterable[Drive], counted: Iterable[tuple[Table, int]] = ()
    ) -> None:
        """`counted` are registers that a gateway counts up."""
        self._points = {point.ref: point.register for point in points}
        self._values: dict[PointRef, Value] = {}
        used: dict[Table, set[int]] = {table: set() for table in Table}
        for register in self._points.values():
            used[register.table].update(range(register.address, register.address + words_of(register)))
        for drive in drives:
            for table, address in command_addresses(drive):
                used[table].add(address)
        for table, address in counted:
            used[table].add(address)
        self.tables: Mapping[Table, Cells] = {
            table: Cells(addresses, of_bits=table in BIT_TABLES) for table, addresses in used.items()
        }

    def put(self, ref: PointRef, value: Value) -> bool:
        """Write a point's value into its registers, if it has changed; return whether it has."""
        if ref in self._values and self._values[ref] == value:
            return False
        self._values[ref] = value
        register = self._points[ref]
        if register.type is RegisterType.BIT:
            self._put_bit(register, is_set=bool(value))
        else:
            self.tables[register.table].set_words(register.address, encode(register, value))
        return True

    def value(self, ref: PointRef) -> Value:
        """Return what was last put; None before."""
        return self._values.get(ref)

    def _put_bit(self, register: Register, *, is_set: bool) -> None:
        cells = self.tables[register.table]
        if cells.of_bits:
            cells.set_bit(register.address, to=is_set)
        else:
            cells.set_bit_of_word(register.address - cells.start, register.bit or 0, to=is_set)


def command_addresses(drive: Drive) -> Iterator[tuple[Table, int]]:
    """Yield where the commands of `drive` are written, and where it echoes them."""
    match drive:
        case MomentaryCoils():
            yield from (
                (Table.COIL, coil) for coil in (drive.open, drive.close, drive.stop) if coil is not None
            )
        case MaintainedCoil():
            yield Table.COIL, drive.coil
        case CommandWord():
            yield from ((Table.HOLDING, word) for word in (drive.word, drive.echo) if word is not None)
        case Setpoint():
            yield from ((Table.HOLDING, drive.word), (Table.COIL, drive.stop))
