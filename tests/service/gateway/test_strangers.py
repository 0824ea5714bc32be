"""A stranger with the whole broker to himself, where even the access list fails: he empties no journal and starts no storm.

The peer of the rig says nothing by itself here; everything that reaches the gateway is the stranger's, until the true
acknowledgements come at the end.
"""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from domain.ids import GatewayId, ParkId
from gateway.intake import REBIRTH_S_MIN, subscriptions
from gateway.unbelieved import BURST
from tests.service.gateway.plcs import CALM, GW
from tests.service.gateway.rig import MOSQUITTO, Peer, Rig, running
from wire.messages import Acknowledgement, acknowledgement_body
from wire.signing import Role, Signer, load_signer, new_key
from wire.sparkplug import DataType, Metric, Payload, encode
from wire.topics import Channel, Kind, ours, sparkplug

pytestmark = pytest.mark.skipif(not MOSQUITTO.exists(), reason="mosquitto is not installed")

ALL = ((0, 10**9),)
FLOOD = 400
JUNK = (
    b"", b"\0", b"\xff" * 100, b"{}", b"[" * 5000, b".", b"..", b"a.b.c", b"e30.e30.AA", "排口".encode(), b"x" * 1_500_000,
    b"eyJhbGciOiJub25lIn0.e30.", b"\x12\x02\x50\x01", b"\x12\x00" * 20_000,
)  # fmt: skip


def signer(kid: str, role: Role, identity: str) -> Signer:
    return load_signer(json.dumps(new_key(kid=kid, role=role, identity=identity)))


def forged(rig: Rig, epoch: str, channel: Channel) -> dict[str, bytes]:
    """Acknowledgements of everything that no gateway may believe, by what is wrong with each."""
    right = "ingest" if channel is Channel.ACK_SAMPLES else "control"
    role = Role.INGEST if right == "ingest" else Role.CONTROL
    true = Acknowledgement(park=rig.park.id, gateway=GW, epoch=epoch, received=ALL, durable=ALL)
    body = acknowledgement_body(true)
    signed = rig.signers[right].sign(body)
    head, said, signature = signed.split(b".")
    wrong = {
        "unsigned": json.dumps(body).encode(),
        "empty": b"",
        "half": signed[: len(signed) // 2],
        "without its signature": head + b"." + said + b".",
        "another message's signature": head + b"." + said + b"." + rig.signers[right].sign({}).split(b".")[2],
        "signed by nobody known": signer("mallory", role, right).sign(body),
        "signed by a stranger in its name": signer(f"{right}-1", role, right).sign(body),
        "not signed by whose it is": rig.signers["control" if right == "ingest" else "ingest"].sign(body),
        "signed by the gateway itself": rig.signers[GW].sign(body),
        "of another gateway": rig.signers[right].sign(
            acknowledgement_body(replace(true, gateway=GatewayId("gw_west")))
        ),
        "of another run": rig.signers[right].sign(acknowledgement_body(replace(true, epoch="f" * 32))),
        "of another park and another run": rig.signers[right].sign(
            acknowledgement_body(replace(true, park=ParkId("elsewhere"), epoch="e" * 32))
        ),
        "turned round": rig.signers[right].sign(body | {"durable": [[10**9, 0]]}),
        "below zero": rig.signers[right].sign(body | {"durable": [[-5, 10**9]]}),
        "no numbers": rig.signers[right].sign(body | {"durable": [[0.5, 1e9]]}),
    }
    assert signature
    return wrong


async def test_a_stranger_empties_no_journal_and_starts_no_storm(tmp_path: Path) -> None:
    async with running(tmp_path, speed=1.0, start=False) as (rig, peer):
        peer.is_acknowledging = False
        rig.start_gateway()
        await peer.until(lambda: peer.beats and peer.beats[-1].journal_payloads >= 10, timeout_s=60)
        await peer.until(lambda: peer.beats[-1].records_pending >= 1)
        await forgeries_free_nothing(rig, peer)
        await replays_free_nothing(rig, peer)
        await junk_is_survived(rig, peer)
        await floods_are_bounded(rig, peer)
        await the_true_ones_free_what_was_said_until_now(rig, peer)


async def forgeries_free_nothing(rig: Rig, peer: Peer) -> None:
    held, kept = peer.beats[-1].journal_payloads, peer.beats[-1].records_pending
    for channel in (Channel.ACK_SAMPLES, Channel.ACK_RECORDS):
        for token in forged(rig, peer.beats[-1].epoch, channel).values():
            await peer.link.publish(ours(rig.park.id, GW, channel), token, qos=1)
    await beats(peer, 2)
    assert peer.beats[-1].journal_payloads >= held
    assert peer.beats[-1].records_pending >= kept


async def the_true_ones_free_what_was_said_until_now(rig: Rig, peer: Peer) -> None:
    """The same words under the right key free it all, but for what has not been said yet."""
    true = Acknowledgement(
        park=rig.park.id, gateway=GW, epoch=peer.beats[-1].epoch, received=ALL, durable=ALL
    )
    for who, channel in (("ingest", Channel.ACK_SAMPLES), ("control", Channel.ACK_RECORDS)):
        token = rig.signers[who].sign(acknowledgement_body(true))
        await peer.link.publish(ours(rig.park.id, GW, channel), token, qos=1)
    await peer.until(lambda: peer.beats[-1].journal_payloads < 5 and peer.beats[-1].records_pending == 0)
    await grows(rig, peer, beyond=10)


async def grows(rig: Rig, peer: Peer, *, beyond: int) -> None:
    """Let every instrument show something else until the journal holds more than so much."""
    number = 0

    def has_grown() -> bool:
        nonlocal number
        number += 1
        for station in rig.plcs.stations.values():
            for point in station.instruments:
                if not point.is_boolean:
                    station.image.put(point.ref, CALM.get(point.name, 0.5) * (1 + number % 5 / 10))
        return peer.beats[-1].journal_payloads > beyond

    await peer.until(has_grown)


async def junk_is_survived(rig: Rig, peer: Peer) -> None:
    """On every topic that a gateway hears; it beats on, from the same run."""
    epoch = peer.beats[-1].epoch
    for subscription in subscriptions(rig.park.id, GW):
        for junk in JUNK:
            await peer.link.publish(subscription.topic.replace("+", "plc_hc_outlet"), junk, qos=1)
    await beats(peer, 2)
    assert peer.beats[-1].epoch == epoch


async def replays_free_nothing(rig: Rig, peer: Peer) -> None:
    """A true acknowledgement said again frees what it freed before and nothing that came since."""
    epoch = peer.beats[-1].epoch
    topic = ours(rig.park.id, GW, Channel.ACK_SAMPLES)
    here = ((0, 4),)
    old = Acknowledgement(park=rig.park.id, gateway=GW, epoch=epoch, received=here, durable=here)
    token = rig.signers["ingest"].sign(acknowledgement_body(old))
    before = peer.beats[-1].journal_payloads
    await peer.link.publish(topic, token, qos=1)
    await peer.until(lambda: peer.beats[-1].journal_payloads <= before - 1)
    await grows(rig, peer, beyond=before + 2)
    held = peer.beats[-1].journal_payloads
    for _ in range(20):
        await peer.link.publish(topic, token, qos=1)
    await beats(peer, 2)
    assert peer.beats[-1].journal_payloads >= held


async def floods_are_bounded(rig: Rig, peer: Peer) -> None:
    """However many rebirths are asked for, there is one a second; unsigned writes do nothing and fill no disk."""
    metric = Metric(name="Node Control/Rebirth", value=True, datatype=DataType.BOOLEAN)
    rebirth = encode(Payload(timestamp_ms=1, metrics=(metric,)))
    births, began_s = len(peer.of_kind(Kind.NBIRTH)), rig.page.clock.monotonic()
    for number in range(FLOOD):
        await peer.link.publish(sparkplug(rig.park.id, Kind.NCMD, GW), rebirth)
        await peer.link.publish(sparkplug(rig.park.id, Kind.DCMD, GW, "plc_hc_outlet"), b"%d" % number)
    await peer.until(lambda: peer.kinds("refused_write"))
    await beats(peer, 2)
    took_s = rig.page.clock.monotonic() - began_s
    assert 1 <= len(peer.of_kind(Kind.NBIRTH)) - births <= 1 + took_s / REBIRTH_S_MIN
    assert len(peer.kinds("refused_write")) <= BURST + 2 * took_s + 1
    assert rig.plcs.writes == []


async def beats(peer: Peer, count: int) -> None:
    """Wait for so many more heartbeats: what was sent before them has been taken."""
    seen = len(peer.beats)
    async with asyncio.timeout(30):
        await peer.until(lambda: len(peer.beats) >= seen + count)
