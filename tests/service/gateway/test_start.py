"""What keeps a gateway from starting is said in one message with its exit status; what must not keep it does not."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from tests.service.gateway.rig import MOSQUITTO, ROOT, Rig, alive, free_port, running

pytestmark = pytest.mark.skipif(not MOSQUITTO.exists(), reason="mosquitto is not installed")


def start(rig: Rig) -> tuple[int, str]:
    code = f"import sys; from pathlib import Path; from gateway.app import main; sys.exit(main(Path({str(rig.settings)!r})))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def edited(rig: Rig, old: str, new: str) -> None:
    text = rig.settings.read_text()
    assert old in text
    rig.settings.write_text(text.replace(old, new))


def test_a_missing_broker_at_the_first_start(tmp_path: Path) -> None:
    status, said = start(Rig(tmp_path, speed=1.0))
    assert status == 69
    assert "no MQTT broker" in said


def test_a_journal_that_cannot_be_written(tmp_path: Path) -> None:
    rig = Rig(tmp_path, speed=1.0)
    (tmp_path / "journal").write_text("a file in the way")
    status, said = start(rig)
    assert status == 73
    assert "journal" in said
    assert len(said.splitlines()) == 1


def test_a_full_disk_at_the_first_start(tmp_path: Path) -> None:
    rig = Rig(tmp_path, speed=1.0)
    rig.start_broker()
    try:
        rig.start_gateway(file_bytes_max=3000)
        assert rig.process is not None
        assert rig.process.wait(timeout=60) == 73
        assert "cannot be written" in rig.log()
        assert "Traceback" not in rig.log()
    finally:
        rig.close()


def test_wrong_settings(tmp_path: Path) -> None:
    rig = Rig(tmp_path, speed=1.0)
    edited(rig, 'gateway = "gw_east"', 'gateway = "gw_north"')
    assert start(rig)[0] == 78
    edited(rig, 'gateway = "gw_north"', 'gateway = "gw_east"\nmystery = 1')
    status, said = start(rig)
    assert status == 78
    assert "mystery" in said


async def test_a_busy_metrics_port(tmp_path: Path) -> None:
    async with running(tmp_path, start=False) as (rig, _):
        server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", rig.metrics_port)
        async with server:
            status, said = await asyncio.to_thread(start, rig)
        assert status == 69
        assert str(rig.metrics_port) in said


async def test_after_its_first_start_it_needs_no_broker_to_start(tmp_path: Path) -> None:
    async with running(tmp_path) as (rig, peer):
        rig.kill_gateway()
        rig.stop_broker()
        edited(rig, f"port = {rig.metrics_port}", f"port = {free_port()}")
        before = rig.plcs.served_reads
        rig.start_gateway()
        await peer.until(lambda: rig.plcs.served_reads > before + 50, timeout_s=60)
        peer.beats.clear()
        rig.start_broker()
        await peer.until(lambda: alive(peer, list(rig.plcs.stations)), timeout_s=60)
