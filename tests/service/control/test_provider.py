"""Signing in at a provider of somebody else: npm's oidc-provider lets people in, and control takes its word for what the site maps."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio

from tests.service.control.console import Console
from tests.service.control.rig import HOST, Rig, free_port, rig
from tests.service.sparkplug.peers import Peer

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "a secret of client and provider"
HOPS_MAX = 8


@dataclass
class House:
    rig: Rig
    admin: Console
    issuer: str


class Browser:
    """Follows the way through the provider and back, with cookies as browsers keep them."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.console = house.rig.console()
        self.http = self.console.http
        self.there = house.rig.console().http

    async def begin(self, *, again: bool = False) -> str:
        """Ask control to sign in; return where it sends us."""
        answer = await self.http.get("/session/oidc", params={"again": again})
        assert answer.status_code == 303
        return answer.headers["location"]

    async def through(self, address: str, *, as_whom: str) -> str:
        """Go through the provider's pages; return the address back at control."""
        address = f"{address}&login_hint={as_whom}"
        for _ in range(HOPS_MAX):
            answer = await self.there.get(address, follow_redirects=False)
            assert answer.is_redirect, answer.text
            address = str(answer.url.join(answer.headers["location"]))
            if address.startswith(self.house.rig.url):
                return address
        pytest.fail("the provider never sends us back")

    async def back(self, address: str) -> str:
        """Bring the provider's answer to control; return where it sends us."""
        answer = await self.http.get(address)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    async def sign_in(self, as_whom: str, *, again: bool = False) -> str:
        where = await self.back(await self.through(await self.begin(again=again), as_whom=as_whom))
        session = await self.http.get("/session")
        if session.is_success:
            self.console.csrf = session.json()["csrf"]
        return where


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    port = free_port()
    issuer = f"http://{HOST}:{port}"

    def prepare(made: Rig) -> None:
        made.east.opened.add("hc_outlet")
        secret = made.folder / "oidc.secret"
        secret.write_text(SECRET + "\n")
        with (made.folder / "control.toml").open("a") as settings:
            settings.write(f"""
[oidc]
issuer = "{issuer}"
client_id = "stoplog"
client_secret_file = "{secret}"
redirect_uri = "{made.url}/api/v1/session/oidc/callback"
enterprise_claim = "company"
roles = {{ ops = ["operator"], plant = ["enterprise"] }}
""")

    async with rig(tmp_path_factory.mktemp("provider"), prepare=prepare) as made:
        back = f"{made.url}/api/v1/session/oidc/callback"
        async with Peer("provider.mjs", port, back, SECRET) as peer:
            await peer.until(lambda line: line.get("event") == "ready", why="the provider listens")
            early = Browser(House(made, made.console(), issuer))
            assert await early.sign_in("li") == "/#/?refused=oidc-refused", (
                "the first administrator comes first"
            )
            admin = await made.first()
            await made.is_live(admin)
            yield House(made, admin, issuer)


async def test_who_the_provider_lets_in_is_let_in_with_the_roles_that_are_mapped(house: House) -> None:
    browser = Browser(house)
    assert (await house.admin.get("/setup")).json()["provider"] == {
        "zh": "单位统一登录",
        "en": "company sign-in",
    }
    assert await browser.sign_in("li") == "/"
    session = (await browser.http.get("/session")).json()
    assert (session["user"]["username"], session["user"]["roles"]) == ("li", ["operator"])
    assert (session["proves_by"], session["fresh_s"] > 0) == (["provider"], True)
    assert (await browser.console.command("hc_outlet", "close")).status_code == 202
    kinds = [item["kind"] for item in (await house.admin.get("/audit", object="li")).json()["records"]]
    assert {"person.added", "person.signed_in"} <= set(kinds)


async def test_a_locked_position_is_opened_by_proving_it_there_again(house: House) -> None:
    browser = Browser(house)
    await browser.sign_in("li")
    before = browser.http.cookies["stoplog_session"]
    assert (await browser.console.post("/session/lock", {})).status_code == 204
    assert (await browser.console.post("/session/unlock", {"password": ""})).status_code == 403
    assert await browser.sign_in("li", again=True) == "/"
    assert not (await browser.http.get("/session")).json()["is_locked"]
    assert browser.http.cookies["stoplog_session"] == before


async def test_a_name_that_somebody_has_here_stays_theirs(house: House) -> None:
    browser = Browser(house)
    await browser.sign_in("root")
    user = (await browser.http.get("/session")).json()["user"]
    assert user["username"].startswith("p.")
    assert user["roles"] == ["operator"]
    assert (await house.admin.get("/session")).json()["user"]["roles"] == ["administrator"]


async def test_who_is_of_an_enterprise_is_confined_to_it(house: House) -> None:
    browser = Browser(house)
    await browser.sign_in("plant")
    park = (await browser.http.get("/park")).json()
    assert {item["enterprise"] for item in park["facilities"]} == {"hc"}


async def test_who_has_no_role_here_and_who_is_shut_out_here_are_not_let_in(house: House) -> None:
    browser = Browser(house)
    assert await browser.sign_in("guest") == "/#/?refused=oidc-refused"
    assert (await browser.http.get("/session")).status_code == 401
    inside = Browser(house)
    await inside.sign_in("li")
    headers = {"X-Stoplog-Csrf": house.admin.csrf}
    await house.admin.http.patch("/users/li", json={"is_disabled": True}, headers=headers)
    assert (await inside.http.get("/live")).status_code == 401
    assert await Browser(house).sign_in("li") == "/#/?refused=oidc-refused"
    await house.admin.http.patch("/users/li", json={"is_disabled": False}, headers=headers)


async def test_the_answer_belongs_to_the_browser_that_asked_and_is_good_once(house: House) -> None:
    victim, thief = Browser(house), Browser(house)
    answer = await thief.through(await thief.begin(), as_whom="li")
    assert await victim.back(answer) == "/#/?refused=oidc-refused", "no cookie of this sign-in"
    await victim.begin()
    assert await victim.back(answer) == "/#/?refused=oidc-refused", "the cookie of another"
    assert await thief.back(answer) == "/#/?refused=oidc-refused", "and it is spent"
    mine = await thief.through(await thief.begin(), as_whom="li")
    assert await thief.back(mine) == "/"
    assert await thief.back(mine) == "/#/?refused=oidc-refused"


async def test_another_providers_answer_is_not_taken(house: House) -> None:
    browser = Browser(house)
    address = await browser.through(await browser.begin(), as_whom="li")
    said = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert said["iss"] == house.issuer
    answer = await browser.http.get("/session/oidc/callback", params={**said, "iss": "https://evil.example"})
    assert answer.headers["location"] == "/#/?refused=oidc-refused"
