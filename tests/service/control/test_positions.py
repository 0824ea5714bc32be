"""A locked operator position shows, stops, and closes by a PIN; a move away from safe asks for a fresh proof; passwords are one's own."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio

from control.people.limits import PINS_MAX, PROOFS_MAX
from control.people.totp import STEP_MS, code_at, secret_of
from stoplog.plain_http import NO_CERTIFICATES
from tests.service.control.console import CLOCK, Console
from tests.service.control.rig import Rig, rig

pytestmark = pytest.mark.asyncio(loop_scope="module")

GATE, OTHER = "hc_outlet", "ly_outlet"
PIN = "482915"
PASSWORD = "correct horse"


@dataclass
class House:
    rig: Rig
    admin: Console
    zhao: Console


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    def prepare(made: Rig) -> None:
        made.east.opened |= {GATE, OTHER}

    async with rig(tmp_path_factory.mktemp("positions"), prepare=prepare) as made:
        admin = await made.first()
        zhao = await made.person(admin, "zhao", "operator", "shift_chief")
        assert (await put(zhao, "/session/pin", {"pin": PIN})).status_code == 204
        await made.is_live(zhao)
        yield House(made, admin, zhao)


async def put(console: Console, path: str, body: object) -> httpx.Response:
    return await console.http.put(path, json=body, headers={"X-Stoplog-Csrf": console.csrf})


async def close(console: Console, gate: str = GATE, **headers: str) -> httpx.Response:
    body = {"actuator": gate, "action": "close", "reason": "演练"}
    return await console.post("/commands", body, **headers)


async def lock(console: Console) -> None:
    assert (await console.post("/session/lock", {})).status_code == 204
    assert (await console.get("/session")).json()["is_locked"]


async def unlock(console: Console) -> httpx.Response:
    return await console.post("/session/unlock", {"password": PASSWORD})


async def kinds(house: House, person: str) -> list[str]:
    records = (await house.admin.get("/audit", object=person, limit=200)).json()["records"]
    return [item["kind"] for item in records]


def code_of(response: httpx.Response) -> str:
    return str(response.json()["code"])


async def test_a_locked_position_shows_and_stops_but_does_nothing_else(house: House) -> None:
    zhao = house.zhao
    await lock(zhao)
    for path in ("/live", "/alarms", "/park", "/plans/close_hc/preview", f"/actuators/{GATE}/hand-card"):
        assert (await zhao.get(path)).is_success, path
    for path in ("/audit", "/system"):
        assert code_of(await zhao.get(path)) == "position-locked"
    shown = (await zhao.get("/plans/close_hc/preview")).json()
    assert [step["refusals"] for step in shown["steps"]] == [[]] * len(shown["steps"]), (
        "as it will be with the PIN"
    )
    stopped = await zhao.command(GATE, "stop")
    assert stopped.status_code == 202
    assert stopped.json()["author"] == "position:zhao", "nobody knows whose hand it was"
    refused = await close(zhao)
    assert (refused.status_code, code_of(refused)) == (409, "position-locked")
    for path, body in (
        ("/selects", {"actuator": GATE, "action": "close"}),
        ("/plans/close_hc/runs", {"content_hash": "0" * 64}),
        ("/tags", {"actuator": GATE, "reason": "x"}),
        ("/session/activity", {}),
        ("/session/proof", {"password": PASSWORD}),
    ):
        assert code_of(await zhao.post(path, body)) == "position-locked", path
    opened = (await unlock(zhao)).json()
    assert (opened["is_locked"], opened["fresh_s"] > 290) == (False, True)
    assert {"person.locked", "person.proved", "person.pin"} <= set(await kinds(house, "zhao"))


async def test_a_locked_position_closes_by_its_pin(house: House) -> None:
    zhao = house.zhao
    await lock(zhao)
    made = await close(zhao, **{"X-Stoplog-Pin": PIN})
    assert made.status_code == 202, made.text
    assert made.json()["author"] == "zhao"
    await zhao.state(made.json()["id"], "confirmed")
    plan = (await zhao.get("/plans/close_ly/preview")).json()
    body = {"content_hash": plan["content_hash"], "accept_warnings": True}
    assert (await zhao.post("/plans/close_ly/runs", body)).status_code == 403
    assert (await zhao.post("/plans/close_ly/runs", body, **{"X-Stoplog-Pin": PIN})).status_code == 201
    refused = await zhao.post("/selects", {"actuator": GATE, "action": "open"}, **{"X-Stoplog-Pin": PIN})
    assert code_of(refused) == "position-locked", "a PIN opens nothing"
    assert (await unlock(zhao)).is_success
    assert "person.pin_used" in await kinds(house, "zhao")


async def test_wrong_pins_void_the_pin_until_a_full_sign_in_and_never_block_a_stop(house: House) -> None:
    zhao = house.zhao
    await lock(zhao)
    for count in range(PINS_MAX):
        refused = await close(zhao, **{"X-Stoplog-Pin": "000001"})
        [reason] = [item for item in refused.json()["reasons"] if item["code"] == "position-locked"]
        assert reason["values"]["pin"] == ("void" if count == PINS_MAX - 1 else "wrong")
    assert code_of(await close(zhao, **{"X-Stoplog-Pin": PIN})) == "position-locked", (
        "void, also the right one"
    )
    assert (
        await zhao.post("/commands", {"actuator": GATE, "action": "stop"}, **{"X-Stoplog-Pin": "1"})
    ).status_code == 202
    assert (await unlock(zhao)).is_success
    await lock(zhao)
    assert (await close(zhao, **{"X-Stoplog-Pin": PIN})).status_code == 202
    assert (await unlock(zhao)).is_success


async def test_many_guesses_at_once_count_as_many(house: House) -> None:
    import asyncio

    li = await house.rig.person(house.admin, "li", "operator")
    await put(li, "/session/pin", {"pin": PIN})
    await lock(li)
    guesses = [f"{number:06}" for number in range(700_000, 700_012)]
    answers = await asyncio.gather(*(close(li, **{"X-Stoplog-Pin": guess}) for guess in guesses))
    found = [item["values"].get("pin") for answer in answers for item in answer.json()["reasons"]]
    assert found.count("wrong") == PINS_MAX - 1
    assert code_of(await close(li, **{"X-Stoplog-Pin": PIN})) == "position-locked"


async def test_wrong_proofs_are_counted_in_their_own_session(house: House) -> None:
    wang = await house.rig.person(house.admin, "wang", "operator")
    await lock(wang)
    [reason] = [item for item in (await close(wang)).json()["reasons"] if item["code"] == "position-locked"]
    assert reason["values"] == {"pin": "none"}
    for _ in range(PROOFS_MAX):
        assert (await wang.post("/session/unlock", {"password": "wrong horse"})).status_code == 403
    assert (await unlock(wang)).status_code == 429
    assert (await wang.command(GATE, "stop")).status_code == 202
    elsewhere = house.rig.console()
    assert (await elsewhere.sign_in("wang", PASSWORD)).is_success, "another position is not held up"


async def test_a_second_factor_is_part_of_unlocking_and_proves_alone(house: House) -> None:
    chen = await house.rig.person(house.admin, "chen", "operator")
    secret = (await chen.post("/session/second-factor", {})).json()["secret"]

    def code(ahead: int) -> str:
        return code_at(secret_of(secret), CLOCK.now_ms() // STEP_MS + ahead)

    assert (
        await put(chen, "/session/second-factor", {"secret": secret, "code": code(-1)})
    ).status_code == 204
    await lock(chen)
    assert code_of(await unlock(chen)) == "second-factor"
    said: dict[str, Any] = {"password": PASSWORD, "code": code(0)}
    assert (await chen.post("/session/unlock", said)).is_success
    assert code_of(await chen.post("/session/proof", {"code": said["code"]})) == "second-factor", "good once"
    assert (await chen.post("/session/proof", {"code": code(1)})).json()["proves_by"] == ["password", "code"]


async def test_a_password_that_another_knows_closes_but_does_not_open_nor_approve(house: House) -> None:
    body = {"username": "sun", "display_name": "孙", "password": "horse for now", "roles": ["operator"]}
    assert (await house.admin.post("/users", body)).status_code == 201
    sun = house.rig.console()
    assert (await sun.sign_in("sun", "horse for now")).json()["due"] == "given-password"
    assert (await close(sun)).status_code == 202
    refused = await sun.post("/selects", {"actuator": GATE, "action": "open"})
    assert (refused.status_code, code_of(refused)) == (403, "credentials-due")
    assert (
        code_of(await sun.post("/runs/0/approve", {"dispatch_order": "1", "clearance": True}))
        == "credentials-due"
    )
    own = {"old": "horse for now", "new": "another horse"}
    assert (await sun.post("/session/password", own)).status_code == 204
    session = (await sun.get("/session")).json()
    assert (session["due"], session["fresh_s"] > 290) == (None, True)


async def test_a_forgotten_password_is_given_anew_by_who_may_and_ends_every_session(house: House) -> None:
    zhou = await house.rig.person(house.admin, "zhou", "operator")
    engineer = await house.rig.person(house.admin, "qian", "engineer")
    headers = {"X-Stoplog-Csrf": engineer.csrf}
    said = {"password": "horse from the admin"}
    refused = await engineer.http.patch("/users/zhou", json=said, headers=headers)
    assert code_of(refused) == "beyond-authority"
    headers = {"X-Stoplog-Csrf": house.admin.csrf}
    given = await house.admin.http.patch("/users/zhou", json=said, headers=headers)
    assert given.json()["is_password_given"]
    assert (await zhou.get("/live")).status_code == 401
    assert (await house.rig.console().sign_in("zhou", PASSWORD)).status_code == 401
    assert (await house.rig.console().sign_in("zhou", "horse from the admin")).is_success
    assert code_of(await house.admin.http.patch("/users/root", json=said, headers=headers)) == "own-account"


@pytest.mark.parametrize(
    "password", ["1234567890", "password123", "Stoplog-2026", "aaaaaaaaaaa", "weak.one-here"]
)
async def test_what_everybody_guesses_is_no_password(house: House, password: str) -> None:
    body = {"username": "weak.one", "display_name": "x", "password": password, "roles": ["viewer"]}
    refused = await house.admin.post("/users", body)
    assert (refused.status_code, code_of(refused)) == (422, "weak-password")


@pytest.mark.parametrize("pin", ["123456", "000000", "121212", "12345", "abcdef"])
async def test_a_simple_pin_is_not_taken(house: House, pin: str) -> None:
    assert (await put(house.zhao, "/session/pin", {"pin": pin})).status_code == 422


async def test_signing_in_ends_what_this_browser_had_before(house: House) -> None:
    console = await house.rig.person(house.admin, "zheng", "viewer")
    before = console.http.cookies["stoplog_session"]
    assert (await console.sign_in("zheng", PASSWORD)).is_success
    async with httpx.AsyncClient(
        base_url=f"{house.rig.url}/api/v1", trust_env=False, verify=NO_CERTIFICATES
    ) as thief:
        answer = await thief.get("/session", headers={"Cookie": f"stoplog_session={before}"})
    assert answer.status_code == 401


async def test_no_secret_stands_in_the_audit(house: House) -> None:
    text = json.dumps((await house.admin.get("/audit", limit=1000)).json(), ensure_ascii=False)
    for secret in (PIN, PASSWORD, "horse for now", "argon2", "horse from the admin"):
        assert secret not in text
