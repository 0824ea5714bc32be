"""Reads one mapping of a park file field by field, noting what is missing, unknown or of another type.

A field that is wrong yields a stand-in (empty text, NaN, nothing) and makes the entry unsound, so that reading goes on
and later checks can leave it out: one mistake gives one fault.
"""

import difflib
import math
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import TypeVar

from domain.ids import is_id
from domain.words import Words
from runtime.parkfiles.faults import Faults, Place
from runtime.parkfiles.nodes import YAML11_WORDS, Block, Items, Node, Scalar

Choice = TypeVar("Choice", bound=StrEnum)

NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?\Z", re.ASCII)
WORDS_REMEDY = "write {zh: 中文, en: English}"


class Entry:
    """One mapping with its place. Call `done` after the last field: it reports missing and unknown ones."""

    def __init__(self, block: Block, faults: Faults) -> None:
        self._block = block
        self.faults = faults
        self._known: set[str] = set()
        self._missing: dict[str, str] = {}
        self._kinds: dict[str, str] = {}
        self.is_sound = block.is_whole
        """False once any field was found wrong."""

    @property
    def place(self) -> Place:
        """Where the mapping begins."""
        return self._block.place

    def place_of(self, name: str) -> Place:
        """Return the place of a field, on the mapping's line when it is absent; of the mapping itself for ""."""
        node = self._block.entries.get(name)
        if node is not None:
            return node.place
        return self.place.below(name) if name else self.place

    def has(self, name: str) -> bool:
        """Whether the field is written."""
        return name in self._block.entries

    def may_have(self, *names: str) -> None:
        """Say that these fields are known here, though nothing reads them when they are absent."""
        self._known.update(names)

    def expect(self, name: str, kind: str) -> None:
        """Call the fault of a missing field `kind`."""
        self._kinds[name] = kind

    def fault(self, name: str, message: str, *, remedy: str, kind: str) -> None:
        """Note a fault of one field."""
        self.is_sound = False
        self.faults.add(self.place_of(name), message, remedy=remedy, kind=kind)

    def text(self, name: str, remedy: str = "write some text") -> str:
        """Return a text that is not empty; empty when it is wrong."""
        scalar = self._scalar(name, remedy)
        return "" if scalar is None else self._as_text(scalar, remedy)

    def text_or(self, name: str, default: str) -> str:
        """Return a text, `default` when it is absent."""
        return self.text(name) if self._optional(name) else default

    def raw(self, name: str, remedy: str) -> Scalar | None:
        """Return a scalar as it is written; None when it is missing or no scalar."""
        return self._scalar(name, remedy)

    def words(self, name: str = "name") -> Words:
        """Return `{zh: …, en: …}`."""
        entry = self.entry(name, WORDS_REMEDY)
        if entry is None:
            return Words("", "")
        words = Words(
            entry.text("zh", "write the Chinese words"), entry.text("en", "write the English words")
        )
        self._absorb(entry)
        return words

    def number(
        self, name: str, *, least: float = -math.inf, most: float = math.inf, is_above: bool = False
    ) -> float:
        """Return a number in least..most (above `least` if `is_above`); NaN when it is wrong."""
        bounds = _bounds(least, most, is_above=is_above)
        scalar = self._scalar(name, f"write a number{bounds}")
        if scalar is None:
            return math.nan
        if scalar.is_quoted or not NUMBER.match(scalar.text):
            self._wrong(scalar.place, scalar.text, f"write a number{bounds}, without quotes")
            return math.nan
        value = float(scalar.text)
        if value < least or value > most or (is_above and value == least):
            message = f"{scalar.text} is out of range"
            self.fault(name, message, remedy=f"write a number{bounds}", kind="out-of-range")
            return math.nan
        return value

    def number_or(
        self, name: str, default: float, *, least: float = -math.inf, most: float = math.inf
    ) -> float:
        """Return a number, `default` when it is absent."""
        return self.number(name, least=least, most=most) if self._optional(name) else default

    def pair(self, name: str, *, most: tuple[float, float]) -> tuple[float, float]:
        """Return `[a, b]` with 0 ≤ a, b ≤ `most`; zeros when it is wrong."""
        remedy = f"write [0…{most[0]:g}, 0…{most[1]:g}]"
        node = self._get(name, remedy)
        match node:
            case None:
                return 0.0, 0.0
            case Items(items=(Scalar(text=a, is_quoted=False), Scalar(text=b, is_quoted=False))) if (
                NUMBER.match(a) and NUMBER.match(b)
            ):
                first, second = float(a), float(b)
            case _:
                self._wrong(node.place, _shown(node), remedy)
                return 0.0, 0.0
        if not (0 <= first <= most[0] and 0 <= second <= most[1]):
            self.fault(name, f"[{a}, {b}] is out of range", remedy=remedy, kind="out-of-range")
        return first, second

    def integer(self, name: str, *, least: int, most: int) -> int:
        """Return a whole number in least..most; `least` when it is wrong."""
        value = self.number(name, least=least, most=most)
        if math.isnan(value):
            return least
        if value != int(value):
            self._wrong(self.place_of(name), f"{value}", "write a whole number")
            return least
        return int(value)

    def integer_or(self, name: str, default: int, *, least: int, most: int) -> int:
        """Return a whole number, `default` when it is absent."""
        return self.integer(name, least=least, most=most) if self._optional(name) else default

    def boolean(self, name: str) -> bool:
        """Return true or false; false when it is wrong."""
        scalar = self._scalar(name, "write true or false")
        if scalar is None:
            return False
        if scalar.is_quoted or scalar.text not in {"true", "false"}:
            if scalar.is_quoted or scalar.text not in YAML11_WORDS:
                self._wrong(scalar.place, scalar.text, "write true or false")
            self.is_sound = False
            return False
        return scalar.text == "true"

    def boolean_or(self, name: str, default: bool) -> bool:  # noqa: FBT001  (as the other `…_or`)
        """Return true or false, `default` when it is absent."""
        return self.boolean(name) if self._optional(name) else default

    def choice(self, name: str, choices: type[Choice]) -> Choice:
        """Return the member written; the first one when it is wrong."""
        remedy = f"write one of {', '.join(choices)}"
        scalar = self._scalar(name, remedy)
        first = next(iter(choices))
        if scalar is None:
            return first
        try:
            return choices(scalar.text)
        except ValueError:
            if scalar.text in YAML11_WORDS and not scalar.is_quoted:
                self.is_sound = False
                return first
            near = difflib.get_close_matches(scalar.text, list(choices), n=1)
            remedy = f"did you mean `{near[0]}`? {remedy}" if near else remedy
            self.fault(name, f"`{scalar.text}` is none of them", remedy=remedy, kind="wrong-choice")
            return first

    def choice_or(self, name: str, default: Choice) -> Choice:
        """Return the member written, `default` when the field is absent."""
        return self.choice(name, type(default)) if self._optional(name) else default

    def texts(self, name: str, *, is_required: bool = True) -> tuple[Scalar, ...]:
        """Return a list of texts with their places; empty when it is absent or wrong."""
        if not is_required and not self._optional(name):
            return ()
        node = self._get(name, "write a list: [a, b]")
        if node is None:
            return ()
        if not isinstance(node, Items):
            self._wrong(node.place, _shown(node), "write a list: [a, b]")
            return ()
        for item in node.items:
            if not isinstance(item, Scalar):
                self._wrong(item.place, _shown(item), "write a name")
        return tuple(
            item for item in node.items if isinstance(item, Scalar) and self._as_text(item, "write a name")
        )

    def entry(self, name: str, remedy: str = "write {field: value}") -> "Entry | None":
        """Return a mapping inside this one; None when it is missing or none."""
        node = self._get(name, remedy)
        return None if node is None else self._as_entry(node, remedy)

    def entry_or_none(self, name: str) -> "Entry | None":
        """Return a mapping inside this one; None when it is absent or none."""
        return self.entry(name) if self._optional(name) else None

    def entries(self, name: str, *, is_required: bool = True) -> Iterator[tuple[str, "Entry"]]:
        """Yield (id, mapping) of a mapping of mappings whose keys are ids."""
        outer = self.entry(name) if is_required else self.entry_or_none(name)
        if outer is not None:
            yield from outer.every()
            self.is_sound &= outer.is_sound

    def every(self) -> Iterator[tuple[str, "Entry"]]:
        """Yield (id, mapping) of this mapping, whose keys are ids."""
        for key, node in self._block.entries.items():
            self._known.add(key)
            if self.is_good_id(key, node.place) and (entry := self._as_entry(node, "write {field: value}")):
                yield key, entry

    @property
    def keys(self) -> tuple[str, ...]:
        """Return this mapping's keys as they are written."""
        return tuple(self._block.entries)

    def pairs(self) -> Mapping[str, Scalar]:
        """Return this mapping's scalars by key."""
        self._known.update(self._block.entries)
        for node in self._block.entries.values():
            if not isinstance(node, Scalar):
                self._wrong(node.place, _shown(node), "write a name")
        return {key: node for key, node in self._block.entries.items() if isinstance(node, Scalar)}

    def list_of(self, name: str, *, is_required: bool = True) -> tuple["Entry", ...]:
        """Return a list of mappings; empty when it is absent or wrong."""
        if not is_required and not self._optional(name):
            return ()
        node = self._get(name, "write a list of - {field: value}")
        if node is None:
            return ()
        if not isinstance(node, Items):
            self._wrong(node.place, _shown(node), "write a list of - {field: value}")
            return ()
        found = (self._as_entry(item, "write {field: value}") for item in node.items)
        return tuple(entry for entry in found if entry is not None)

    def is_good_id(self, text: str, place: Place) -> bool:
        """Whether `text` may be an id; notes a fault if not."""
        if is_id(text):
            return True
        if text not in YAML11_WORDS:
            remedy = "write a-z, 0-9 and _, a letter first, at most 63"
            self.faults.add(place, f"`{text}` is no id", remedy=remedy, kind="bad-id")
        self.is_sound = False
        return False

    def done(self) -> bool:
        """Report missing and unknown fields; return whether everything was sound."""
        missing = self._missing
        for name in self._block.entries:
            if name in self._known:
                continue
            near = difflib.get_close_matches(name, sorted(self._known), n=1)
            missing.pop(near[0] if near else "", None)
            choices = ", ".join(sorted(self._known))
            remedy = f"did you mean `{near[0]}`?" if near else f"remove it; known are {choices}"
            place = self.place.below(name, line=self._block.key_lines[name])
            self.faults.add(place, f"`{name}` is not a field here", remedy=remedy, kind="unknown-key")
            self.is_sound = False
        for name, remedy in missing.items():
            kind = self._kinds.get(name, "missing-key")
            self.faults.add(self.place.below(name), "is missing", remedy=remedy, kind=kind)
        self._missing = {}
        return self.is_sound

    def _absorb(self, inner: "Entry") -> None:
        self.is_sound &= inner.done()

    def _optional(self, name: str) -> bool:
        self._known.add(name)
        return name in self._block.entries

    def _get(self, name: str, remedy: str) -> Node | None:
        self._known.add(name)
        node = self._block.entries.get(name)
        if node is None:
            self._missing.setdefault(name, remedy)
            self.is_sound = False
        return node

    def _scalar(self, name: str, remedy: str) -> Scalar | None:
        node = self._get(name, remedy)
        if node is None:
            return None
        if not isinstance(node, Scalar):
            self._wrong(node.place, _shown(node), remedy)
            return None
        if not node.is_quoted and node.text in {"", "~", "null"}:
            self.faults.add(node.place, "is empty", remedy=remedy, kind="missing-key")
            self.is_sound = False
            return None
        return node

    def _as_text(self, scalar: Scalar, remedy: str) -> str:
        if not scalar.is_quoted and (NUMBER.match(scalar.text) or scalar.text in {"true", "false"}):
            self._wrong(scalar.place, scalar.text, f'quote it: "{scalar.text}"')
            return ""
        if not scalar.text.strip():
            self.faults.add(scalar.place, "is empty", remedy=remedy, kind="missing-key")
            self.is_sound = False
            return ""
        if scalar.text in YAML11_WORDS and not scalar.is_quoted:
            self.is_sound = False
            return ""
        return scalar.text

    def _as_entry(self, node: Node, remedy: str) -> "Entry | None":
        if isinstance(node, Block):
            return Entry(node, self.faults)
        self._wrong(node.place, _shown(node), remedy)
        return None

    def _wrong(self, place: Place, shown: str, remedy: str) -> None:
        self.is_sound = False
        self.faults.add(place, f"`{shown[:60]}` is of another type", remedy=remedy, kind="wrong-type")


def _shown(node: Node) -> str:
    match node:
        case Scalar(text=text):
            return text
        case Block():
            return "{…}"
        case Items():
            return "[…]"


def _bounds(least: float, most: float, *, is_above: bool) -> str:
    low = "" if math.isinf(least) else f"{'above' if is_above else 'of at least'} {least:g}"
    high = "" if math.isinf(most) else f"at most {most:g}"
    text = " and ".join(part for part in (low, high) if part)
    return f" {text}" if text else ""
