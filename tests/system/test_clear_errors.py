"""What goes wrong at the start gets one clear message and the right exit status, and no traceback."""

import os
import re
import resource
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.rig import ROOT, Api, Rig, demonstration, free_port, wait_for

pytestmark = pytest.mark.system


def stoplog(*arguments: str, file_bytes_max: int | None = None) -> "subprocess.CompletedProcess[str]":
    def limit() -> None:
        assert file_bytes_max is not None
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes_max, file_bytes_max))

    return subprocess.run(
        [sys.executable, "-m", "stoplog", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        preexec_fn=limit if file_bytes_max is not None else None,
        env={**os.environ},
        check=False,
    )


def test_a_park_file_with_a_syntax_error(tmp_path: Path) -> None:
    park = tmp_path / "lingang"
    shutil.copytree(ROOT / "parks" / "lingang", park)
    facilities = park / "facilities.yaml"
    facilities.write_text(facilities.read_text(encoding="utf-8") + "\n  - { id: [\n", encoding="utf-8")
    for answer in (
        stoplog("check", str(park)),
        stoplog("demo", "--park", str(park), "--state", str(tmp_path / "state")),
    ):
        assert answer.returncode == 65
        assert re.search(r"facilities\.yaml:\d+", answer.stdout + answer.stderr)
        assert "Traceback" not in answer.stderr


def test_a_busy_port(tmp_path: Path) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        answer = stoplog("demo", "--state", str(tmp_path / "state"), "--port", str(port))
    assert answer.returncode == 69
    assert f"port {port}" in answer.stderr
    assert "--port" in answer.stderr
    assert len(answer.stderr.strip().splitlines()) == 1


def test_a_missing_broker(tmp_path: Path) -> None:
    answer = stoplog(
        "demo",
        "--state",
        str(tmp_path / "state"),
        "--port",
        str(free_port()),
        "--broker",
        f"mqtt://127.0.0.1:{free_port()}",
    )
    assert answer.returncode == 69
    assert "broker" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_second_demonstration_in_the_same_folder(tmp_path: Path) -> None:
    import fcntl

    state = tmp_path / "state"
    state.mkdir()
    with (state / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        answer = stoplog("demo", "--state", str(state), "--port", str(free_port()))
    assert answer.returncode == 69
    assert "--state" in answer.stderr


def test_a_folder_that_is_not_writable(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    answer = stoplog("demo", "--state", str(file / "state"), "--port", str(free_port()))
    assert answer.returncode == 73
    assert "cannot be written" in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with demonstration(tmp_path_factory.mktemp("errors") / "state", "--speed", "10") as running:
        yield running


@pytest.fixture
def settings(rig: Rig) -> Path:
    """The settings of a running demonstration; each test starts one more part from a changed copy."""
    return rig.state / "settings"


def changed(settings: Path, part: str, pattern: str, text: str, tmp_path: Path) -> Path:
    found, count = re.subn(
        pattern, text, (settings / f"{part}.toml").read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    assert count == 1
    file = tmp_path / f"{part}.toml"
    file.write_text(found, encoding="utf-8")
    return file


def test_a_full_disk_for_the_journal_at_the_first_start(settings: Path, tmp_path: Path) -> None:
    file = changed(
        settings, "gw_east", r"^directory = .*$", f'directory = "{tmp_path / "journal"}"', tmp_path
    )
    answer = stoplog("gateway", "--settings", str(file), file_bytes_max=0)
    assert answer.returncode == 73, answer.stderr
    assert str(tmp_path / "journal") in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_wrong_password(rig: Rig, settings: Path, tmp_path: Path) -> None:
    secret = tmp_path / "wrong"
    secret.write_text("wrong", encoding="utf-8")
    file = changed(settings, "control", r"^password_file = .*$", f'password_file = "{secret}"', tmp_path)
    # Its own console, database and no metrics: beside the one that runs.
    text = file.read_text(encoding="utf-8").replace(f"port = {rig.port}", f"port = {free_port()}")
    text = text.replace(str(rig.state / "control"), str(tmp_path / "control"))
    file.write_text(re.sub(r"(\[metrics\][^\[]*port = )\d+", r"\g<1>0", text), encoding="utf-8")
    answer = stoplog("control", "--settings", str(file))
    assert answer.returncode == 77, answer.stderr
    assert "password" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_setting_that_nobody_knows(settings: Path, tmp_path: Path) -> None:
    file = changed(settings, "ingest", r"^\[store\]$", "[store]\nkindd = 1", tmp_path)
    answer = stoplog("ingest", "--settings", str(file))
    assert answer.returncode == 78
    assert "kindd" in answer.stderr


def test_a_gateway_that_meets_a_full_disk_goes_on(rig: Rig) -> None:
    """It polls, executes closures and says so; when there is room again it is as before."""
    api = rig.signed_in()
    pid = rig.pid("gw_east")
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    try:
        wait_for("it says that its journal is full", lambda: _full(api, full=True), seconds=30)
        closure = api.command("hc_outlet", "close", accept_warnings=["stale-input", "position-reached"])
        assert closure.status_code == 202, closure.text
        assert api.outcome(closure.json()["id"], seconds=60)["state"] == "confirmed"
        assert not api.get("/live")["points"]["hc_outlet/closed"]["stale"]
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    wait_for("it says that its journal works again", lambda: _full(api, full=False), seconds=60)


def _full(api: Api, *, full: bool) -> bool | None:
    east = next(gateway for gateway in api.get("/live")["gateways"] if gateway["id"] == "gw_east")
    return True if east["journal_full"] is full else None
