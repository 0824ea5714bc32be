"""What an explanation is made of: a tree of nodes, each with its truth, its values and what would have to change; a value."""

import ast
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from domain.admission import Situation
from domain.ids import PointRef
from domain.interlock import Truth, quantity_of, truth_of
from domain.order import Order
from domain.park import Park
from domain.quality import REASON_WORDS, Reason
from domain.refusal import Code
from domain.sample import Reading, Value
from domain.units import UNITS
from domain.words import Words


class Kind(StrEnum):
    """What a node is."""

    ACTION = "action"
    """The root: the action that is asked about."""
    CHECK = "check"
    """Something that no interlock says: local, tag, fault, doubt, an order, authority, the link."""
    PERMIT = "permit"
    INHIBIT = "inhibit"
    SEVERAL = "several"
    """So many of its parts must be as they should be."""
    NOT = "not"
    COMPARE = "compare"
    STATE = "state"
    HELD = "held"
    CONSTANT = "constant"


class Effect(StrEnum):
    """What a node does to the action."""

    PASSES = "passes"
    WARNS = "warns"
    BLOCKS = "blocks"
    OVERRIDDEN = "overridden"
    """It would block or warn, or not; it does not count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One value that a node rests on."""

    point: PointRef
    words: Words
    value: Value | None
    unit: str
    quality: str
    reason: str | None
    age_s: float | None
    is_stale: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One condition, and what it rests on."""

    kind: Kind
    words: Words
    text: str = ""
    """As the park's file has it; empty: no expression."""
    truth: Truth
    wanted: bool = True
    """Whether it should be true; an inhibit should not."""
    effect: Effect
    change: Words | None = None
    """What would have to change; None: nothing."""
    need: int | None = None
    """Of its parts, how many must be as wanted."""
    so_far_s: float | None = None
    """Model seconds for which it has been as it must be for `needed_s`."""
    needed_s: float | None = None
    code: Code | None = None
    interlock: str | None = None
    override: Order | None = None
    values: tuple[Seen, ...] = ()
    parts: tuple["Node", ...] = ()


@dataclass(frozen=True, slots=True)
class View:
    """What an explanation is made from."""

    park: Park
    situation: Situation
    so_far_s: Callable[[str], float | None]

    def truth(self, node: ast.expr) -> Truth:
        at = self.situation
        return truth_of(node, at.read, at.unit_of, at.recall)

    def quantity(self, node: ast.expr) -> float | None:
        at = self.situation
        return quantity_of(node, at.read, at.unit_of, at.recall)


def name_of(park: Park, ref: PointRef) -> Words:
    point = park.points[ref]
    place = park.facilities[point.facility].words
    return Words(f"{place.zh}{point.words.zh}", f"{place.en} {point.words.en}")


def readings(view: View, refs: list[PointRef]) -> Words:
    told = [_doubt(name_of(view.park, ref), view.situation.read(ref)) for ref in refs]
    all_ = joined(told, Words("、", ", "))
    return Words(f"须有新鲜可信的读数:{all_.zh}", f"a fresh and good reading must come of {all_.en}")


def _doubt(name: Words, reading: Reading) -> Words:
    if reading.age_s is None:
        return Words(f"{name.zh}(从未读到)", f"{name.en} (never read)")
    why = reading.reason or (None if reading.fresh else Reason.STALE)
    said = REASON_WORDS[why] if why is not None else Words("存疑", "doubtful")
    return Words(
        f"{name.zh}({said.zh} {reading.age_s:.0f} 秒)", f"{name.en} ({said.en} {reading.age_s:.0f} s)"
    )


def joined(parts: list[Words], by: Words) -> Words:
    return Words(by.zh.join(part.zh for part in parts), by.en.join(part.en for part in parts))


def seen(view: View, refs: list[PointRef]) -> tuple[Seen, ...]:
    found = []
    for ref in refs:
        reading, unit = view.situation.read(ref), view.park.points[ref].unit
        found.append(
            Seen(
                point=ref,
                words=name_of(view.park, ref),
                value=reading.value,
                unit=UNITS[unit].symbol,
                quality=reading.quality.word,
                reason=reading.reason.value if reading.reason is not None else None,
                age_s=reading.age_s,
                is_stale=not reading.fresh,
            )
        )
    return tuple(found)
