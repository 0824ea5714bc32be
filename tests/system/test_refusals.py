"""The command path refuses, in words and on the record, and the PLCs' own log of writes shows that nothing was written."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.command import Action, Phase
from domain.definition import definition_hashes
from domain.ids import CommandId, FacilityId, GatewayId, ParkId
from domain.park import Park
from runtime.parkfiles import load_park
from tests.system.rig import PARK, ROOT, Api, Intruder, Rig, codes, demonstration, sign, wait_for
from wire.messages import CommandMessage

pytestmark = pytest.mark.system

OUTLET, NEIGHBOUR, VALVE = FacilityId("hc_outlet"), FacilityId("jt_outlet"), FacilityId("bh_outlet")
EAST, WEST = GatewayId("gw_east"), GatewayId("gw_west")


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with demonstration(tmp_path_factory.mktemp("refusals") / "state", "--speed", "10") as running:
        yield running


@pytest.fixture(scope="module")
def api(rig: Rig) -> Api:
    return rig.signed_in()


@pytest.fixture(scope="module")
def park() -> Park:
    return load_park(ROOT / "parks" / PARK)


@pytest.fixture
def intruder(rig: Rig) -> Iterator[Intruder]:
    with Intruder(rig) as client:
        yield client


@pytest.fixture
def order(intruder: Intruder, park: Park) -> CommandMessage:
    """A command to close an outlet that would pass, but for what a test changes."""
    beat = intruder.heartbeat(EAST)
    return CommandMessage(
        id=CommandId(secrets.token_hex(16)),
        phase=Phase.OPERATE,
        park=ParkId(PARK),
        gateway=EAST,
        actuator=OUTLET,
        action=Action.CLOSE,
        author="intruder",
        reason="test",
        expires_ms=beat.sent_ms + 600_000,
        term=beat.term,
        definition=definition_hashes(park, park.actuators[OUTLET]),
        challenge=beat.challenge,
    )


def written(rig: Rig, actuator: str) -> list[dict[str, object]]:
    return [line for line in rig.writes() if str(line["meaning"]).startswith(f"{actuator} ")]


def test_an_expired_command(rig: Rig, intruder: Intruder, order: CommandMessage) -> None:
    before = written(rig, OUTLET)
    intruder.say(EAST, sign(intruder.signer(), order, expires_ms=1))
    assert codes(intruder.refusal(order.id).body) == ["time-limit-over"]
    assert written(rig, OUTLET) == before


def test_a_stale_challenge(rig: Rig, intruder: Intruder, order: CommandMessage) -> None:
    before = written(rig, OUTLET)
    intruder.say(EAST, sign(intruder.signer(), order, challenge=secrets.token_hex(16)))
    assert codes(intruder.refusal(order.id).body) == ["challenge-stale"]
    assert written(rig, OUTLET) == before


def test_a_forged_command(rig: Rig, intruder: Intruder, order: CommandMessage) -> None:
    """Signed by a key that may not command: a gateway's own."""
    before = written(rig, OUTLET)
    count = len(intruder.records)
    intruder.say(EAST, sign(intruder.signer("gw_west"), order))
    refusal = wait_for(
        "a refusal",
        lambda: next(
            (item for item in intruder.records[count:] if codes(item.body) == ["signature-invalid"]), None
        ),
    )
    assert refusal.body["state"] == "refused"
    assert written(rig, OUTLET) == before


def test_an_altered_command(rig: Rig, intruder: Intruder, order: CommandMessage) -> None:
    """The body of one token under the signature of another."""
    before = written(rig, OUTLET)
    count = len(intruder.records)
    header, _, signature = sign(intruder.signer(), order).split(b".")
    _, body, _ = sign(intruder.signer(), order, action=Action.OPEN).split(b".")
    intruder.say(EAST, b".".join((header, body, signature)))
    wait_for(
        "a refusal",
        lambda: next(
            (item for item in intruder.records[count:] if codes(item.body) == ["signature-invalid"]), None
        ),
    )
    assert written(rig, OUTLET) == before


def test_a_command_for_another_gateways_point(rig: Rig, intruder: Intruder, order: CommandMessage) -> None:
    before = written(rig, NEIGHBOUR)
    intruder.say(EAST, sign(intruder.signer(), order, actuator=NEIGHBOUR))
    assert codes(intruder.refusal(order.id).body) == ["not-this-gateway"]
    assert written(rig, NEIGHBOUR) == before


def test_a_command_addressed_to_another_gateway(rig: Rig, intruder: Intruder, order: CommandMessage) -> None:
    before = written(rig, OUTLET)
    intruder.say(WEST, sign(intruder.signer(), order))
    assert codes(intruder.refusal(order.id).body) == ["not-this-gateway"]
    assert written(rig, OUTLET) == before


def test_a_replayed_command(
    rig: Rig, api: Api, intruder: Intruder, order: CommandMessage, park: Park
) -> None:
    """The same id with other bytes is refused; the same bytes again have no second effect."""
    closing = sign(
        intruder.signer(), order, actuator=VALVE, definition=definition_hashes(park, park.actuators[VALVE])
    )
    intruder.say(EAST, closing)
    wait_for("the outlet closed", lambda: _has(intruder, order.id, "confirmed"), seconds=60)
    before = written(rig, VALVE)
    assert len(before) == 1
    intruder.say(EAST, closing)
    intruder.say(
        EAST,
        sign(
            intruder.signer(),
            order,
            actuator=VALVE,
            reason="again",
            definition=definition_hashes(park, park.actuators[VALVE]),
        ),
    )
    assert codes(intruder.refusal(order.id).body) == ["replayed"]
    assert written(rig, VALVE) == before


def _has(intruder: Intruder, command: str, state: str) -> bool:
    return any(
        item.body.get("id") == command and item.body.get("state") == state for item in intruder.records
    )


def test_a_device_in_local(rig: Rig, api: Api) -> None:
    rig.simulate({"do": "hand", "actuator": "ly_outlet", "switch": "local"})
    wait_for(
        "the switch is seen", lambda: api.get("/live")["actuators"]["ly_outlet"]["remote"] is False or None
    )
    before = written(rig, "ly_outlet")
    answer = api.command("ly_outlet", "close")
    assert answer.status_code == 409
    assert "blocked-by-switching-hierarchy" in codes(answer.json())
    assert "就地" in answer.text
    assert written(rig, "ly_outlet") == before
    rig.simulate({"do": "hand", "actuator": "ly_outlet", "switch": "remote"})


def test_a_tagged_out_device(rig: Rig, api: Api) -> None:
    tag = api.post("/tags", {"actuator": "qs_outlet", "reason": "检修螺杆", "until_ms": None})
    assert tag.is_success, tag.text
    before = written(rig, "qs_outlet")
    answer = api.command("qs_outlet", "close")
    assert answer.status_code == 409
    assert "tagged-out" in codes(answer.json())
    assert written(rig, "qs_outlet") == before


def test_a_tag_holds_at_the_edge_too(
    rig: Rig, intruder: Intruder, api: Api, order: CommandMessage, park: Park
) -> None:
    api.post("/tags", {"actuator": "qs_sewage", "reason": "检修", "until_ms": None})
    held = intruder.heartbeat(EAST).orders
    wait_for(
        "the edge holds the tag",
        lambda: intruder.heartbeat(EAST).orders != held or _tagged(api, "qs_sewage"),
        seconds=20,
    )
    before = written(rig, "qs_sewage")
    sewage = FacilityId("qs_sewage")
    fresh = intruder.heartbeat(EAST)

    def refused() -> bool:
        command = CommandId(secrets.token_hex(16))
        intruder.say(
            EAST,
            sign(
                intruder.signer(),
                order,
                id=command,
                actuator=sewage,
                challenge=fresh.challenge,
                definition=definition_hashes(park, park.actuators[sewage]),
            ),
        )
        return codes(intruder.refusal(command).body) == ["tagged-out"]

    assert refused()
    assert written(rig, "qs_sewage") == before


def _tagged(api: Api, actuator: str) -> bool:
    return api.get("/live")["actuators"][actuator]["tagged"] is not None


def test_an_opening_on_stale_input(rig: Rig, api: Api) -> None:
    closed = api.command("dc_outlet", "close")
    assert closed.status_code == 202, closed.text
    assert api.outcome(closed.json()["id"])["state"] == "confirmed"
    rig.simulate({"do": "fault", "kind": "link_cut", "target": "plc_dc_outlet"})
    wait_for(
        "the outlet is stale", lambda: api.get("/live")["actuators"]["dc_outlet"]["fresh"] is False or None
    )
    before = written(rig, "dc_outlet")
    select = api.post("/selects", {"actuator": "dc_outlet", "action": "open", "parameters": {}})
    assert select.status_code == 409
    assert "stale-input" in codes(select.json())
    assert written(rig, "dc_outlet") == before
    rig.simulate({"do": "clear", "kind": "link_cut", "target": "plc_dc_outlet"})


def test_a_closure_on_doubtful_input_goes_through_with_its_warning(rig: Rig, api: Api) -> None:
    """Both limit switches made at once: nobody knows where the gate stands, and it is told to close all the same."""
    rig.simulate({"do": "fault", "kind": "limits", "target": "ml_outlet"})
    wait_for(
        "the limits contradict",
        lambda: api.get("/live")["actuators"]["ml_outlet"]["position"] == "contradiction" or None,
    )
    before = written(rig, "ml_outlet")
    asked = api.command("ml_outlet", "close")
    assert asked.status_code == 409
    assert "stale-input" in codes(asked.json())
    assert written(rig, "ml_outlet") == before
    confirmed = api.command("ml_outlet", "close", accept_warnings=["stale-input"])
    assert confirmed.status_code == 202, confirmed.text
    wait_for("the write", lambda: len(written(rig, "ml_outlet")) == len(before) + 1 or None)
    rig.simulate({"do": "clear", "kind": "limits", "target": "ml_outlet"})
    view = api.outcome(confirmed.json()["id"], seconds=90)
    assert view["state"] in {"confirmed", "failed", "unknown"}
    assert "stale-input" in str(api.get("/audit?limit=100"))


def test_an_opening_that_an_interlock_forbids(rig: Rig, api: Api) -> None:
    """The closure before has left a keep-closed order or the analyser forbids: the reasons are said, nothing is written."""
    rig.simulate({"do": "spill", "enterprise": "yx", "kg": 300, "minutes": 30})
    closed = api.command("yx_outlet", "close", accept_warnings=["stale-input"])
    assert closed.status_code == 202, closed.text
    assert api.outcome(closed.json()["id"], seconds=90)["state"] in {"confirmed", "preempted"}
    wait_for("the analyser sees it", lambda: _why_not(api, "yx_outlet"), seconds=90)
    before = written(rig, "yx_outlet")
    select = api.post("/selects", {"actuator": "yx_outlet", "action": "open", "parameters": {}})
    assert select.status_code == 409
    assert "blocked-by-interlocking" in codes(select.json())
    assert written(rig, "yx_outlet") == before


def _why_not(api: Api, actuator: str) -> bool | None:
    why = api.get(f"/actuators/{actuator}/why?action=open")
    return True if "blocked-by-interlocking" in [item["code"] for item in why["refusals"]] else None


def test_busy_preemption_and_stop(rig: Rig, api: Api) -> None:
    """A second opening on a busy valve is refused, a closure takes the opening over, stop always works."""
    closed = api.command("jt_bund", "close", accept_warnings=["stale-input"])
    if closed.status_code == 202:
        api.outcome(closed.json()["id"])
    opening = _open(rig, api, "jt_bund")
    wait_for("it moves", lambda: api.get("/live")["actuators"]["jt_bund"]["moving"] or None)
    second = api.post("/selects", {"actuator": "jt_bund", "action": "open", "parameters": {}})
    assert second.status_code == 409
    assert "command-already-in-execution" in codes(second.json())
    closure = api.command("jt_bund", "close")
    assert closure.status_code == 202, closure.text
    assert api.outcome(opening)["state"] == "preempted"
    stop = api.command("jt_bund", "stop")
    assert stop.status_code == 202, stop.text
    assert api.outcome(closure.json()["id"])["state"] in {"preempted", "confirmed"}
    assert api.outcome(stop.json()["id"])["state"] == "confirmed"


def _open(rig: Rig, api: Api, actuator: str) -> str:
    ticket = rig.ticket(api, actuator)
    select = api.post(
        "/selects", {"actuator": actuator, "action": "open", "parameters": {}, "ticket": ticket}
    )
    assert select.is_success, select.text
    command = api.command(actuator, "open", select=select.json()["id"])
    assert command.status_code == 202, command.text
    return str(command.json()["id"])


def test_an_unsigned_sparkplug_write_is_refused_and_recorded(rig: Rig, intruder: Intruder, api: Api) -> None:
    before = len(rig.writes())
    intruder.publish(f"spBv1.0/{PARK}/NCMD/{EAST}", b"\x12\x0b\x0a\x09hc_outlet")
    wait_for("the refusal in the audit", lambda: _audited(api, "refused_write"))
    assert len(rig.writes()) == before


def _audited(api: Api, kind: str) -> bool | None:
    return True if any(kind in str(item["kind"]) for item in api.get("/audit?limit=200")["records"]) else None


def test_every_refusal_is_in_the_audit(rig: Rig, api: Api) -> None:
    text = Path(rig.state / "logs" / "control.log").read_text(encoding="utf-8")
    assert "Traceback" not in text
    found = str(api.get("/audit?limit=500"))
    for code in (
        "time-limit-over",
        "challenge-stale",
        "signature-invalid",
        "not-this-gateway",
        "replayed",
        "tagged-out",
        "blocked-by-switching-hierarchy",
        "stale-input",
        "blocked-by-interlocking",
        "command-already-in-execution",
    ):
        assert code in found, code
