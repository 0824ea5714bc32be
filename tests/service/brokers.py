"""Real MQTT brokers as processes of a test: mosquitto and amqtt, each with one user, killed and started at will."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

from pwdlib import PasswordHash

from runtime.clock import RealClock
from runtime.mqtt import BrokerSettings
from stoplog.demo.ports import free_ports

MOSQUITTO = Path("/usr/sbin/mosquitto")
AMQTT = """
import asyncio
from amqtt.broker import Broker
async def main():
    broker = Broker({{
        "listeners": {{"default": {{"type": "tcp", "bind": "127.0.0.1:{port}"}}}},
        "plugins": {{
            "amqtt.plugins.authentication.FileAuthPlugin": {{"password_file": "{passwords}"}},
        }},
    }})
    await broker.start()
    await asyncio.Event().wait()
asyncio.run(main())
"""
CLOCK = RealClock()


def free_port() -> int:
    return free_ports(1)[0]


class Broker:
    """A broker process that can be killed and started again on its port."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind = kind
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        (folder / "passwords").write_text(self._passwords())
        (folder / "mosquitto.conf").write_text(
            f"user root\nlistener {self.port} 127.0.0.1\nallow_anonymous false\npassword_file {folder}/passwords\n"
        )

    def _passwords(self) -> str:
        if self.kind == "amqtt":
            return f"gw:{PasswordHash.recommended().hash('right')}\n"
        path = self.folder / "made"
        subprocess.run(["mosquitto_passwd", "-b", "-c", path, "gw", "right"], check=True)
        path.chmod(0o644)
        return path.read_text()

    def start(self) -> None:
        if self.kind == "amqtt":
            code = textwrap.dedent(AMQTT).format(port=self.port, passwords=self.folder / "passwords")
            command = [sys.executable, "-W", "ignore", "-c", code]
        else:
            command = [str(MOSQUITTO), "-c", str(self.folder / "mosquitto.conf")]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        if self.process is not None:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def settings(self, password: str = "right") -> BrokerSettings:
        return BrokerSettings(host="127.0.0.1", port=self.port, username="gw", password=password)

    async def is_up(self) -> None:
        await eventually(lambda: can_connect(self.port), what="the broker listens")


def can_connect(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def eventually(is_true: Callable[[], bool], *, what: str, within_s: float = 40.0) -> None:
    until_s = CLOCK.monotonic() + within_s
    while not is_true():
        assert CLOCK.monotonic() < until_s, f"never: {what}"
        await asyncio.sleep(0.02)
