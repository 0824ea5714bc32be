"""Tells systemd how a service is, by the datagrams of sd_notify(3); without systemd it says nothing to anybody."""

import contextlib
import os
import socket
from collections.abc import Mapping

STATUS_CHARACTERS_MAX = 200


class Notifier:
    """One service's way to say READY=1, RELOADING=1, STOPPING=1, STATUS=… and WATCHDOG=1."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        """Take NOTIFY_SOCKET and WATCHDOG_USEC, as systemd sets them, from `environment`."""
        path = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + path[1:] if path.startswith("@") else path
        self.watchdog_s = _watchdog_s(environment)
        """Seconds after which systemd kills a service that has not said WATCHDOG=1; None: it does not."""
        self._status = ""
        self._is_stopping = False
        self._socket: socket.socket | None = None
        if self._address:
            self._socket = socket.socket(
                socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
            )

    def ready(self) -> None:
        """Say that the start, or a reload, is done."""
        self._say("READY=1")

    def reloading(self, monotonic_s: float) -> None:
        """Say that a reload was begun at `monotonic_s`."""
        self._say("RELOADING=1", f"MONOTONIC_USEC={round(monotonic_s * 1e6)}")

    def stopping(self) -> None:
        """Say, once, that the end has begun."""
        if not self._is_stopping:
            self._is_stopping = True
            self._say("STOPPING=1")

    def status(self, words: str) -> None:
        """Say how it is in one line, if that is news."""
        line = " ".join(words.split())[:STATUS_CHARACTERS_MAX]
        if line != self._status:
            self._status = line
            self._say(f"STATUS={line}")

    def alive(self) -> None:
        """Say that the main tasks turn."""
        if self.watchdog_s is not None:
            self._say("WATCHDOG=1")

    def close(self) -> None:
        """Say no more."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _say(self, *lines: str) -> None:
        if self._socket is not None:
            # A supervisor that is gone or does not read is its own affair: a service never waits for it.
            with contextlib.suppress(OSError):
                self._socket.sendto("\n".join(lines).encode(), self._address)


def _watchdog_s(environment: Mapping[str, str]) -> float | None:
    """Return the watchdog's patience, if it is meant for this process."""
    usec, pid = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if not usec.isdigit() or (pid and pid != str(os.getpid())):
        return None
    return int(usec) / 1e6
