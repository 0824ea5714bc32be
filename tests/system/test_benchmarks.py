"""Every benchmark runs, at small size, and says what it found in the shape that all of them have."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import registered
from benchmarks.machine import Machine
from benchmarks.page import update
from benchmarks.report import OURS, Report, Row, number

ROOT = Path(__file__).parents[2]
RUN_S_MAX = 120.0
"""Wall seconds; a small run takes six on a machine of its own, and here are others."""

pytestmark = pytest.mark.system


@pytest.mark.parametrize("name", registered())
def test_a_benchmark_runs_and_keeps_the_shape(name: str, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--small", "--only", name, "--json", out],
        cwd=ROOT,
        env=os.environ | {"PEERS": ""},
        capture_output=True,
        text=True,
        timeout=RUN_S_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(out.read_text("utf-8"))
    assert list(found) == ["benchmark", "machine", "rows", "ratios"]
    assert found["benchmark"] == name
    assert {"cpu", "cores", "kernel", "python", "commit", "versions"} == set(found["machine"])
    assert any(row["who"] == OURS for row in found["rows"])
    for row in found["rows"]:
        assert list(row) == ["who", "load", "metric", "value", "unit"]
        assert math.isfinite(row["value"])
        assert row["unit"] or row["metric"].endswith("_ratio")
    assert all(math.isfinite(ratio) for ratio in found["ratios"].values())
    assert f"## {name}" in done.stdout


def test_an_unknown_benchmark_is_named_with_those_that_exist() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--only", "speed"],
        cwd=ROOT, capture_output=True, text=True, timeout=RUN_S_MAX, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert all(name in done.stderr for name in ("speed", *registered()))


def test_the_page_of_results_has_a_section_for_each_benchmark() -> None:
    text = (ROOT / "docs" / "performance.md").read_text("utf-8")
    assert [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")] == sorted(
        registered()
    )
    for name in registered():
        section = text.split(f"## {name}\n", 1)[1].split("\n## ", 1)[0]
        assert f"`make bench ONLY={name}` on " in section
        assert "cores, Linux" in section
        assert OURS in section


def test_a_benchmark_that_has_run_again_replaces_its_own_section_only(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    machine = Machine(cpu="a processor", cores=2, kernel="6", python="3", commit="0")
    for name, value in (("b", 1.0), ("a", 2.0), ("b", 12_345.0)):
        rows = [Row(load="flat-out", metric="points_per_s", value=value, unit="1/s")]
        report = Report(benchmark=name, rows=rows, ratios={"of_bare": 0.5}, charts={"plot": "<svg/>"})
        update(page, report, machine)
    text = page.read_text("utf-8")
    assert text.index("## a\n") < text.index("## b\n")
    assert text.count("## b\n") == 1
    assert "12,345" in text
    assert " 1.00 " not in text
    assert text.index("of_bare") < text.index("points_per_s")
    assert "![plot](performance-b-0.svg)" in text
    assert (tmp_path / "performance-b-0.svg").read_text("utf-8") == "<svg/>"


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0, "0.000"), (0.4567, "0.457"), (12.3456, "12.35"), (215.14, "215.1"), (199_999.6, "200,000")]
)  # fmt: skip
def test_a_figure_is_shown_with_the_digits_that_mean_something(value: float, shown: str) -> None:
    assert number(value) == shown
