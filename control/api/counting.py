"""Counts requests for Prometheus, by route and answer; it stands around the application and changes nothing."""

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runtime.clock import Clock

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
ELSEWHERE = "other"
"""What belongs to no route: files of the console, and addresses that do not exist, which must not become labels."""


class Counted:
    """An application whose requests are counted."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry, wall: Clock) -> None:
        self._app = app
        self._wall = wall
        self._requests = Counter(
            "stoplog_control_http_requests",
            "Requests answered, by route and status.",
            ["method", "route", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "stoplog_control_http_request_duration_seconds",
            "Wall seconds from a request's arrival to the end of its answer.",
            ["route"],
            buckets=_SECONDS,
            registry=registry,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; a watcher's socket is not one."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun_s = self._wall.monotonic()
        status = 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            found = scope.get("route")
            route = found.path if isinstance(found, Route) else ELSEWHERE
            method = scope["method"] if route != ELSEWHERE else "any"
            self._requests.labels(method, route, str(status)).inc()
            self._seconds.labels(route).observe(self._wall.monotonic() - begun_s)
