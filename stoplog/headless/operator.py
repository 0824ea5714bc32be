"""The scripted people of a headless run; they do through the public API what a control room does, and nothing else."""

import asyncio
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self, cast

import httpx

from domain.errors import StoplogError
from stoplog.plain_http import NO_CERTIFICATES

API = "/api/v1"
Body = Mapping[str, object]


class RequestRefusedError(StoplogError):
    """The API answered with a problem; its words are the message."""


class Person:
    """One signed-in user."""

    def __init__(self, console: str) -> None:
        self._client = httpx.AsyncClient(
            base_url=console, timeout=15.0, trust_env=False, verify=NO_CERTIFICATES
        )
        self._csrf = ""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def set_up(self, *, token: str, username: str, password: str) -> None:
        """Become the first administrator by the one-time token, and sign in."""
        await self.post(
            "/setup", {"token": token, "username": username, "display_name": username, "password": password}
        )
        await self.sign_in(username, password)

    async def sign_in(self, username: str, password: str) -> None:
        """Open a session."""
        session = await self.post("/session", {"username": username, "password": password})
        self._csrf = str(session["csrf"])

    async def get(self, path: str) -> Body:
        """Return an object. Raises RequestRefusedError."""
        return cast("Body", self._answer(await self._client.get(API + path)))

    async def list(self, path: str) -> Sequence[Body]:
        """Return a list of objects. Raises RequestRefusedError."""
        return cast("Sequence[Body]", self._answer(await self._client.get(API + path)))

    async def post(self, path: str, body: Body) -> Body:
        """Send `body`; return the answer. Raises RequestRefusedError."""
        headers = {"X-Stoplog-Csrf": self._csrf} if self._csrf else {}
        return cast("Body", self._answer(await self._client.post(API + path, json=body, headers=headers)))

    @staticmethod
    def _answer(response: httpx.Response) -> object:
        if response.is_success:
            return response.json() if response.content else {}
        raise RequestRefusedError(
            f"{response.request.method} {response.request.url.path}: {response.status_code} {response.text[:500]}"
        )


async def close_by_plan(operator: Person, plan: str, *, reason: str) -> str:
    """Look at the plan as a person does, then run what was shown; return the id of the run."""
    preview = await operator.get(f"/plans/{plan}/preview")
    body = {"content_hash": preview["content_hash"], "reason": reason, "accept_warnings": True}
    run = await operator.post(f"/plans/{plan}/runs", body)
    return str(run["id"])


async def approve_when_asked(chief: Person, run: str, *, dispatch_order: str) -> None:
    """Approve the river steps of `run` as the second person, once they wait for it."""
    while True:
        view = await chief.get(f"/runs/{run}")
        steps = cast("Sequence[Body]", view["steps"])
        if any(step["state"] == "waiting_approval" for step in steps):
            await chief.post(f"/runs/{run}/approve", {"dispatch_order": dispatch_order, "clearance": True})
            return
        if view["state"] not in {"running", "waiting_approval"}:
            return
        await asyncio.sleep(0.5)
