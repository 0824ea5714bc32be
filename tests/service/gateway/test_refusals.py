"""Everything that a gateway must refuse, tried by a second client on the broker: each has its reason, and no PLC is written."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from domain.approval import Consent
from domain.command import Action, Phase
from domain.ids import FacilityId, GatewayId, PointRef
from domain.order import Order, OrderKind, OrderSet
from domain.park import SafePosition
from simulators.plc.server import Link
from tests.service.gateway.plcs import GW
from tests.service.gateway.rig import MOSQUITTO, Peer, Rig, running
from wire.messages import CommandMessage, Evidence, OrdersMessage
from wire.signing import Role, load_signer, new_key

pytestmark = pytest.mark.skipif(not MOSQUITTO.exists(), reason="mosquitto is not installed")

HC = "hc_outlet"


async def test_what_is_not_a_fresh_signed_command_for_us_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path, opened=[HC]) as (rig, peer):
        good = peer.message(HC, Action.CLOSE)
        stranger = load_signer(json.dumps(new_key(kid="x", role=Role.CONTROL, identity="control")))
        altered = peer.sign(good)[:-8] + b"AAAAAAAA"
        for token in (peer.sign(good, stranger), altered, peer.sign(good, rig.signers["ingest"])):
            count = len(peer.of(good.id))
            await peer.send(token)
            await peer.until(lambda: len(peer.of(good.id)) > count)  # noqa: B023
            assert peer.codes(good.id) == ["signature-invalid"]
        park = rig.park
        wrong = {
            "time-limit-over": replace(good, expires_ms=rig.page.clock.now_ms() - 1),
            "challenge-stale": replace(good, challenge="0" * 32),
            "not-this-gateway": replace(good, gateway=GatewayId("gw_west")),
            "unknown-actuator": replace(good, actuator=FacilityId("no_such")),
            "malformed-command": replace(good, action=Action.SET),
            "definition-mismatch": replace(good, definition=("0" * 16, "0" * 16)),
        }
        for code, message in wrong.items():
            assert await refusal(peer, fresh(message)) == [code]
        elsewhere = next(key for key in park.actuators if park.gateway_of(key) != GW)
        assert await refusal(peer, fresh(replace(good, actuator=elsewhere))) == ["not-this-gateway"]
        assert rig.plcs.writes == []


async def test_what_the_field_forbids_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path, opened=[HC]) as (rig, peer):
        station = rig.plcs.stations["plc_qs_outlet"]
        station.switch(FacilityId("qs_outlet"), is_remote=False, now_ms=rig.plcs.now_ms())
        await peer.until(lambda: peer.value("qs_outlet/remote") is False)
        assert await refusal(peer, peer.message("qs_outlet", Action.CLOSE)) == [
            "blocked-by-switching-hierarchy"
        ]

        assert await refusal(peer, peer.message("ly_outlet", Action.OPEN)) == ["object-not-selected"]
        half = peer.message("ly_outlet", Action.SET, phase=Phase.SELECT, parameters={"opening_percent": 50.0})
        assert await refusal(peer, half) == ["blocked-by-mode"], "its drive only opens and closes"

        rig.plcs.stations["plc_bh_outlet"].image.put(PointRef("bh_analyser/conductivity"), 5000.0)
        await peer.until(lambda: peer.value("bh_analyser/conductivity") == 5000.0)
        assert "blocked-by-interlocking" in await refusal(peer, selecting(peer, "bh_outlet"))

        await rig.plcs.servers["plc_hc_plant"].set_link(Link.CUT)
        await peer.until(lambda: (peer.beats[-1].ages_ms["plc_hc_plant"] or 0) > 1000)
        assert await refusal(peer, selecting(peer, "hc_sewage")) != []
        assert "stale-input" in peer.codes(list(peer.records.values())[-1].body["id"])  # type: ignore[arg-type]

        await an_override_ends_by_itself(rig, peer)
        drive, _ = peer.message("ly_outlet", Action.OPEN).definition
        other = replace(selecting(peer, "ly_outlet"), definition=(drive, "0" * 16))
        assert await refusal(peer, other) == ["definition-mismatch"]
        assert rig.plcs.writes == []


async def an_override_ends_by_itself(rig: Rig, peer: Peer) -> None:
    """bh_outlet is blocked by its conductivity; an override lets it through, and nobody says a word when that is over."""
    lock = next(
        lock for lock in rig.park.actuators[FacilityId("bh_outlet")].permits if lock.id == "fast_quality"
    )
    now_ms = rig.page.clock.now_ms()
    given = Order(
        id="0" * 32,
        kind=OrderKind.OVERRIDE,
        actuator=FacilityId("bh_outlet"),
        by="qian",
        reason="标定",
        since_ms=now_ms,
        until_ms=now_ms + 60_000,
        interlock=lock.id,
        condition=lock.expression.text,
        second="sun",
    )
    await tell_orders(rig, peer, OrderSet().with_orders(given), term=1)
    let_through = selecting(peer, "bh_outlet")
    await peer.send(peer.sign(let_through))
    await peer.until(lambda: peer.states(let_through.id) == ["selected"])
    assert "interlock-overridden" in str(peer.of(let_through.id)[0].body["warnings"])
    await peer.until(lambda: len(peer.kinds("override")) == 2)
    assert [item.body["state"] for item in peer.kinds("override")] == ["standing", "ended"]
    assert rig.page.clock.now_ms() >= now_ms + 60_000
    assert "blocked-by-interlocking" in await refusal(peer, selecting(peer, "bh_outlet"))
    assert peer.beats[-1].orders == OrderSet().with_orders(given).hash(), "the order is still held, and dead"


async def test_tags_terms_and_replays(tmp_path: Path) -> None:
    async with running(tmp_path, opened=[HC]) as (rig, peer):
        tag = Order(
            id="t1", kind=OrderKind.TAG_OUT, actuator=FacilityId(HC), by="li", reason="检修", since_ms=1
        )
        await tell_orders(rig, peer, OrderSet().with_orders(tag), term=8)
        assert await refusal(peer, peer.message(HC, Action.CLOSE)) == ["tagged-out"]

        # The release counts under the newest term only.
        lifted = OrderSet().with_orders(tag).with_tombstones(["t1"])
        await peer.orders(OrdersMessage(park=rig.park.id, gateway=GW, term=7, orders=lifted))
        await asyncio.sleep(1.5)
        assert await refusal(peer, peer.message(HC, Action.CLOSE)) == ["tagged-out"]
        assert peer.beats[-1].term == 8
        await tell_orders(rig, peer, lifted, term=8)

        # An old leader may close and may not open.
        assert await refusal(peer, replace(selecting(peer, "ly_outlet"), term=7)) == ["term-superseded"]
        assert rig.plcs.writes == []
        closure = await peer.command(HC, Action.CLOSE, term=7)
        await peer.until(lambda: "confirmed" in peer.states(closure))

        replayed = replace(peer.message(HC, Action.CLOSE, command=closure), author="zhao")
        await peer.send(peer.sign(replayed))
        await peer.until(lambda: peer.codes(closure) == ["replayed"])
        assert len(rig.plcs.writes) == 1


async def test_a_closure_on_untrusted_input_goes_through_with_its_warning(tmp_path: Path) -> None:
    async with running(tmp_path, opened=[HC]) as (rig, peer):
        station = rig.plcs.stations["plc_hc_outlet"]
        station.lie(FacilityId(HC), both_limits=True)
        await peer.until(lambda: peer.value("hc_outlet/closed") is True)
        command = await peer.command(HC, Action.CLOSE, accepted=("stale-input",))
        await peer.until(lambda: "operating" in peer.states(command))
        warnings = peer.of(command)[0].body["warnings"]
        assert isinstance(warnings, list)
        assert [cause["code"] for cause in warnings] == ["stale-input"]  # type: ignore[index,call-overload]
        station.lie(FacilityId(HC), both_limits=False)
        await peer.until(lambda: "confirmed" in peer.states(command))
        assert len(rig.plcs.writes) == 1


async def test_evidence_from_behind_another_gateway_counts_while_it_is_fresh(tmp_path: Path) -> None:
    async with running(tmp_path) as (rig, peer):
        clean = next(
            lock.expression.timed[0].text
            for lock in rig.park.actuators[FacilityId("river_sluice_1")].permits
            if lock.id == "targets_clean"
        )

        async def answer(*, age_ms: int, was_clean: bool | None) -> list[str]:
            """Select river_sluice_1: its permit looks back on the section's conductivity, which is behind gw_west."""
            seen = Evidence(point="section/conductivity", value=500.0, quality=192, age_ms=age_ms)
            judged = Evidence(point=clean, value=was_clean, quality=192, age_ms=age_ms)
            agreed = Consent(by="li", content_hash="0" * 64, at_ms=rig.page.clock.now_ms(), basis="2026-117")
            message = selecting(peer, "river_sluice_1")
            await peer.send(peer.sign(replace(message, evidence=(seen, judged), consent=agreed)))
            await peer.until(lambda: peer.of(message.id))
            return peer.codes(message.id)

        await peer.until(lambda: peer.value("intake/conductivity") == 500.0)
        # A minute of model time must have been seen of the stage below the sluice.
        for _ in range(100):
            if not await answer(age_ms=200, was_clean=True):
                break
            await asyncio.sleep(0.2)
        assert await answer(age_ms=200, was_clean=True) == []
        assert await answer(age_ms=4999, was_clean=True) == [
            "stale-input"
        ]  # the age of the challenge is added
        assert await answer(age_ms=200, was_clean=None) == ["stale-input"]
        assert await answer(age_ms=200, was_clean=False) == ["blocked-by-interlocking"]


async def refusal(peer: Peer, message: CommandMessage) -> list[str]:
    await peer.send(peer.sign(message))
    await peer.until(lambda: peer.states(message.id))
    assert peer.states(message.id)[-1] in {"refused", "expired"}, peer.of(message.id)[-1].body
    return peer.codes(message.id)


def selecting(peer: Peer, actuator: str) -> CommandMessage:
    """The select of a move away from safe."""
    is_closed = peer.rig.park.actuators[FacilityId(actuator)].safe_position is SafePosition.CLOSED
    return peer.message(actuator, Action.OPEN if is_closed else Action.CLOSE, phase=Phase.SELECT)


def fresh(message: CommandMessage) -> CommandMessage:
    """The same under an id of its own."""
    return replace(message, id=type(message.id)(f"{abs(hash(repr(message))):032x}"[-32:]))


async def tell_orders(rig: Rig, peer: Peer, orders: OrderSet, *, term: int) -> None:
    await peer.orders(OrdersMessage(park=rig.park.id, gateway=GW, term=term, orders=orders))
    await peer.until(lambda: peer.beats[-1].orders == orders.hash())
