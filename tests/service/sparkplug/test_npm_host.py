"""A Sparkplug host that is none of ours (npm's mqtt and sparkplug-payload) reads our gateway: births, data, deaths, rebirths."""

import asyncio
from pathlib import Path
from typing import Any

from domain.ids import PointRef
from domain.park import Park
from simulators.plc.server import Link
from tests.service.gateway.plcs import CALM, GW
from tests.service.gateway.rig import Peer as OurPeer
from tests.service.gateway.rig import Rig, running
from tests.service.sparkplug.peers import Line, Peer, by_name
from wire.topics import Kind, parse_sparkplug

GROUP = "lingang"
DEVICE = "plc_hc_outlet"
REBIRTH = {"name": "Node Control/Rebirth", "value": True, "type": "Boolean"}


def kind_of(line: Line) -> Kind | None:
    parsed = parse_sparkplug(line.get("topic", ""))
    return parsed.kind if parsed is not None and parsed.gateway == GW else None


def of(lines: list[Line], *kinds: Kind) -> list[Line]:
    return [line for line in lines if kind_of(line) in kinds]


def topic(kind: Kind, device: str | None = None) -> str:
    return f"spBv1.0/{GROUP}/{kind.value}/{GW}" + (f"/{device}" if device else "")


async def test_an_npm_host_follows_our_gateway_through_its_whole_life(tmp_path: Path) -> None:
    async with running(tmp_path, start=False) as (rig, ours):
        async with Peer("host.cjs", rig.broker_port, "npm_host", f"spBv1.0/{GROUP}/#") as host:
            await host.until(lambda line: line.get("event") == "ready")
            rig.start_gateway()
            await is_born(host, rig, since=0, bd_seq=0)
            await tells_data_across_the_turn_of_seq(host, rig)
            await dies_and_comes_back_with_a_plc(host, rig)
            await is_reborn_and_writes_nothing(host, ours, rig)
            in_order(of(host.lines, *(set(Kind) - {Kind.NCMD, Kind.DCMD})))

            since = len(host.lines)
            rig.kill_gateway()
            await dies(host, since=since, bd_seq=0)
            since = len(host.lines)
            rig.start_gateway()
            await is_born(host, rig, since=since, bd_seq=1)
            since = len(host.lines)
            assert await asyncio.to_thread(rig.stop_gateway) == 0
            death = await dies(host, since=since, bd_seq=1)
            assert host.lines[-1] is death, "nothing follows a death, and a clean leave calls no will"
            assert not [line for line in host.lines if line.get("retain") and kind_of(line)]
        await nothing_is_kept_for_a_late_host_but_states(rig)


async def is_born(host: Peer, rig: Rig, *, since: int, bd_seq: int) -> None:
    devices = {device.id for device in rig.park.devices_of(GW)}

    def all_are_born(_: Line) -> bool:
        born = of(host.lines[since:], Kind.DBIRTH)
        return {line["topic"].rsplit("/", 1)[1] for line in born} >= devices

    await host.until(all_are_born, since=since, why="every device is born")
    said = of(host.lines[since:], *Kind)
    birth = said[0]
    assert birth["topic"] == topic(Kind.NBIRTH), "nothing precedes the birth of the node"
    assert (birth["qos"], birth["retain"], birth["payload"]["seq"]) == (0, False, 0)
    metrics = by_name(birth["payload"]["metrics"])
    assert (metrics["bdSeq"]["value"], metrics["bdSeq"]["type"]) == (bd_seq, "Int64")
    assert (metrics["Node Control/Rebirth"]["value"], metrics["Node Control/Rebirth"]["type"]) == (
        False,
        "Boolean",
    )
    for line in of(said, Kind.DBIRTH):
        assert (line["qos"], line["retain"]) == (0, False)
        describes(rig.park, line)


def describes(park: Park, line: Line) -> None:
    """A device's birth names every point once, with its type, its unit and its bounds."""
    metrics = by_name(line["payload"]["metrics"])
    points = {str(p.ref): p for p in park.points_of(line["topic"].rsplit("/", 1)[1])}
    assert set(metrics) == set(points)
    assert len(metrics) == len(line["payload"]["metrics"])
    for name, metric in metrics.items():
        assert metric["type"] == ("Boolean" if points[name].is_boolean else "Double")
        assert metric["timestamp"] > 0
        if points[name].unit:
            assert metric["properties"]["engUnit"] == {"type": "String", "value": points[name].unit}


async def tells_data_across_the_turn_of_seq(host: Peer, rig: Rig) -> None:
    since = len(host.lines)
    image = rig.plcs.stations[DEVICE].image

    def has_turned(line: Line) -> bool:
        return kind_of(line) is Kind.DDATA and line["payload"]["seq"] == 1

    turned = asyncio.create_task(host.until(has_turned, since=since, why="seq turned"))
    number = 0
    while not turned.done():
        number += 1
        for station in rig.plcs.stations.values():
            for point in station.instruments:
                if not point.is_boolean:
                    station.image.put(point.ref, CALM.get(point.name, 0.5) * (1 + number % 5 / 10))
        await asyncio.sleep(0.03)
    await turned
    image.put(PointRef("hc_analyser/ph"), 7.75)

    def shows(line: Line) -> bool:
        found = by_name(line["payload"]["metrics"]) if kind_of(line) is Kind.DDATA else {}
        return "hc_analyser/ph" in found and abs(found["hc_analyser/ph"]["value"] - 7.75) < 1e-6

    told = await host.until(shows, since=since, why="the value that the PLC shows")
    assert (told["qos"], told["retain"]) == (0, False)
    assert told["topic"] == topic(Kind.DDATA, DEVICE)
    assert told["payload"]["timestamp"] >= told["payload"]["metrics"][0]["timestamp"] > 0


async def dies_and_comes_back_with_a_plc(host: Peer, rig: Rig) -> None:
    since = len(host.lines)
    await rig.plcs.servers[DEVICE].set_link(Link.CUT)
    death = await host.until(lambda line: kind_of(line) is Kind.DDEATH, since=since, why="the PLC's death")
    assert death["topic"] == topic(Kind.DDEATH, DEVICE)
    assert "seq" in death["payload"]
    since = len(host.lines)
    await rig.plcs.servers[DEVICE].set_link(Link.UP)
    born = await host.until(
        lambda line: line.get("topic") == topic(Kind.DBIRTH, DEVICE), since=since, why="its birth"
    )
    describes(rig.park, born)


async def is_reborn_and_writes_nothing(host: Peer, ours: OurPeer, rig: Rig) -> None:
    since = len(host.lines)
    write = {"name": "hc_outlet/closed", "value": True, "type": "Boolean"}
    reboot = {"name": "Node Control/Reboot", "value": True, "type": "Boolean"}
    say(host, Kind.DCMD, write, device=DEVICE)
    say(host, Kind.NCMD, write)
    say(host, Kind.NCMD, reboot)
    say(host, Kind.NCMD, REBIRTH, write)
    await ours.until(lambda: len(ours.kinds("refused_write")) == 4)
    assert {record.body["topic"] for record in ours.kinds("refused_write")} == {
        topic(Kind.NCMD),
        topic(Kind.DCMD, DEVICE),
    }
    assert rig.plcs.writes == []
    assert not of(host.lines[since:], Kind.NBIRTH)
    say(host, Kind.NCMD, REBIRTH)
    await host.until(lambda line: kind_of(line) is Kind.NBIRTH, since=since, why="a rebirth")
    begun = next(n for n, line in enumerate(host.lines) if n >= since and kind_of(line) is Kind.NBIRTH)
    await is_born(host, rig, since=begun, bd_seq=0)


def say(host: Peer, kind: Kind, *metrics: dict[str, Any], device: str | None = None) -> None:
    host.say({"topic": topic(kind, device), "payload": {"timestamp": 1, "metrics": list(metrics)}})


def in_order(said: list[Line]) -> None:
    """seq begins at 0 with each birth and follows without a gap; every data message is of a device that lives."""
    expected = 0
    alive: set[str] = set()
    for line in said:
        kind, device = kind_of(line), line["topic"].rsplit("/", 1)[1]
        if kind is Kind.NBIRTH:
            expected, alive = 0, set()
        assert line["payload"]["seq"] == expected, line["topic"]
        expected = (expected + 1) % 256
        if kind is Kind.DBIRTH:
            alive.add(device)
        elif kind is Kind.DDEATH:
            alive.remove(device)
        elif kind is Kind.DDATA:
            assert device in alive, "data before birth"


async def dies(host: Peer, *, since: int, bd_seq: int) -> Line:
    death = await host.until(lambda line: kind_of(line) is Kind.NDEATH, since=since, why="the node's death")
    assert (death["qos"], death["retain"]) == (1, False)
    assert "seq" not in death["payload"]
    [metric] = death["payload"]["metrics"]
    assert (metric["name"], metric["type"], metric["value"]) == ("bdSeq", "Int64", bd_seq)
    return death


async def nothing_is_kept_for_a_late_host_but_states(rig: Rig) -> None:
    async with Peer("host.cjs", rig.broker_port, "late_host", "spBv1.0/#") as late:
        await late.until(
            lambda line: line.get("topic") == "spBv1.0/STATE/late_host", why="its own STATE, said last"
        )
        kept = [line for line in late.lines if line.get("retain")]
    # The first host was killed: its will stands where its birth did.
    assert [(line["topic"], line["state"]["online"]) for line in kept] == [
        ("spBv1.0/STATE/npm_host", False),
    ]
