"""An edge node that is none of ours (npm's sparkplug-client) before our control and our ingest: what they believe, and when."""

import asyncio
import contextlib
import json
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx

from domain.ids import DeviceId, GatewayId, ParkId
from domain.park import Park
from ingest.judge import Why
from runtime.mqtt import BrokerSettings, MqttLink
from stoplog.plain_http import NO_CERTIFICATES
from stores.sqlite_reader import everything
from tests.service.control.console import CLOCK, WAIT_S, Console, until
from tests.service.control.edge import CALM, Edge
from tests.service.control.rig import ROOT, START_S, Rig, free_port, rig
from tests.service.sparkplug.peers import Line, Peer, metric
from wire.signing import Role, new_key, public_part
from wire.topics import host_id, state

GROUP = "lingang"
NODE = GatewayId("gw_east")
DEVICE = "plc_hc_outlet"
CLOSED, OPENED, PH = "hc_outlet/closed", "hc_outlet/opened", "hc_analyser/ph"
HOST = host_id(GROUP)


class Heart(Edge):
    """The signed heartbeat of a gateway whose Sparkplug another program speaks: only ours can sign."""

    def connect(self, broker: BrokerSettings) -> None:
        self.link = MqttLink(broker, client_id=f"heart-{self.id}", clock=CLOCK)

    async def birth(self) -> None:
        """Leaves the births to the peer."""


class Node:
    """The peer as an application drives it: it is born when connected and whenever a host asks."""

    def __init__(self, peer: Peer, park: Park) -> None:
        self.peer = peer
        self.park = park
        self.rebirths = 0
        self.is_answering = True
        self._answered = 0

    def birth(self) -> None:
        rebirth = metric("Node Control/Rebirth", value=False, kind="Boolean", at_ms=CLOCK.now_ms())
        self.peer.say(
            {"do": "NBIRTH", "payload": {"timestamp": CLOCK.now_ms(), "metrics": [rebirth]}, "options": {}}
        )
        for device in self.park.devices_of(NODE):
            self.device_birth(device.id)

    def device_birth(self, device: str, **values: object) -> None:
        now_ms = CLOCK.now_ms()
        metrics = [
            metric(
                point.ref,
                values.get(point.name, point.name in {"closed", "remote", "power"})
                if point.is_boolean
                else CALM.get(point.name, 0.0),
                "Boolean" if point.is_boolean else "Double",
                now_ms,
            )
            for point in self.park.points_of(DeviceId(device))
        ]
        self._say("DBIRTH", device, metrics)

    def data(self, *metrics: Line, options: dict[str, Any] | None = None) -> None:
        self._say("DDATA", DEVICE, list(metrics), options)

    def _say(self, do: str, device: str, metrics: list[Line], options: dict[str, Any] | None = None) -> None:
        payload = {"timestamp": CLOCK.now_ms(), "metrics": metrics}
        self.peer.say({"do": do, "device": device, "payload": payload, "options": options or {}})

    def answer(self) -> None:
        """Be born for every connection and every rebirth that was asked for since the last call that answered."""
        if not self.is_answering:
            return
        for line in self.peer.lines[self._answered :]:
            self._answered += 1
            if line["event"] == "ncmd":
                [asked] = line["payload"]["metrics"]
                assert (asked["name"], asked["value"], asked["type"]) == (
                    "Node Control/Rebirth",
                    True,
                    "Boolean",
                )
                self.rebirths += 1
                self.birth()
            elif line["event"] == "birth":
                self.birth()


class Screen:
    """What control's API says of one point, watched until it says what is wanted."""

    def __init__(self, console: Console, node: Node) -> None:
        self._console = console
        self.node = node

    async def shows(self, point: str, why: str, is_right: Callable[[dict[str, Any]], object]) -> None:
        end_s = CLOCK.monotonic() + WAIT_S
        while True:
            self.node.answer()
            seen = (await self._console.live())["points"][point]
            if is_right(seen):
                return
            assert CLOCK.monotonic() < end_s, f"never {why}: {seen}"
            await asyncio.sleep(0.05)

    async def is_good(self, point: str, value: object) -> None:
        await self.shows(
            point,
            f"{value} and good",
            lambda seen: seen["q"] == "good" and seen["v"] == value and not seen["stale"],
        )

    async def is_doubted(self, point: str, reason: str) -> None:
        await self.shows(
            point, f"doubted: {reason}", lambda seen: seen["q"] != "good" and seen["reason"] == reason
        )


async def test_an_npm_edge_node_is_believed_by_the_rules_and_its_samples_end_in_quarantine(
    tmp_path: Path,
) -> None:
    def prepare(made: Rig) -> None:
        old = made.edges[NODE]
        made.edges[NODE] = Heart(park=made.park, id=NODE, signer=old.signer, verifier=old.verifier)

    topics = (state(HOST), f"spBv1.0/{GROUP}/NCMD/#")
    async with (
        rig(tmp_path, prepare=prepare) as made,
        ingesting(made),
        Peer("host.cjs", made.broker_port, "npm_ear", *topics) as ear,
    ):
        console = await made.first()
        async with Peer("edge.cjs", made.broker_port, GROUP, NODE) as peer:
            screen = Screen(console, Node(peer, made.park))
            await follows(screen)
            await repairs_a_gap(screen)
            await dies_and_lives_with_a_device(screen)
        await screen.is_doubted(CLOSED, "link")  # killed: the will
        async with Peer("edge.cjs", made.broker_port, GROUP, NODE) as peer:
            screen = Screen(console, Node(peer, made.park))
            await screen.is_good(CLOSED, value=True)
            peer.say({"do": "leave"})
            await screen.is_doubted(CLOSED, "link")
        await keeps_no_foreign_sample(made)
        asks_as_the_specification_says(ear)
        await says_that_it_is_here_and_away(made, ear)


async def follows(screen: Screen) -> None:
    """Births, data, and the turn of seq after 255, which is no gap."""
    await screen.is_good(CLOSED, value=True)
    node = screen.node
    node.data(
        metric(OPENED, value=True, kind="Boolean", at_ms=CLOCK.now_ms()),
        metric(CLOSED, value=False, kind="Boolean", at_ms=CLOCK.now_ms()),
    )
    await screen.is_good(CLOSED, value=False)
    asked = node.rebirths
    for number in range(300):
        node.data(metric(PH, 7 + number / 1000, "Double", CLOCK.now_ms()))
    await screen.is_good(PH, 7.299)
    assert node.rebirths == asked


async def repairs_a_gap(screen: Screen) -> None:
    """A lost message holds the node's points until it was asked for a rebirth and gave it."""
    node = screen.node
    asked = node.rebirths
    node.peer.say({"do": "skip"})
    node.data(metric(PH, 1.0, "Double", CLOCK.now_ms()))
    await heals(screen)
    assert node.rebirths > asked


async def heals(screen: Screen) -> None:
    screen.node.is_answering = False
    await screen.is_doubted(CLOSED, "gap")
    screen.node.is_answering = True
    await screen.is_good(CLOSED, value=True)


async def dies_and_lives_with_a_device(screen: Screen) -> None:
    node = screen.node
    node.peer.say({"do": "DDEATH", "device": DEVICE, "payload": {"timestamp": CLOCK.now_ms(), "metrics": []}})
    await screen.is_doubted(CLOSED, "link")
    await screen.is_good("ly_outlet/closed", value=True)
    node.device_birth(DEVICE, closed=False, opened=True)
    await screen.is_good(CLOSED, value=False)
    # The peer's own packing of payloads is none of Sparkplug's and hides the seq: not understood is as good as lost.
    node.data(metric(CLOSED, value=True, kind="Boolean", at_ms=CLOCK.now_ms()), options={"compress": True})
    await heals(screen)


async def keeps_no_foreign_sample(made: Rig) -> None:
    """A payload without a name of ours cannot be acknowledged and has no place in the store: it is shown with its reason."""
    quarantine = made.folder / "ingest.sqlite"
    await until(
        lambda: reasons(quarantine).get(Why.NO_NAME, 0) >= 300, why="the peer's data are in quarantine"
    )
    assert set(reasons(quarantine)) == {Why.NO_NAME}
    assert not list(everything(made.folder / "store.sqlite", park=ParkId(GROUP)))


def reasons(quarantine: Path) -> dict[str, int]:
    """How many nameless payloads are held, by reason."""
    with contextlib.closing(sqlite3.connect(f"{quarantine.as_uri()}?mode=ro", uri=True)) as db:
        return dict(db.execute("SELECT why, sum(times) FROM nameless GROUP BY why"))


async def says_that_it_is_here_and_away(made: Rig, ear: Peer) -> None:
    """STATE: here with the time of the connection, a denial for who says otherwise, away with the time of leaving."""
    here = states(ear)[-1]
    assert here["online"] is True
    assert here["timestamp"] <= CLOCK.now_ms()
    said = len(states(ear))
    forged = {"online": False, "timestamp": CLOCK.now_ms()}
    for _ in range(20):
        await made.edges[NODE].link.publish(state(HOST), json.dumps(forged).encode(), qos=1, retain=True)
    await until(lambda: len(states(ear)) > said + 20 and states(ear)[-1] == here, why="control denies")
    await asyncio.sleep(1.2)
    assert states(ear)[-1] == here
    assert 1 <= states(ear)[said:].count(here) <= 4, "a flood gets one answer a second"
    before_ms = CLOCK.now_ms()
    assert await asyncio.to_thread(made.kill, "control", signal.SIGTERM) == 0
    await until(lambda: not states(ear)[-1]["online"], why="control says that it leaves")
    assert states(ear)[-1]["timestamp"] >= before_ms
    made.start_control()
    await made.is_up()
    await until(lambda: states(ear)[-1]["online"], why="control is here again")
    again = states(ear)[-1]
    assert again["timestamp"] >= before_ms
    made.kill("control")
    await until(lambda: not states(ear)[-1]["online"], why="the broker says that control is gone")
    assert states(ear)[-1]["timestamp"] == again["timestamp"], "will and birth of one connection"


def states(ear: Peer) -> list[Line]:
    return [line["state"] for line in ear.lines if line.get("topic") == state(HOST)]


def asks_as_the_specification_says(ear: Peer) -> None:
    """QoS and the retained flag of what control says, as the broker hands it on to a host that is none of ours."""
    first = next(line for line in ear.lines if line.get("topic") == state(HOST))
    assert (first["qos"], first["retain"], first["state"]["online"]) == (1, True, True)
    asked = [line for line in ear.lines if "/NCMD/" in line.get("topic", "")]
    assert asked
    for line in asked:
        assert (line["qos"], line["retain"]) == (0, False)
        assert line["payload"]["timestamp"] > 0
        assert "seq" not in line["payload"]


async def is_ready(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/health/ready")).is_success
    except httpx.HTTPError:
        return False


@contextlib.asynccontextmanager
async def ingesting(made: Rig) -> AsyncIterator[None]:
    """A real worker beside control, for as long as the block lasts."""
    folder = made.folder
    private = new_key(kid="ingest-1", role=Role.INGEST, identity="ingest")
    (folder / "ingest.jwk").write_text(json.dumps(private))
    (folder / "ingest.jwks").write_text(json.dumps({"keys": [public_part(private)]}))
    port = free_port()
    (folder / "ingest.toml").write_text(f"""
park = "{ROOT / "parks" / "lingang"}"
database = "{folder}/ingest.sqlite"
[broker]
port = {made.broker_port}
[keys]
own = "{folder}/ingest.jwk"
trusted = "{folder}/ingest.jwks"
[metrics]
port = {port}
[store]
path = "{folder}/store.sqlite"
""")
    code = (
        "import sys; from pathlib import Path; from ingest.app import main; sys.exit(main(Path(sys.argv[1])))"
    )
    with (folder / "ingest.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, folder / "ingest.toml", stdout=log, stderr=log, cwd=ROOT
        )
    try:
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", trust_env=False, verify=NO_CERTIFICATES
        ) as client:
            end_s = CLOCK.monotonic() + START_S
            while not await is_ready(client):
                assert CLOCK.monotonic() < end_s, (folder / "ingest.log").read_text()
                await asyncio.sleep(0.05)
        yield
        assert process.returncode is None, (folder / "ingest.log").read_text()
    finally:
        process.kill()
        await process.wait()
