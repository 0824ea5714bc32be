"""The mutator bites: a weak test lets a mistake live, a strong one kills it, and what makes no difference is called so."""

import ast
import sys
import textwrap
from pathlib import Path
from types import ModuleType

import pytest

from tests.mutation.choosing import Ran
from tests.mutation.kept import Kept
from tests.mutation.modules import Module, deciding, load
from tests.mutation.operators import Mutant, mutants
from tests.mutation.patching import Functions
from tests.mutation.pool import End, forked, give_up_after, leave
from tests.mutation.report import Report
from tests.mutation.run import Result
from tests.mutation.sample import LEAST, Sample
from tests.mutation.session import Chosen
from tests.mutation.tracing import Noting


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


def made(text: str, tmp_path: Path) -> Module:
    file = tmp_path / "made.py"
    file.write_text(textwrap.dedent(text), encoding="utf-8")
    return load("made", file)


MADE = """
    def f(level, limit):
        if level >= limit:
            return level - 1
        match level:
            case 1 if limit > 3:
                return 2
        return limit + 5
    """


def test_a_denser_sample_holds_a_thinner_one_and_draws_always_the_same(tmp_path: Path) -> None:
    module = made(MADE, tmp_path)
    half, all_ = Sample(one_in=2, seed=1).of(module), Sample().of(module)
    assert all_ == list(module.mutants)
    assert len(half) == -(-len(all_) // 2)
    assert {item.number for item in Sample(one_in=3, seed=1).of(module)} <= {item.number for item in half}
    assert half == Sample(one_in=2, seed=1).of(module)
    assert half != Sample(one_in=2, seed=2).of(module)
    assert len(Sample(one_in=1000).of(module)) == LEAST


def test_a_function_notes_which_of_its_lines_run(tmp_path: Path) -> None:
    module = made(MADE, tmp_path)
    space = ModuleType("made")
    exec(compile(module.tree, module.file, "exec", dont_inherit=True), space.__dict__)
    sys.modules["made"] = space
    try:
        noting = Noting([module], Functions([module.file]))
        assert space.f(5, 3) == 4
        assert noting.take() == {module.file: {3, 4}}
        assert space.f(1, 4) == 2
        assert noting.take() == {module.file: {3, 5, 6, 7}}, "a guard's line is of the match"
        assert noting.take() == {}
    finally:
        del sys.modules["made"]


def test_what_is_kept_stands_while_the_test_that_noticed_is_unchanged(tmp_path: Path) -> None:
    module = made(MADE, tmp_path)
    first, second, third = module.mutants[:3]
    ran = {name: Ran(name=name, cost_s=1.0, lines={}) for name in ("a.py::t", "b.py::t")}
    kept = Kept(tmp_path, run="then", _files={"a.py": "1", "b.py": "1"})
    kept.note(module, first, "s", ran, End.KILLED, "a.py::t")
    kept.note(module, second, "s", ran, End.SURVIVED, "")
    kept.write(module, "s")
    later = Kept(tmp_path, run="now", _files={"a.py": "1", "b.py": "2"})
    assert later.known(module, first, "s", ran) == (End.KILLED, "a.py::t")
    assert later.run_of(module, first, "s") == "then"
    assert later.known(module, second, "s", ran) is None, "a test that runs it has changed"
    assert set(later.unasked(module, second, "s", ran)) == {"b.py::t"}, "the other has let it live"
    assert later.known(module, third, "s", ran) is None
    assert later.unasked(module, third, "s", ran) == ran
    other = Kept(tmp_path, run="now", _files={"a.py": "2", "b.py": "1"})
    assert other.known(module, first, "s", ran) is None
    assert other.known(module, second, "s", ran) is None
    changed = made(MADE.replace("5", "6"), tmp_path)
    assert later.known(module, first, "s", ran) is not None
    assert Kept(tmp_path, run="now").known(changed, changed.mutants[0], "s", ran) is None


@pytest.mark.parametrize("word", ["open", "close"])
def test_a_case_whose_name_a_mistake_changed_is_run_all_the_same(
    word: str, request: pytest.FixtureRequest
) -> None:
    item: pytest.Item = request.node
    assert word in item.nodeid
    test = item.nodeid.split("[", maxsplit=1)[0]
    here = Ran(name=item.nodeid, cost_s=1.0, lines={})
    before = Ran(name=f"{test}[halt]", cost_s=1.0, lines={})
    other = Ran(name=f"{test}_of_another[halt]", cost_s=1.0, lines={})

    def run(chosen: list[Ran], every: list[Ran]) -> list[pytest.Item]:
        items = [item]
        Chosen(chosen, every).pytest_collection_modifyitems(items)
        return items

    assert run([here], [here, before]) == [item]
    assert run([before], [before, other]) == [item], "a new name of a test that was chosen"
    assert run([other], [before, other]) == []
    assert run([before], [here, before]) == [], "left out as too dear"
