"""The OpenAPI document holds for whatever anybody sends: schemathesis makes requests from it, sound and broken, as each kind of person.

No answer may be a failure of the service, have a status or a form that the document does not name, or take what it forbids.
`make test` draws the same few for each operation; `make soak` (EXPLORE=1) draws many and others.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import pytest
import pytest_asyncio
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import content_type_conformance, response_schema_conformance, status_code_conformance
from schemathesis.core.parameters import ParameterLocation

from control.api.application import application
from tests.service.control.console import Console
from tests.service.control.rig import Rig, rig

pytestmark = pytest.mark.asyncio(loop_scope="module")

ADDRESS_MAX = 60_000
"""Bytes of an address; httptools takes some 64 kB of a request line."""
EXAMPLES = 250 if os.environ.get("EXPLORE") == "1" else 4
DOCUMENT = application(None).openapi()
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
OPERATIONS = {
    f"{found.ok().method.upper()} {found.ok().path}": found.ok() for found in SCHEMA.get_all_operations()
}
CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]
ENDS_A_SESSION = {"DELETE /api/v1/session", "POST /api/v1/session/lock", "POST /api/v1/session/password"}
AWAY = {"no-history"}
"""Why a 503 is right here: this control was given no history store."""


@dataclass(frozen=True)
class Caller:
    """One kind of person or system."""

    name: str
    headers: Mapping[str, str]
    cookies: Mapping[str, str]


@dataclass
class House:
    rig: Rig
    callers: list[Caller]
    ids: dict[str, list[str]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    def prepare(made: Rig) -> None:
        made.east.opened |= {"hc_outlet", "ly_outlet"}

    async with rig(tmp_path_factory.mktemp("document"), prepare=prepare) as made:
        admin = await made.first()
        people = {
            "administrator": admin,
            "operator": await made.person(admin, "zhao", "operator", "shift_chief"),
            "engineer": await made.person(admin, "sun", "engineer", "auditor"),
            "plant": await made.person(admin, "hcplant", "enterprise", enterprise="hc"),
        }
        await made.is_live(people["operator"])
        callers = [caller(name, console) for name, console in people.items()]
        secret = (await admin.post("/tokens", {"name": "x", "roles": ["system"]})).json()["secret"]
        callers += [Caller("token", {"Authorization": f"Bearer {secret}"}, {}), Caller("stranger", {}, {})]
        yield House(made, callers, await known(admin, people["operator"]))


def caller(name: str, console: Console) -> Caller:
    return Caller(
        name, {"X-Stoplog-Csrf": console.csrf}, {"stoplog_session": console.http.cookies["stoplog_session"]}
    )


async def known(admin: Console, operator: Console) -> dict[str, list[str]]:
    """Ids that exist, by the name under which a request asks for them."""
    command = (await operator.command("ly_outlet", "close")).json()["id"]
    preview = (await operator.get("/plans/close_hc/preview")).json()
    body = {"content_hash": preview["content_hash"], "accept_warnings": True}
    run = (await operator.post("/plans/close_hc/runs", body)).json()["id"]
    token = (await admin.post("/tokens", {"name": "y", "roles": ["viewer"]})).json()["token"]["id"]
    await admin.post(
        "/users",
        {"username": "victim", "display_name": "x", "password": "correct horse", "roles": ["viewer"]},
    )
    return {
        "actuator": ["hc_outlet", "ly_outlet", "hc_diversion", "river_sluice"],
        "command": [command],
        "select": [command],
        "plan": ["close_hc", "close_park"],
        "content_hash": [preview["content_hash"]],
        "run": [run],
        "alarm": ["hc_cod_high"],
        "point": ["hc_analyser/cod"],
        "username": ["victim"],
        "token": [token],
        "enterprise": ["hc"],
        "reopening": ["reopen_hc"],
        "interlock": ["slow_quality"],
    }


@pytest.mark.parametrize("name", OPERATIONS)
async def test_what_the_document_says_holds(house: House, name: str) -> None:
    await asyncio.to_thread(_tried, house, name)


def _tried(house: House, name: str) -> None:
    """Send what is drawn for one operation; in a thread, since the edges live on the loop."""
    operation = OPERATIONS[name]
    modes = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
    cases = st.one_of([operation.as_strategy(generation_mode=mode) for mode in modes])
    callers = house.callers if name not in ENDS_A_SESSION else house.callers[-2:]
    session = requests.Session()
    session.trust_env = False

    @settings(
        max_examples=EXAMPLES,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        deadline=None,
        database=None,
    )
    @given(case=cases, who=st.sampled_from(callers), is_known=st.booleans(), pick=st.integers(0, 99))
    def tried(case: schemathesis.Case, who: Caller, is_known: bool, pick: int) -> None:
        if is_known:
            _name_what_exists(case, house.ids, pick)
        response = case.call(
            base_url=house.rig.url,
            session=session,
            headers=dict(who.headers),
            cookies=dict(who.cookies),
            timeout=20,
        )
        _judge(case, response, who)

    with session:
        tried()


def _judge(case: schemathesis.Case, response: Any, who: Caller) -> None:
    if len(response.request.url) > ADDRESS_MAX:
        # The server's parser ends there: no application hears of it, and its own 400 is all there is to say.
        assert response.status_code in {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_URI_TOO_LONG}
        return
    said = f"{who.name}: {case.as_curl_command()}\n{response.status_code} {response.text[:500]}"
    if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        assert response.json()["code"] in AWAY, said
    else:
        assert response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR, said
    case.validate_response(response, checks=CHECKS)
    if response.status_code >= HTTPStatus.BAD_REQUEST:
        assert response.headers["content-type"] == ["application/problem+json"], said
    if _is_broken(case):
        assert response.status_code >= HTTPStatus.BAD_REQUEST, said


def _is_broken(case: schemathesis.Case) -> bool:
    """Whether the body is one that the document forbids."""
    body = case.meta.components.get(ParameterLocation.BODY) if case.meta is not None else None
    return body is not None and body.mode is GenerationMode.NEGATIVE


def _name_what_exists(case: schemathesis.Case, ids: Mapping[str, list[str]], pick: int) -> None:
    """Put ids that exist in the place of drawn ones, so that more is tried than that nothing is found."""
    # What makes a broken body broken stays in it.
    for part in (case.path_parameters, case.query, None if _is_broken(case) else case.body):
        if not isinstance(part, dict):
            continue
        for name in part.keys() & ids.keys():
            if isinstance(part[name], str):
                part[name] = ids[name][pick % len(ids[name])]
