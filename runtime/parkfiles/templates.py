"""Reads device templates: what a kind of PLC reports and how it is driven, once for every device of that kind."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from domain.connection import Writes
from domain.drive import CommandWord, Drive, MaintainedCoil, MomentaryCoils, Pulse, Repeat, Setpoint, Table
from domain.park import Feedback, PlcHeartbeat, PollGroup, WordOrder
from domain.words import Words
from runtime.parkfiles.entry import Entry
from runtime.parkfiles.faults import Faults
from runtime.parkfiles.nodes import parse, read_text
from runtime.parkfiles.pointlist import TemplatePoint, read_points
from runtime.parkfiles.registers import Address, Addressing, Use, overlaps, parse_address, use_of, uses_of

FALLBACK_S_MIN = 30.0
"""Model seconds: a PLC that falls back sooner moves gates at every pause of a network."""
DRIVES = ("momentary_coils", "maintained_coil", "command_word", "setpoint")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A place in the template where a device has one facility."""

    drive: Drive | None
    """None: nothing is commanded here."""
    feedback: Feedback | None
    points: tuple[TemplatePoint, ...]
    is_sound: bool
    """False: what it lacks may be due to a fault already noted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One kind of PLC."""

    words: Words
    groups: Mapping[str, PollGroup]
    block_registers_max: int
    timeout_s: float
    writes: Writes = Writes.SINGLE
    heartbeat: PlcHeartbeat | None = None
    slots: Mapping[str, Slot]
    is_sound: bool


def read_template(folder: Path, name: str, shown: str, faults: Faults) -> Template | None:
    """Return the template `name` of `folder`, called `shown` in faults; None when its file cannot be read."""
    file = f"{shown}/{name}.yaml"
    text = read_text(folder / f"{name}.yaml", file, faults)
    block = None if text is None else parse(text, file, faults)
    if block is None:
        return None
    entry = Entry(block, faults)
    words = entry.words()
    addressing = entry.choice("addressing", Addressing)
    order = entry.choice_or("word_order", WordOrder.ABCD)
    block_max = entry.integer_or("block_registers_max", 120, least=1, most=125)
    timeout_s = entry.number_or("timeout_s", 1.0, least=0.05, most=30)
    writes = entry.choice_or("writes", Writes.SINGLE)
    beat = entry.entry_or_none("heartbeat")
    heartbeat = None if beat is None else _heartbeat(beat, addressing)
    groups = {key: _group(key, inner) for key, inner in entry.entries("groups")}
    drafts = {key: _SlotDraft(inner, addressing) for key, inner in entry.entries("slots")}
    is_sound = entry.done() and (beat is None or beat.is_sound)
    table = read_points(
        folder / f"{name}.csv",
        f"{shown}/{name}.csv",
        addressing=addressing,
        order=order,
        registers_max=block_max,
        groups=groups,
        slots=drafts,
        faults=faults,
    )
    slots = {
        key: draft.finish(
            tuple(point for point in table.points if point.slot == key), is_whole=table.is_whole
        )
        for key, draft in drafts.items()
    }
    _refuse_overlaps(drafts, table.points, faults, () if beat is None else _beaten(beat, heartbeat))
    return Template(
        words=words,
        groups=groups,
        block_registers_max=block_max,
        timeout_s=timeout_s,
        writes=writes,
        heartbeat=heartbeat,
        slots=slots,
        is_sound=is_sound and all(slot.is_sound for slot in slots.values()),
    )


def _group(name: str, entry: Entry) -> PollGroup:
    group = PollGroup(
        name=name,
        period_s=entry.number("period_s", least=0.001, most=3600),
        is_critical=entry.boolean_or("critical", default=False),
    )
    entry.done()
    return group


class _SlotDraft:
    """A slot as the YAML has it, before its points are known."""

    def __init__(self, entry: Entry, addressing: Addressing) -> None:
        self.place = entry.place
        self._entry = entry
        self._names = entry.entry_or_none("feedback")
        inner = entry.entry_or_none("drive")
        self.drive_place = entry.place if inner is None else inner.place
        self.drive = None if inner is None else _drive(inner, addressing)
        self.is_driven = entry.has("drive")
        entry.done()
        self.is_sound = entry.is_sound and (inner is None or inner.is_sound)

    def finish(self, points: tuple[TemplatePoint, ...], *, is_whole: bool) -> Slot:
        """Return the slot with its `points`; checks that a drive's feedback is among them."""
        if not points and is_whole:
            remedy = "give it points in the CSV, or remove it"
            self._entry.fault("", "has no points", remedy=remedy, kind="empty-slot")
            self.is_sound = False
        feedback = self._feedback(
            {point.name for point in points if point.is_boolean}, points, is_whole=is_whole
        )
        return Slot(
            drive=self.drive if self.is_sound else None,
            feedback=feedback,
            points=points,
            is_sound=self.is_sound and is_whole,
        )

    def _feedback(
        self, booleans: set[str], points: tuple[TemplatePoint, ...], *, is_whole: bool
    ) -> Feedback | None:
        if not self.is_driven:
            return None
        present = {point.name for point in points}
        names = {field: field for field in Feedback.__slots__ if field in present}
        if self._names is not None:
            for field in Feedback.__slots__:
                if self._names.has(field):
                    names[field] = self._names.text(field)
                    self._refuse_unknown(field, names[field], present, is_whole=is_whole)
            self._names.may_have(*Feedback.__slots__)
            self.is_sound &= self._names.done()
        for field in ("opened", "closed", "remote"):
            if (
                is_whole
                and names.get(field, "") not in booleans
                and not (self._names and self._names.has(field))
            ):
                message = f"is driven but reports no state `{field}`"
                remedy = f"add the point `{field}` (bit) to the CSV or name another under feedback"
                self._entry.fault("drive", message, remedy=remedy, kind="missing-feedback")
        if (
            isinstance(self.drive, Setpoint)
            and self.drive.step_percent
            and is_whole
            and "position" not in names
        ):
            remedy = "add the point `position` to the CSV, or leave step_percent out"
            self._entry.fault(
                "drive", "goes in steps but reports no opening", remedy=remedy, kind="missing-feedback"
            )
        return Feedback(
            opened=names.get("opened", ""),
            closed=names.get("closed", ""),
            remote=names.get("remote", ""),
            **{field: name for field, name in names.items() if field not in {"opened", "closed", "remote"}},
        )

    def _refuse_unknown(self, field: str, name: str, present: set[str], *, is_whole: bool) -> None:
        if self._names is not None and name and is_whole and name not in present:
            remedy = f"name one of {', '.join(sorted(present))}"
            self._names.fault(
                field, f"there is no point `{name}` here", remedy=remedy, kind="unknown-reference"
            )


def _drive(entry: Entry, addressing: Addressing) -> Drive | None:
    kind = entry.text("kind", f"write one of {', '.join(DRIVES)}")
    drive: Drive | None = None
    if kind == "momentary_coils":
        pulse = entry.choice("pulse", Pulse)
        drive = MomentaryCoils(
            open=_address(entry, "open", Table.COIL, addressing),
            close=_address(entry, "close", Table.COIL, addressing),
            stop=_address(entry, "stop", Table.COIL, addressing) if entry.has("stop") else None,
            pulse=pulse,
            width_s=entry.number_or("width_s", 0.5, least=0.05, most=10),
            repeat=entry.choice("repeat", Repeat),
        )
        entry.may_have("stop")
    elif kind == "maintained_coil":
        drive = MaintainedCoil(coil=_address(entry, "coil", Table.COIL, addressing))
    elif kind == "command_word":
        entry.may_have("echo")
        drive = CommandWord(
            word=_address(entry, "word", Table.HOLDING, addressing),
            echo=_address(entry, "echo", Table.HOLDING, addressing) if entry.has("echo") else None,
            open=entry.integer("open", least=0, most=65_535),
            close=entry.integer("close", least=0, most=65_535),
            stop=entry.integer("stop", least=0, most=65_535),
        )
        _refuse_one_code(entry, drive)
    elif kind == "setpoint":
        drive = Setpoint(
            word=_address(entry, "word", Table.HOLDING, addressing),
            stop=_address(entry, "stop", Table.COIL, addressing),
            step_percent=entry.number("step_percent", least=1, most=50)
            if entry.has("step_percent")
            else None,
        )
        entry.may_have("step_percent")
    elif kind:
        remedy = f"write one of {', '.join(DRIVES)}"
        entry.fault("kind", f"`{kind}` is no drive", remedy=remedy, kind="wrong-choice")
    if drive is not None:
        entry.done()
    return drive if entry.is_sound else None


def _refuse_one_code(entry: Entry, drive: CommandWord) -> None:
    """A stop takes neither select nor second person: one that says to the PLC what an opening says would open without them."""
    if entry.is_sound and len({drive.open, drive.close, drive.stop}) < 3:
        message = f"open {drive.open}, close {drive.close} and stop {drive.stop} are not three codes"
        entry.fault("stop", message, remedy="give each action its own code", kind="same-code")


def _address(entry: Entry, name: str, table: Table, addressing: Addressing) -> int:
    scalar = entry.raw(name, addressing.remedy)
    if scalar is None:
        return 0
    address = parse_address(scalar.text, addressing)
    if address is None:
        entry.fault(name, f"`{scalar.text}` is no address", remedy=addressing.remedy, kind="bad-address")
        return 0
    if address.table is not table:
        message = f"`{scalar.text}` is in the {address.table.value} table"
        entry.fault(name, message, remedy=f"a {table.value} is wanted", kind="bad-address")
        return 0
    return address.number


def _heartbeat(entry: Entry, addressing: Addressing) -> PlcHeartbeat | None:
    entry.may_have("fallback_after_s")
    period_s = entry.number_or("period_s", 1.0, least=0.2, most=60)
    has_fallback = entry.has("fallback_after_s")
    heartbeat = PlcHeartbeat(
        word=_address(entry, "word", Table.HOLDING, addressing),
        period_s=period_s,
        fallback_after_s=entry.number("fallback_after_s", least=FALLBACK_S_MIN, most=86_400)
        if has_fallback
        else None,
        guards_commands=entry.boolean_or("guards_commands", default=False),
    )
    return heartbeat if entry.done() else None


def _beaten(entry: Entry, heartbeat: PlcHeartbeat | None) -> tuple[Use, ...]:
    if heartbeat is None:
        return ()
    first = Address(Table.HOLDING, heartbeat.word)
    return (Use(name="heartbeat", first=first, registers=1, bit=None, place=entry.place),)


def _refuse_overlaps(
    drafts: Mapping[str, _SlotDraft],
    points: tuple[TemplatePoint, ...],
    faults: Faults,
    beaten: tuple[Use, ...],
) -> None:
    uses: list[Use] = [*beaten]
    for key, draft in drafts.items():
        if draft.drive is not None:
            uses += uses_of(key, draft.drive, draft.drive_place)
    uses += [
        use_of(f"{point.slot}.{point.name}", point.register, point.place.below("address")) for point in points
    ]
    for use, other in overlaps(uses):
        message = f"{use.first} lies on {other.name} (line {other.place.line})"
        faults.add(use.place, message, remedy="give each its own register", kind="register-overlap")
