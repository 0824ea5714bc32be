"""A running park is watched and changed: every part answers for itself in Prometheus' words, and takes new park files."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from stoplog.plain_http import NO_CERTIFICATES
from tests.system.rig import API, ROOT, Api, Rig, demonstration, wait_for

pytestmark = pytest.mark.system

PARTS = ("simulator", "ingest", "control", "gw_east", "gw_west")
SERVICES = PARTS[1:]
NEW = "hc_outlet/over_torque"
"""Left out of the files at the start; its register is served all the same."""
ROW = "outlet,over_torque,过力矩,over-torque,10006,bit,,,,,,,,,critical,,300\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A park's folder that a test may edit."""
    park = tmp_path_factory.mktemp("running") / "park"
    shutil.copytree(ROOT / "parks" / "lingang", park)
    edit(park / "templates" / "plant_outlet.csv", ROW, "")
    return park


@pytest.fixture(scope="module")
def rig(folder: Path) -> Iterator[Rig]:
    with demonstration(folder.parent / "state", "--park", str(folder), "--speed", "8") as started:
        yield started


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")


def ask(rig: Rig, part: str, path: str) -> httpx.Response:
    metrics = rig.settings(part)["metrics"]
    return httpx.get(
        f"http://127.0.0.1:{metrics['port']}{path}", timeout=20, trust_env=False, verify=NO_CERTIFICATES
    )


def configuration(rig: Rig, part: str) -> dict[str, Any]:
    found: dict[str, Any] = ask(rig, part, "/health/ready").json()["configuration"]
    return found


def reload(rig: Rig) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stoplog", "reload", "--state", rig.state],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("part", PARTS)
def test_prometheus_tool_has_nothing_against_the_metrics(rig: Rig, part: str) -> None:
    text = ask(rig, part, "/metrics").text
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
    assert "\nstoplog_" in text
    assert "process_resident_memory_bytes" in text


@pytest.mark.parametrize("part", PARTS)
def test_each_part_says_that_it_lives_and_whether_it_is_ready(rig: Rig, part: str) -> None:
    live = ask(rig, part, "/health/live")
    assert (live.status_code, live.json()) == (200, {"live": True, "stalled": []})
    wait_for(f"{part} is ready", lambda: ask(rig, part, "/health/ready").status_code == 200)


def test_a_bad_park_is_refused_by_the_command_and_by_every_service(rig: Rig, folder: Path) -> None:
    before = {part: configuration(rig, part) for part in SERVICES}
    edit(folder / "alarms.yaml", "point:", "pint:")
    refused = reload(rig)
    assert refused.returncode == 65
    assert "alarms.yaml:" in refused.stderr
    assert "did you mean `point`?" in refused.stderr
    assert {part: configuration(rig, part) for part in SERVICES} == before
    for part in SERVICES:
        os.kill(rig.pid(part), signal.SIGHUP)
    for part in SERVICES:
        wait_for(f"{part} refuses it", lambda part=part: not configuration(rig, part)["is_newest"])
        assert "alarms.yaml:" in configuration(rig, part)["faults"][0]
        assert "stoplog_configuration_last_reload_successful 0.0" in ask(rig, part, "/metrics").text
    edit(folder / "alarms.yaml", "pint:", "point:")


def test_a_new_point_reaches_the_store_without_a_restart(rig: Rig, folder: Path) -> None:
    api = rig.signed_in()
    assert api.client.get(f"{API}/history", params=asked_of(api)).status_code == 404
    pids = {part: rig.pid(part) for part in PARTS}
    edit(folder / "templates" / "plant_outlet.csv", "outlet,power", f"{ROW}outlet,power")
    done = reload(rig)
    assert (done.returncode, done.stderr) == (0, "")
    wait_for("its samples are in the store", lambda: told(rig, api), seconds=60)
    assert {part: rig.pid(part) for part in PARTS} == pids
    for part in SERVICES:
        wait_for(f"{part} is ready", lambda part=part: ask(rig, part, "/health/ready").status_code == 200)
        assert configuration(rig, part)["is_newest"]
    # The session outlives control's new beginning, and a gate of a changed PLC moves by its definition.
    command = wait_for("its values are fresh again", lambda: given(api, "hc_outlet", "close"))
    assert api.outcome(command)["state"] == "confirmed"


def given(api: Api, actuator: str, action: str) -> str | None:
    """Give a command unless control has something against it yet; return its id."""
    answer = api.command(actuator, action)
    return str(answer.json()["id"]) if answer.is_success else None


def asked_of(api: Api) -> dict[str, str | int]:
    now_ms = int(api.get("/system")["model_time_ms"])
    return {"point": NEW, "from_ms": now_ms - 600_000, "to_ms": now_ms + 60_000}


def told(rig: Rig, api: Api) -> bool:
    """Whether the history of the new point begins; control is away for moments meanwhile."""
    try:
        answer = api.client.get(f"{API}/history", params=asked_of(api))
    except httpx.TransportError:
        return False
    return answer.is_success and bool(answer.json()["points"])
