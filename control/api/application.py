"""Puts the routes together behind the guard, and the console's files beside them."""

from pathlib import Path

from fastapi import Depends, FastAPI
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
from control.api.safely import Safely
from dashboards import CONSOLE

_NOT_BUILT = (
    "<!doctype html><html lang='zh'><meta charset='utf-8'><title>Stoplog</title>"
    "<h1>Stoplog</h1><p>控制服务在运行,但控制台尚未构建:运行 <code>make setup</code>。</p>"
    "<p>Control is running; the console is not built: run <code>make setup</code>.</p></html>"
)


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
    app.add_middleware(Safely)
    _mount_console(app, console)
    return app


def _mount_console(app: FastAPI, console: Path) -> None:
    if (console / "index.html").is_file():
        app.mount("/", StaticFiles(directory=console, html=True), name="console")
        return

    async def not_built() -> HTMLResponse:
        return HTMLResponse(_NOT_BUILT)

    app.add_api_route("/", not_built, include_in_schema=False)
