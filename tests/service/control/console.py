"""One person at control's API."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx

from runtime.clock import RealClock
from stoplog.plain_http import NO_CERTIFICATES

WAIT_S = 30.0
CLOCK = RealClock()


async def until(what: Callable[[], object], *, within_s: float = WAIT_S, why: str = "") -> None:
    end_s = CLOCK.monotonic() + within_s
    while not what():
        assert CLOCK.monotonic() < end_s, f"never: {why or what}"
        await asyncio.sleep(0.02)


class Console:
    """One person at the API."""

    def __init__(self, url: str) -> None:
        self.http = httpx.AsyncClient(
            base_url=f"{url}/api/v1", timeout=15.0, trust_env=False, verify=NO_CERTIFICATES
        )
        self.csrf = ""

    async def sign_in(self, username: str, password: str) -> httpx.Response:
        response = await self.http.post("/session", json={"username": username, "password": password})
        if response.is_success:
            self.csrf = response.json()["csrf"]
        return response

    async def get(self, path: str, **query: object) -> httpx.Response:
        return await self.http.get(path, params=query)  # type: ignore[arg-type]

    async def post(self, path: str, body: object, **headers: str) -> httpx.Response:
        return await self.http.post(path, json=body, headers={"X-Stoplog-Csrf": self.csrf, **headers})

    async def delete(self, path: str, **query: object) -> httpx.Response:
        return await self.http.delete(path, params=query, headers={"X-Stoplog-Csrf": self.csrf})  # type: ignore[arg-type]

    async def command(self, actuator: str, action: str, **more: object) -> httpx.Response:
        return await self.post(
            "/commands", {"actuator": actuator, "action": action, "reason": "演练", **more}
        )

    async def ticket(self, second: "Console", actuator: str, action: str = "open", **more: object) -> str:
        """Ask for a ticket, and have another person agree to it; return its id."""
        asked = await self.post(
            "/tickets", {"actuator": actuator, "action": action, "reason": "演练", **more}
        )
        assert asked.status_code == 201, asked.text
        word = {"content_hash": asked.json()["content_hash"]}
        agreed = await second.post(f"/tickets/{asked.json()['id']}/approve", word)
        assert agreed.status_code == 200, agreed.text
        return str(asked.json()["id"])

    async def select(
        self, second: "Console", actuator: str, action: str = "open", **more: object
    ) -> httpx.Response:
        """Select under a ticket to which another person has agreed."""
        ticket = await self.ticket(second, actuator, action, **more)
        return await self.post(
            "/selects", {"actuator": actuator, "action": action, "reason": "演练", "ticket": ticket, **more}
        )

    async def live(self) -> dict[str, Any]:
        return (await self.get("/live")).json()  # type: ignore[no-any-return]

    async def state(self, command: str, *wanted: str, within_s: float = WAIT_S) -> dict[str, Any]:
        """Wait until the command is in one of these states; return it. One that an edge gave itself is known here a moment later."""
        end_s = CLOCK.monotonic() + within_s
        while True:
            view = (await self.get(f"/commands/{command}")).json()
            if view.get("state") in wanted:
                return view  # type: ignore[no-any-return]
            assert CLOCK.monotonic() < end_s, f"never {wanted}: {view}"
            await asyncio.sleep(0.05)

    async def run_state(self, run: str, *wanted: str, within_s: float = WAIT_S) -> dict[str, Any]:
        end_s = CLOCK.monotonic() + within_s
        while True:
            view = (await self.get(f"/runs/{run}")).json()
            if view["state"] in wanted:
                return view  # type: ignore[no-any-return]
            assert CLOCK.monotonic() < end_s, f"never {wanted}: {view}"
            await asyncio.sleep(0.05)
