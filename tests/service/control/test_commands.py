"""The command path through a running control: closures at once, openings by select, refusals in words and on the record."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from tests.service.control.console import Console, until
from tests.service.control.rig import Rig, rig

pytestmark = pytest.mark.asyncio(loop_scope="module")

PUT_BACK = ("hc_outlet", "ly_outlet", "qs_outlet", "bh_outlet", "river_sluice_1")


@dataclass
class House:
    rig: Rig
    admin: Console
    operator: Console
    chief: Console
    engineer: Console


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    def prepare(made: Rig) -> None:
        made.east.opened |= set(PUT_BACK)

    async with rig(tmp_path_factory.mktemp("house"), prepare=prepare) as made:
        admin = await made.first()
        operator = await made.person(admin, "zhao", "operator")
        chief = await made.person(admin, "qian", "shift_chief")
        engineer = await made.person(admin, "sun", "engineer")
        await made.is_live(operator)
        yield House(made, admin, operator, chief, engineer)


def codes(response: Any) -> list[str]:
    return [reason["code"] for reason in response.json()["reasons"]]


async def test_a_closure_goes_out_at_once_and_is_proved_by_the_edge(house: House) -> None:
    response = await house.operator.command("hc_outlet", "close")
    assert response.status_code == 202, response.text
    view = await house.operator.state(response.json()["id"], "confirmed")
    assert [item["state"] for item in view["transitions"]] == ["operating", "confirmed"]
    assert [(item.actuator, item.action) for item in house.rig.east.obeyed] == [("hc_outlet", "close")]
    await until(lambda: not house.rig.east.journal, why="every record is acknowledged")
    live = await house.operator.live()
    assert live["actuators"]["hc_outlet"]["position"] == "closed"
    assert live["actuators"]["hc_outlet"]["command"]["state"] == "confirmed"


async def test_an_opening_is_selected_first_and_by_the_same_person(house: House) -> None:
    east = house.rig.east
    without = await house.operator.command("hc_diversion", "close")
    assert (without.status_code, codes(without)) == (409, ["position-reached"])
    without = await house.operator.command("hc_outlet", "open")
    assert (without.status_code, codes(without)) == (409, ["object-not-selected"])

    selected = await house.operator.select(house.chief, "hc_outlet")
    assert selected.status_code == 201, selected.text
    select = selected.json()["id"]
    other = await house.chief.post("/selects", {"actuator": "hc_outlet", "action": "open"})
    assert codes(other) == ["object-already-selected"]
    stolen = await house.chief.command("hc_outlet", "open", select=select)
    assert codes(stolen) == ["object-not-selected"]
    changed = await house.operator.command(
        "hc_outlet", "set", select=select, parameters={"opening_percent": 40}
    )
    assert codes(changed) == ["blocked-by-mode"], "its drive has no set-point"

    before = len(east.obeyed)
    operated = await house.operator.command("hc_outlet", "open", select=select)
    assert operated.status_code == 202, operated.text
    assert operated.json()["id"] == select
    await house.operator.state(select, "confirmed")
    again = await house.operator.command("hc_outlet", "open", select=select)
    assert again.status_code == 409
    assert [(item.actuator, item.action) for item in east.obeyed[before:]] == [("hc_outlet", "open")]


async def test_a_select_is_taken_back(house: House) -> None:
    selected = await house.chief.select(house.operator, "hc_bund")
    assert selected.status_code == 201, selected.text
    select = selected.json()["id"]
    assert (await house.operator.delete(f"/selects/{select}")).status_code == 409
    assert (await house.chief.delete(f"/selects/{select}")).status_code == 204
    await house.chief.state(select, "withdrawn")
    assert (await house.chief.command("hc_bund", "open", select=select)).status_code == 409


async def test_the_same_request_twice_is_one_command(house: House) -> None:
    east = house.rig.east
    before = len(east.obeyed)
    key = {"Idempotency-Key": "press-1"}
    body = {"actuator": "ly_outlet", "action": "close", "reason": "演练"}
    first, second = await asyncio.gather(
        house.operator.post("/commands", body, **key), house.operator.post("/commands", body, **key)
    )
    assert first.json()["id"] == second.json()["id"]
    await house.operator.state(first.json()["id"], "confirmed")
    assert (await house.operator.post("/commands", body, **key)).json()["id"] == first.json()["id"]
    assert [item.actuator for item in east.obeyed[before:]] == ["ly_outlet"]


async def test_a_key_stands_for_one_request_only(house: House) -> None:
    key, body = {"Idempotency-Key": "press-2"}, {"actuator": "ly_outlet", "action": "close"}
    assert (await house.operator.post("/commands", body, **key)).status_code == 202
    other = await house.operator.post("/commands", {"actuator": "ly_outlet", "action": "stop"}, **key)
    assert (other.status_code, codes(other)) == (409, ["malformed-command"])
    none = [await house.operator.post("/commands", body, **{"Idempotency-Key": ""}) for _ in range(2)]
    assert len({answer.json()["id"] for answer in none}) == 2, "what was not sent would count as sent"


async def test_a_select_is_operated_once_however_often_it_is_pressed(house: House) -> None:
    east = house.rig.east
    selected = await house.operator.select(house.chief, "hc_bund")
    assert selected.status_code == 201, selected.text
    body = {"actuator": "hc_bund", "action": "open", "select": selected.json()["id"]}
    before = len(east.obeyed)
    answers = await asyncio.gather(*(house.operator.post("/commands", body) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [202, 409, 409, 409, 409]
    await house.operator.state(selected.json()["id"], "confirmed")
    assert len(east.obeyed) == before + 1


async def test_a_closure_on_stale_input_goes_through_with_its_warning_and_an_opening_does_not(
    house: House,
) -> None:
    east = house.rig.east
    device = house.rig.park.actuators["qs_outlet"].device  # type: ignore[index]
    east.stale.add(device)
    try:
        await stale(house, "qs_outlet/closed")
        warned = await house.operator.command("qs_outlet", "close")
        assert (warned.status_code, warned.json()["code"]) == (409, "confirm-warnings")
        assert codes(warned) == ["stale-input"]
        shown = [" ".join((item["code"], *sorted(item["values"]))) for item in warned.json()["reasons"]]
        by_code = await house.operator.command("qs_outlet", "close", accept_warnings=["stale-input"])
        assert by_code.json()["code"] == "confirm-warnings"
        accepted = await house.operator.command("qs_outlet", "close", accept_warnings=shown)
        assert accepted.status_code == 202
        sent = await house.operator.state(accepted.json()["id"], "confirmed")
        assert sent["state"] == "confirmed"
        assert east.heard[-1].accepted == tuple(shown)
        refused = await house.operator.post("/selects", {"actuator": "qs_outlet", "action": "open"})
        assert "stale-input" in codes(refused)
        why = (await house.operator.get("/actuators/qs_outlet/why", action="open")).json()
        assert not why["allowed"]
        assert any(value["stale"] for item in why["conditions"] for value in item["values"])
    finally:
        east.stale.discard(device)
        await stale(house, "qs_outlet/closed", is_so=False)


async def test_an_interlock_a_tag_and_local_refuse_in_words(house: House) -> None:
    east = house.rig.east
    await east.put("hc_analyser/cod", 400.0)
    await value(house, "hc_analyser/cod", 400.0)
    refused = await house.operator.post("/selects", {"actuator": "hc_outlet", "action": "open"})
    assert "blocked-by-interlocking" in codes(refused)
    assert any(
        "COD" in reason["zh"] and "400.0" in str(reason["values"]) for reason in refused.json()["reasons"]
    )
    await east.put("hc_analyser/cod", 20.0)

    tagged = await house.chief.post("/tags", {"actuator": "bh_outlet", "reason": "换密封"})
    assert tagged.status_code == 201, tagged.text
    refused = await house.operator.command("bh_outlet", "close")
    assert codes(refused) == ["tagged-out"]
    assert "换密封" in refused.json()["reasons"][0]["zh"]
    await until(lambda: tagged.json()["id"] in east.orders.orders, why="the edge holds the tag")
    assert (await house.chief.delete("/tags", actuator="bh_outlet")).status_code == 204
    await until(lambda: tagged.json()["id"] in east.orders.tombstones, why="the edge knows that it is lifted")

    await east.put("bh_outlet/remote", False)
    await value(house, "bh_outlet/remote", False)
    refused = await house.operator.command("bh_outlet", "close")
    assert codes(refused) == ["blocked-by-switching-hierarchy"]
    await east.put("bh_outlet/remote", True)
    await value(house, "bh_outlet/remote", True)
    records = (await audit(house, "bh_outlet"))["records"]
    assert [item["kind"] for item in records if item["kind"].startswith(("command", "tag"))][:4] == [
        "command.refused",
        "tag.lifted",
        "command.refused",
        "tag.hung",
    ]


async def test_why_answers_for_any_action_with_the_whole_tree(house: House) -> None:
    await house.rig.east.put("ly_analyser/cod", 400.0)
    await value(house, "ly_analyser/cod", 400.0)
    tree = (await house.operator.get("/actuators/ly_diversion/why", action="close")).json()["tree"]
    assert tree["effect"] == "blocks"
    assert {"blocks", "passes"} <= {part["effect"] for part in tree["parts"]}
    lock = next(part for part in tree["parts"] if part["interlock"] == "slow_quality")
    assert "化学需氧量须 ≤ 100 mg/L,现为 400 mg/L,差 300 mg/L" in lock["change"]["zh"]
    leaf = lock["parts"][0]["parts"][0]
    assert (leaf["kind"], leaf["truth"], leaf["values"][0]["value"]) == ("compare", "false", 400.0)
    assert leaf["values"][0]["age_s"] < 5
    await house.rig.east.put("ly_analyser/cod", 20.0)
    for action in ("open", "stop", "set", "verify"):
        answer = await house.operator.get("/actuators/river_sluice_1/why", action=action)
        assert answer.status_code == 200, answer.text
    tree = (await house.chief.get("/actuators/river_sluice_2/why", action="open")).json()["tree"]
    clean = next(part for part in tree["parts"] if part["interlock"] == "targets_clean")
    assert (clean["parts"][0]["kind"], clean["parts"][0]["needed_s"]) == ("held", 60.0)
    assert 0 <= clean["parts"][0]["so_far_s"] <= 60.0


async def test_an_override_takes_two_persons_and_lets_one_interlock_through(house: House) -> None:
    east = house.rig.east
    assert (await house.operator.command("bh_outlet", "close")).status_code == 202
    await until(lambda: "bh_outlet" not in east.opened, why="it is shut")
    await east.put("bh_analyser/cod", 400.0)
    await value(house, "bh_analyser/cod", 400.0)
    opening = {"actuator": "bh_outlet", "action": "open"}
    await until_codes(house, opening, ["blocked-by-interlocking"])

    until_ms = (await house.operator.live())["model_time_ms"] + 3_600_000
    wish = {"actuator": "bh_outlet", "interlock": "slow_quality", "reason": "标定", "until_ms": until_ms}
    assert (await house.operator.post("/overrides", wish)).status_code == 403
    assert codes(await house.chief.post("/overrides", {**wish, "actuator": "river_sluice_1"})) == [
        "blocked-by-mode"
    ]
    asked = (await house.chief.post("/overrides", wish)).json()
    live = await house.operator.live()
    assert live["actuators"]["bh_outlet"]["waiting"][0]["id"] == asked["id"]
    word, path = {"content_hash": asked["content_hash"]}, f"/overrides/{asked['id']}"
    assert codes(await house.chief.post(f"{path}/approve", word)) == ["approval-missing"]
    assert codes(await house.engineer.post(f"{path}/approve", {"content_hash": "0" * 64})) == [
        "approval-missing"
    ]
    given = await house.engineer.post(f"{path}/approve", word)
    assert given.status_code == 200, given.text
    assert (await house.engineer.post(f"{path}/approve", word)).status_code == 404
    await until(lambda: asked["id"] in east.orders.orders, why="the edge holds the override")
    assert east.orders.orders[asked["id"]].second == "sun"
    shown = (await house.operator.live())["actuators"]["bh_outlet"]["overrides"]
    assert [(item["interlock"], item["by"], item["second"]) for item in shown] == [
        ("slow_quality", "qian", "sun")
    ]

    selected = await house.operator.select(house.chief, "bh_outlet")
    assert selected.status_code == 201, selected.text
    assert (await house.operator.delete(f"/selects/{selected.json()['id']}")).status_code == 204
    assert (await house.operator.delete(path)).status_code == 204
    await until_codes(house, opening, ["blocked-by-interlocking"])  # once the select is taken back
    await until(lambda: asked["id"] in east.orders.tombstones, why="the edge knows that it is lifted")
    await east.put("bh_analyser/cod", 20.0)
    kinds = [item["kind"] for item in (await audit(house, "bh_outlet"))["records"]]
    assert [kind for kind in kinds if kind.startswith("override")] == [
        "override.lifted",
        "override.given",
        "override.asked",
    ]


async def test_a_tag_is_lifted_by_who_hung_it_or_by_chief_and_engineer(house: House) -> None:
    tag = (await house.engineer.post("/tags", {"actuator": "qs_sewage", "reason": "换阀杆"})).json()["id"]
    assert codes(await house.chief.delete("/tags", actuator="qs_sewage")) == ["tagged-out"]
    wish = (await house.chief.post(f"/tags/{tag}/lift", {"reason": "本人已离厂"})).json()["wish"]
    agreed = await house.engineer.post(f"/tags/{tag}/lift/approve", {"content_hash": wish["content_hash"]})
    assert agreed.status_code == 204, agreed.text
    assert (await house.operator.live())["actuators"]["qs_sewage"]["tagged"] is None


async def until_codes(house: House, opening: dict[str, str], wanted: list[str]) -> None:
    for _ in range(100):
        found = codes(await house.operator.post("/selects", opening))
        if found == wanted:
            return
        await asyncio.sleep(0.05)
    pytest.fail(f"never {wanted}: {found}")


async def test_what_the_edge_refuses_is_said_with_its_reason(house: House) -> None:
    east = house.rig.east
    east.local.add("bh_outlet")
    response = await house.operator.command("bh_outlet", "close")
    view = await house.operator.state(response.json()["id"], "refused")
    assert view["transitions"][-1]["reasons"][0]["code"] == "blocked-by-switching-hierarchy"
    east.local.discard("bh_outlet")


async def test_a_closure_whose_challenge_went_void_is_asked_for_again(house: House) -> None:
    east = house.rig.east
    before = len(east.obeyed)
    east.is_beating = False  # no newer challenge comes between
    east.void_challenges()
    response = await house.operator.command("bh_outlet", "close")
    first = await house.operator.state(response.json()["id"], "refused")
    east.is_beating = True
    while first["replaced_by"] is None:
        await asyncio.sleep(0.05)
        first = (await house.operator.get(f"/commands/{first['id']}")).json()
    second = await house.operator.state(first["replaced_by"], "confirmed", "refused")
    while second["state"] == "refused":
        second = await house.operator.state(second["replaced_by"], "confirmed", "refused")
    assert second["instead_of"] == first["id"]
    assert [item.actuator for item in east.obeyed[before:]] == ["bh_outlet"]


async def test_an_unanswered_command_is_sent_again_with_the_same_bytes(house: House) -> None:
    east = house.rig.east
    east.mute.add("hc_sewage")
    east.opened.add("hc_sewage")
    await east.data("hc_sewage/opened", "hc_sewage/closed")
    await value(house, "hc_sewage/opened", True)
    before = len(east.tokens)
    response = await house.operator.command("hc_sewage", "close")
    assert response.status_code == 202
    await until(lambda: len(east.tokens) - before >= 3, why="it is sent again")
    assert len(set(east.tokens[before:])) == 1
    stop = await house.operator.command("hc_sewage", "stop")
    assert stop.status_code == 202, stop.text
    east.mute.discard("hc_sewage")


async def test_a_river_sluice_is_closed_by_a_plan_and_two_persons_only(house: House) -> None:
    refused = await house.chief.command("river_sluice_1", "close")
    assert codes(refused) == ["approval-missing"]
    assert (await house.chief.command("river_sluice_1", "stop")).status_code == 202


async def test_a_forged_report_under_a_known_id_changes_nothing(house: House) -> None:
    east = house.rig.east
    response = await house.operator.command("hc_outlet", "close")
    command = response.json()["id"]
    await house.operator.state(command, "confirmed", "operating")
    body = {"id": command, "phase": "operate", "hash": "ab" * 32, "action": "close", "author": "mallory",
            "state": "refused", "reasons": [{"code": "signature-invalid", "zh": "", "en": "", "values": {}}]}  # fmt: skip
    await east.record("command", "hc_outlet", body)  # type: ignore[arg-type]
    await house.operator.state(command, "confirmed")
    await until(lambda: not east.journal, why="it is on the record all the same")
    alarms = (await house.operator.get("/alarms")).json()
    assert any(alarm["rule"] == "system_forged_hc_outlet" for alarm in alarms)


async def test_a_record_is_applied_once_however_often_it_comes(house: House) -> None:
    east = house.rig.east
    item = await east.record("moved_by_hand", "hc_bund", {"from": "closed", "to": "between"})
    await until(lambda: item.offset not in east.journal, why="it is acknowledged")
    before = (await audit(house, "hc_bund", kind="edge.moved_by_hand"))["records"]
    from wire.messages import record_body
    from wire.topics import Channel, ours

    token = east.signer.sign(record_body(item))
    for channel in (Channel.RECORDS, Channel.REPLY, Channel.RECORDS):
        await east.link.publish(ours(house.rig.park.id, east.id, channel), token, qos=1)
    await asyncio.sleep(0.5)
    after = (await audit(house, "hc_bund", kind="edge.moved_by_hand"))["records"]
    assert len(before) == len(after) == 1
    assert (await house.admin.get("/audit/verify")).json()["verified"]


async def test_a_lost_message_holds_every_point_uncertain_until_the_gateway_is_born_again(
    house: House,
) -> None:
    east = house.rig.east
    births = east.rebirths
    east.skip_seq()
    await east.data("hc_bund/closed")
    await until(lambda: east.rebirths > births, why="a rebirth is asked for")
    await house.rig.is_live(house.operator)


async def test_a_select_that_no_edge_answers_is_given_up(house: House) -> None:
    east = house.rig.east
    east.mute.add("hc_outlet")
    refused = await house.operator.select(house.chief, "hc_outlet")
    assert (refused.status_code, codes(refused)) == (409, ["link-lost"])
    await until(lambda: east.heard[-1].phase == "cancel", why="it is taken back")
    east.mute.discard("hc_outlet")


async def stale(house: House, point: str, *, is_so: bool = True) -> None:
    for _ in range(200):
        if (await house.operator.live())["points"][point]["stale"] is is_so:
            return
        await asyncio.sleep(0.05)
    pytest.fail(f"{point} is never stale={is_so}")


async def value(house: House, point: str, wanted: object) -> None:
    for _ in range(200):
        if (await house.operator.live())["points"][point]["v"] == wanted:
            return
        await asyncio.sleep(0.05)
    pytest.fail(f"{point} is never {wanted}")


async def audit(house: House, target: str, **more: object) -> dict[str, Any]:
    return (await house.operator.get("/audit", object=target, limit=500, **more)).json()  # type: ignore[no-any-return]
