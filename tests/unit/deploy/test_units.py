"""The systemd units: each starts a command that exists, restarts it, and gives it no more than it needs."""

import re
import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest
from typer.main import get_command

from gateway.drain import DRAIN_S_MAX
from runtime.liveness import STALL_S
from runtime.supervisor import LOOK_S, STOP_S_MAX
from stoplog.cli import app

ROOT = Path(__file__).parents[3]
UNITS = sorted((ROOT / "deploy/systemd").glob("*.service"))


def service(unit: Path) -> dict[str, str]:
    parser = ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(unit, encoding="utf-8")
    return dict(parser["Service"])


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_starts_its_own_service(unit: Path) -> None:
    program, command, option, settings = service(unit)["ExecStart"].split()
    assert program.endswith("/stoplog")
    assert unit.stem.removeprefix("stoplog-").rstrip("@") == command
    assert command in get_command(app).commands  # type: ignore[attr-defined]
    assert option == "--settings"
    assert list((ROOT / "deploy/settings").glob(Path(settings).name.replace("%i", "gw_*")))


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_is_restarted_and_fenced_in(unit: Path) -> None:
    said = service(unit)
    assert said["Restart"] == "always"
    assert said["User"] == "stoplog"
    fences = ("NoNewPrivileges", "PrivateTmp", "ProtectHome", "RestrictNamespaces")
    assert {name: said[name] for name in fences} == dict.fromkeys(fences, "yes")
    # A gateway sees serial lines and no other device.
    assert said.get("PrivateDevices") == "yes" or said["DevicePolicy"] == "closed"
    assert said["CapabilityBoundingSet"] == ""
    assert int(said["LimitNOFILE"]) >= 10_000


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_is_ready_when_it_says_so_and_killed_when_it_stalls(unit: Path) -> None:
    said = service(unit)
    assert said["Type"] == "notify"
    # The supervisor gives a task half a minute, and systemd must not be quicker than it.
    assert float(said["WatchdogSec"]) > STALL_S + LOOK_S
    assert float(said["TimeoutStopSec"]) > DRAIN_S_MAX + 2 * STOP_S_MAX


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_reloads_what_it_was_started_with(unit: Path) -> None:
    said = service(unit)
    program, command, *options = said["ExecReload"].split()
    assert program == said["ExecStart"].split()[0]
    assert command in get_command(app).commands  # type: ignore[attr-defined]
    assert options == [*said["ExecStart"].split()[2:], "--pid", "$MAINPID"]


def analyze(*arguments: str) -> str:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed: it belongs to Debian's systemd")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=60)
    return done.stdout + done.stderr


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_understands_every_line_and_finds_little_exposed(unit: Path, tmp_path: Path) -> None:
    installed = tmp_path / unit.name.replace("@.", "@gw_east.")
    # Where nothing is installed, its program stands for ours.
    installed.write_text(unit.read_text("utf-8").replace("/opt/stoplog/bin/stoplog", "/bin/true"), "utf-8")
    assert analyze("verify", "--man=no", str(installed)) == ""
    said = analyze("security", "--offline=true", "--threshold=25", str(installed))
    exposure = re.search(r"exposure level for .*: ([\d.]+)", said)
    assert exposure, said
    assert float(exposure[1]) <= 2.5


def test_there_is_one_for_each_service() -> None:
    assert [unit.stem for unit in UNITS] == ["stoplog-control", "stoplog-gateway@", "stoplog-ingest"]
