"""The command that has services read their park again: it says what is wrong with the park before anybody is asked."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from domain.errors import ConfigurationError, LinkLost
from stoplog.reload import reload_demo, reload_service

ROOT = Path(__file__).parents[3]
PARK = ROOT / "parks" / "lingang"
NOBODY = 2**22 + 1
"""More than any process of Linux has."""
HEARS = "import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL); print(flush=True); signal.pause()"
"""Ends on a hang-up, also under nohup."""


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    file = tmp_path / "gw_east.toml"
    file.write_text(f'gateway = "gw_east"\npark = "{PARK}"\n')
    return file


def test_a_service_is_asked_by_a_hang_up(settings: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HEARS], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert reload_service(settings, process.pid) == 0
        assert process.wait(timeout=10) == -signal.SIGHUP


def test_a_process_that_is_not_there_is_named(settings: Path) -> None:
    with pytest.raises(LinkLost, match=rf"gw_east does not run as process {NOBODY}"):
        reload_service(settings, NOBODY)


@pytest.mark.parametrize("text", ['gateway = "gw_east"\n', "park = \n", "park = 3\n"])
def test_settings_that_name_no_park_are_refused(settings: Path, text: str) -> None:
    settings.write_text(text)
    with pytest.raises(ConfigurationError, match=r"gw_east\.toml: park: names no park"):
        reload_service(settings, NOBODY)


def test_a_bad_park_is_said_and_nobody_is_asked(settings: Path, tmp_path: Path) -> None:
    shutil.copytree(PARK, tmp_path / "park")
    (tmp_path / "park" / "alarms.yaml").write_text("alarms: 7\n")
    settings.write_text(f'park = "{tmp_path / "park"}"\n')
    with subprocess.Popen(["sleep", "60"]) as process:
        with pytest.raises(ConfigurationError, match=r"alarms\.yaml"):
            reload_service(settings, process.pid)
        assert process.poll() is None
        process.kill()


def test_without_a_demonstration_it_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(LinkLost, match="no demonstration runs"):
        reload_demo(tmp_path)
