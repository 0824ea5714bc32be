"""Puts the routes together behind the guard, and the console's files beside them."""

import html
from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from control.api import (
    accounts,
    alarms,
    commands,
    commissioning,
    devices,
    health,
    live,
    oidc,
    park,
    people,
    plans,
    positions,
    problems,
    proposals,
    records,
    reopenings,
    tickets,
)
from control.api.document import Documented
from control.api.guard import PREFIX, guard
from control.api.parts import Parts
from dashboards import CONSOLE

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
_NOT_BUILT = (
    "<!doctype html><html lang='zh'><meta charset='utf-8'><title>Stoplog</title>"
    "<h1>Stoplog</h1><p>控制服务在运行,但控制台尚未构建:运行 <code>make setup</code>。</p>"
    "<p>Control is running; the console is not built: run <code>make setup</code>.</p></html>"
)

Next = Callable[[Request], Awaitable[Response]]


def application(parts: Parts | None, *, console: Path = CONSOLE) -> FastAPI:
    """Return the web application; without parts it only describes itself."""
    app = Documented(
        title="Stoplog control",
        version="1",
        description="The only door for people and systems. Problems are RFC 9457.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.state.parts = parts
    app.state.problems = 0
    for module in (
        people,
        positions,
        oidc,
        accounts,
        park,
        live,
        commands,
        tickets,
        commissioning,
        plans,
        proposals,
        reopenings,
        alarms,
        devices,
        records,
    ):
        app.include_router(module.router, prefix=PREFIX, dependencies=[Depends(guard)])
    app.include_router(health.router, dependencies=[Depends(guard)])
    problems.install(app)
    app.middleware("http")(_safely)
    _mount_console(app, console)
    return app


async def _safely(request: Request, call_next: Next) -> Response:
    """Bound what comes in, and tell browsers what our pages may do."""
    length = request.headers.get("content-length", "0")
    is_length = length.isascii() and length.isdigit() and len(length) <= LENGTH_DIGITS_MAX
    if not is_length or int(length) > BODY_BYTES_MAX or "transfer-encoding" in request.headers:
        response: Response = problems.too_large()
    elif request.url.path == "/" and not _leads(request):
        response = HTMLResponse(standby_page(request.app.state.parts.rank.leader_url()))
    else:
        response = await call_next(request)
    for name, value in SECURITY.items():
        response.headers.setdefault(name, value)
    is_asset = request.url.path.startswith("/assets/")
    response.headers.setdefault("Cache-Control", "max-age=31536000, immutable" if is_asset else "no-store")
    return response


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


def _mount_console(app: FastAPI, console: Path) -> None:
    if (console / "index.html").is_file():
        app.mount("/", StaticFiles(directory=console, html=True), name="console")
        return

    async def not_built() -> HTMLResponse:
        return HTMLResponse(_NOT_BUILT)

    app.add_api_route("/", not_built, include_in_schema=False)
