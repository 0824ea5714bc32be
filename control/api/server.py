"""Serves the application over HTTP and WebSocket on one port, and leaves signals to the supervisor."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from domain.errors import LinkError

STOP_S_MAX = 3
"""Wall seconds for open requests to end at a stop."""
WS_BYTES_MAX = 4096
"""A watcher has nothing to say."""


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the process's signals alone."""
        yield


class HttpServer:
    """One listening port."""

    def __init__(self, app: ASGIApp, *, host: str, port: int) -> None:
        self._host = host
        self._port = port
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="websockets-sansio",
            ws_max_size=WS_BYTES_MAX,
            timeout_graceful_shutdown=STOP_S_MAX,
            server_header=False,
            proxy_headers=False,
        )
        self._server = _Server(config)
        self._socket: socket.socket | None = None

    @property
    def port(self) -> int:
        """The port listened on; 0 before `listen`."""
        return int(self._socket.getsockname()[1]) if self._socket is not None else 0

    def listen(self) -> None:
        """Take the port. Raises LinkError when somebody has it."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        found = socket.socket(family, socket.SOCK_STREAM)
        try:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind((self._host, self._port))
            found.listen(1024)
        except OSError as error:
            found.close()
            message = f"cannot listen on {self._host}:{self._port}: {error.strerror or error}; set [api] port"
            raise LinkError(message) from error
        self._socket = found

    async def run(self) -> None:
        """Serve until cancelled; the port is free again when this has ended."""
        assert self._socket is not None
        try:
            await self._server.serve(sockets=[self._socket])
        except asyncio.CancelledError:
            # Cancelled, uvicorn would leave its listeners to the end of the process.
            self._server.should_exit = True
            await self._server.shutdown(sockets=[self._socket])
            raise
        finally:
            self._socket.close()
