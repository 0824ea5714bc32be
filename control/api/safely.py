"""Stands around every route: bounds what comes in, and tells browsers what our pages may do.

It wraps the application itself: the framework's own way to do that runs each request in a task and each answer through a stream,
which cost a command more than its admission.
"""

import html

from fastapi.responses import HTMLResponse
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from control.api import problems

LENGTH_DIGITS_MAX = 12
"""Of a Content-Length: more are no length, and Python refuses to count very many."""
BODY_BYTES_MAX = 64_000
"""Of a request; no body of ours is longer."""

SECURITY = {
    # ECharts sets styles on elements; scripts come from our own files only.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "font-src 'self'; connect-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_ASSET = {"Cache-Control": "max-age=31536000, immutable"}
_ANYTHING_ELSE = {"Cache-Control": "no-store"}

_Raw = tuple[tuple[bytes, bytes], ...]


def _raw(headers: dict[str, str]) -> _Raw:
    return tuple((name.lower().encode(), value.encode()) for name, value in headers.items())


_OF_ASSETS, _OF_ANYTHING_ELSE = _raw(SECURITY | _ASSET), _raw(SECURITY | _ANYTHING_ELSE)


class Safely:
    """An application behind bounds, whose answers bear our headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; a watcher's socket is none, and is bounded by the server."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        ours = _OF_ASSETS if scope["path"].startswith("/assets/") else _OF_ANYTHING_ELSE

        async def safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = message["headers"]
                names = {name.lower() for name, _ in said}
                message["headers"] = [*said, *(pair for pair in ours if pair[0] not in names)]
            await send(message)

        await self._answering(request)(scope, receive, safely)

    def _answering(self, request: Request) -> ASGIApp:
        """Return what answers: the application, or who stands in for it."""
        length = request.headers.get("content-length", "0")
        is_length = length.isascii() and length.isdigit() and len(length) <= LENGTH_DIGITS_MAX
        if not is_length or int(length) > BODY_BYTES_MAX or "transfer-encoding" in request.headers:
            return problems.too_large()
        if request.scope["path"] == "/" and not _leads(request):
            return HTMLResponse(standby_page(request.app.state.parts.rank.leader_url()))
        return self._app


def _leads(request: Request) -> bool:
    parts = request.app.state.parts
    return parts is None or parts.rank.leads


def standby_page(leader: str) -> str:
    """Return what a browser shows that comes to a control that stands by; it looks again by itself."""
    address = html.escape(leader, quote=True)
    link = f"<p><a href='{address}'>{address}</a></p>" if leader else ""
    return (
        "<!doctype html><html lang='zh'><meta charset='utf-8'><meta http-equiv='refresh' content='3'>"
        "<title>Stoplog 备用</title><h1>本副本为备用</h1>"
        "<p>请使用主用副本;若其已停,本副本数秒内接管,本页随即打开控制台。</p>"
        "<p>This control stands by: use the leading one. If that is gone, this one takes over within seconds, and this page opens.</p>"
        f"{link}</html>"
    )
