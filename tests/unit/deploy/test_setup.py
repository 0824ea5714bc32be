"""The set-up scripts on machines that lack something: one apt line, a clear status, and nothing half done."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
UNAVAILABLE = 69
COREUTILS = ("bash", "cat", "cut", "date", "dirname", "env", "find", "grep", "mkdir", "sha256sum", "sort")
DEBIAN = "mosquitto victoria-metrics prometheus faketime chromium fonts-noto-cjk"


class Machine:
    """A tree with the set-up scripts, and a PATH that holds only what is put there."""

    def __init__(self, folder: Path) -> None:
        self.tree = folder / "tree"
        self.programs = folder / "bin"
        self.programs.mkdir()
        shutil.copytree(ROOT / "deploy/setup", self.tree / "deploy/setup")
        for name in COREUTILS:
            found = shutil.which(name)
            assert found, name
            (self.programs / name).symlink_to(found)
        self.program("id", "echo 1000")

    def program(self, name: str, body: str) -> None:
        path = self.programs / name
        path.write_text(f"#!/bin/bash\n{body}\n")
        path.chmod(0o755)

    def python(self, *, is_new: bool = True, has_venv: bool = True) -> None:
        """A Python that answers the two questions asked of it."""
        self.program(
            "python3",
            f'case "$2" in *version_info*) exit {int(not is_new)};; *) exit {int(not has_venv)};; esac',
        )

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": str(self.programs), "HOME": str(self.tree)}
        command = ["/bin/bash", str(self.tree / "deploy/setup" / script)]
        # `has` looks below /usr/sbin too; this machine's programs there must not be found.
        text = (self.tree / "deploy/setup/test-packages.sh").read_text()
        text = text.replace('PATH="$PATH:/usr/sbin:/sbin"', "").replace("/usr/share/fonts", "/nowhere")
        (self.tree / "deploy/setup/test-packages.sh").write_text(text)
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=30
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def apt_lines(said: str) -> list[str]:
    return [line.strip() for line in said.splitlines() if "apt-get install" in line]


def test_without_root_tests_print_one_line(machine: Machine) -> None:
    machine.python()
    result = machine.run("test-packages.sh")
    assert result.returncode == UNAVAILABLE
    assert apt_lines(result.stdout) == [f"apt-get install --no-install-recommends {DEBIAN}"]


def test_the_line_holds_what_setup_lacks_too(machine: Machine) -> None:
    machine.python(has_venv=False)
    machine.program("mosquitto", "")
    result = machine.run("test-packages.sh")
    assert result.returncode == UNAVAILABLE
    assert apt_lines(result.stdout) == [
        "apt-get install --no-install-recommends python3-venv victoria-metrics prometheus faketime chromium fonts-noto-cjk"
    ]


def test_a_machine_that_has_all_is_left_alone(machine: Machine) -> None:
    machine.python()
    for name in ("mosquitto", "victoria-metrics", "promtool", "faketime", "chromium"):
        machine.program(name, "")
    fonts = machine.tree / ".fonts"
    fonts.mkdir()
    (fonts / "NotoSansCJK-Regular.ttc").touch()
    result = machine.run("test-packages.sh")
    assert (result.returncode, result.stdout) == (0, "")


def test_without_venv_setup_prints_one_line(machine: Machine) -> None:
    machine.python(has_venv=False)
    result = machine.run("setup.sh")
    assert result.returncode == UNAVAILABLE
    assert apt_lines(result.stdout) == ["apt-get install --no-install-recommends python3-venv"]
    assert not (machine.tree / ".venv").exists()


def test_an_old_python_is_not_used(machine: Machine) -> None:
    machine.python(is_new=False)
    result = machine.run("setup.sh")
    assert result.returncode == UNAVAILABLE
    assert "Python 3.11 or newer" in result.stdout
    assert apt_lines(result.stdout) == ["apt-get install --no-install-recommends python3 python3-venv"]


def test_a_step_whose_stamp_agrees_is_skipped(tmp_path: Path) -> None:
    script = f"""
        ROOT={tmp_path}; . {ROOT}/deploy/setup/steps.sh
        step one "$1" "doing one" echo done-it; echo "installed ${{INSTALLED:-0}}"
    """

    def run(stamp: str) -> list[str]:
        command = ["/bin/bash", "-euc", script, "bash", stamp]
        shown = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ.copy())
        return shown.stdout.splitlines()

    assert "done-it" in run("a")
    assert run("a") == ["installed 0"]
    assert "done-it" in run("b")


def test_a_step_that_fails_leaves_no_stamp(tmp_path: Path) -> None:
    script = f'ROOT={tmp_path}; . {ROOT}/deploy/setup/steps.sh; step one a "doing one" false'
    result = subprocess.run(["/bin/bash", "-euc", script], capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert "failed" in result.stdout
    assert not (tmp_path / ".venv/.stoplog/one").exists()
