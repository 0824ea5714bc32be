"""What one check has found, and how it reads on a terminal; it proves nothing."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from domain.words import Words


class Verdict(StrEnum):
    """How a check ended."""

    PROVED = "proved"
    BROKEN = "broken"
    """There is a counterexample."""
    VACUOUS = "vacuous"
    """It holds only because what it speaks of cannot happen, or what it names is not needed: an error of the park's files."""


VERDICT_WORDS = {
    Verdict.PROVED: Words("已证明", "proved"),
    Verdict.BROKEN: Words("不成立", "broken"),
    Verdict.VACUOUS: Words("空成立", "vacuous"),
}

INDUCTION = Words(
    "对位置、动作、读数(可信与否)与就地操作的全部组合作一步归纳(z3)",
    "one-step induction over every combination of positions, moves under way, readings known or not, and hand operation (z3)",
)
GRAPH = Words("遍历水流图的全部路径", "every path of the flow graph")
EVERY_RULE = Words(
    "逐条检查全部规则,量程内可达性由 z3 判定", "every rule one by one; reachability within ranges by z3"
)
NO_BOUND = Words("无:对任意长的过程成立", "none: holds for runs of any length")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The outcome of one check."""

    check: str
    """Stable name: the property's id, or what was checked and of what."""
    words: Words
    verdict: Verdict
    method: Words
    bound: Words = NO_BOUND
    witness: tuple[Words, ...] = ()
    """Moments that show that the premise can come about and the gates can move."""
    story: tuple[Words, ...] = ()
    """The counterexample, step by step; or why it is vacuous."""
    relies_on: tuple[str, ...] = field(default=())
    """Interlocks without each of which the counterexample exists."""

    def lines(self) -> Iterator[str]:
        """Yield the finding as a person reads it."""
        verdict = VERDICT_WORDS[self.verdict]
        yield f"{self.check}: {verdict.zh} {verdict.en} — {self.words.zh} / {self.words.en}"
        yield f"  方法 method: {self.method.zh} / {self.method.en}"
        yield f"  界 bound: {self.bound.zh} / {self.bound.en}"
        for item in self.witness:
            yield f"  可达 witness: {item.zh} / {item.en}"
        if self.relies_on:
            yield f"  依靠 relies on (each tried without it): {', '.join(self.relies_on)}"
        for number, item in enumerate(self.story, 1):
            yield f"  {number}. {item.zh}"
            yield f"     {item.en}"

    def as_dict(self) -> dict[str, object]:
        """Return the finding as JSON values."""
        return {
            "check": self.check,
            "words": _pair(self.words),
            "verdict": self.verdict.value,
            "method": _pair(self.method),
            "bound": _pair(self.bound),
            "witness": [_pair(item) for item in self.witness],
            "story": [_pair(item) for item in self.story],
            "relies_on": list(self.relies_on),
        }


def _pair(words: Words) -> dict[str, str]:
    return {"zh": words.zh, "en": words.en}
