"""The marks of a segment against the plainest model of them: one mark and one time of sending for each payload."""

import random
from dataclasses import dataclass, field

import pytest

from runtime.journal_marks import DURABLE, NEVER_SENT, PENDING, RECEIVED, Marks

WAITS_S = (5.0, 60.0)


@dataclass
class Plain:
    """What `Marks` means."""

    marks: list[int] = field(default_factory=list)
    sents_s: list[float] = field(default_factory=list)

    def lift(self, begin: int, end: int, mark: int) -> int:
        lower = [at for at in range(max(begin, 0), min(end, len(self.marks))) if self.marks[at] < mark]
        for at in lower:
            self.marks[at] = mark
        return len(lower)

    def due_s(self) -> list[tuple[float, int]]:
        return [
            (self.sents_s[at] + WAITS_S[mark], at) for at, mark in enumerate(self.marks) if mark != DURABLE
        ]

    def due(self, now_s: float, room: int) -> list[int]:
        return [at for due_s, at in self.due_s() if due_s <= now_s][: max(room, 0)]


@pytest.mark.parametrize("seed", range(24))
def test_marks_are_what_they_mean(seed: int) -> None:
    chance = random.Random(seed)
    count = chance.randrange(6)
    marks, plain = Marks(count), Plain([PENDING] * count, [NEVER_SENT] * count)
    for _ in range(40):
        total = len(plain.marks)
        match chance.choice(["append", "lift", "lift", "lift", "lift all", "sent", "settle", "pop"]):
            case "append":
                at_s = float(chance.randrange(99))
                marks.append(at_s)
                plain.marks.append(PENDING)
                plain.sents_s.append(at_s)
            case "lift":
                begin, end, mark = chance.randrange(-2, 9), chance.randrange(-2, 9), chance.randrange(3)
                assert marks.lift(begin, end, mark) == plain.lift(begin, end, mark)
            case "lift all":
                mark = chance.choice([RECEIVED, RECEIVED, DURABLE])
                assert marks.lift(0, 99, mark) == plain.lift(0, 99, mark)
            case "sent" if total:
                at, at_s = chance.randrange(total), float(chance.randrange(99))
                marks.sent(at, at_s)
                plain.sents_s[at] = at_s
            case "settle":
                marks.settle()
                plain.sents_s = [max(plain.sents_s, default=0.0)] * total
            case "pop" if total and plain.marks[-1] == PENDING and marks.bytes_held == 9 * total:
                marks.pop()
                plain.marks.pop()
                plain.sents_s.pop()
            case _:
                continue
        _is_alike(marks, plain, chance.randrange(160))


def _is_alike(marks: Marks, plain: Plain, now_s: float) -> None:
    assert marks.count == len(plain.marks)
    assert [marks.at(index) for index in range(marks.count)] == plain.marks
    unfinished = [at for at, mark in enumerate(plain.marks) if mark != DURABLE]
    assert marks.left == len(unfinished)
    assert marks.resume == min(unfinished, default=marks.count)
    assert marks.next_due_s(WAITS_S) == min((due_s for due_s, _ in plain.due_s()), default=float("inf"))
    for at_s in (now_s, max(marks.next_due_s(WAITS_S), 0.0)):
        for room in (-1, 0, 1, 2, 99):
            assert marks.due(at_s, WAITS_S, room) == plain.due(at_s, room)


def test_what_is_alike_takes_no_memory_and_what_is_not_nine_bytes_each() -> None:
    marks = Marks(4)
    assert (marks.lift(2, 2, RECEIVED), marks.lift(1, 2, PENDING)) == (0, 0)
    assert marks.bytes_held == 0
    marks.lift(1, 2, RECEIVED)
    assert marks.bytes_held == 4
    marks.sent(0, 1.0)
    assert marks.bytes_held == 4 + 8 * 4
    marks.settle()
    assert marks.bytes_held == 4
    marks.lift(0, 4, DURABLE)
    assert marks.bytes_held == 0
    one_by_one = Marks(2)
    one_by_one.lift(0, 1, RECEIVED)
    one_by_one.lift(1, 2, RECEIVED)
    assert one_by_one.bytes_held == 2
    one_by_one.settle()
    assert (one_by_one.bytes_held, one_by_one.at(0), one_by_one.at(1)) == (0, RECEIVED, RECEIVED)
