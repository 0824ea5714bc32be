"""Finds free loopback ports for the parts of the demonstration, and says who is in the way of a wanted one."""

import socket
from contextlib import ExitStack

from domain.errors import LinkError

HOST = "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """Return `count` different ports on which nobody listens now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]


def require_free(port: int, *, remedy: str) -> None:
    """Raise LinkError when somebody already listens on `port`."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise LinkError(f"port {port} on {HOST} cannot be used: {error.strerror} — {remedy}") from error
