"""Who is let in and shut out at once: second factors, disabled users, changed passwords, API tokens; nobody raises themselves."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from control.people.totp import STEP_MS, code_at, secret_of
from stoplog.plain_http import NO_CERTIFICATES
from tests.service.control.console import CLOCK, Console
from tests.service.control.rig import Rig, rig

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class House:
    rig: Rig
    admin: Console
    engineer: Console


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with rig(tmp_path_factory.mktemp("access")) as made:
        admin = await made.first()
        engineer = await made.person(admin, "sun", "engineer")
        await made.is_live(engineer)
        yield House(made, admin, engineer)


async def patch(console: Console, username: str, **change: object) -> httpx.Response:
    return await console.http.patch(
        f"/users/{username}", json=change, headers={"X-Stoplog-Csrf": console.csrf}
    )


async def token(console: Console, *roles: str, **more: object) -> tuple[str, str]:
    made = await console.post("/tokens", {"name": "数采平台", "roles": list(roles), **more})
    assert made.status_code == 201, made.text
    return made.json()["secret"], made.json()["token"]["id"]


def system(house: House, secret: str) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {secret}"}
    return httpx.AsyncClient(
        base_url=f"{house.rig.url}/api/v1",
        headers=headers,
        trust_env=False,
        verify=NO_CERTIFICATES,
        timeout=15.0,
    )


async def hear_for_ever(socket: ClientConnection) -> None:
    async with asyncio.timeout(20):
        while True:
            await socket.recv()


async def test_a_user_who_is_shut_out_is_out_in_this_moment(house: House) -> None:
    leaver = await house.rig.person(house.admin, "leaver", "operator")
    assert (await leaver.get("/live")).is_success
    assert (await patch(house.engineer, "leaver", is_disabled=True)).json()["is_disabled"]
    assert (await leaver.get("/live")).status_code == 401
    assert (await house.rig.console().sign_in("leaver", "correct horse")).status_code == 401
    assert (await patch(house.engineer, "leaver", is_disabled=False)).json()["code"] == "beyond-authority"
    assert not (await patch(house.admin, "leaver", is_disabled=False)).json()["is_disabled"]
    assert (await house.rig.console().sign_in("leaver", "correct horse")).is_success
    kinds = [item["kind"] for item in (await house.admin.get("/audit", object="leaver")).json()["records"]]
    assert {"person.disabled", "person.sessions_ended", "person.changed"} <= set(kinds)


@pytest.mark.parametrize(
    "change", [{"roles": ["administrator"]}, {"roles": ["engineer", "operator"]}, {"is_disabled": True}]
)
async def test_nobody_changes_their_own_roles(house: House, change: dict[str, object]) -> None:
    assert (await patch(house.engineer, "sun", **change)).status_code == 403


@pytest.mark.parametrize("change", [{"roles": ["viewer"]}, {"is_disabled": True}])
async def test_an_administrator_does_not_shut_out_the_last_one(
    house: House, change: dict[str, object]
) -> None:
    refused = await patch(house.admin, "root", **change)
    assert (refused.status_code, refused.json()["code"]) == (403, "own-account")


async def test_an_engineer_neither_makes_nor_edits_an_administrator(house: House) -> None:
    await house.rig.person(house.admin, "plain", "viewer")
    assert (await patch(house.engineer, "plain", roles=["administrator"])).status_code == 403
    assert (await patch(house.admin, "plain", roles=["administrator"])).is_success
    assert (await patch(house.engineer, "plain", is_disabled=True)).status_code == 403
    assert (await patch(house.engineer, "nobody", is_disabled=True)).status_code == 404


async def test_a_new_password_ends_the_other_sessions(house: House) -> None:
    one = await house.rig.person(house.admin, "typist", "viewer")
    two = house.rig.console()
    assert (await two.sign_in("typist", "correct horse")).is_success
    wrong = await one.post("/session/password", {"old": "wrong horse", "new": "another horse"})
    assert wrong.status_code == 403
    assert (
        await one.post("/session/password", {"old": "correct horse", "new": "another horse"})
    ).status_code == 204
    assert (await one.get("/session")).is_success
    assert (await two.get("/session")).status_code == 401
    assert (await house.rig.console().sign_in("typist", "correct horse")).status_code == 401
    assert (await house.rig.console().sign_in("typist", "another horse")).is_success


async def test_a_second_factor_is_asked_for_and_each_code_is_good_once(house: House) -> None:
    person = await house.rig.person(house.admin, "careful", "operator")
    offered = (await person.post("/session/second-factor", {})).json()
    secret = secret_of(offered["secret"])

    def code(ahead: int = 0) -> str:
        return code_at(secret, CLOCK.now_ms() // STEP_MS + ahead)

    async def put(said: str) -> int:
        body = {"secret": offered["secret"], "code": said}
        headers = {"X-Stoplog-Csrf": person.csrf}
        return (await person.http.put("/session/second-factor", json=body, headers=headers)).status_code

    assert await put("000000" if code() != "000000" else "111111") == 403
    used = code()
    assert await put(used) == 204
    again = house.rig.console()
    refused = await again.sign_in("careful", "correct horse")
    assert (refused.status_code, refused.json()["code"]) == (401, "second-factor")
    body = {"username": "careful", "password": "correct horse"}
    assert (await again.http.post("/session", json={**body, "code": used})).status_code == 401
    assert (await again.http.post("/session", json={**body, "code": code(1)})).is_success
    assert (await again.http.post("/session", json={**body, "code": code(1)})).status_code == 401
    assert (await house.engineer.delete("/users/careful/second-factor")).status_code == 403
    assert (await house.admin.delete("/users/careful/second-factor")).status_code == 204
    assert (await again.get("/session")).status_code == 401
    assert (await house.rig.console().sign_in("careful", "correct horse")).is_success


async def test_a_system_reads_by_token_and_loses_it_at_once(house: House) -> None:
    secret, key = await token(house.engineer, "viewer")
    async with system(house, secret) as client:
        assert (await client.get("/live")).is_success
        assert (await client.get("/audit")).status_code == 403
        assert (await client.get("/session")).status_code == 403
        assert (await client.post("/commands", json={})).status_code in {403, 422}
        url = house.rig.url.replace("http", "ws") + "/api/v1/live"
        async with connect(
            url, additional_headers={"Authorization": f"Bearer {secret}"}, proxy=None
        ) as socket:
            assert json.loads(await socket.recv())["type"] == "snapshot"
            assert (await house.engineer.delete(f"/tokens/{key}")).status_code == 204
            assert (await client.get("/live")).status_code == 401
            with pytest.raises(ConnectionClosed):
                await hear_for_ever(socket)
    listed = {item["id"]: item for item in (await house.engineer.get("/tokens")).json()}
    assert listed[key]["revoked_ms"] is not None
    assert secret not in json.dumps(listed)


async def test_the_system_of_an_enterprise_closes_its_own_outlet_and_no_other(house: House) -> None:
    body = {"name": "x", "roles": ["enterprise"], "enterprise": "hc"}
    assert (await house.engineer.post("/tokens", body)).status_code == 403, "an engineer closes nothing"
    secret, key = await token(house.admin, "enterprise", enterprise="hc")
    async with system(house, secret) as client:
        body = {"actuator": "hc_outlet", "action": "close", "reason": "DCS"}
        made = await client.post("/commands", json=body)
        assert made.status_code == 202, made.text
        assert made.json()["author"] == f"token:{key}"
        assert (await client.post("/commands", json={**body, "actuator": "ly_outlet"})).status_code == 404
        assert (await client.post("/selects", json=body)).status_code == 403


@pytest.mark.parametrize("role", ["operator", "shift_chief", "engineer", "administrator"])
async def test_no_token_is_an_operator(house: House, role: str) -> None:
    refused = await house.admin.post("/tokens", {"name": "x", "roles": [role]})
    assert (refused.status_code, refused.json()["code"]) == (422, "scope")


async def test_a_token_ends_and_survives_a_restart_until_then(house: House) -> None:
    refused = await house.admin.post("/tokens", {"name": "x", "roles": ["viewer"], "days": 0})
    assert refused.status_code == 422
    secret, _ = await token(house.engineer, "viewer", days=1)
    house.rig.kill("control", signal.SIGTERM)
    house.rig.start_control()
    await house.rig.is_up()
    async with system(house, secret) as client:
        assert (await client.get("/live")).is_success
        wrong = {"Authorization": f"Bearer {secret[:-1]}x"}
        assert (await client.get("/live", headers=wrong)).status_code == 401
