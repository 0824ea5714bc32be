"""The run's SWMM text: conduits split evenly, dates absolute, everything else untouched."""

from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from simulators.water import inp

PARK = (Path(__file__).parents[4] / "parks" / "lingang" / "network" / "lingang.inp").read_text(
    encoding="utf-8"
)
START = datetime(2026, 7, 1, 4, 5, 6, tzinfo=UTC)


def rows(text: str, section: str) -> dict[str, list[str]]:
    return {row[0]: row[1:] for row in inp._rows(text)[section]}


def test_no_conduit_is_longer_than_50_m_and_none_lost_a_metre() -> None:
    whole, parts = rows(PARK, "CONDUITS"), rows(inp.run_text(PARK, start=START), "CONDUITS")
    assert max(float(row[2]) for row in parts.values()) <= 50.0
    for name, (start, end, length, *_) in whole.items():
        mine = [row for part, row in parts.items() if part.split(":")[0] == name]
        assert sum(float(row[2]) for row in mine) == pytest.approx(float(length))
        assert (mine[0][0], mine[-1][1]) == (start, end)
        assert all(before[1] == after[0] for before, after in pairwise(mine))


def test_new_junctions_lie_on_the_line_between_the_ends() -> None:
    text = "[JUNCTIONS]\nA 4 2 0.5 0 100\n[OUTFALLS]\nB 1 FIXED 1.5 NO\n[CONDUITS]\nC A B 150 0.013 0 0 0\n"
    text += "[XSECTIONS]\nC CIRCULAR 1 0 0 0 1\n" + DATES
    found = rows(inp.run_text(text, start=START), "JUNCTIONS")
    assert [[float(x) for x in found[name]] for name in ("C.1", "C.2")] == [
        [3, 2, 0.5, 0, 100],
        [2, 2, 0.5, 0, 100],
    ]


def test_a_new_junction_lies_between_the_rims_and_beds_of_whatever_it_joins() -> None:
    text = (
        "[JUNCTIONS]\nA 4 2 0.5 0 0\n[STORAGE]\nP 1 5 1.5 TABULAR area\n[OUTFALLS]\nF 0 FREE NO\n[CONDUITS]\n"
    )
    text += "C A P 100 0.013 0 0 0\nD P F 100 0.013 0 0 0\n"
    text += "[XSECTIONS]\nC CIRCULAR 1 0 0 0 1\nD CIRCULAR 1 0 0 0 1\n" + DATES
    found = rows(inp.run_text(text, start=START), "JUNCTIONS")
    assert [[float(x) for x in found[name]] for name in ("C.1", "D.1")] == [
        [2.5, 3.5, 1, 0, 0],
        [0.5, 5, 0.75, 0, 0],
    ]


def test_whatever_is_not_split_or_dated_stays_as_it_is() -> None:
    before, after = inp._rows(PARK), inp._rows(inp.run_text(PARK, start=START))
    changed = {"OPTIONS", "CONDUITS", "XSECTIONS", "JUNCTIONS"}
    assert after.keys() == before.keys()
    assert {name: after[name] for name in after.keys() - changed} == {
        name: before[name] for name in before.keys() - changed
    }
    assert after["JUNCTIONS"][: len(before["JUNCTIONS"])] == before["JUNCTIONS"]


def test_a_name_may_hold_a_backslash() -> None:
    text = "[JUNCTIONS]\nA 4 2 0 0 0\nB 1 2 0 0 0\n[CONDUITS]\nC\\1 A B 50 0.01 0 0 0\n"
    text += "[XSECTIONS]\nC\\1 CIRCULAR 1 0 0 0 1\n" + DATES
    assert rows(inp.run_text(text, start=START), "CONDUITS").keys() == {"C\\1"}


def test_the_parts_of_a_conduit_are_counted_from_one_and_joined_in_their_order() -> None:
    text = "[JUNCTIONS]\nA 4 2 0 0 0\nB 1 2 0 0 0\n[CONDUITS]\nC A B 150 0.01 0 0 0\nD B A 50 0.01 0 0 0\nE A B 51 0.01 0 0 0\n"
    text += "[XSECTIONS]\nC CIRCULAR 1 0 0 0 1\nD CIRCULAR 2 0 0 0 1\nE CIRCULAR 2 0 0 0 1\n" + DATES
    found = rows(inp.run_text(text, start=START), "CONDUITS")
    assert {name: row[:3] for name, row in found.items()} == {
        "C:1": ["A", "C.1", "50.0"], "C:2": ["C.1", "C.2", "50.0"], "C:3": ["C.2", "B", "50.0"], "D": ["B", "A", "50.0"],
        "E:1": ["A", "E.1", "25.5"], "E:2": ["E.1", "B", "25.5"],
    }  # fmt: skip


DATES = "[OPTIONS]\nSTART_DATE 1\nSTART_TIME 1\nREPORT_START_DATE 1\nREPORT_START_TIME 1\nEND_DATE 1\nEND_TIME 1\n"


def test_each_part_keeps_its_cross_section_and_gates_theirs() -> None:
    text = inp.run_text(PARK, start=START)
    shapes = rows(text, "XSECTIONS")
    assert rows(text, "CONDUITS").keys() <= shapes.keys()
    assert shapes["C_hc:3"] == rows(PARK, "XSECTIONS")["C_hc"]
    assert shapes["O_hc_outlet"] == rows(PARK, "XSECTIONS")["O_hc_outlet"]


def test_dates_are_the_runs_own() -> None:
    options = rows(inp.run_text(PARK, start=START), "OPTIONS")
    assert options["START_DATE"] + options["START_TIME"] == ["07/01/2026", "04:05:06"]
    assert options["REPORT_START_DATE"] == ["07/01/2026"]
    assert options["END_DATE"] == ["07/01/2027"]


def test_a_conduit_to_nowhere_is_named() -> None:
    with pytest.raises(ValueError, match="conduit C joins A and Z"):
        inp.run_text("[JUNCTIONS]\nA 4 2 0 0 0\n[CONDUITS]\nC A Z 10 0.013 0 0 0\n" + DATES, start=START)


def test_a_missing_date_is_named() -> None:
    with pytest.raises(ValueError, match="START_DATE"):
        inp.run_text("[JUNCTIONS]\nA 4 2 0 0 0\n", start=START)
