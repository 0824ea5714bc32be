"""Reads data loggers of gateways.yaml and their templates: which factor of an HJ 212 report is which point of a facility.

Addresses it has none: a logger connects to its gateway, and is known by its number (MN) and password.
"""

import csv
import io
import re
from collections.abc import Collection
from enum import StrEnum
from pathlib import Path

from domain.drive import Table
from domain.ids import is_id
from domain.logger import FAULTY, Edition, Factor, Logger, Mode, ReportKind
from domain.park import PollGroup, Register, RegisterType
from domain.units import UNITS, ratio
from domain.words import Words
from runtime.parkfiles.entry import NUMBER, Entry
from runtime.parkfiles.faults import Faults, Place
from runtime.parkfiles.nodes import parse, read_text
from runtime.parkfiles.pointlist import MORE_COLUMNS, SILENCE_S, TemplatePoint
from runtime.parkfiles.templates import Slot, Template
from wire.hj212_body import FIELDS
from wire.hj212_factors import is_code, sent_unit, words_of

COLUMNS = (
    "slot", "point", "zh", "en", "factor", "field", "type", "sent_in", "unit", "min", "max", "group", "dead_band",
    "silence_s",
)  # fmt: skip
PERIOD_S_MAX = 86_400.0
_MN = re.compile(r"[0-9A-Za-z]{1,24}\Z")
_SECRET = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")
_DEFAULT_FIELD = {ReportKind.REALTIME: "Rtd", ReportKind.STATE: "RS", ReportKind.RUN_TIME: "RT"}
"""Of statistics it is Avg."""


class ValueType(StrEnum):
    """What a point's value is."""

    NUMBER = "number"
    STATE = "state"
    """0 or 1."""


_REGISTERS = {
    ValueType.NUMBER: Register(table=Table.INPUT, address=0, type=RegisterType.FLOAT64),
    ValueType.STATE: Register(table=Table.INPUT, address=0, type=RegisterType.BIT, bit=0),
}
"""Stand-ins that say of what type a value is; no register is read."""


def read_logger(key: str, entry: Entry, seen: dict[str, str]) -> Logger:
    """Return the logger that a device entry of the kind `hj212` describes; `seen` has the numbers so far."""
    mn = entry.raw("mn", 'write its number in quotes: "320684000100A00000000001"')
    text = "" if mn is None else mn.text
    if mn is not None and not _MN.match(text):
        remedy = "write its 1 to 24 digits and letters, in quotes"
        entry.fault("mn", f"`{text[:40]}` is no number of a logger", remedy=remedy, kind="bad-mn")
    elif text in seen:
        message = f"{text} is {seen[text]} already"
        entry.fault("mn", message, remedy="give each logger its own number", kind="duplicate-address")
    seen.setdefault(text, key)
    secret = entry.text_or("password_file", key)
    if secret and not _SECRET.match(secret):
        remedy = "write a bare file name; the folder stands in the gateway's settings"
        entry.fault("password_file", f"`{secret[:60]}` is no file name", remedy=remedy, kind="bad-id")
    return Logger(
        mn=text,
        password_file=secret,
        edition=entry.choice_or("edition", Edition.V2017),
        mode=entry.choice_or("mode", Mode.LENIENT),
        sets_clock=entry.boolean_or("sets_clock", default=False),
        history_s=entry.number_or("history_s", 0.0, least=0, most=30 * 86_400),
    )


def read_logger_template(folder: Path, name: str, shown: str, faults: Faults) -> Template | None:
    """Return the logger template `name` of `folder`, called `shown` in faults; None when its file cannot be read."""
    file = f"{shown}/{name}.yaml"
    text = read_text(folder / f"{name}.yaml", file, faults)
    block = None if text is None else parse(text, file, faults)
    if block is None:
        return None
    entry = Entry(block, faults)
    words = entry.words()
    groups = {key: _group(key, inner) for key, inner in entry.entries("groups")}
    slots = {}
    for key, inner in entry.entries("slots"):
        inner.done()
        slots[key] = inner.place
    if not slots and entry.has("slots"):
        entry.fault("slots", "there is none", remedy="name one: {quality: {}}", kind="empty-slot")
    is_sound = entry.done()
    points = _read_points(folder / f"{name}.csv", f"{shown}/{name}.csv", groups, slots, faults)
    found = () if points is None else points
    for key, place in slots.items():
        if points is not None and not any(point.slot == key for point in found):
            remedy = "give it points in the CSV, or remove it"
            faults.add(place, "has no points", remedy=remedy, kind="empty-slot")
    is_whole = points is not None
    used = {point.group for point in found}
    return Template(
        words=words,
        groups={key: group for key, (group, _) in groups.items() if key in used},
        block_registers_max=120,
        timeout_s=1.0,
        slots={
            key: Slot(
                drive=None,
                feedback=None,
                points=tuple(point for point in found if point.slot == key),
                is_sound=is_whole,
            )
            for key in slots
        },
        is_sound=is_sound and is_whole,
    )


_Group = tuple[PollGroup, ReportKind]


def _group(name: str, entry: Entry) -> _Group:
    kind = entry.choice("report", ReportKind)
    group = PollGroup(name=name, period_s=entry.number("period_s", least=1, most=PERIOD_S_MAX))
    entry.done()
    return group, kind


def _read_points(
    path: Path, name: str, groups: dict[str, _Group], slots: Collection[str], faults: Faults
) -> tuple[TemplatePoint, ...] | None:
    """Return the points of a logger's list; None after a fault."""
    text = read_text(path, name, faults)
    if text is None:
        return None
    reader = csv.reader(io.StringIO(text, newline=""))
    header = tuple(cell.strip() for cell in next(reader, []))
    if header not in (COLUMNS, (*COLUMNS, *MORE_COLUMNS)):
        place = Place(file=name, line=1, field="")
        remedy = f"the first line of a logger's list is {','.join(COLUMNS)}, and {','.join(MORE_COLUMNS)} may follow"
        faults.add(place, f"the header reads {','.join(header)[:200]}", remedy=remedy, kind="csv-header")
        return None
    points: dict[tuple[str, str], TemplatePoint] = {}
    is_whole, line = True, reader.line_num
    for cells in reader:
        line, first = reader.line_num, line + 1
        if not any(cell.strip() for cell in cells):
            continue
        place = Place(file=name, line=first, field="")
        point = _Row(cells, header, place, faults).point(groups, slots)
        if point is None:
            is_whole = False
        elif (point.slot, point.name) in points:
            message = f"`{point.name}` stands in line {points[point.slot, point.name].place.line} already"
            faults.add(
                point.place.below("point"), message, remedy="name it otherwise", kind="duplicate-point"
            )
            is_whole = False
        else:
            points[point.slot, point.name] = point
    return tuple(points.values()) if is_whole else None


class _Row:
    """One line of the list."""

    def __init__(self, cells: list[str], header: tuple[str, ...], place: Place, faults: Faults) -> None:
        padded = [cell.strip() for cell in cells] + [""] * len(header)
        self._cells = dict.fromkeys(MORE_COLUMNS, "") | dict(zip(header, padded, strict=False))
        self._place = place.below(f"{self._cells['slot']}.{self._cells['point']}")
        self._faults = faults
        self._is_sound = True
        if any(padded[len(header) :]):
            self._fault(header[-1], "more cells than columns", "quote cells with commas", "csv-cells")

    def point(self, groups: dict[str, _Group], slots: Collection[str]) -> TemplatePoint | None:
        """Return the row's point; None after a fault."""
        name = self._cells["point"]
        if not is_id(name):
            self._fault("point", f"`{name}` is no id", "write a-z, 0-9 and _, a letter first", "bad-id")
        slot, group = self._known("slot", slots), self._known("group", groups)
        value_type = self._type()
        factor = self._factor(groups[group][1], value_type) if group in groups else None
        low, high = self._number("min"), self._number("max")
        if low is not None and high is not None and low >= high:
            self._fault("min", f"{low:g} is not below {high:g}", "write the lower bound first", "bad-range")
        dead_band, silence_s = self._number("dead_band", least=0.0), self._number("silence_s", least=1.0)
        rate_max, frozen_s = self._suspicions(value_type)
        words = self._words(factor)
        if factor is None or not self._is_sound:
            return None
        return TemplatePoint(
            slot=slot,
            name=name,
            words=words,
            register=_REGISTERS[value_type],
            unit=self._cells["unit"],
            range_min=low,
            range_max=high,
            group=group,
            dead_band=dead_band or 0.0,
            silence_s_max=SILENCE_S if silence_s is None else silence_s,
            rate_max=rate_max,
            frozen_s=frozen_s,
            place=self._place,
            factor=factor,
        )

    def _suspicions(self, value_type: ValueType) -> tuple[float | None, float | None]:
        """Return `rate_max` and `frozen_s`, which suspect numbers only."""
        rate, frozen_s = self._number("rate_max", least=0.0), self._number("frozen_s", least=1.0)
        if rate == 0:
            self._fault("rate_max", "0 believes no change", "write units per second", "out-of-range")
        if value_type is ValueType.STATE and (rate is not None or frozen_s is not None):
            column = "frozen_s" if rate is None else "rate_max"
            self._fault(column, "a state may jump and stand still", "leave it empty", "wrong-type")
        return rate, frozen_s

    def _type(self) -> ValueType:
        written = self._cells["type"] or (
            ValueType.STATE if self._cells["field"] == FAULTY else ValueType.NUMBER
        )
        try:
            return ValueType(written)
        except ValueError:
            self._fault("type", f"`{written}` is neither", f"write {' or '.join(ValueType)}", "wrong-choice")
            return ValueType.NUMBER

    def _factor(self, kind: ReportKind, value_type: ValueType) -> Factor | None:
        code, field = self._cells["factor"], self._cells["field"] or _DEFAULT_FIELD.get(kind, "Avg")
        if not is_code(code):
            remedy = "write a code of HJ 212: w01018, 011, SB1"
            self._fault("factor", f"`{code}` is no factor", remedy, "bad-factor")
            return None
        if field not in FIELDS and field != FAULTY:
            remedy = f"write one of {', '.join(sorted({*FIELDS, FAULTY}))}"
            self._fault("field", f"`{field}` is no field of a factor", remedy, "wrong-choice")
            return None
        sent = self._cells["sent_in"] or sent_unit(code, field)
        if value_type is ValueType.STATE:
            sent = ""
            if self._cells["unit"]:
                self._fault("unit", "a state has no unit", "leave it empty", "unknown-unit")
                return None
        if sent is None:
            message = f"the unit of {code}-{field} is not known"
            self._fault(
                "sent_in", message, "write in which unit the logger sends it: mg_L, ug_L …", "unknown-unit"
            )
            return None
        self._check_units(sent)
        return Factor(report=kind, code=code, field=field, unit=sent)

    def _check_units(self, sent: str) -> None:
        for column, unit in (("sent_in", sent), ("unit", self._cells["unit"])):
            if unit not in UNITS:
                known = ", ".join(key for key in UNITS if key)
                self._fault(column, f"`{unit}` is no unit", f"write one of {known}", "unknown-unit")
                return
        if ratio(sent, self._cells["unit"]) is None:
            message = f"the logger sends {sent or 'a plain number'}, which is no {self._cells['unit'] or 'plain number'}"
            self._fault("unit", message, "write a unit of the same quantity", "unit-mismatch")

    def _words(self, factor: Factor | None) -> Words:
        """Return the row's words, or those of the standard where the cells are empty."""
        listed = words_of(factor.code) if factor is not None else None
        zh, en = self._cells["zh"], self._cells["en"]
        if not (zh and en) and listed is None and factor is not None:
            self._fault("zh" if not zh else "en", "is missing", "fill the cell", "missing-key")
        return Words(zh or (listed.zh if listed else ""), en or (listed.en if listed else ""))

    def _known(self, column: str, known: Collection[str]) -> str:
        written = self._cells[column]
        if written not in known:
            message = f"there is no {column} `{written}` in the template"
            self._fault(column, message, f"write one of {', '.join(known)}", "unknown-reference")
        return written

    def _number(self, column: str, *, least: float | None = None) -> float | None:
        written = self._cells[column]
        if not written:
            return None
        if not NUMBER.match(written):
            self._fault(column, f"`{written}` is no number", "write a number", "wrong-type")
            return None
        if least is not None and float(written) < least:
            self._fault(column, f"{written} is out of range", f"write at least {least:g}", "out-of-range")
        return float(written)

    def _fault(self, column: str, message: str, remedy: str, kind: str) -> None:
        self._is_sound = False
        self._faults.add(self._place.below(column), message, remedy=remedy, kind=kind)
