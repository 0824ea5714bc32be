"""One gateway among real peers: it tells what its PLCs show, closes and proves, cuts off by itself, and forgets nothing."""

import asyncio
from pathlib import Path

import pytest

from domain.command import Action
from domain.ids import PointRef
from simulators.plc.drive import Ask, Asked
from simulators.plc.server import Link
from tests.service.gateway.asking import open_gate, peer_refuses_opening, select
from tests.service.gateway.plcs import GW
from tests.service.gateway.rig import MOSQUITTO, running
from wire.sparkplug import DataType, Metric, Payload, decode, encode
from wire.topics import Kind, sparkplug

pytestmark = pytest.mark.skipif(not MOSQUITTO.exists(), reason="mosquitto is not installed")


async def test_it_is_born_tells_and_is_reborn_when_asked(tmp_path: Path) -> None:
    async with running(tmp_path, opened=["hc_outlet"]) as (rig, peer):
        await peer.until(lambda: len(peer.of_kind(Kind.DBIRTH)) == len(rig.plcs.stations))
        assert len(peer.of_kind(Kind.NBIRTH)) == 1
        assert peer.value("hc_outlet/opened") is True
        assert peer.value("hc_outlet/closed") is False
        await peer.until(lambda: peer.kinds("start"))
        rig.plcs.stations["plc_hc_outlet"].image.put(PointRef("hc_analyser/ph"), 6.6)
        await peer.until(lambda: peer.value("hc_analyser/ph") == pytest.approx(6.6))
        before = len(peer.messages)
        rebirth = Metric(name="Node Control/Rebirth", value=True, datatype=DataType.BOOLEAN)
        await peer.link.publish(
            sparkplug(rig.park.id, Kind.NCMD, GW), encode(Payload(timestamp_ms=1, metrics=(rebirth,)))
        )
        await peer.until(lambda: len(peer.of_kind(Kind.NBIRTH)) == 2)
        await peer.until(lambda: len(peer.of_kind(Kind.DBIRTH)) == 2 * len(rig.plcs.stations))
        seqs = [seq for t, p in peer.messages[before:] if t.startswith("spBv1.0") and "CMD" not in t if (seq := decode(p).seq) is not None]  # fmt: skip
        start = seqs.index(0)
        assert seqs[start:] == [n % 256 for n in range(len(seqs) - start)]


async def test_an_unsigned_write_is_refused_and_on_the_record(tmp_path: Path) -> None:
    async with running(tmp_path) as (rig, peer):
        payload = encode(
            Payload(timestamp_ms=1, metrics=(Metric(name="hc_outlet/cmd_open", value=True, datatype=DataType.BOOLEAN),))
        )  # fmt: skip
        await peer.link.publish(sparkplug(rig.park.id, Kind.DCMD, GW, "plc_hc_outlet"), payload)
        await peer.until(lambda: peer.kinds("refused_write"))
        assert rig.plcs.writes == []


async def test_a_closure_is_written_once_proved_and_not_repeated(tmp_path: Path) -> None:
    async with running(tmp_path, opened=["hc_outlet"]) as (rig, peer):
        token = peer.sign(message := peer.message("hc_outlet", Action.CLOSE))
        await peer.send(token)
        await peer.send(token)
        await peer.until(lambda: "confirmed" in peer.states(message.id))
        await peer.send(token)
        await peer.until(lambda: [str(r.body["state"]) for r in peer.replies if r.body.get("id") == message.id][-1:] == ["confirmed"])  # fmt: skip
        assert peer.states(message.id) == ["operating", "confirmed"]
        assert [(w.device, w.values) for w in rig.plcs.writes] == [("plc_hc_outlet", (1,))]
        evidence = peer.of(message.id)[-1].body["evidence"]
        assert isinstance(evidence, dict)
        assert evidence["hc_outlet/closed"]["value"] is True


async def test_an_opening_is_selected_taken_over_and_stopped(tmp_path: Path) -> None:
    async with running(tmp_path, speed=5.0) as (rig, peer):
        command = await open_gate(peer, "hc_outlet")
        busy = await select(peer, "hc_outlet")
        assert peer.codes(busy) == ["command-already-in-execution"]
        closure = await peer.command("hc_outlet", Action.CLOSE)
        await peer.until(lambda: "preempted" in peer.states(command))
        await peer.until(lambda: "confirmed" in peer.states(closure))
        # open, stop, close: the stop and the pause come between the two directions
        assert [w.address for w in rig.plcs.writes] == [0, 2, 1]
        again = await open_gate(peer, "hc_outlet")
        stop = await peer.command("hc_outlet", Action.STOP)
        await peer.until(lambda: "confirmed" in peer.states(stop))
        assert peer.states(again)[-1] == "preempted"
        assert 0 < rig.plcs.stations["plc_hc_outlet"].openings()["hc_outlet"] < 1  # type: ignore[index]


async def test_two_closures_share_one_write_and_one_outcome(tmp_path: Path) -> None:
    async with running(tmp_path, speed=10.0, opened=["hc_outlet"]) as (rig, peer):
        first = await peer.command("hc_outlet", Action.CLOSE)
        second = await peer.command("hc_outlet", Action.CLOSE)
        await peer.until(lambda: "operating" in peer.states(first))
        again = await peer.command("hc_outlet", Action.CLOSE, instead_of=first)
        await peer.until(lambda: all("confirmed" in peer.states(one) for one in (first, second, again)))
        assert peer.states(again) == ["operating", "confirmed"], "asked for again while it moves"
        told = await peer.command("hc_outlet", Action.CLOSE, instead_of=first)
        await peer.until(lambda: peer.states(told) == ["confirmed"])
        assert len(rig.plcs.writes) == 1
        stop = await peer.command("hc_outlet", Action.STOP, instead_of=first)
        await peer.until(lambda: "operating" in peer.states(stop))
        assert len(rig.plcs.writes) == 2, "it names another's id and is obeyed for what it is"


async def test_a_stuck_gate_fails_and_a_silent_one_is_unknown(tmp_path: Path) -> None:
    async with running(tmp_path, speed=30.0, opened=["hc_outlet", "ly_outlet"]) as (rig, peer):
        stuck = rig.plcs.stations["plc_hc_outlet"]
        stuck.jam(next(iter(stuck.actuators)), at=0.4, now_ms=rig.plcs.now_ms())
        failed = await peer.command("hc_outlet", Action.CLOSE)
        silent = await peer.command("ly_outlet", Action.CLOSE)
        await peer.until(lambda: peer.states(silent))
        await rig.plcs.servers["plc_ly_outlet"].set_link(Link.CUT)
        await peer.until(lambda: "failed" in peer.states(failed))
        await peer.until(lambda: "unknown" in peer.states(silent))
        assert peer.codes(failed) == ["blocked-by-health"]
        assert await peer_refuses_opening(peer, "ly_outlet")


async def test_local_in_mid_travel_ends_the_command(tmp_path: Path) -> None:
    async with running(tmp_path, speed=5.0, opened=["hc_outlet"]) as (rig, peer):
        command = await peer.command("hc_outlet", Action.CLOSE)
        await peer.until(lambda: "operating" in peer.states(command))
        station = rig.plcs.stations["plc_hc_outlet"]
        gate = next(iter(station.actuators))
        station.switch(gate, is_remote=False, now_ms=rig.plcs.now_ms())
        await peer.until(lambda: "failed" in peer.states(command))
        assert peer.codes(command) == ["blocked-by-switching-hierarchy"]
        await peer.until(lambda: peer.kinds("mode"))
        await asyncio.sleep(2)
        assert station.hand(gate, Asked(ask=Ask.OPEN), rig.plcs.now_ms()) is None
        await peer.until(lambda: peer.kinds("moved_by_hand"))


async def test_it_cuts_off_with_nobody_listening(tmp_path: Path) -> None:
    async with running(tmp_path, opened=["hc_outlet"]) as (rig, peer):
        rig.stop_broker()
        rig.plcs.stations["plc_hc_outlet"].image.put(PointRef("hc_analyser/ph"), 1.0)
        await peer.until(lambda: rig.plcs.stations["plc_hc_outlet"].openings()["hc_outlet"] == 0.0)  # type: ignore[index]
        rig.start_broker()
        await peer.until(lambda: peer.kinds("cutoff"), timeout_s=40)
        await peer.until(lambda: peer.kinds("order"), timeout_s=40)
        rig.plcs.stations["plc_hc_outlet"].image.put(PointRef("hc_analyser/ph"), 7.0)
        await peer.until(lambda: peer.value("hc_analyser/ph") == pytest.approx(7.0))
        assert await peer_refuses_opening(peer, "hc_outlet") == ["keep-closed-order"]


async def test_a_dead_plc_is_one_change_of_quality_and_delays_no_other(tmp_path: Path) -> None:
    async with running(tmp_path) as (rig, peer):
        await rig.plcs.servers["plc_hc_outlet"].set_link(Link.HUNG)
        await peer.until(lambda: len(peer.of_kind(Kind.DDEATH)) == 1)
        ages = []
        for _ in range(3):
            count = len(peer.beats)
            await peer.until(lambda: len(peer.beats) > count)  # noqa: B023
            ages.append(peer.beats[-1].ages_ms["plc_ly_outlet"])
        assert all(age is not None and age < 500 for age in ages)
        bad = [
            p
            for p in peer.payloads.values()
            for m in p.metrics
            if m.name == "hc_outlet/closed" and m.quality == 0
        ]
        await peer.until(lambda: True)
        assert len(bad) <= 1
        await rig.plcs.servers["plc_hc_outlet"].set_link(Link.UP)
        births = len(peer.of_kind(Kind.DBIRTH))
        await peer.until(lambda: len(peer.of_kind(Kind.DBIRTH)) > births)
