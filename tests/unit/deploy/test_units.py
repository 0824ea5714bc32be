"""The systemd units: each starts a command that exists, restarts it, and gives it no more than it needs."""

from configparser import ConfigParser
from pathlib import Path

import pytest
from typer.main import get_command

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
    fences = ("NoNewPrivileges", "PrivateDevices", "PrivateTmp", "ProtectHome")
    assert {name: said[name] for name in fences} == dict.fromkeys(fences, "yes")
    assert said["CapabilityBoundingSet"] == ""


def test_there_is_one_for_each_service() -> None:
    assert [unit.stem for unit in UNITS] == ["stoplog-control", "stoplog-gateway@", "stoplog-ingest"]
