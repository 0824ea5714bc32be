"""A real control process at a real mosquitto, with two edges and as many persons as a test needs."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx

from domain.ids import GatewayId
from runtime.mqtt import BrokerSettings
from runtime.parkfiles.loading import load_park
from stoplog.demo.ports import free_ports
from stoplog.plain_http import NO_CERTIFICATES
from tests.service.control.console import CLOCK, WAIT_S, Console, until
from tests.service.control.edge import Edge
from tests.service.forked import Forked
from wire.signing import Role, Signer, load_signer, load_verifier, new_key, public_part

ROOT = Path(__file__).parents[3]
MOSQUITTO = Path("/usr/sbin/mosquitto")
HOST = "127.0.0.1"
START_S = 90.0
"""Wall seconds for a start: importing alone takes seconds on a machine that is busy with something else."""


def free_port() -> int:
    return free_ports(1)[0]


class Rig:
    """Broker, control and two edges."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.park = load_park(ROOT / "parks" / "lingang")
        self.broker_port, self.api_port = free_port(), free_port()
        self.broker = BrokerSettings(host=HOST, port=self.broker_port)
        self.url = f"http://{HOST}:{self.api_port}"
        self.state = folder / "control"
        self._processes: dict[str, subprocess.Popen[bytes] | Forked] = {}
        self._consoles: list[Console] = []
        keys: list[dict[str, str]] = []
        self.signers: dict[str, Signer] = {}
        for identity in [*self.park.gateways, "control"]:
            role = Role.CONTROL if identity == "control" else Role.GATEWAY
            private = new_key(kid=identity, role=role, identity=identity)
            self.signers[identity] = load_signer(json.dumps(private))
            if identity == "control":
                (folder / "control.jwk").write_text(json.dumps(private))
            keys.append(public_part(private))
        (folder / "trusted.jwks").write_text(json.dumps({"keys": keys}))
        self.verifier = load_verifier(json.dumps({"keys": keys}))
        self.edges = {
            gateway: Edge(park=self.park, id=gateway, signer=self.signers[gateway], verifier=self.verifier)
            for gateway in self.park.gateways
        }
        (folder / "mosquitto.conf").write_text(
            f"user root\nlistener {self.broker_port} {HOST}\nallow_anonymous true\n"
        )
        (folder / "control.toml").write_text(self.settings())

    def settings(self) -> str:
        return f"""
park = "{ROOT / "parks" / "lingang"}"
state = "{self.state}"
broker_wait_s = 5.0
[broker]
host = "{HOST}"
port = {self.broker_port}
[keys]
own = "{self.folder / "control.jwk"}"
trusted = "{self.folder / "trusted.jwks"}"
[database]
url = "sqlite:///{self.state / "control.sqlite"}"
[people]
password_cost = "owasp"
[api]
host = "{HOST}"
port = {self.api_port}
"""

    @property
    def east(self) -> Edge:
        return self.edges[GatewayId("gw_east")]

    def start_broker(self) -> None:
        self._start("broker", [str(MOSQUITTO), "-c", str(self.folder / "mosquitto.conf")])

    def start_control(self) -> None:
        self._processes["control"] = Forked(
            "control.app", self.folder / "control.toml", log=self.folder / "control.log"
        )

    def _start(self, name: str, command_line: list[str]) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(command_line, stdout=log, stderr=log, cwd=ROOT)

    def release(self, name: str) -> "subprocess.Popen[bytes] | Forked":
        """Hand a process over to the test."""
        return self._processes.pop(name)

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> int:
        process = self._processes.pop(name)
        os.kill(process.pid, number)
        return process.wait(timeout=15)

    async def is_up(self) -> None:
        async with httpx.AsyncClient(trust_env=False, verify=NO_CERTIFICATES) as client:
            end_s = CLOCK.monotonic() + START_S
            while True:
                with contextlib.suppress(httpx.HTTPError):
                    if (await client.get(f"{self.url}/health/ready")).is_success:
                        return
                assert CLOCK.monotonic() < end_s, (self.folder / "control.log").read_text()
                await asyncio.sleep(0.05)

    async def is_live(self, console: Console) -> None:
        """Wait until every gateway is heard and born."""
        end_s = CLOCK.monotonic() + WAIT_S
        while True:
            live = await console.live()
            bad = [key for key, item in live["points"].items() if item["q"] != "good" or item["stale"]]
            if not bad:
                return
            assert CLOCK.monotonic() < end_s, (
                f"never live: {bad[:5]} {(self.folder / 'control.log').read_text()}"
            )
            await asyncio.sleep(0.05)

    async def first(self) -> Console:
        """Make the first administrator and sign in."""
        token = (self.state / "setup-token").read_text().strip()
        console = self.console()
        body = {"token": token, "username": "root", "display_name": "管理员", "password": "correct horse"}
        assert (await console.http.post("/setup", json=body)).status_code == 201
        assert (await console.sign_in("root", "correct horse")).is_success
        return console

    async def person(
        self, admin: Console, username: str, *roles: str, enterprise: str | None = None
    ) -> Console:
        """Make a person and sign them in; who does more than look has made the given password their own."""
        is_given = bool({"operator", "shift_chief", "engineer", "administrator"} & {*roles})
        body = {
            "username": username,
            "display_name": username,
            "password": "horse for now" if is_given else "correct horse",
            "roles": list(roles),
            "enterprise": enterprise,
        }
        response = await admin.post("/users", body)
        assert response.status_code == 201, response.text
        console = self.console()
        assert (await console.sign_in(username, str(body["password"]))).is_success
        if is_given:
            own = {"old": "horse for now", "new": "correct horse"}
            assert (await console.post("/session/password", own)).status_code == 204
        return console

    def console(self) -> Console:
        console = Console(self.url)
        self._consoles.append(console)
        return console

    async def close(self) -> None:
        for console in self._consoles:
            await console.http.aclose()
        for edge in self.edges.values():
            await edge.stop()
        for name in list(self._processes):
            self.kill(name)


@contextlib.asynccontextmanager
async def rig(folder: Path, *, prepare: Callable[[Rig], None] = lambda _: None) -> AsyncIterator[Rig]:
    """Everything up, every gate of the east open as the test says, until the block ends."""
    made = Rig(folder)
    prepare(made)
    made.start_broker()
    try:
        await until(lambda: _listens(made.broker_port), why="the broker listens")
        for edge in made.edges.values():
            edge.connect(made.broker)
            await edge.run()
        made.start_control()
        await made.is_up()
        yield made
    finally:
        await made.close()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0
