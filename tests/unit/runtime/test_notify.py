"""What is said to systemd, datagram by datagram; and that nothing is said to nobody."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.notify import STATUS_CHARACTERS_MAX, Notifier


class Listener:
    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.setblocking(False)

    def heard(self) -> list[str]:
        found = []
        while True:
            try:
                found.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return found

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Listener, str]]:
    name = str(tmp_path / "notify") if request.param == "path" else f"@stoplog-test-{os.getpid()}"
    listener = Listener(name.replace("@", "\0"))
    yield listener, name
    listener.close()


def test_each_word_is_one_datagram(systemd: tuple[Listener, str]) -> None:
    listener, name = systemd
    notifier = Notifier(
        {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}
    )
    assert notifier.watchdog_s == 30.0
    notifier.ready()
    notifier.status("plc_1 is silent;\n no broker")
    notifier.status("plc_1 is silent; no broker")
    notifier.status("x" * 1000)
    notifier.alive()
    notifier.reloading(12.5)
    notifier.stopping()
    notifier.stopping()
    assert listener.heard() == [
        "READY=1",
        "STATUS=plc_1 is silent; no broker",
        "STATUS=" + "x" * STATUS_CHARACTERS_MAX,
        "WATCHDOG=1",
        "RELOADING=1\nMONOTONIC_USEC=12500000",
        "STOPPING=1",
    ]
    notifier.close()
    notifier.ready()
    assert listener.heard() == []


@pytest.mark.parametrize("environment", [
    {"WATCHDOG_PID": "1", "WATCHDOG_USEC": "30000000"},
    {"WATCHDOG_USEC": "soon"},
    {},
])  # fmt: skip
def test_a_watchdog_that_is_not_ours_is_not_fed(
    systemd: tuple[Listener, str], environment: dict[str, str]
) -> None:
    listener, name = systemd
    notifier = Notifier({"NOTIFY_SOCKET": name, **environment})
    assert notifier.watchdog_s is None
    notifier.alive()
    assert listener.heard() == []
    notifier.close()


def test_a_systemd_that_is_gone_disturbs_nobody(tmp_path: Path) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")})
    notifier.ready()
    notifier.close()
    assert Notifier({}).watchdog_s is None
