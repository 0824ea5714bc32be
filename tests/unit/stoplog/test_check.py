"""What `stoplog check` prints and how it ends; the simulated water lies in the same run."""

import shutil
from pathlib import Path

import pytest

from stoplog.check import run_check

PARK = Path(__file__).parents[3] / "parks" / "lingang"


def test_the_simulated_water_is_checked_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    park = Path(shutil.copytree(PARK, tmp_path / "park"))
    assert run_check(park) == 0
    storm = min((park / "storms").glob("*.csv"))
    storm.write_text(storm.read_text("utf-8").replace("minute,", "minutes,", 1), "utf-8")
    scenario = min((park / "scenarios").glob("*.yaml"))
    scenario.write_text(scenario.read_text("utf-8") + "colour: red\n", "utf-8")
    capsys.readouterr()
    assert run_check(park) == 65
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{storm}:1: header: ")
    assert lines[1].startswith(f"{scenario}:")
    assert lines[1].endswith("[unknown-key]")
    assert lines[2:] == ["2 faults in 2 files"]


def test_the_command_says_what_is_wrong_and_how_much(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    park = Path(shutil.copytree(PARK, tmp_path / "park"))
    assert run_check(park) == 0
    assert capsys.readouterr().out.endswith("no fault\n")
    (park / "plans.yaml").unlink()
    (park / "alarms.yaml").unlink()
    assert run_check(park) == 65
    lines = capsys.readouterr().out.splitlines()
    assert [line.rpartition(" ")[2] for line in lines[:2]] == ["[file-missing]", "[file-missing]"]
    assert lines[2:] == ["2 faults in 2 files"]
