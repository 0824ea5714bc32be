"""Reads a template's points from CSV, as Excel writes it: one row a point, every fault with its line and column."""

import csv
import io
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from domain.drive import Table
from domain.ids import is_id
from domain.logger import Factor
from domain.park import Register, RegisterType, WordOrder
from domain.units import UNITS
from domain.words import Words
from runtime.parkfiles.entry import NUMBER
from runtime.parkfiles.faults import Faults, Place
from runtime.parkfiles.nodes import read_text
from runtime.parkfiles.registers import ADDRESS_MAX, Addressing, parse_address, width

COLUMNS = (
    "slot", "point", "zh", "en", "address", "type", "bit", "order", "scale", "offset", "invalid", "unit", "min", "max",
    "group", "dead_band", "silence_s",
)  # fmt: skip
MORE_COLUMNS = ("rate_max", "frozen_s")
"""May follow, for lists that need them."""
_NUMBERS_ONLY = ("scale", "offset", "invalid", "min", "max", "dead_band", *MORE_COLUMNS)
"""Columns that say nothing of a text."""
SILENCE_S = 60.0
"""Model seconds after which an unchanged value is reported again, when the row does not say."""

_WHOLE = re.compile(r"-?[0-9]{1,12}")
"""Digits that every tool reads as the same number."""
_BIT_TABLES = (Table.COIL, Table.DISCRETE)

Choice = TypeVar("Choice", RegisterType, WordOrder)


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplatePoint:
    """One row."""

    slot: str
    name: str
    words: Words
    register: Register
    unit: str
    range_min: float | None
    range_max: float | None
    group: str
    dead_band: float
    silence_s_max: float
    rate_max: float | None = None
    frozen_s: float | None = None
    place: Place
    factor: Factor | None = None
    """Of a data logger's point."""

    @property
    def is_boolean(self) -> bool:
        """Whether it is a state."""
        return self.register.type is RegisterType.BIT


@dataclass(frozen=True, slots=True, kw_only=True)
class PointList:
    """The rows that could be read."""

    points: tuple[TemplatePoint, ...]
    is_whole: bool
    """False: a row was left out because of a fault already noted."""


def read_points(
    path: Path,
    name: str,
    *,
    addressing: Addressing,
    order: WordOrder,
    registers_max: int,
    groups: Collection[str],
    slots: Collection[str],
    faults: Faults,
) -> PointList:
    """Return the points of the CSV file `path`, called `name` in faults; none is wider than `registers_max`."""
    text = read_text(path, name, faults)
    if text is None:
        return PointList(points=(), is_whole=False)
    rows, is_whole = _rows(text, name, faults)
    header = tuple(cell.strip() for cell in rows[0][1]) if rows else ()
    columns = (*COLUMNS, *MORE_COLUMNS)
    if header not in (COLUMNS, columns):
        odd = next(
            (want for want, got in zip(columns, (*header, *columns), strict=False) if want != got),
            COLUMNS[-1],
        )
        place = Place(file=name, line=1, field=odd)
        remedy = f"the first line is {','.join(COLUMNS)}, and {','.join(MORE_COLUMNS)} may follow"
        faults.add(place, f"the header reads {','.join(header)[:200]}", remedy=remedy, kind="csv-header")
        return PointList(points=(), is_whole=False)
    points: dict[tuple[str, str], TemplatePoint] = {}
    for first, cells in rows[1:]:
        if not any(cell.strip() for cell in cells):
            continue
        row = _Row(cells, header, Place(file=name, line=first, field=""), faults)
        point = row.point(
            addressing=addressing, order=order, registers_max=registers_max, groups=groups, slots=slots
        )
        if point is None:
            is_whole = False
        elif (earlier := points.get((point.slot, point.name))) is not None:
            message = f"`{point.name}` stands in line {earlier.place.line} already"
            faults.add(
                point.place.below("point"), message, remedy="name it otherwise", kind="duplicate-point"
            )
            is_whole = False
        else:
            points[point.slot, point.name] = point
    return PointList(points=tuple(points.values()), is_whole=is_whole)


def _rows(text: str, name: str, faults: Faults) -> tuple[list[tuple[int, list[str]]], bool]:
    """Return (first line, cells) of each row, and whether these are all: a quotation mark left open swallows the rest."""
    rows: list[tuple[int, list[str]]] = []
    reader = csv.reader(io.StringIO(text, newline=""))
    first = 1
    try:
        for cells in reader:
            rows.append((first, cells))
            first = reader.line_num + 1
    except csv.Error as error:
        place = Place(file=name, line=first, field="")
        remedy = "close the quotation mark that was opened here"
        faults.add(place, f"no row of cells: {error}", remedy=remedy, kind="csv-cells")
        return rows, False
    return rows, True


class _Row:
    """One line of the list."""

    def __init__(self, cells: list[str], header: tuple[str, ...], place: Place, faults: Faults) -> None:
        padded = [cell.strip() for cell in cells] + [""] * len(header)
        self._cells: Mapping[str, str] = {
            **dict.fromkeys(MORE_COLUMNS, ""),
            **dict(zip(header, padded, strict=False)),
        }
        self._surplus = [cell for cell in padded[len(header) :] if cell]
        self._place = place.below(f"{self._cells['slot']}.{self._cells['point']}")
        self._faults = faults
        self._is_sound = True

    def point(
        self,
        *,
        addressing: Addressing,
        order: WordOrder,
        registers_max: int,
        groups: Collection[str],
        slots: Collection[str],
    ) -> TemplatePoint | None:
        """Return the row's point; None after a fault."""
        if self._surplus:
            self._fault("silence_s", "more cells than columns", "quote cells with commas", "csv-cells")
        name = self._cells["point"]
        if not is_id(name):
            self._fault("point", f"`{name}` is no id", "write a-z, 0-9 and _, a letter first", "bad-id")
        slot = self._known("slot", slots)
        words = Words(self._required("zh"), self._required("en"))
        kind, length = self._type(registers_max)
        register = None if kind is None else self._register(kind, length, addressing, order)
        unit = self._unit(kind)
        low, high = self._number_or_none("min"), self._number_or_none("max")
        if low is not None and high is not None and low >= high:
            self._fault("min", f"{low:g} is not below {high:g}", "write the lower bound first", "bad-range")
        group = self._known("group", groups)
        dead_band = self._number("dead_band", 0.0, least=0.0)
        silence_s = self._number("silence_s", SILENCE_S, least=1.0)
        rate_max, frozen_s = self._suspicions(kind)
        if register is None or not self._is_sound:
            return None
        return TemplatePoint(
            slot=slot,
            name=name,
            words=words,
            register=register,
            unit=unit,
            range_min=low,
            range_max=high,
            group=group,
            dead_band=dead_band,
            silence_s_max=silence_s,
            rate_max=rate_max,
            frozen_s=frozen_s,
            place=self._place,
        )

    def _type(self, registers_max: int) -> tuple[RegisterType | None, int]:
        """Return the type and the registers of a text, which are written `string:8`."""
        written = self._cells["type"]
        name, colon, length = written.partition(":")
        if name != RegisterType.STRING:
            return self._choice("type", RegisterType, None), 1
        if not colon or not _WHOLE.fullmatch(length) or not 1 <= int(length) <= registers_max:
            remedy = f"write string:N with N registers, 1 to {registers_max}, two characters each"
            self._fault("type", f"`{written}` says no length", remedy, "wrong-type")
            return RegisterType.STRING, 1
        for column in _NUMBERS_ONLY:
            if self._cells[column]:
                self._fault(column, "says nothing of a text", "leave it empty", "wrong-type")
        return RegisterType.STRING, int(length)

    def _suspicions(self, kind: RegisterType | None) -> tuple[float | None, float | None]:
        """Return `rate_max` and `frozen_s`, which suspect numbers only."""
        if kind is RegisterType.BIT:
            for column in MORE_COLUMNS:
                if self._cells[column]:
                    self._fault(column, "a state may jump and stand still", "leave it empty", "wrong-type")
            return None, None
        rate = self._number("rate_max", 0.0, least=0.0) if self._cells["rate_max"] else None
        if rate == 0:
            self._fault("rate_max", "0 believes no change", "write units per second", "out-of-range")
        return rate, self._number("frozen_s", 0.0, least=1.0) if self._cells["frozen_s"] else None

    def _register(
        self, kind: RegisterType, length: int, addressing: Addressing, order: WordOrder
    ) -> Register | None:
        written = self._cells["address"]
        address = parse_address(written, addressing)
        if address is None or address.number + width(kind, length) - 1 > ADDRESS_MAX:
            self._fault("address", f"`{written}` is no address", addressing.remedy, "bad-address")
            return None
        is_bits = address.table in _BIT_TABLES
        if is_bits and kind is not RegisterType.BIT:
            remedy = "a number wants an input or holding register"
            self._fault("address", f"{address} holds one bit, not {kind.value}", remedy, "bad-address")
        bit = self._whole("bit", least=0, most=15)
        wants_bit = kind is RegisterType.BIT and not is_bits
        if wants_bit != (bit is not None) and self._is_sound:
            remedy = "write the bit 0 to 15" if wants_bit else "leave the bit empty"
            self._fault("bit", f"does not go with {kind.value} at {address}", remedy, "wrong-type")
        scale = self._number("scale", 1.0)
        if scale == 0:
            self._fault(
                "scale", "0 makes every value the same", "write the factor, or leave it empty", "out-of-range"
            )
        return Register(
            table=address.table,
            address=address.number,
            type=kind,
            word_order=self._choice("order", WordOrder, order) or order,
            bit=bit,
            scale=scale,
            offset=self._number("offset", 0.0),
            invalid=self._whole("invalid", least=-(2**63), most=2**64 - 1),
            length=length,
        )

    def _unit(self, kind: RegisterType | None) -> str:
        unit = self._cells["unit"]
        if unit not in UNITS:
            known = ", ".join(key for key in UNITS if key)
            self._fault("unit", f"`{unit}` is no unit", f"write one of {known}", "unknown-unit")
        elif unit and kind in (RegisterType.BIT, RegisterType.STRING):
            self._fault("unit", "a state or a text has no unit", "leave it empty", "unknown-unit")
        return unit

    def _required(self, column: str) -> str:
        if not self._cells[column]:
            self._fault(column, "is missing", "fill the cell", "missing-key")
        return self._cells[column]

    def _known(self, column: str, known: Collection[str]) -> str:
        written = self._cells[column]
        if written not in known:
            remedy = f"write one of {', '.join(known)}"
            self._fault(
                column, f"there is no {column} `{written}` in the template", remedy, "unknown-reference"
            )
        return written

    def _choice(self, column: str, choices: type[Choice], default: Choice | None) -> Choice | None:
        written = self._cells[column]
        if not written and default is not None:
            return default
        try:
            return choices(written)
        except ValueError:
            remedy = f"write one of {', '.join(choices)}"
            self._fault(column, f"`{written}` is none of them", remedy, "wrong-choice")
            return None

    def _number_or_none(self, column: str) -> float | None:
        return self._number(column, 0.0) if self._cells[column] else None

    def _number(self, column: str, default: float, *, least: float = -math.inf) -> float:
        written = self._cells[column]
        if not written:
            return default
        if not NUMBER.match(written):
            self._fault(column, f"`{written}` is no number", "write a number", "wrong-type")
            return default
        if float(written) < least:
            self._fault(column, f"{written} is out of range", f"write at least {least:g}", "out-of-range")
        return float(written)

    def _whole(self, column: str, *, least: int, most: int) -> int | None:
        written = self._cells[column]
        if not written:
            return None
        if not _WHOLE.fullmatch(written) or not least <= int(written) <= most:
            self._fault(
                column,
                f"`{written}` is no such number",
                f"write a whole number from {least} to {most}",
                "out-of-range",
            )
            return None
        return int(written)

    def _fault(self, column: str, message: str, remedy: str, kind: str) -> None:
        self._is_sound = False
        self._faults.add(self._place.below(column), message, remedy=remedy, kind=kind)
