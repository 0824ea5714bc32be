"""Who gets in, and how far: set-up once, sessions, every route without a session, every id of another enterprise; the live socket."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from control.api.models import Body
from control.api.outcomes import (
    AuditPage,
    AuditReportShape,
    CheckpointShape,
    CommandShape,
    HandCardShape,
    PreviewShape,
    RunShape,
    WhyShape,
)
from control.api.rules import RULES
from control.api.shapes import (
    AlarmShape,
    LiveShape,
    OrderShape,
    ParkShape,
    PlanShape,
    ProblemShape,
    SessionShape,
)
from stoplog.plain_http import NO_CERTIFICATES
from tests.service.control.console import Console, until
from tests.service.control.rig import Rig, rig

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class House:
    rig: Rig
    admin: Console
    operator: Console
    plant: Console


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    def prepare(made: Rig) -> None:
        made.east.opened |= {"hc_outlet", "ly_outlet"}

    async with rig(tmp_path_factory.mktemp("house"), prepare=prepare) as made:
        token = (made.state / "setup-token").read_text().strip()
        assert (made.state / "setup-token").stat().st_mode & 0o077 == 0
        stranger = made.console()
        assert (await stranger.get("/setup")).json() == {"needed": True, "provider": None}
        body = {"token": "x" * 43, "username": "root", "display_name": "r", "password": "correct horse"}
        assert (await stranger.http.post("/setup", json=body)).status_code == 403
        admin = await made.first()
        again = await stranger.http.post("/setup", json={**body, "token": token})
        assert again.status_code == 403, "the token works once"
        operator = await made.person(admin, "zhao", "operator", "shift_chief")
        plant = await made.person(admin, "hcplant", "enterprise", enterprise="hc")
        await made.is_live(operator)
        yield House(made, admin, operator, plant)


def filled(path: str, **ids: str) -> str:
    for key, value in ids.items():
        path = path.replace("{" + key + "}", value)
    return path


IDS = {
    "actuator": "hc_outlet",
    "select": "0" * 32,
    "command": "0" * 32,
    "plan": "close_hc",
    "run": "0" * 16,
    "alarm": "x",
}


@pytest.mark.parametrize(
    ("method", "path"), [key for key, rule in RULES.items() if rule.roles is not None and key[0] != "WS"]
)
async def test_no_route_answers_without_a_session(house: House, method: str, path: str) -> None:
    async with httpx.AsyncClient(
        base_url=f"{house.rig.url}/api/v1", trust_env=False, verify=NO_CERTIFICATES
    ) as stranger:
        response = await stranger.request(method, filled(path, **IDS), json={})
        assert response.status_code == 401, response.text
        ProblemShape.model_validate(response.json())
        forged = {"Cookie": f"stoplog_session={'0' * 43}"}
        response = await stranger.request(method, filled(path, **IDS), json={}, headers=forged)
        assert response.status_code == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [key for key, rule in RULES.items() if rule.roles is not None and key[0] in {"POST", "DELETE"}],
)
async def test_no_write_passes_without_the_sessions_token_or_from_another_origin(
    house: House, method: str, path: str
) -> None:
    http = house.operator.http
    url = filled(path, **IDS)
    response = await http.request(method, url, json={})
    assert response.status_code == 403
    headers = {"X-Stoplog-Csrf": house.operator.csrf, "Origin": "http://evil.example"}
    response = await http.request(method, url, json={}, headers=headers)
    assert (response.status_code, response.json()["code"]) == (403, "origin")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/actuators/ly_outlet/why?action=close", None),
        ("GET", "/actuators/ly_outlet/hand-card", None),
        ("POST", "/actuators/ly_outlet/hand-reports", {"by": "x", "position": "closed", "note": ""}),
        ("POST", "/commands", {"actuator": "ly_outlet", "action": "close", "reason": "x"}),
        ("POST", "/commands", {"actuator": "net_sluice_1", "action": "close", "reason": "x"}),
        ("GET", "/commands?actuator=ly_outlet", None),
        ("GET", "/plans/close_ly/preview", None),
        ("GET", "/plans/close_park/preview", None),
        ("POST", "/plans/close_ly/runs", {"content_hash": "0" * 64}),
        ("GET", "/history?point=ly_analyser/cod&from_ms=0&to_ms=1", None),
        ("POST", "/alarms/ly_cod_high/acknowledge", {"occurrence": 1, "severity": 1}),
    ],
)
async def test_another_enterprise_does_not_exist_for_a_plant(
    house: House, method: str, path: str, body: object
) -> None:
    response = await house.plant.http.request(
        method, path, json=body, headers={"X-Stoplog-Csrf": house.plant.csrf}
    )
    assert response.status_code == 404, response.text


async def test_a_command_and_a_run_of_another_enterprise_do_not_exist_either(house: House) -> None:
    made = (await house.operator.command("ly_outlet", "close")).json()
    await house.operator.state(made["id"], "confirmed")
    assert (await house.plant.get(f"/commands/{made['id']}")).status_code == 404
    assert all(item["actuator"].startswith("hc_") for item in (await house.plant.get("/commands")).json())
    preview = (await house.operator.get("/plans/close_ly/preview")).json()
    body = {"content_hash": preview["content_hash"], "accept_warnings": True}
    run = (await house.operator.post("/plans/close_ly/runs", body)).json()
    for path in ("", "/approve", "/abort"):
        method = "GET" if not path else "POST"
        said = {"dispatch_order": "1", "clearance": True} if path == "/approve" else {}
        response = await house.plant.http.request(
            method, f"/runs/{run['id']}{path}", json=said, headers={"X-Stoplog-Csrf": house.plant.csrf}
        )
        assert response.status_code in {403, 404}
    assert (await house.plant.get("/runs")).json() == []


async def test_a_plant_sees_its_own_and_closes_it(house: House) -> None:
    park = (await house.plant.get("/park")).json()
    assert {item["enterprise"] for item in park["facilities"]} == {"hc"}
    live = await house.plant.live()
    assert {key.split("_")[0] for key in live["points"]} == {"hc"}
    for path in ("/audit", "/system", "/users"):
        assert (await house.plant.get(path)).status_code == 403
    made = await house.plant.command("hc_outlet", "close")
    assert made.status_code == 202, made.text
    assert (
        await house.plant.post("/selects", {"actuator": "hc_outlet", "action": "open"})
    ).status_code == 403


@pytest.mark.parametrize("field", ["roles", "enterprise", "author", "approved_by", "skip_checks", "username"])
async def test_nobody_gets_more_by_sending_another_field(house: House, field: str) -> None:
    body = {"actuator": "hc_outlet", "action": "close", "reason": "", field: "administrator"}
    assert (await house.operator.post("/commands", body)).status_code == 422
    assert Body.model_config["extra"] == "forbid"


async def test_who_is_confined_makes_and_sees_no_users(house: House) -> None:
    engineer = await house.rig.person(house.admin, "hc.engineer", "engineer", enterprise="hc")
    body = {"username": "free", "display_name": "x", "password": "correct horse", "roles": ["operator"]}
    assert (await engineer.post("/users", body)).status_code == 403
    assert (await engineer.get("/users")).status_code == 403


async def test_an_engineer_makes_no_administrator(house: House) -> None:
    engineer = await house.rig.person(house.admin, "sun", "engineer")
    body = {"username": "boss", "display_name": "b", "password": "correct horse", "roles": ["administrator"]}
    assert (await engineer.post("/users", body)).status_code == 403
    assert (await engineer.post("/users", {**body, "roles": ["viewer"]})).status_code == 201
    assert (await engineer.post("/users", {**body, "roles": ["viewer"]})).status_code == 409


async def test_ten_wrong_passwords_lock_the_name_also_for_the_right_one(house: House) -> None:
    await house.rig.person(house.admin, "victim", "viewer")
    console = house.rig.console()
    answers = [(await console.sign_in("victim", f"wrong horse {count}")).status_code for count in range(10)]
    assert answers == [401] * 10
    assert (await console.sign_in("victim", "correct horse")).status_code == 429


async def test_who_signs_out_is_out(house: House) -> None:
    console = await house.rig.person(house.admin, "leaver", "viewer")
    cookie = console.http.cookies["stoplog_session"]
    assert (await console.get("/session")).is_success
    assert (await console.delete("/session")).status_code == 204
    async with httpx.AsyncClient(
        base_url=f"{house.rig.url}/api/v1", trust_env=False, verify=NO_CERTIFICATES
    ) as thief:
        assert (
            await thief.get("/session", headers={"Cookie": f"stoplog_session={cookie}"})
        ).status_code == 401


async def test_the_socket_wants_a_session_and_its_own_origin(house: House) -> None:
    url = house.rig.url.replace("http", "ws") + "/api/v1/live"
    cookie = f"stoplog_session={house.operator.http.cookies['stoplog_session']}"
    for headers in (
        {},
        {"Cookie": cookie},
        {"Cookie": cookie, "Origin": "http://evil.example"},
        {"Origin": house.rig.url},
    ):
        with pytest.raises(InvalidStatus):
            async with connect(url, additional_headers=headers, proxy=None):
                pass


async def test_the_socket_sends_a_snapshot_then_numbered_deltas(house: House) -> None:
    east = house.rig.east
    async with live(house, house.operator) as socket:
        first = json.loads(await socket.recv())
        assert (first["type"], first["n"]) == ("snapshot", 1)
        LiveShape.model_validate(first)
        await east.put("hc_analyser/ph", 7.9)
        numbers, kinds, found = [1], set(), None
        async with asyncio.timeout(20):
            while found is None or "tick" not in kinds:
                message = json.loads(await socket.recv())
                kinds.add(message["type"])
                if message["type"] == "delta":
                    LiveShape.model_validate(message)
                    numbers.append(message["n"])
                    found = found or message.get("points", {}).get("hc_analyser/ph")
        assert numbers == list(range(1, len(numbers) + 1))
        assert found["v"] == 7.9


async def test_what_changed_while_nobody_watched_is_in_the_snapshot(house: House) -> None:
    async def shown() -> float:
        return (await house.operator.get("/live")).json()["points"]["hc_analyser/ph"]["v"]

    async def first_change(socket: ClientConnection) -> dict[str, Any]:
        async with asyncio.timeout(20):
            while True:
                message = json.loads(await socket.recv())
                found = message.get("points", {}).get("hc_analyser/ph")
                if found is not None:
                    return found

    await house.rig.east.put("hc_analyser/ph", 6.4)
    async with asyncio.timeout(20):
        while await shown() != 6.4:
            pass
    async with live(house, house.operator) as socket:
        assert json.loads(await socket.recv())["points"]["hc_analyser/ph"]["v"] == 6.4
        await house.rig.east.put("hc_analyser/ph", 7.1)
        assert (await first_change(socket))["v"] == 7.1, "and nothing of before"


async def test_the_socket_ends_with_its_session(house: House) -> None:
    console = await house.rig.person(house.admin, "watcher", "viewer")
    async with live(house, console) as socket:
        await socket.recv()
        assert (await console.delete("/session")).status_code == 204
        with pytest.raises(ConnectionClosed):
            await hear_for_ever(socket)


async def test_broken_text_is_refused(house: House) -> None:
    headers = {"X-Stoplog-Csrf": house.operator.csrf, "Content-Type": "application/json"}
    body = b'{"actuator": "hc_outlet", "action": "close", "reason": "\\ud800"}'
    response = await house.operator.http.post("/commands", content=body, headers=headers)
    assert response.status_code == 422


async def test_the_socket_of_a_plant_carries_nothing_of_another(house: House) -> None:
    async with live(house, house.plant) as socket:
        await house.rig.east.put("ly_analyser/ph", 7.7)
        texts = []
        async with asyncio.timeout(20):
            while len(texts) < 8:
                texts.append(await socket.recv())
        assert not any('"ly_' in str(text) or "net_sluice" in str(text) for text in texts)


async def test_answers_have_the_shapes_that_the_document_says(house: House) -> None:
    get = house.operator.get
    ParkShape.model_validate((await get("/park")).json())
    LiveShape.model_validate((await get("/live")).json())
    SessionShape.model_validate((await get("/session")).json())
    for action in ("open", "close"):
        WhyShape.model_validate((await get("/actuators/hc_outlet/why", action=action)).json())
    HandCardShape.model_validate((await get("/actuators/hc_outlet/hand-card")).json())
    for item in (await get("/commands")).json():
        CommandShape.model_validate(item)
    for item in (await get("/plans")).json():
        PlanShape.model_validate(item)
        PreviewShape.model_validate((await get(f"/plans/{item['id']}/preview")).json())
    for item in (await get("/runs")).json():
        RunShape.model_validate((await get(f"/runs/{item['id']}")).json())
    for item in (await get("/alarms")).json():
        AlarmShape.model_validate(item)
    for item in (await get("/orders")).json():
        OrderShape.model_validate(item)
    AuditPage.model_validate((await get("/audit", limit=1000)).json())
    CheckpointShape.model_validate((await get("/audit/checkpoint")).json())
    assert AuditReportShape.model_validate((await get("/audit/verify")).json()).verified
    problem = await get("/commands/nothing")
    assert problem.headers["content-type"].startswith("application/problem+json")
    ProblemShape.model_validate(problem.json())


async def test_pages_carry_what_bounds_them(house: House) -> None:
    async with httpx.AsyncClient(base_url=house.rig.url, trust_env=False, verify=NO_CERTIFICATES) as browser:
        response = await browser.get("/")
        assert response.is_success
        policy = response.headers["content-security-policy"]
        assert "script-src 'self';" in policy
        assert "frame-ancestors 'none'" in policy
        huge = await browser.post("/api/v1/session", content=b"x" * 100_000)
        assert huge.status_code == 413
        assert (await browser.get("/metrics")).text.startswith("# HELP")


async def test_an_alarm_is_raised_and_acknowledged_as_it_was_seen(house: House) -> None:
    east = house.rig.east
    await east.put("hc_analyser/cod", 900.0)
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(20):
        while not found:
            await asyncio.sleep(0.1)
            alarms = (await house.operator.get("/alarms")).json()
            found = [item for item in alarms if item["facility"] == "hc_analyser" and item["value"] == 900.0]
    seen = found[0]
    body = {"occurrence": seen["occurrence"] + 1, "severity": seen["severity"]}
    path = f"/alarms/{seen['id']}/acknowledge"
    assert (await house.operator.post(path, body)).json()["code"] == "not-seen"
    body["occurrence"] = seen["occurrence"]
    after = (await house.operator.post(path, body)).json()
    assert (after["state"], after["acknowledged_by"]) == ("active_ack", "zhao")
    await east.put("hc_analyser/cod", 20.0)
    await until(lambda: not east.journal)


async def hear_for_ever(socket: ClientConnection) -> None:
    async with asyncio.timeout(20):
        while True:
            await socket.recv()


def live(house: House, who: Console) -> connect:
    cookie = f"stoplog_session={who.http.cookies['stoplog_session']}"
    url = house.rig.url.replace("http", "ws") + "/api/v1/live"
    return connect(
        url, additional_headers={"Cookie": cookie, "Origin": house.rig.url}, proxy=None, max_size=10_000_000
    )
