"""A whole park in little: simulated PLCs, a real gateway, a real broker, a real control on a real PostgreSQL."""

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import httpx

from domain.ids import FacilityId, PointRef
from runtime.clock import RealClock
from runtime.mqtt import BrokerSettings, MqttLink, Subscription
from stoplog.demo.ports import free_ports
from stoplog.plain_http import NO_CERTIFICATES
from tests.service.control.console import CLOCK, Console, until
from tests.service.control.pair import Cable
from tests.service.gateway.plcs import GW, HOST
from tests.service.gateway.rig import MOSQUITTO, ROOT, START_S, Peer, Rig
from tests.service.postgres import Postgres

__all__ = ["MOSQUITTO", "Whole", "whole"]


class Whole(Rig):
    """One gateway's half of the park, and the centre."""

    def __init__(self, folder: Path, server: Postgres, *, opened: Sequence[str], park: Path) -> None:
        super().__init__(folder, speed=20.0, opened=opened, park=park)
        self.line = Cable(self.broker_port)
        """From the gateway to the broker."""
        settings = self.settings.read_text()
        self.settings.write_text(
            settings.replace(f"port = {self.broker_port}", f"port = {self.line.port}", 1)
        )
        (self.api_port,) = free_ports(1)
        self.server = server
        self.state = folder / "control"
        self.address = server.new_database()
        self.control_settings = folder / "control.toml"
        self.control: subprocess.Popen[bytes] | None = None
        self.replica = "control"
        self.first: subprocess.Popen[bytes] | None = None
        """The control that led before another one was begun beside it."""
        self.consoles: list[Console] = []
        self.write_control()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.api_port}"

    def write_control(self) -> None:
        self.control_settings.write_text(
            f"""
park = "{self.park_folder}"
state = "{self.state}"
broker_wait_s = 5.0
[clock]
kind = "page"
page = "{self.folder / "clock.page"}"
[broker]
host = "{HOST}"
port = {self.broker_port}
[keys]
own = "{self.folder / "control.jwk"}"
trusted = "{self.folder / "trusted.jwks"}"
[database]
url = "{self.address}"
[people]
password_cost = "owasp"
[api]
host = "{HOST}"
port = {self.api_port}
[replica]
name = "{self.replica}"
"""
        )

    def start_control(self) -> None:
        code = "import sys; from pathlib import Path; from control.app import main; sys.exit(main(Path(sys.argv[1])))"
        line = [sys.executable, "-c", code, str(self.control_settings)]
        with (self.folder / "control.log").open("ab") as log:
            self.control = subprocess.Popen(line, cwd=ROOT, stdout=log, stderr=log)

    def begin_another(self, name: str) -> None:
        """Start a second control on the same database, and mean that one from now on."""
        self.first, self.replica = self.control, name
        (self.api_port,) = free_ports(1)
        self.state, self.control_settings = self.folder / name, self.folder / f"{name}.toml"
        self.write_control()
        self.start_control()

    def end_control(self, number: signal.Signals = signal.SIGKILL) -> None:
        assert self.control is not None
        self.control.send_signal(number)
        self.control.wait(timeout=20)
        self.control = None

    async def control_is_ready(self) -> None:
        async with httpx.AsyncClient(trust_env=False, verify=NO_CERTIFICATES) as client:
            end_s = CLOCK.monotonic() + START_S
            while True:
                with contextlib.suppress(httpx.HTTPError):
                    if (await client.get(f"{self.url}/health/ready")).is_success:
                        return
                assert CLOCK.monotonic() < end_s, (self.folder / "control.log").read_text()
                await asyncio.sleep(0.05)

    def console(self) -> Console:
        made = Console(self.url)
        self.consoles.append(made)
        return made

    async def live(self, who: Console) -> None:
        """Wait until what this gateway's PLCs say is good at the centre."""
        own = [
            ref
            for device in self.plcs.stations
            for ref in (point.ref for point in self.park.points_of(device))  # type: ignore[arg-type]
        ]

        async def bad() -> list[str]:
            points = (await who.live())["points"]
            return [ref for ref in own if points[ref]["q"] != "good" or points[ref]["stale"]]

        end_s = CLOCK.monotonic() + START_S
        while found := await bad():
            assert CLOCK.monotonic() < end_s, found[:5]
            await asyncio.sleep(0.05)

    def spill(self, enterprise: str, name: str, value: float) -> None:
        """Let an enterprise's analyser show `value`."""
        self.plcs.stations[f"plc_{enterprise}_outlet"].image.put(
            PointRef(f"{enterprise}_analyser/{name}"), value
        )

    def opening(self, facility: str) -> float:
        """Return how far a gate stands open in truth, 0 to 1."""
        for station in self.plcs.stations.values():
            found = station.openings().get(FacilityId(facility))
            if found is not None:
                return found
        raise AssertionError(facility)

    async def orders(self, who: Console, facility: str) -> list[dict[str, Any]]:
        found = (await who.get("/orders")).json()
        return [item for item in found if item["actuator"] == facility]


@contextlib.asynccontextmanager
async def whole(folder: Path, server: Postgres, *, opened: Sequence[str], park: Path) -> AsyncIterator[Whole]:
    """Everything up until the block ends; a peer hears the gateway and answers for ingest only."""
    made = Whole(folder, server, opened=opened, park=park)
    topics = [f"stoplog/1/{made.park.id}/{GW}/{name}" for name in ("heartbeat", "records", "reply")]
    link = MqttLink(
        BrokerSettings(host=HOST, port=made.broker_port),
        client_id="ear",
        clock=RealClock(),
        subscriptions=[Subscription(topic=topic, qos=1) for topic in topics],
    )
    made.ear = ear = Peer(made, link)  # type: ignore[attr-defined]
    ear.is_acknowledging = False

    async def nothing() -> None:
        return

    made.start_broker()
    await made.line.lay()
    tasks = [asyncio.ensure_future(work) for work in (made.plcs.run(), link.run(nothing), ear.run())]
    try:
        await until(lambda: link.is_connected, why="the broker listens")
        made.start_gateway()
        made.start_control()
        await made.control_is_ready()
        yield made
    finally:
        for console in made.consoles:
            await console.http.aclose()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await made.line.close()
        for process in (made.first, made.control):
            if process is not None:
                process.kill()
                process.wait()
        made.close()
        await made.plcs.stop()
