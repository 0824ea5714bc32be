"""Register addresses as people write them, how much room a value takes, and which values lie on each other."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from domain.drive import CommandWord, Drive, MaintainedCoil, MomentaryCoils, Setpoint, Table
from domain.park import Register, RegisterType
from runtime.parkfiles.faults import Place

ADDRESS_MAX = 65_535
"""Modbus Application Protocol V1.1b3, clause 4.4: a 16-bit address."""


class Addressing(StrEnum):
    """How a template writes addresses."""

    VENDOR = "vendor"
    """As printed by vendors, one-based with the table in front: 00001, 10001, 30001, 40001 (or six digits)."""
    ZERO_BASED = "zero_based"
    """As on the wire, with the table's name: `coil:0`, `discrete:0`, `input:0`, `holding:0`."""

    @property
    def remedy(self) -> str:
        """What to write."""
        if self is Addressing.VENDOR:
            return "write a vendor address: 00001 coil, 10001 discrete, 30001 input, 40001 holding"
        return "write a zero-based address: coil:0, discrete:0, input:0, holding:0"


_VENDOR = re.compile(r"([0134])(\d{4,5})\Z", re.ASCII)
_VENDOR_TABLES = {"0": Table.COIL, "1": Table.DISCRETE, "3": Table.INPUT, "4": Table.HOLDING}
_ZERO_BASED = re.compile(r"(coil|discrete|input|holding):(\d{1,6})\Z", re.ASCII)

_WIDTHS = {
    RegisterType.INT32: 2,
    RegisterType.UINT32: 2,
    RegisterType.FLOAT32: 2,
    RegisterType.BCD32: 2,
    RegisterType.INT64: 4,
    RegisterType.UINT64: 4,
    RegisterType.FLOAT64: 4,
}


@dataclass(frozen=True, slots=True)
class Address:
    """One register or coil, zero-based."""

    table: Table
    number: int

    def __str__(self) -> str:
        digit = next(key for key, table in _VENDOR_TABLES.items() if table is self.table)
        return f"{self.table.value}:{self.number} ({digit}{self.number + 1:04d})"


def parse_address(text: str, addressing: Addressing) -> Address | None:
    """Return the address written in `text`; None when it is not of this notation or beyond 65535."""
    if addressing is Addressing.VENDOR:
        match = _VENDOR.match(text)
        found = Address(_VENDOR_TABLES[match[1]], int(match[2]) - 1) if match else None
    else:
        match = _ZERO_BASED.match(text)
        found = Address(Table(match[1]), int(match[2])) if match else None
    return found if found is not None and 0 <= found.number <= ADDRESS_MAX else None


def width(kind: RegisterType, length: int = 1) -> int:
    """Return how many registers a value takes; a text has a `length` of its own."""
    return length if kind is RegisterType.STRING else _WIDTHS.get(kind, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One thing that lies in a device's registers."""

    name: str
    first: Address
    registers: int
    bit: int | None
    """The one bit that it takes of the register; None: all of it."""
    place: Place

    def meets(self, other: "Use") -> bool:
        """Whether both take the same register or bit."""
        if self.first.table is not other.first.table:
            return False
        apart = (
            self.first.number + self.registers <= other.first.number
            or other.first.number + other.registers <= self.first.number
        )
        shares_word = self.bit is not None and other.bit is not None
        return not apart and not (shares_word and self.bit != other.bit)


def use_of(name: str, register: Register, place: Place) -> Use:
    """Return where a point's register lies."""
    return Use(
        name=name,
        first=Address(register.table, register.address),
        registers=width(register.type, register.length),
        bit=register.bit,
        place=place,
    )


def uses_of(name: str, drive: Drive, place: Place) -> Iterator[Use]:
    """Yield where the command registers of a drive lie."""
    for field, table, number in _commands(drive):
        yield Use(
            name=f"{name}.drive.{field}",
            first=Address(table, number),
            registers=1,
            bit=None,
            place=place.below(field),
        )


def overlaps(uses: Iterable[Use]) -> Iterator[tuple[Use, Use]]:
    """Yield (later, earlier) for every use that lies on an earlier one, each later one once."""
    seen: list[Use] = []
    for use in uses:
        on = next((other for other in seen if use.meets(other)), None)
        if on is not None:
            yield use, on
        seen.append(use)


def _commands(drive: Drive) -> Iterator[tuple[str, Table, int]]:
    match drive:
        case MomentaryCoils():
            yield "open", Table.COIL, drive.open
            yield "close", Table.COIL, drive.close
            if drive.stop is not None:
                yield "stop", Table.COIL, drive.stop
        case MaintainedCoil():
            yield "coil", Table.COIL, drive.coil
        case CommandWord():
            yield "word", Table.HOLDING, drive.word
            if drive.echo is not None:
                yield "echo", Table.HOLDING, drive.echo
        case Setpoint():
            yield "word", Table.HOLDING, drive.word
            yield "stop", Table.COIL, drive.stop
