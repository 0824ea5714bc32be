"""Operation tickets (操作票) through a running control: what opens, and what the second person agrees to or not (I9)."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from tests.service.control.console import Console, until
from tests.service.control.rig import Rig, rig

pytestmark = pytest.mark.asyncio(loop_scope="module")

GATE = "hc_bund"
OPENING = {"actuator": GATE, "action": "open", "reason": "试开"}
LACKING = ["approval-missing"]


@dataclass
class House:
    rig: Rig
    admin: Console
    operator: Console
    chief: Console
    viewer: Console
    elsewhere: Console
    """An operator confined to another enterprise."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    def prepare(made: Rig) -> None:
        made.east.opened |= {"hc_outlet"}  # the water of the bund has where to go

    async with rig(tmp_path_factory.mktemp("tickets"), prepare=prepare) as made:
        admin = await made.first()
        operator = await made.person(admin, "zhao", "operator")
        chief = await made.person(admin, "qian", "shift_chief")
        viewer = await made.person(admin, "wu", "viewer")
        elsewhere = await made.person(admin, "ly.op", "operator", enterprise="ly")
        await made.is_live(operator)
        yield House(made, admin, operator, chief, viewer, elsewhere)


def codes(response: Any) -> list[str]:
    return [reason["code"] for reason in response.json()["reasons"]]


async def asked(who: Console, **more: object) -> dict[str, Any]:
    made = await who.post("/tickets", {**OPENING, **more})
    assert made.status_code == 201, made.text
    return made.json()  # type: ignore[no-any-return]


async def agree(who: Console, ticket: dict[str, Any], **more: str) -> Any:
    word = {"content_hash": ticket["content_hash"], **more}
    return await who.post(f"/tickets/{ticket['id']}/approve", word)


async def kinds(house: House) -> list[str]:
    found = (await house.chief.get("/audit", object=GATE, limit=500)).json()["records"]
    return [item["kind"] for item in reversed(found) if item["kind"].startswith(("ticket", "command."))]


async def test_an_opening_goes_out_once_with_the_word_of_another_person(house: House) -> None:
    east, before = house.rig.east, await kinds(house)
    assert codes(await house.operator.post("/selects", OPENING)) == LACKING
    ticket = await asked(house.operator)
    assert (ticket["state"], ticket["by"], ticket["second"], ticket["words"]["zh"][:1]) == (
        "waiting", "zhao", None, "开",
    )  # fmt: skip
    assert codes(await house.operator.post("/selects", {**OPENING, "ticket": ticket["id"]})) == LACKING
    live = (await house.chief.live())["actuators"][GATE]["tickets"]
    assert (
        [item["id"] for item in live]
        == [ticket["id"]]
        == [item["id"] for item in (await house.viewer.get("/tickets")).json()]
    )

    given = (await agree(house.chief, ticket)).json()
    assert (given["state"], given["second"]) == ("approved", "qian")
    assert codes(await agree(house.chief, ticket)) == LACKING, "once"
    for other in (
        {"action": "close"},
        {"actuator": "ly_bund"},
        {"action": "set", "parameters": {"opening_percent": 5}},
    ):
        assert (
            codes(await house.operator.post("/selects", {**OPENING, **other, "ticket": ticket["id"]}))
            == LACKING
        )
    assert codes(await house.chief.post("/selects", {**OPENING, "ticket": ticket["id"]})) == LACKING

    selected = await house.operator.post("/selects", {**OPENING, "ticket": ticket["id"]})
    assert selected.status_code == 201, selected.text
    operated = await house.operator.command(GATE, "open", select=selected.json()["id"])
    assert operated.status_code == 202, operated.text
    await house.operator.state(operated.json()["id"], "confirmed")
    for message in east.heard[-2:]:
        consent = message.consent
        assert consent is not None
        assert (consent.by, consent.content_hash, consent.basis) == ("qian", ticket["content_hash"], "")
        assert message.reason == ticket["reason"], "as it was agreed to, whatever is said afterwards"
    assert (await house.operator.get(f"/tickets/{ticket['id']}")).json()["state"] == "used"
    assert (await house.operator.live())["actuators"][GATE]["tickets"] == []
    await until(lambda: not east.journal, why="every record is acknowledged")
    closed = await house.operator.command(GATE, "close")
    await house.operator.state(closed.json()["id"], "confirmed")
    again = await house.operator.post("/selects", {**OPENING, "ticket": ticket["id"]})
    assert codes(again) == LACKING, "it is used up"
    told = (await kinds(house))[len(before) :]
    assert [kind for kind in told if kind != "command.refused"] == [
        "ticket.asked", "ticket.approved", "command.select", "command.operate", "command.request",
    ]  # fmt: skip


async def test_who_cannot_be_the_second_person(house: House) -> None:
    ticket = await asked(house.operator)
    path = f"/tickets/{ticket['id']}"
    assert codes(await agree(house.operator, ticket)) == LACKING, "not one's own"
    beside = house.rig.console()
    assert (await beside.sign_in("zhao", "correct horse")).is_success
    assert codes(await agree(beside, ticket)) == LACKING, "nor in another session of one's own"
    assert codes(await agree(house.chief, ticket, content_hash="0" * 64)) == LACKING, "another content"
    assert (await agree(house.viewer, ticket)).status_code == 403
    assert (await agree(house.elsewhere, ticket)).status_code == 404
    assert (await house.elsewhere.get(path)).status_code == 404
    assert (await house.elsewhere.delete(path)).status_code == 404
    assert (await house.elsewhere.get("/tickets")).json() == []
    assert (await house.elsewhere.post("/tickets", OPENING)).status_code == 404
    assert (await house.viewer.delete(path)).status_code == 403
    assert (await house.operator.get(path)).json()["state"] == "waiting"
    assert codes(await house.operator.post("/tickets", OPENING)) == ["blocked-by-mode"], "one at a time"
    assert (await house.operator.delete(path)).status_code == 204
    assert (await house.operator.get(path)).json()["state"] == "withdrawn"
    assert codes(await agree(house.chief, ticket)) == LACKING


async def test_the_second_person_refuses_before_and_after_agreeing(house: House) -> None:
    for is_agreed in (False, True):
        ticket = await asked(house.operator)
        if is_agreed:
            assert (await agree(house.chief, ticket)).is_success
        assert (await house.chief.delete(f"/tickets/{ticket['id']}")).status_code == 204
        found = (await house.operator.get(f"/tickets/{ticket['id']}")).json()
        assert (found["state"], found["ended_by"]) == ("refused", "qian")
        assert (await house.operator.delete(f"/tickets/{ticket['id']}")).status_code == 409
        assert codes(await house.operator.post("/selects", {**OPENING, "ticket": ticket["id"]})) == LACKING
    assert "ticket.refused" in await kinds(house)


async def test_a_select_is_not_operated_once_the_ticket_is_taken_back(house: House) -> None:
    ticket = await house.operator.ticket(house.chief, GATE)
    selected = await house.operator.post("/selects", {**OPENING, "ticket": ticket})
    assert selected.status_code == 201, selected.text
    assert (await house.chief.delete(f"/tickets/{ticket}")).status_code == 204
    assert codes(await house.operator.command(GATE, "open", select=selected.json()["id"])) == LACKING
    assert (await house.operator.delete(f"/selects/{selected.json()['id']}")).status_code == 204


async def test_what_speaks_against_a_move_is_said_when_it_is_asked_for(house: House) -> None:
    closed = await house.operator.command("hc_outlet", "close")
    await house.operator.state(closed.json()["id"], "confirmed")
    refused = await house.operator.post("/tickets", OPENING)
    assert codes(refused) == ["blocked-by-interlocking"]
    selected = await house.operator.select(house.chief, "hc_outlet")
    opened = await house.operator.command("hc_outlet", "open", select=selected.json()["id"])
    await house.operator.state(opened.json()["id"], "confirmed")
    assert codes(await house.operator.post("/tickets", {**OPENING, "action": "close"})) == [
        "malformed-command"
    ]
    river = {**OPENING, "actuator": "river_sluice_1"}
    assert "approval-missing" in codes(await house.operator.post("/tickets", river)), (
        "by a plan or a reopening"
    )
    why = (await house.operator.get(f"/actuators/{GATE}/why", action="open")).json()
    assert (why["allowed"], why["needs_second"]) == (True, True)
    assert [part["effect"] for part in why["tree"]["parts"] if part["code"] == "approval-missing"] == [
        "passes"
    ]
    assert not (await house.operator.get(f"/actuators/{GATE}/why", action="close")).json()["needs_second"]


async def test_the_word_of_a_person_who_was_shut_out_counts_no_more(house: House) -> None:
    second = await house.rig.person(house.admin, "sun", "operator")
    ticket = await house.operator.ticket(second, GATE)
    selected = await house.operator.post("/selects", {**OPENING, "ticket": ticket})
    assert selected.status_code == 201, selected.text
    gone = await house.admin.http.patch(
        "/users/sun", json={"is_disabled": True}, headers={"X-Stoplog-Csrf": house.admin.csrf}
    )
    assert gone.is_success, gone.text
    refused = await house.operator.command(GATE, "open", select=selected.json()["id"])
    assert codes(refused) == LACKING
    assert "停用" in refused.json()["reasons"][0]["zh"]
    assert (await house.operator.delete(f"/selects/{selected.json()['id']}")).status_code == 204
    assert (await house.operator.delete(f"/tickets/{ticket}")).status_code == 204
    await house.operator.state(selected.json()["id"], "withdrawn")


async def test_tickets_outlive_a_restart_of_control(house: House) -> None:
    ticket = await house.operator.ticket(house.chief, GATE)
    waiting = await asked(house.chief)
    house.rig.kill("control")
    house.rig.start_control()
    await house.rig.is_up()
    await house.rig.is_live(house.operator)
    assert (await house.chief.get(f"/tickets/{waiting['id']}")).json()["state"] == "waiting"
    assert (await house.chief.delete(f"/tickets/{waiting['id']}")).status_code == 204
    selected = await house.operator.post("/selects", {**OPENING, "ticket": ticket})
    assert selected.status_code == 201, selected.text
    assert (await house.operator.delete(f"/selects/{selected.json()['id']}")).status_code == 204
    await house.operator.state(selected.json()["id"], "withdrawn")
    again = await house.operator.post("/selects", {**OPENING, "ticket": ticket})
    assert again.status_code == 201, "the ticket holds: nothing went out under it"
    assert (await house.operator.delete(f"/tickets/{ticket}")).status_code == 204
    assert codes(await house.operator.command(GATE, "open", select=again.json()["id"])) == LACKING
