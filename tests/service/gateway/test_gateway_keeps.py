"""A gateway that is killed, loses its broker or has no disk left: what it keeps, what it says, and what it still does."""

import asyncio
from pathlib import Path

import pytest

from domain.command import Action
from domain.ids import PointRef
from runtime.journal_format import region_of, scan
from tests.service.gateway.asking import peer_refuses_opening
from tests.service.gateway.rig import MOSQUITTO, START_S, Rig, alive, running
from wire.sparkplug import decode
from wire.topics import Kind

pytestmark = pytest.mark.skipif(not MOSQUITTO.exists(), reason="mosquitto is not installed")


@pytest.mark.parametrize("death", ["kill", "broker"])
async def test_every_journalled_payload_arrives_once_by_name(tmp_path: Path, death: str) -> None:
    async with running(tmp_path) as (rig, peer):
        await asyncio.sleep(1)
        if death == "kill":
            peer.is_acknowledging = False
            await asyncio.sleep(1)
            rig.kill_gateway()
            peer.is_acknowledging = True
            peer.beats.clear()
            rig.start_gateway()
            await peer.until(lambda: alive(peer, list(rig.plcs.stations)), timeout_s=START_S)
        else:
            rig.stop_broker()
            await asyncio.sleep(2)
            peer.beats.clear()
            rig.start_broker()
        await asyncio.sleep(1)
        await peer.until(lambda: peer.beats and peer.beats[-1].journal_payloads < 40, timeout_s=60)
        assert rig.stop_gateway() == 0
        await peer.until(lambda: peer.of_kind(Kind.NDEATH))
        await asyncio.sleep(0.5)
        journalled = on_disk(rig)
        missing = journalled.keys() - peer.payloads.keys()
        # What was accepted in the last moments before the stop waits in the journal for the next start.
        assert len(missing) < 40
        freed = {key for key in journalled if key not in still_held(rig)}
        assert not freed & missing
        stamps = [
            m.timestamp_ms for p in journalled.values() for m in decode(p).metrics if m.name == "hc_flow/flow"
        ]
        assert len(stamps) == len(set(stamps))


async def test_a_kill_after_the_write_ends_unknown(tmp_path: Path) -> None:
    async with running(tmp_path, speed=1.0, opened=["hc_outlet"]) as (rig, peer):
        token = peer.sign(message := peer.message("hc_outlet", Action.CLOSE))
        await peer.send(token)
        await peer.until(lambda: "operating" in peer.states(message.id))
        rig.kill_gateway()
        peer.beats.clear()
        rig.start_gateway()
        await peer.until(lambda: "unknown" in peer.states(message.id), timeout_s=START_S)
        await peer.until(lambda: alive(peer, list(rig.plcs.stations)), timeout_s=START_S)
        await peer.send(token)  # the same bytes: the recorded outcome, no effect
        await asyncio.sleep(1)
        assert len(rig.plcs.writes) == 1
        old = await peer.command("hc_outlet", Action.CLOSE, challenge=message.challenge)
        await peer.until(lambda: peer.states(old))
        assert peer.codes(old) == ["challenge-stale"]


async def test_on_a_full_disk_it_polls_closes_cuts_off_and_says_so(tmp_path: Path) -> None:
    async with running(tmp_path, opened=["hc_outlet", "ly_outlet"], start=False) as (rig, peer):
        rig.start_gateway()
        await peer.until(lambda: alive(peer, list(rig.plcs.stations)), timeout_s=START_S)
        rig.stop_gateway()
        peer.beats.clear()
        rig.start_gateway(file_bytes_max=40_000)
        await peer.until(lambda: alive(peer, list(rig.plcs.stations)), timeout_s=START_S)
        await peer.until(lambda: peer.beats[-1].journal_full, timeout_s=60)
        await peer.until(lambda: peer.kinds("journal"))
        count = len([t for t, _ in peer.messages if "DDATA" in t])
        closure = await peer.command("hc_outlet", Action.CLOSE)
        await peer.until(lambda: "confirmed" in peer.states(closure))
        assert await peer_refuses_opening(peer, "hc_outlet") == ["journal-unavailable"]
        rig.plcs.stations["plc_ly_outlet"].image.put(PointRef("ly_analyser/ph"), 1.0)
        await peer.until(lambda: peer.kinds("cutoff"))
        await peer.until(lambda: rig.plcs.stations["plc_ly_outlet"].openings()["ly_outlet"] == 0.0)  # type: ignore[index]
        assert len([t for t, _ in peer.messages if "DDATA" in t]) > count


def on_disk(rig: Rig) -> dict[tuple[str, int], bytes]:
    return {**_read(rig.folder / "freed" / "samples"), **still_held(rig)}


def still_held(rig: Rig) -> dict[tuple[str, int], bytes]:
    return _read(rig.folder / "journal" / "samples")


def _read(folder: Path) -> dict[tuple[str, int], bytes]:
    found: dict[tuple[str, int], bytes] = {}
    for path in folder.glob("*.journal"):
        header, region = region_of(path.read_bytes())
        for item in scan(region, header.first_offset):
            found[header.epoch, item.offset] = item.payload
    return found
