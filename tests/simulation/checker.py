"""Judges a trace: one check for each invariant of the safety rules, each a pure function that names what it found broken.

An oracle beside the product: it reads wires, disks, PLCs and screens, and decides by rules of its own. Where it cannot know
what a part could know, it says nothing; the planted bugs show that it still says enough.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from tests.simulation import checker_books as books
from tests.simulation import checker_moves as moves
from tests.simulation import checker_outcomes as outcomes
from tests.simulation import checker_persons as persons
from tests.simulation import checker_rules as rules
from tests.simulation.checker_story import Story
from tests.simulation.trace import Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """Something that must never be so was so."""

    invariant: str
    """`I1` to `I18`."""
    at_s: float
    words: str

    def __str__(self) -> str:
        return f"{self.invariant} at {self.at_s:.3f} s: {self.words}"


Check = Callable[[Story], Iterator[tuple[str, float, str]]]

CHECKS: Mapping[str, Check] = {
    "selects": moves.selects,
    "one owner": moves.one_owner,
    "fresh": moves.fresh,
    "hands": moves.hands,
    "by itself": moves.by_itself,
    "outputs": moves.outputs,
    "proofs": outcomes.proofs,
    "outcomes": outcomes.outcomes,
    "screens": outcomes.screens,
    "interlocks": rules.interlocks,
    "persons": persons.persons,
    "plans": rules.plans,
    "definitions": rules.definitions,
    "alarms": books.alarms,
    "audit": books.audit,
    "one gate": books.one_gate,
    "losses": books.losses,
}


def violations(trace: Trace) -> list[Violation]:
    """Return everything that is broken in `trace`, the earliest first."""
    story = Story(trace)
    found = [
        Violation(invariant=name, at_s=at_s, words=words)
        for check in CHECKS.values()
        for name, at_s, words in check(story)
    ]
    return sorted(found, key=lambda item: (item.at_s, item.invariant))
