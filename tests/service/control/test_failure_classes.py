"""Attacks that have opened systems like this one, tried on a running control: each route, each id, each field, as generated from the router."""

import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import connect

from control.api.application import application
from control.api.rules import RULES, Area
from control.people.roles import Role
from stoplog.plain_http import NO_CERTIFICATES
from tests.service.control.console import CLOCK, Console
from tests.service.control.rig import Rig, rig

pytestmark = pytest.mark.asyncio(loop_scope="module")

OWN, OTHER = "hc", "ly"
GATE = f"{OTHER}_outlet"
SCRIPT = "<script>alert(1)</script><svg onload=alert(1)>\"'=cmd|' /C calc'!A0"
ALL_ROLES = sorted(role.value for role in Role)


@dataclass
class House:
    rig: Rig
    admin: Console
    operator: Console
    plant: Console
    """Of the enterprise `hc`, with that role only."""
    insider: Console
    """Of the same enterprise, with every role there is."""
    ids: dict[str, str]
    """By the name of a route's part: one that exists and belongs to the other enterprise, or to the whole park."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    def prepare(made: Rig) -> None:
        made.east.opened |= {"hc_outlet", GATE}

    async with rig(tmp_path_factory.mktemp("classes"), prepare=prepare) as made:
        admin = await made.first()
        operator = await made.person(admin, "zhao", "operator", "shift_chief", "engineer")
        plant = await made.person(admin, "hcplant", "enterprise", enterprise=OWN)
        insider = await made.person(admin, "hcall", *ALL_ROLES, enterprise=OWN)
        await made.is_live(operator)
        yield House(made, admin, operator, plant, insider, await others(admin, operator))


async def others(admin: Console, operator: Console) -> dict[str, str]:
    """Make one of everything that has an id, outside of the enterprise `hc`."""
    opening = {"actuator": f"{OTHER}_bund", "action": "open", "reason": SCRIPT}
    ticket = await operator.post("/tickets", opening)  # while the outlet is open: its water has where to go
    assert ticket.status_code == 201, ticket.text
    closed = (await operator.command(GATE, "close")).json()["id"]
    await operator.state(closed, "confirmed")
    preview = (await operator.get(f"/plans/close_{OTHER}/preview")).json()
    body = {"content_hash": preview["content_hash"], "accept_warnings": True, "reason": SCRIPT}
    run = (await operator.post(f"/plans/close_{OTHER}/runs", body)).json()["id"]
    body = {"name": SCRIPT, "roles": ["enterprise"], "enterprise": OTHER}
    token = (await admin.post("/tokens", body)).json()["token"]["id"]
    tag = (await operator.post("/tags", {"actuator": GATE, "reason": SCRIPT, **until()})).json()
    check = (await operator.post("/commissioning", {"actuator": GATE})).json()["id"]
    return {
        "actuator": GATE,
        "check": check,
        "command": closed,
        "select": closed,
        "plan": f"close_{OTHER}",
        "run": run,
        "alarm": f"{OTHER}_cod_high",
        "username": "zhao",
        "token": token,
        "tag": tag["id"],
        "override": await overridden(operator),
        "ticket": ticket.json()["id"],
        "reopening": f"reopen_{OTHER}",
        "reopening-run": "0" * 16,
    }


async def overridden(operator: Console) -> str:
    """Ask for an override at the other enterprise's outlet; its id."""
    body = {"actuator": GATE, "interlock": "slow_quality", "reason": SCRIPT, **until()}
    asked = await operator.post("/overrides", body)
    assert asked.is_success, asked.text
    return str(asked.json()["id"])


def until() -> dict[str, int]:
    return {"until_ms": CLOCK.now_ms() + 3_600_000}


KEYED = [key for key in sorted(RULES) if "{" in key[1]]
PLAIN_GETS = [key for key in sorted(RULES) if key[0] == "GET" and "{" not in key[1] and RULES[key].roles]


def filled(path: str, ids: dict[str, str]) -> str:
    if path.startswith("/reopening-runs"):
        ids = {**ids, "run": ids["reopening-run"]}
    missing = set(re.findall(r"{(\w+)}", path)) - ids.keys()
    assert not missing, f"{path}: let `others` make one of {missing} that another enterprise owns"
    return re.sub(r"{(\w+)}", lambda found: ids[found[1]], path)


async def ask(who: Console, method: str, path: str, body: object = None) -> httpx.Response:
    headers = {"X-Stoplog-Csrf": who.csrf}
    return await who.http.request(method, path, json=body, headers=headers)


def example(schema: dict[str, Any], known: dict[str, Any]) -> Any:
    """A value that the schema takes, so that a refusal is about whom and not about how."""
    if "$ref" in schema:
        schema = known[schema["$ref"].rsplit("/", 1)[-1]]
    if "anyOf" in schema:
        return example(schema["anyOf"][0], known)
    if "const" in schema or "enum" in schema:
        return schema.get("const", (schema.get("enum") or [None])[0])
    match schema.get("type"):
        case "object":
            named = {name: example(each, known) for name, each in schema.get("properties", {}).items()}
            return {name: value for name, value in named.items() if name in schema.get("required", [])}
        case "array":
            return [example(schema["items"], known) for _ in range(schema.get("minItems", 0))]
        case "integer" | "number":
            return max(1, schema.get("minimum", 1))
        case "boolean":
            return True
    if schema.get("pattern", "").startswith("^[0-9a-f]"):
        return "0" * 64
    return {"^[A-Z2-7]{32}$": "A" * 32}.get(
        schema.get("pattern", ""), "x" * max(10, schema.get("minLength", 0))
    )


@cache
def openapi() -> dict[str, Any]:
    return application(None).openapi()


BODIES: dict[tuple[str, str], Any] = {
    ("POST", "/commissioning/{check}/confirmations"): {"item": "site:open", "note": SCRIPT},
    ("POST", "/runs/{run}/approve"): {"dispatch_order": "1", "clearance": True},
    ("POST", "/reopening-runs/{run}/approve"): {"dispatch_order": "1", "clearance": True},
}
"""Where a body's fields depend on each other."""


def body_of(method: str, path: str) -> Any:
    if (method, path) in BODIES:
        return BODIES[method, path]
    document = openapi()
    operation = document["paths"].get(f"/api/v1{path}", {}).get(method.lower(), {})
    content = operation.get("requestBody", {}).get("content", {})
    if not content:
        return None
    return example(content["application/json"]["schema"], document["components"]["schemas"])


@pytest.mark.parametrize("key", KEYED, ids=" ".join)
async def test_every_route_with_an_id_is_tried_with_anothers(house: House, key: tuple[str, str]) -> None:
    """The same id exists for whoever is not confined, and does not for who is, whatever their roles."""
    method, path = key
    query = {"/actuators/{actuator}/why": "?action=close"}.get(path, "")
    for who in (house.plant, house.insider):
        response = await ask(who, method, filled(path, house.ids) + query, body_of(method, path))
        assert response.status_code in {403, 404}, f"{response.status_code} {response.text}"
        assert response.json()["code"] in {"not-found", "no-access-authority"}
    if method == "GET" and "reopening-runs" not in path:
        mine = await ask(house.operator, method, filled(path, house.ids) + query)
        assert mine.is_success, f"{path}: tried with an id that nobody has: {mine.text}"


@pytest.mark.parametrize("key", PLAIN_GETS, ids=" ".join)
async def test_every_route_without_an_id_leaves_out_the_others(house: House, key: tuple[str, str]) -> None:
    query = "?point=ly_analyser/cod&from_ms=0&to_ms=1" if RULES[key].area is Area.POINT else ""
    for who in (house.plant, house.insider):
        response = await ask(who, "GET", key[1] + query)
        assert response.status_code in {200, 403, 404}, response.text
        found = re.findall(rf'"{OTHER}_\w+|close_{OTHER}|"net_\w+|澜远', response.text)
        assert not found or response.status_code != 200, found[:3]


def carrying() -> list[tuple[str, str, str, dict[str, Any] | None]]:
    """Every request whose body or query names a thing: (method, path, query, body) with the other enterprise's."""
    ids = {"actuator": GATE, "point": f"{OTHER}_analyser/cod", "enterprise": OTHER}
    document = openapi()
    found = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            bare = path.removeprefix("/api/v1")
            if "{" in bare or not RULES[method.upper(), bare].roles:
                continue
            asked = {each["name"]: each for each in operation.get("parameters", []) if each["in"] == "query"}
            named = {name: ids[name] for name in asked if name in ids}
            needed = {name: 1 for name, each in asked.items() if each.get("required") and name not in ids}
            query = "&".join(f"{name}={value}" for name, value in {**needed, **named}.items())
            body = body_of(method.upper(), bare)
            fields = {} if body is None else _names(operation, document)
            if named or fields & ids.keys():
                said = None if body is None else {**body, **{name: ids[name] for name in fields & ids.keys()}}
                found.append((method.upper(), bare, f"?{query}" if named else "", said))
    return found


def _names(operation: dict[str, Any], document: dict[str, Any]) -> set[str]:
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    name = schema.get("$ref", "").rsplit("/", 1)[-1]
    return set(document["components"]["schemas"].get(name, {}).get("properties", {}))


CARRYING = carrying()


async def test_requests_that_name_a_thing_were_found() -> None:
    found = {(method, path) for method, path, _, _ in CARRYING}
    assert {("POST", "/commands"), ("POST", "/selects"), ("POST", "/tags"), ("GET", "/history")} <= found


@pytest.mark.parametrize(("method", "path", "query", "body"), CARRYING, ids=lambda each: str(each)[:40])
async def test_an_id_in_a_body_or_a_query_is_held_against_the_area_too(
    house: House, method: str, path: str, query: str, body: object
) -> None:
    for who in (house.plant, house.insider):
        response = await ask(who, method, path + query, body)
        assert response.status_code in {403, 404}, f"{response.status_code} {response.text}"


SPOOFS = (
    {"Referer": "{url}/"}, {"Origin": "{url}"}, {"X-Forwarded-User": "root"}, {"X-Remote-User": "root"}, {"X-User": "root"},
    {"X-Forwarded-For": "127.0.0.1"}, {"X-Real-IP": "127.0.0.1"}, {"Forwarded": "for=127.0.0.1"}, {"Cookie": "user=root; admin=1"},
    {"Cookie": "stoplog_session="}, {"Cookie": "stoplog_session=guest"}, {"Cookie": "stoplog_session=0; stoplog_session=1"},
    {"Authorization": "Basic cm9vdDpjb3JyZWN0IGhvcnNl"}, {"Authorization": "Bearer"}, {"Authorization": "Bearer guest"},
    {"Authorization": "Bearer slt_"}, {"X-Original-URL": "/health/live"}, {"X-HTTP-Method-Override": "GET"},
    {"X-Stoplog-Csrf": ""}, {"X-Stoplog-Pin": "482915"}, {"X-Access-Token": "guest"}, {"User-Agent": "stoplog-gateway"},
)  # fmt: skip


@pytest.mark.parametrize("headers", SPOOFS, ids=str)
async def test_nothing_that_a_client_says_of_itself_lets_it_in(house: House, headers: dict[str, str]) -> None:
    said = {name: value.format(url=house.rig.url) for name, value in headers.items()}
    async with httpx.AsyncClient(
        base_url=f"{house.rig.url}/api/v1", trust_env=False, verify=NO_CERTIFICATES
    ) as stranger:
        for method, path in (("GET", "/live"), ("GET", "/audit"), ("POST", "/commands"), ("POST", "/users")):
            response = await stranger.request(method, path, json={}, headers=said)
            assert response.status_code in {401, 403}, (path, response.text)
            assert "set-cookie" not in response.headers


@pytest.mark.parametrize("password", ["", "admin", "stoplog"])
async def test_nobody_gets_in_by_what_is_guessed_first(house: House, password: str) -> None:
    for username in ("admin", "demo", "root"):
        assert (await house.rig.console().sign_in(username, password)).status_code in {401, 429}
    again = {"token": password, "username": "x1", "display_name": "x", "password": "correct horse"}
    assert (await house.plant.http.post("/setup", json=again)).status_code in {403, 422}


PROFILE = {
    "roles": ["administrator"], "role": "administrator", "enterprise": None, "is_disabled": False, "username": "root", "totp": None,
    "has_second_factor": True, "password": "mine is this one", "is_password_given": False, "pin": "482915", "attempts": 0, "standing": "fresh",
    "session": "x", "subject": "x", "created_ms": 0, "is_admin": True, "is_confined": False, "permissions": ["*"], "scope": "*",
}  # fmt: skip


@pytest.mark.parametrize("field", PROFILE)
async def test_no_field_of_ones_own_profile_raises_anybody(house: House, field: str) -> None:
    """Through every route that a person may write to themselves by, and the one by which others are edited."""
    writes = [
        ("PATCH", "/users/{name}", {}),
        ("POST", "/session/password", {"old": "correct horse", "new": "correct horse"}),
        ("POST", "/session/second-factor", {}),
        ("POST", "/session/activity", {}),
        ("POST", "/session/proof", {"password": "correct horse"}),
    ]
    for name, who in (("zhao", house.operator), ("hcplant", house.plant), ("hcall", house.insider)):
        before = (await who.get("/session")).json()["user"]
        for method, path, body in writes:
            if field in body:
                continue
            response = await ask(who, method, path.format(name=name), {**body, field: PROFILE[field]})
            is_nothing = field == "is_disabled" and response.status_code == 200
            assert response.status_code in {403, 422} or is_nothing, (name, path, response.text)
        assert (await who.get("/session")).json()["user"] == before


async def test_a_watchers_socket_writes_nothing(house: House) -> None:
    """A second way in must not be a second way to write: what a watcher says is read and thrown away."""
    before = (await house.admin.get("/audit")).json()["size"]
    cookie = f"stoplog_session={house.operator.http.cookies['stoplog_session']}"
    url = house.rig.url.replace("http", "ws") + "/api/v1/live"
    headers = {"Cookie": cookie, "Origin": house.rig.url}
    order = {"actuator": "hc_outlet", "action": "close", "reason": "x"}
    async with connect(url, additional_headers=headers, proxy=None, max_size=10_000_000) as socket:
        await socket.recv()
        for said in (
            order,
            {"type": "command", **order},
            ["commands", order],
            {"path": "/commands", "body": order},
        ):
            await socket.send(json.dumps(said))
        for _ in range(4):
            await socket.recv()
    records = (await house.admin.get("/audit", limit=100)).json()
    new = [item for item in records["records"] if item["seq"] >= before]
    assert not [item for item in new if item["kind"].startswith("command.")]


async def test_words_that_are_script_come_back_as_words(house: House) -> None:
    """They are kept as they were said, and every answer that holds them is JSON that no browser takes for a page."""
    body = {"by": SCRIPT, "position": "closed", "note": SCRIPT}
    assert (await house.operator.post(f"/actuators/{GATE}/hand-reports", body)).status_code == 201
    await ask(house.admin, "PATCH", "/users/hcplant", {"display_name": SCRIPT})
    holding = 0
    for path in (
        "/live",
        "/orders",
        "/runs",
        "/tokens",
        "/users",
        "/names",
        "/audit?limit=500",
        f"/runs/{house.ids['run']}",
    ):
        response = await ask(house.admin, "GET", path)
        holding += "<script>" in response.text
        assert response.headers["content-type"].split(";")[0] == "application/json"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert "script-src 'self';" in response.headers["content-security-policy"]
    assert holding >= 5
    exported = await ask(house.admin, "GET", "/audit/export?format=csv")
    assert exported.headers["content-disposition"].startswith("attachment")
    assert exported.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "/../control.toml", "/..%2f..%2fetc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/assets/../../package.json", "/assets/%2e%2e/%2e%2e/x",
        "//etc/passwd", "/....//etc/passwd", "/..\\..\\etc\\passwd", "/%00", "/index.html%00.js", "/assets/", "/setup-token", "/control.sqlite",
    ],
)  # fmt: skip
async def test_the_consoles_files_are_all_that_is_served(house: House, path: str) -> None:
    reader = httpx.AsyncClient(trust_env=False, verify=NO_CERTIFICATES)
    async with reader:
        request = httpx.Request("GET", house.rig.url + "/")
        request.url = httpx.URL(house.rig.url).copy_with(raw_path=path.encode())
        response = await reader.send(request)
    assert response.status_code in {400, 404, 405}, response.text[:200]
