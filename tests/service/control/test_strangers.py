"""A stranger with the whole broker to himself before a running control: no forged record closes a gate, and none is shown closed."""

import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from domain.ids import FacilityId, GatewayId, ParkId
from domain.quality import Quality
from tests.service.control.console import CLOCK, Console, until
from tests.service.control.edge import Edge
from tests.service.control.rig import Rig, rig
from wire.canonical import Json
from wire.heartbeat import Heartbeat, heartbeat_body
from wire.messages import Record, record_body
from wire.signing import Role, load_signer, new_key
from wire.sparkplug import DataType, Metric, Payload, encode
from wire.topics import Channel, Kind, host_id, ours, sparkplug, state

pytestmark = pytest.mark.asyncio(loop_scope="module")

GATE, DEVICE = "hc_outlet", "plc_hc_outlet"
EAST, WEST = GatewayId("gw_east"), GatewayId("gw_west")


class House:
    """A control, its edges and an operator; the stranger speaks over the west's connection, on any topic."""

    def __init__(self, made: Rig, operator: Console) -> None:
        self.rig = made
        self.east: Edge = made.edges[EAST]
        self.west: Edge = made.edges[WEST]
        self.operator = operator

    async def say(self, topic: str, payload: bytes) -> None:
        await self.west.link.publish(topic, payload, qos=1)

    async def gate(self) -> dict[str, Any]:
        return (await self.operator.live())["actuators"][GATE]  # type: ignore[no-any-return]

    async def closed(self) -> dict[str, Any]:
        return (await self.operator.live())["points"][f"{GATE}/closed"]  # type: ignore[no-any-return]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    def prepare(made: Rig) -> None:
        made.edges[EAST].opened.add(GATE)

    async with rig(tmp_path_factory.mktemp("strangers"), prepare=prepare) as made:
        admin = await made.first()
        operator = await made.person(admin, "zhao", "operator")
        await made.is_live(operator)
        yield House(made, operator)


def confirmed(house: House, command: str, token: bytes) -> Record:
    """What the gateway would say had it closed the gate, down to the hash of the command that anybody could overhear."""
    evidence: Json = {"value": True, "quality": 192, "observed_ms": CLOCK.now_ms(), "age_ms": 50}
    body: dict[str, Json] = {
        "id": command, "phase": "operate", "hash": hashlib.sha256(token).hexdigest(), "action": "close",
        "author": "zhao", "reason": "演练", "state": "confirmed", "reasons": [], "warnings": [],
        "evidence": {f"{GATE}/closed": evidence}, "instead_of": None,
    }  # fmt: skip
    return Record(
        park=house.rig.park.id, gateway=EAST, epoch=house.east.epoch, offset=10_000, at_ms=CLOCK.now_ms(),
        kind="command", actuator=FacilityId(GATE), body=body,
    )  # fmt: skip


def forgeries(house: House, true: Record) -> list[tuple[GatewayId, bytes]]:
    """(gateway of the topic, token) of records that are not the east's own word."""
    signers, body = house.rig.signers, record_body(true)
    signed = signers[EAST].sign(body)
    head, said, _ = signed.split(b".")
    mallory = load_signer(json.dumps(new_key(kid=EAST, role=Role.GATEWAY, identity=EAST)))
    unknown = load_signer(json.dumps(new_key(kid="mallory", role=Role.GATEWAY, identity=EAST)))
    return [
        (EAST, json.dumps(body).encode()),
        (EAST, head + b"." + said + b"."),
        (EAST, head + b"." + said + b"." + signers[EAST].sign({}).split(b".")[2]),
        (EAST, mallory.sign(body)),
        (EAST, unknown.sign(body)),
        (EAST, signers[WEST].sign(body)),
        (EAST, signers["control"].sign(body)),
        (WEST, signed),
        (WEST, signers[WEST].sign(body)),
        (EAST, signers[EAST].sign(record_body(replace(true, park=ParkId("elsewhere"))))),
        (EAST, signers[EAST].sign(record_body(replace(true, gateway=WEST)))),
    ]


async def test_no_forged_record_makes_control_believe_a_closure(house: House) -> None:
    east, park = house.east, house.rig.park.id
    east.mute.add(GATE)
    response = await house.operator.command(GATE, "close")
    command = response.json()["id"]
    await until(lambda: any(message.id == command for message in east.heard), why="the edge has heard it")
    before = (await house.operator.get(f"/commands/{command}")).json()
    for gateway, token in forgeries(house, confirmed(house, command, east.tokens[-1])):
        for channel in (Channel.REPLY, Channel.RECORDS):
            await house.say(ours(park, gateway, channel), token)
    await taken(house)
    after = (await house.operator.get(f"/commands/{command}")).json()
    assert after == before
    assert (await house.gate())["position"] == "open"
    east.mute.clear()
    await house.operator.post("/commands", {"actuator": GATE, "action": "stop", "reason": "演练"})


async def test_an_old_record_said_again_confirms_nothing_new(house: House) -> None:
    east, park = house.east, house.rig.park.id
    east.is_acknowledged = False
    first = (await house.operator.command(GATE, "close")).json()["id"]
    await house.operator.state(first, "confirmed")
    said = [item for item in east.journal.values() if item.body.get("id") == first]
    [old] = [item for item in said if item.body["state"] == "confirmed"]
    east.is_acknowledged = True
    east.opened.add(GATE)
    await east.data(f"{GATE}/opened", f"{GATE}/closed")
    await until_gate(house, "open")
    east.mute.add(GATE)
    second = (await house.operator.command(GATE, "close")).json()["id"]
    for channel in (Channel.REPLY, Channel.RECORDS):
        await house.say(ours(park, EAST, channel), east.signer.sign(record_body(old)))
    await taken(house)
    assert (await house.operator.get(f"/commands/{second}")).json()["state"] != "confirmed"
    assert (await house.gate())["position"] == "open"
    east.mute.clear()


async def test_forged_births_and_data_do_not_outlive_the_gateways_next_word(house: House) -> None:
    """Data are unsigned: what keeps a stranger from saying them is the access list. What is left without it is a moment."""
    east = house.east
    await until_gate(house, "open")
    await forge_births(house)
    await east.put("hc_analyser/ph", 7.1)
    await until(lambda: east.rebirths > 0, why="control asks for a rebirth")
    await until_gate(house, "open")
    await house.rig.is_live(house.operator)


async def test_without_the_signed_heartbeat_nothing_forged_is_fresh(house: House) -> None:
    east, park = house.east, house.rig.park.id
    east.is_beating = False
    await until_gate(house, "unknown")
    await forge_births(house)
    said = Heartbeat(
        park=park, gateway=EAST, epoch=east.epoch, challenge="a" * 32, term=1, sent_ms=CLOCK.now_ms(),
        ages_ms={DEVICE: 100}, stale_after_ms={DEVICE: 60_000}, journal_payloads=0, journal_full=False,
        records_pending=0, clock_offset_ms=0, definitions={}, orders="",
    )  # fmt: skip
    mallory = load_signer(json.dumps(new_key(kid=EAST, role=Role.GATEWAY, identity=EAST)))
    for token in (json.dumps(heartbeat_body(said)).encode(), mallory.sign(heartbeat_body(said)),
                  house.rig.signers[WEST].sign(heartbeat_body(said))):  # fmt: skip
        await house.say(ours(park, EAST, Channel.HEARTBEAT), token)
    await taken(house)
    seen = await house.closed()
    assert (seen["v"], seen["stale"]) == (True, True), "what is forged is heard and not believed"
    assert (await house.gate())["position"] == "unknown"
    east.is_beating = True
    await east.birth()
    await until_gate(house, "open")


async def test_junk_on_every_topic_is_survived(house: House) -> None:
    park = house.rig.park.id
    junk = (
        b"",
        b"\0",
        b"\xff" * 100,
        b"{}",
        b"[" * 5000,
        b"..",
        b"e30.e30.AA",
        b"x" * 1_500_000,
        b"\x12\x00" * 20_000,
    )
    topics = [ours(park, EAST, channel) for channel in (Channel.HEARTBEAT, Channel.RECORDS, Channel.REPLY)]
    topics += [sparkplug(park, kind, EAST, None if kind.value.startswith("N") else DEVICE) for kind in Kind]
    topics += [state(host_id(park)), f"spBv1.0/{park}/", f"spBv1.0/{park}/DDATA/gw_east/a/b"]
    for topic in topics:
        for said in junk:
            await house.say(topic, said)
    await taken(house)
    await house.rig.is_live(house.operator)


async def forge_births(house: House) -> None:
    park, now_ms = house.rig.park.id, CLOCK.now_ms()
    metrics = tuple(
        Metric(
            name=f"{GATE}/{name}", value=value, datatype=DataType.BOOLEAN, timestamp_ms=now_ms + 10**9,
            quality=Quality.GOOD,
        )
        for name, value in (("closed", True), ("opened", False))
    )  # fmt: skip
    node = Metric(name="bdSeq", value=1, datatype=DataType.INT64)
    await house.say(
        sparkplug(park, Kind.NBIRTH, EAST), encode(Payload(timestamp_ms=now_ms, metrics=(node,), seq=0))
    )
    for seq, kind in ((1, Kind.DBIRTH), (2, Kind.DDATA)):
        await house.say(
            sparkplug(park, kind, EAST, DEVICE),
            encode(Payload(timestamp_ms=now_ms, metrics=metrics, seq=seq)),
        )


async def taken(house: House) -> None:
    """Wait until control has taken what was said before: it takes everything in its order."""
    item = await house.west.record("moved_by_hand", "yx_bund", {"from": "closed", "to": "between"})
    await until(lambda: item.offset not in house.west.journal, why="control has taken everything")


async def until_gate(house: House, position: str) -> None:
    end_s = CLOCK.monotonic() + 30
    while (seen := await house.gate())["position"] != position:
        assert CLOCK.monotonic() < end_s, f"never {position}: {seen}"
