"""Says how a process is: /metrics for Prometheus, /health/live and /health/ready, over a small HTTP server of its own."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from domain.errors import LinkError

Readiness = Callable[[], tuple[bool, tuple[str, ...]]]
"""Whether the process does its work now, and every reason why not."""
Details = Callable[[], Mapping[str, object]]
"""What else is said of a process at /health/ready, in JSON."""

REQUEST_BYTES_MAX = 8192
"""Of a request's head; a longer one is dropped."""
REQUEST_S_MAX = 5.0
"""Wall seconds to send a request's head; a slower peer is dropped."""


class _Asked(Collector):
    """What was collected a moment ago."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Sequence[Metric]:
        return self._families


class HealthServer:
    """Answers GET on three paths and nothing else."""

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        host: str,
        port: int,
        ready: Readiness,
        stalled: Callable[[], tuple[str, ...]] = tuple,
        details: Details = dict,
    ) -> None:
        """`stalled` names the main tasks that do not turn: with one of them the process is not live."""
        self._stalled = stalled
        self._details = details
        self._registry = registry
        self._host = host
        self._port = port
        self._ready = ready
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port listened on; 0 when there is none."""
        return self._server.sockets[0].getsockname()[1] if self._server is not None else 0

    async def start(self) -> None:
        """Listen; with port 0 do nothing. Raises LinkError when the port is taken."""
        if self._port == 0:
            return
        try:
            self._server = await asyncio.start_server(
                self._serve, self._host, self._port, limit=REQUEST_BYTES_MAX
            )
        except OSError as error:
            message = f"cannot listen on {self._host}:{self._port} for metrics: {error.strerror or error}; set [metrics] port"
            raise LinkError(message) from error

    async def run(self) -> None:
        """Serve until cancelled."""
        try:
            if self._server is None:
                await self.start()
            await asyncio.get_running_loop().create_future()
        finally:
            if self._server is not None:
                self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_S_MAX):
                head = await reader.readuntil(b"\r\n\r\n")
                status, kind, body = await self._answer(head.split(b"\r\n", 1)[0].decode("latin-1"))
                writer.write(
                    f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {kind}\r\n"
                    f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
                    + body
                )
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # a peer that left or never spoke concerns nobody
        finally:
            writer.close()

    async def _answer(self, request: str) -> tuple[HTTPStatus, str, bytes]:
        match request.split(" "):
            case ["GET", "/metrics", _]:
                # Asked here, where what is counted is at home; written by a thread: a hundred devices make 170 kB of text.
                asked = _Asked(list(self._registry.collect()))
                return HTTPStatus.OK, CONTENT_TYPE_LATEST, await asyncio.to_thread(generate_latest, asked)
            case ["GET", "/health/live", _]:
                stalled = self._stalled()
                status = HTTPStatus.SERVICE_UNAVAILABLE if stalled else HTTPStatus.OK
                return status, "application/json", _json({"live": not stalled, "stalled": list(stalled)})
            case ["GET", "/health/ready", _]:
                is_ready, reasons = self._ready()
                status = HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE
                body = {"ready": is_ready, "reasons": list(reasons), **self._details()}
                return status, "application/json", _json(body)
            case ["GET", _, _]:
                return HTTPStatus.NOT_FOUND, "text/plain", b"not here\n"
            case _:
                return HTTPStatus.METHOD_NOT_ALLOWED, "text/plain", b"only GET\n"


def words_of_readiness(readiness: tuple[bool, tuple[str, ...]]) -> str:
    """Return one line on how a process is: the first reasons why it is not ready, and how many more there are."""
    is_ready, reasons = readiness
    if is_ready:
        return "ready"
    more = f" and {len(reasons) - 3} more" if len(reasons) > 3 else ""
    return "; ".join(reasons[:3]) + more


def _json(body: Mapping[str, object]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()
