"""A park file changed at run time: what it does not touch is polled on, by the PLCs' own log; a bad one changes nothing."""

import asyncio
import json
import shutil
import signal
import socket
import subprocess
import urllib.request
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import pytest

from domain.command import Action
from tests.service.gateway.plcs import HOST
from tests.service.gateway.rig import MOSQUITTO, ROOT, START_S, Peer, Rig, alive, running
from wire.topics import Kind, parse_sparkplug

pytestmark = pytest.mark.skipif(not MOSQUITTO.exists(), reason="mosquitto is not installed")

MOVED = "plc_river_a"
"""The last PLC of gw_east in the file: it changes hands by moving the line that begins gw_west."""
CHANGED = "plc_net_a"
SPEED = 2.0
CRITICAL_S = 1.0 / SPEED
"""Wall seconds: the period of the critical group of every template."""


class ParkFiles:
    """A copy of the demonstration park that a test edits."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "park"
        shutil.copytree(ROOT / "parks" / "lingang", self.folder)
        self._gateways = self.folder / "gateways.yaml"
        self._whole = self._gateways.read_text("utf-8")

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.folder / file
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")

    def give_away(self) -> None:
        """Give the PLC to gw_west."""
        start, rest = self._whole.split(f"      {MOVED}:\n")
        device, west = rest.split("  gw_west:\n")
        head, others = west.split("    devices:\n")
        moved = f"  gw_west:\n{head}    devices:\n      {MOVED}:\n{device}{others}"
        self._gateways.write_text(start + moved, "utf-8")

    def take_back(self) -> None:
        self._gateways.write_text(self._whole, "utf-8")


class Systemd:
    """Listens where systemd would."""

    def __init__(self, folder: Path) -> None:
        self.said: list[str] = []
        self._path = folder / "notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self._path))
        self._socket.setblocking(False)
        self.environment = {"NOTIFY_SOCKET": str(self._path), "WATCHDOG_USEC": "900000"}

    async def run(self) -> None:
        while True:
            data = await asyncio.get_running_loop().sock_recv(self._socket, 4096)
            self.said += data.decode().split("\n")

    def close(self) -> None:
        self._socket.close()


def hang_up(rig: Rig) -> None:
    assert rig.process is not None
    rig.process.send_signal(signal.SIGHUP)


async def asked(rig: Rig, path: str) -> str:
    def get() -> str:
        with urllib.request.urlopen(f"http://{HOST}:{rig.metrics_port}{path}", timeout=10) as answer:
            return str(answer.read().decode())

    return await asyncio.to_thread(get)


def born(peer: Peer, kind: Kind) -> list[str]:
    """Devices whose births or deaths were heard, in their order."""
    found = (parse_sparkplug(topic) for topic, _ in peer.messages)
    return [str(topic.device) for topic in found if topic is not None and topic.kind is kind]


def lost_polls(rig: Rig, device: str, period_s: float) -> list[float]:
    """Pauses between two reads of the same registers in which a poll of `device` is missing, wall seconds."""
    times = defaultdict(list)
    for read in rig.plcs.reads:
        if read.device == device:
            times[read.what].append(read.at_s)
    quickest = max(times.values(), key=len)
    assert len(quickest) > 6
    return [later - sooner for sooner, later in pairwise(quickest) if later - sooner >= 2 * period_s]


def promtool_agrees(metrics: str) -> str:
    """Return what promtool has against the names and types of `metrics`."""
    done = subprocess.run(
        ["promtool", "check", "metrics"],
        input=metrics,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    return done.stdout + done.stderr


async def a_bad_file_changes_nothing(rig: Rig, peer: Peer, park: ParkFiles, devices: list[str]) -> None:
    park.edit("alarms.yaml", "point:", "pint:")
    hang_up(rig)
    await peer.until(lambda: "configuration refused, the old one stays" in rig.log())
    health = json.loads(await asked(rig, "/health/ready"))
    assert health["ready"]
    assert not health["configuration"]["is_newest"]
    assert "alarms.yaml" in health["configuration"]["faults"][0]
    assert "stoplog_configuration_last_reload_successful 0.0" in await asked(rig, "/metrics")
    assert sorted(born(peer, Kind.DBIRTH)) == sorted(devices)
    park.edit("alarms.yaml", "pint:", "point:")
    park.edit("park.yaml", "id: lingang\n", "id: elsewhere\n")
    hang_up(rig)
    await peer.until(lambda: "restart the gateway to give it to another park" in rig.log())
    park.edit("park.yaml", "id: elsewhere\n", "id: lingang\n")


async def test_what_a_changed_park_does_not_touch_is_polled_on(tmp_path: Path) -> None:
    park, systemd = ParkFiles(tmp_path), Systemd(tmp_path)
    listening = asyncio.ensure_future(systemd.run())
    async with running(tmp_path, speed=SPEED, park=park.folder, start=False) as (rig, peer):
        park.give_away()
        rig.start_gateway(environment=systemd.environment)
        first = [device for device in rig.plcs.stations if device != MOVED]
        await peer.until(lambda: alive(peer, first) and "READY=1" in systemd.said, timeout_s=START_S)
        await peer.until(lambda: sorted(born(peer, Kind.DBIRTH)) == sorted(first))
        rig.plcs.reads.clear()

        await a_bad_file_changes_nothing(rig, peer, park, first)

        park.edit("templates/trunk_east.csv", "m,-10,15,normal,0.01,", "m,-10,15,normal,0.02,")
        park.take_back()
        hang_up(rig)
        await peer.until(lambda: "configuration applied" in rig.log())
        assert "9 kept, 1 changed, 1 added, 0 removed" in rig.log()
        await peer.until(lambda: sorted(born(peer, Kind.DBIRTH)) == sorted([*first, MOVED, CHANGED]))
        assert born(peer, Kind.DDEATH) == [CHANGED]
        await peer.until(lambda: alive(peer, [*first, MOVED]))
        assert set(peer.beats[-1].definitions) >= {"river_sluice_1", "net_sluice_1"}
        assert "stoplog_configuration_last_reload_successful 1.0" in await asked(rig, "/metrics")

        park.give_away()
        hang_up(rig)
        await peer.until(lambda: MOVED in born(peer, Kind.DDEATH))
        await peer.until(lambda: MOVED not in peer.beats[-1].ages_ms)
        assert "river_sluice_1" not in peer.beats[-1].definitions
        assert f'device="{MOVED}"' not in await asked(rig, "/metrics")
        await asyncio.sleep(5 * CRITICAL_S)  # enough polls to miss one among

        untouched = [device for device in first if device != CHANGED]
        assert {device: lost for device in untouched if (lost := lost_polls(rig, device, CRITICAL_S))} == {}
        log = rig.log()
        assert [device for device in untouched if log.count(f"device={device} ") != 1] == []
        offsets = sorted(offset for _, offset in peer.payloads)
        assert offsets == list(range(offsets[0], offsets[-1] + 1))

        agreed = await asyncio.to_thread(promtool_agrees, await asked(rig, "/metrics"))
        assert agreed == ""
        assert json.loads(await asked(rig, "/health/live")) == {"live": True, "stalled": []}
        assert rig.stop_gateway() == 0
        await asyncio.sleep(0.1)
    listening.cancel()
    systemd.close()
    assert [word for word in systemd.said if word in {"READY=1", "RELOADING=1", "STOPPING=1"}] == [
        "READY=1", *["RELOADING=1", "READY=1"] * 4, "STOPPING=1"
    ]  # fmt: skip
    assert systemd.said.count("WATCHDOG=1") > 3 * 5
    assert "STATUS=ready" in systemd.said


async def test_a_command_on_a_device_that_changes_is_finished_first(tmp_path: Path) -> None:
    park = ParkFiles(tmp_path)
    async with running(tmp_path, speed=8.0, opened=["hc_outlet"], park=park.folder) as (rig, peer):
        command = await peer.command("hc_outlet", Action.CLOSE)
        await peer.until(lambda: "operating" in peer.states(command))
        park.edit("templates/plant_outlet.csv", "mg_L,0,5000,normal,0.5,", "mg_L,0,5000,normal,0.6,")
        hang_up(rig)
        await peer.until(lambda: "waiting for commands to end" in rig.log())
        assert peer.states(command) == ["operating"]
        await peer.until(lambda: "confirmed" in peer.states(command), timeout_s=60)
        await peer.until(lambda: "configuration applied" in rig.log())
        assert "configuration applied" not in rig.log().split("state=confirmed")[0]
        await peer.until(lambda: born(peer, Kind.DBIRTH).count("plc_hc_outlet") == 2)
        again = await peer.command("hc_outlet", Action.CLOSE)
        await peer.until(lambda: "confirmed" in peer.states(again), timeout_s=60)
