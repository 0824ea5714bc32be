"""Desk and executor under any sequence of commands, hands and faults: the table of command.py holds, and nothing is proved falsely.

One simulated PLC, virtual time, links that are fakes; the seed is Hypothesis's and replays the run.
"""

import asyncio
import contextlib
import json
import secrets
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from domain.approval import Consent
from domain.command import TRANSITIONS, Action, Phase, State
from domain.definition import definition_hashes
from domain.drive import MomentaryCoils, Pulse, Repeat, Write
from domain.errors import LinkLost, LinkTimeout
from domain.ids import CommandId, DeviceId, FacilityId, GatewayId
from domain.park import Tier
from gateway.challenges import Challenges
from gateway.desk import Desk
from gateway.executor import STOPS_MAX, Executor
from gateway.field import Field, Station
from gateway.image import DeviceImage
from gateway.lane import Lane
from gateway.ledger import Ledger
from gateway.overrides import Overrides
from gateway.plc import PlcLink, Withheld
from gateway.poller import Poller
from gateway.records import Records
from gateway.telemetry_metrics import TelemetryMetrics
from gateway.transcript import Transcript
from gateway.travels import Travels
from gateway.unbelieved import Unbelieved
from runtime.clock import ManualClock
from runtime.journal import Journal
from runtime.parkfiles.loading import load_park
from simulators.plc.drive import Ask, Asked
from simulators.plc.station import Station as Plc
from tests.service.gateway.plcs import CALM, GW
from tests.service.gateway.rig import ROOT
from wire.messages import CommandMessage, command_body, record
from wire.modbus import Columns
from wire.signing import Role, load_signer, load_verifier, new_key, public_part

GATE, DEVICE = FacilityId("hc_outlet"), DeviceId("plc_hc_outlet")
PARK = load_park(ROOT / "parks" / "lingang")
STEP_S = 0.25


class FakeLink:
    """Writes straight into the simulated PLC, unless told to lose or to hang."""

    def __init__(self, plc: Plc, clock: ManualClock) -> None:
        self.plc, self.clock = plc, clock
        self.mode = "up"
        self.sent: list[int] = []

    async def write(self, write: Write, *, permit: Callable[[], bool]) -> None:
        await asyncio.sleep(0)
        if self.mode == "lost":
            message = "lost"
            raise LinkLost(message)
        if not permit():
            raise Withheld
        if self.mode == "silent":
            message = "no answer"
            raise LinkTimeout(message)
        self.sent.append(write.address)
        self.plc.write(write.table, write.address, write.value, self.clock.now_ms())


class FakePoller:
    """Tells that a poll is over."""

    def __init__(self) -> None:
        self.done = asyncio.Event()

    @contextlib.contextmanager
    def hurry(self, groups: frozenset[str]) -> Iterator[None]:
        yield

    def poll_now(self, groups: frozenset[str]) -> None:
        """The next poll comes in its own time."""

    async def polled(self, timeout_s: float) -> None:
        self.done.clear()
        await self.done.wait()


class Bench:
    """One gate, its PLC, desk and executor, in virtual time."""

    def __init__(
        self,
        folder: Path,
        repeat: Repeat,
        *,
        tier: Tier = Tier.ENTERPRISE,
        pulse: Pulse = Pulse.PLC_RESETS,
        travel_s: float | None = None,
    ) -> None:
        self.clock = ManualClock()
        drive = cast("MomentaryCoils", PARK.actuators[GATE].drive)
        gate = replace(PARK.actuators[GATE], drive=replace(drive, repeat=repeat, pulse=pulse), permits=())
        if travel_s is not None:
            gate = replace(gate, travel_time_s=travel_s, reversing_pause_s=travel_s)
        place = replace(PARK.facilities[GATE], tier=tier)
        self.park = replace(
            PARK, actuators={**PARK.actuators, GATE: gate}, facilities={**PARK.facilities, GATE: place}
        )
        self.plc = Plc(self.park, DEVICE, now_ms=self.clock.now_ms(), openings={GATE: 0.5})
        for point in self.plc.instruments:
            self.plc.image.put(point.ref, False if point.is_boolean else CALM.get(point.name, 0.0))
        self.points = list(self.park.points_of(DEVICE))
        self.image = DeviceImage(self.park.devices[DEVICE], self.points, [gate])
        self.link, self.poller = FakeLink(self.plc, self.clock), FakePoller()
        station = Station(
            image=self.image, link=cast("PlcLink", self.link), poller=cast("Poller", self.poller)
        )
        field = Field(self.park, [station], self.clock)
        key = new_key(kid="k", role=Role.CONTROL, identity="control")
        own = new_key(kid="g", role=Role.GATEWAY, identity=GW)
        self.signer = load_signer(json.dumps(key))
        self.verifier = load_verifier(json.dumps({"keys": [public_part(key), public_part(own)]}))
        journal = Journal.open(folder / "records", gateway=GW, epoch="a" * 32, clock=self.clock)
        self.records: list[Any] = []
        records = Records(
            journal, load_signer(json.dumps(own)), Lane(self._heard), Lane(self._unheard),
            park=self.park.id, gateway=GatewayId(GW), clock=self.clock,
        )  # fmt: skip
        self._lane = records._lane
        ledger = Ledger.open(folder / "ledger.sqlite")
        transcript = Transcript(
            ledger, records, field, clock=self.clock, metrics=TelemetryMetrics(CollectorRegistry())
        )
        self.parts = (field, transcript, ledger, records)
        self.tasks: list[asyncio.Task[object]] = []
        self.executor = Executor(
            field, transcript, Travels(ledger, field), clock=self.clock, spawn=self._spawn
        )
        self.overrides = Overrides(field, ledger, records, self.clock, lambda: False)
        self.challenges = Challenges()
        definitions = {str(GATE): definition_hashes(self.park, gate)}
        self.desk = Desk(
            field, self.executor, transcript, ledger=ledger, records=records, challenges=self.challenges,
            overrides=self.overrides, unbelieved=Unbelieved(records, frozenset({GATE}), self.clock), definitions=definitions,
            verifier=self.verifier, clock=self.clock, challenge_validity_s=60.0, is_full=lambda: False,
        )  # fmt: skip
        self.definition = definitions[str(GATE)]
        self.is_polled = True

    async def step(self, seconds: float) -> None:
        for _ in range(round(seconds / STEP_S)):
            self.clock.advance(STEP_S)
            self.plc.tick(self.clock.now_ms())
            if self.is_polled:
                self._poll()
            self.poller.done.set()
            self.desk.expire_selects()
            for _ in range(8):
                await asyncio.sleep(0)
            for task in self.tasks:
                if task.done():
                    task.result()

    def command(
        self,
        action: Action,
        phase: Phase = Phase.OPERATE,
        command: str | None = None,
        *,
        author: str = "wang",
    ) -> str:
        challenge = secrets.token_hex(8)
        self.challenges.issue(challenge, now_s=self.clock.monotonic())
        message = CommandMessage(
            id=CommandId(command or secrets.token_hex(16)), phase=phase, park=self.park.id, gateway=GatewayId(GW),
            actuator=GATE, action=action, author=author, reason="", expires_ms=self.clock.now_ms() + 60_000, term=1,
            definition=self.definition, challenge=challenge,
            consent=Consent(by="li", content_hash="0" * 64, at_ms=self.clock.now_ms(), basis="调度 1"),
        )  # fmt: skip
        self.desk.take(self.signer.sign(command_body(message)))
        return message.id

    def said(self) -> list[dict[str, Any]]:
        waiting = list(self._lane._waiting)
        return [
            dict(record(self.verifier.verify(token, roles={Role.GATEWAY}).body).body)
            for _, token, _ in waiting
        ]

    def _poll(self) -> None:
        values = np.array([float(self.plc.image.value(point.ref)) for point in self.points])
        now_s = self.clock.monotonic()
        self.image.take(
            np.arange(len(values)), Columns(values=values, is_invalid=np.zeros(len(values), dtype=np.bool_)),
            observed_ms=self.clock.now_ms(), asked_s=now_s, read_s=now_s,
        )  # fmt: skip

    def _spawn(self, coro: Coroutine[object, object, None], name: str) -> object:
        task = asyncio.get_running_loop().create_task(coro, name=name)
        self.tasks.append(task)
        return task

    async def _heard(self, topic: str, payload: bytes, qos: int) -> None:
        return

    async def _unheard(self, topic: str, payload: bytes, qos: int) -> None:
        return


HAPPENINGS = (
    "close", "open", "stop", "verify", "local", "remote", "jam", "free", "lost", "silent", "up", "blind", "see", "hand",
    "wait", "long",
)  # fmt: skip


async def play(bench: Bench, happenings: list[str]) -> None:
    now = bench.clock.now_ms
    await bench.step(1)
    for what in happenings:
        match what:
            case "open":
                command = bench.command(Action.OPEN, Phase.SELECT)
                bench.command(Action.OPEN, Phase.OPERATE, command)
            case "close" | "stop" | "verify":
                bench.command(Action(what))
            case "local" | "remote":
                bench.plc.switch(GATE, is_remote=what == "remote", now_ms=now())
            case "jam" | "free":
                bench.plc.jam(GATE, at=0.3 if what == "jam" else None, now_ms=now())
            case "lost" | "silent" | "up":
                bench.link.mode = what
            case "blind" | "see":
                bench.is_polled = what == "see"
            case "hand":
                bench.plc.hand(GATE, Asked(ask=Ask.OPEN), now())
            case "wait":
                await bench.step(3)
            case "long":
                await bench.step(50)
        await bench.step(0.5)
    await bench.step(150)


@pytest.mark.parametrize("repeat", list(Repeat))
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(happenings=st.lists(st.sampled_from(HAPPENINGS), min_size=1, max_size=12))
def test_any_sequence(repeat: Repeat, happenings: list[str]) -> None:
    async def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(Path(folder), repeat)
            await play(bench, happenings)
            assert bench.executor.executing(GATE) is None
            check(bench)

    asyncio.run(run())


def check(bench: Bench) -> None:
    lives: dict[tuple[str, str], list[State]] = {}
    operated = 0
    for body in bench.said():
        lives.setdefault((body["id"], body["phase"]), []).append(State(body["state"]))
        operated += body["state"] == "operating" and body["action"] != "verify"
        if body["state"] == "confirmed" and body["action"] == "close":
            assert body["evidence"]["hc_outlet/closed"]["value"] is True
            assert body["evidence"]["hc_outlet/opened"]["value"] is False
    for (_, phase), states in lives.items():
        for before, after in pairwise(states):
            assert after in TRANSITIONS[before].values()
        if phase == "operate":
            assert states[-1].is_final
    # One write for each command that operated, and for each that took over the stops until the drive was seen to rest.
    assert len(bench.link.sent) <= (1 + STOPS_MAX) * operated
