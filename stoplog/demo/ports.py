"""Finds free loopback ports for the parts of the demonstration, and says who is in the way of a wanted one.

They lie below the range from which the kernel takes the ports of outgoing connections: a PLC that is away for a moment must
find its port free again, and a gateway that knocks at it must not by chance connect to itself.
"""

import itertools
import os
import socket

from domain.errors import LinkError

HOST = "127.0.0.1"
FIRST, LAST = 15_000, 32_000
"""Linux takes outgoing ports from 32,768 on, unless it was told otherwise."""
APART = 4_999
"""Processes that start at once begin to look this far apart."""

_tried = itertools.count(os.getpid() * APART)


def free_ports(count: int) -> list[int]:
    """Return `count` different ports on which nobody listens now; none twice in the life of this process.

    Raises LinkError when there are not so many.
    """
    found: list[int] = []
    for _ in range(LAST - FIRST):
        if len(found) == count:
            return found
        port = FIRST + next(_tried) % (LAST - FIRST)
        if _is_free(port):
            found.append(port)
    raise LinkError(f"there are no {count} free ports from {FIRST} to {LAST} on {HOST}")


def require_free(port: int, *, remedy: str) -> None:
    """Raise LinkError when somebody already listens on `port`."""
    if not _is_free(port):
        raise LinkError(f"port {port} on {HOST} cannot be used: somebody listens there — {remedy}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
