"""The mutator bites: a weak test lets a mistake live, a strong one kills it, and what makes no difference is called so."""

import ast
import textwrap
from pathlib import Path

import pytest

from tests.mutation.modules import deciding
from tests.mutation.operators import Mutant, mutants
from tests.mutation.pool import End, forked, give_up_after, leave
from tests.mutation.report import Report
from tests.mutation.run import Result


def found(text: str) -> list[Mutant]:
    return mutants(ast.parse(textwrap.dedent(text)))


def said(text: str) -> set[str]:
    return {mutant.key for mutant in found(text)}


def test_small_mistakes_of_a_function() -> None:
    assert said("""
        def closes(level, limit):
            if level >= limit and not is_tagged:
                return level - 1
            return limit
    """) == {
        "closes: level >= limit and (not is_tagged) → False",
        "closes: level >= limit and (not is_tagged) → True",
        "closes: level >= limit and (not is_tagged) → level >= limit",
        "closes: level >= limit and (not is_tagged) → not is_tagged",
        "closes: level >= limit → level > limit",
        "closes: level >= limit → level < limit",
        "closes: not is_tagged → is_tagged",
        "closes: return level - 1 → return None",
        "closes: level - 1 → level + 1",
        "closes: 1 → 2",
        "closes: return limit → return None",
    }


def test_a_table_loses_each_entry_and_takes_another_s_value() -> None:
    assert said("AFTER = {E.GO: S.RUN, E.STOP: S.REST}") == {
        "<module>: E.GO: S.RUN → no such entry",
        "<module>: E.GO: S.RUN → E.GO: S.REST",
        "<module>: E.STOP: S.REST → no such entry",
        "<module>: E.STOP: S.REST → E.STOP: S.RUN",
    }


@pytest.mark.parametrize(
    "text",
    [
        '"""Words."""',
        "assert is_open(1)",
        "WORDS = Words('开', 'open')",
        "def f(x: int = None) -> Literal['a']: ...",
        "@dataclass(frozen=True)\nclass A: ...",
        "ALIAS = int | str",
        "raise Bad(f'{x} is wrong', 'a b')",
    ],
)
def test_what_people_read_and_what_only_a_bug_can_break_is_left(text: str) -> None:
    assert said(text) == set()


def test_a_mutant_changes_its_place_only() -> None:
    text = "def f(a, b):\n    return a + b < 3\n"
    tree = ast.parse(text)
    (changed,) = (mutant for mutant in mutants(tree) if mutant.after == "a - b")
    changed.apply()
    assert ast.unparse(tree) == "def f(a, b):\n    return a - b < 3"
    assert changed.is_function
    assert changed.lines == {2}


def test_a_child_that_never_ends_is_ended_and_what_it_said_is_heard() -> None:
    def child(work: str) -> None:
        give_up_after(0.2, 60)
        while work == "loop":
            pass
        if work == "raise":
            raise LookupError(work)
        leave(End.SURVIVED, work)

    ended = {
        work: (end, note) for work, end, note in forked(["loop", "raise", "pass"], workers=2, child=child)
    }
    assert ended == {
        "loop": (End.TIMEOUT, ""),
        "raise": (End.KILLED, "LookupError('raise')"),
        "pass": (End.SURVIVED, "pass"),
    }


def result(end: End, mutant: str = "f: 1 → 2") -> Result:
    return Result(module="domain.made", mutant=mutant, kind="number", line=1, end=end, by="")


def test_the_share_counts_time_as_killed_and_leaves_out_what_is_equivalent() -> None:
    reasons = """
        [[survivor]]
        module = "domain.*"
        mutant = "f: x[1] → *"
        equivalent = true
        reason = "a word"
    """
    ends = [*[End.KILLED] * 6, End.TIMEOUT, End.SAME, End.SURVIVED]
    report = Report([*map(result, ends), result(End.SURVIVED, "f: x[1] → x[2]")], reasons)
    assert (report.total.killed, report.total.timeout) == (6, 1)
    assert (report.total.survived, report.total.equivalent) == (1, 1)
    assert report.share == 7 / 8
    assert "| **total** | 6 | 1 | 1 | 1 | 87.5% |" in report.table()
    assert "domain.made:1 f: x[1] → x[2] (equivalent: a word)" in report.survivors()


def test_every_deciding_module_is_there() -> None:
    names = deciding()
    assert {"domain.interlock", "gateway.proof", "control.commands.gate", "wire.signing"} <= set(names)
    assert all(isinstance(path, Path) and path.exists() for path in names.values())
    assert not any(name.endswith("_pb2") for name in names)
