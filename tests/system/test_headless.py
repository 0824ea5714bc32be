"""The drill of the first page: a spill in a storm, an alarm, one key, proof; kept back, counted, verified."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.clock import RealClock
from tests.system.rig import ROOT

pytestmark = pytest.mark.system


def test_the_spill_in_a_storm_is_kept_inside(tmp_path: Path) -> None:
    result = tmp_path / "result.json"
    began_s = RealClock().monotonic()
    answer = subprocess.run(
        [
            sys.executable,
            "-m",
            "stoplog",
            "demo",
            "--headless",
            "--scenario",
            "parks/lingang/scenarios/spill-in-storm.yaml",
            "--speed",
            "60",
            "--json",
            str(result),
            "--state",
            str(tmp_path / "state"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    took_s = RealClock().monotonic() - began_s
    print(answer.stdout, answer.stderr)
    assert answer.returncode == 0
    assert took_s < 120
    found = json.loads(result.read_text(encoding="utf-8"))
    assert found["spilled_kg"] >= 200
    assert found["baseline_kg"]["park"] >= 100
    assert found["escaped_kg"]["park"] <= 0.1 * found["baseline_kg"]["park"]
    assert set(found["escaped_kg"]) == set(found["baseline_kg"]) == {"plant", "park", "river"}
    samples = found["samples"]
    assert samples["stored"] + samples["quarantined"] == samples["accepted"] > 0
    assert samples["duplicated"] == 0
    assert found["audit"]["verified"] is True
    assert found["audit"]["records"] > 0
    assert found["alarm_to_closed_s"] > 0
    assert 0 < found["speed_reached"] <= 60
