"""`stoplog demo --headless`: plays a scenario against the real services, answers its alarm, and judges the run."""

import asyncio
import contextlib
import json
import secrets
import shutil
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from control.audit.verify import verify_audit
from domain.errors import ConfigurationError, Fault
from domain.park import Park
from runtime.clock import PageClock, RealClock
from runtime.exits import Exit
from runtime.parkfiles import load_park
from simulators.acts import SpillAct
from simulators.client import SimulatorClient
from simulators.scenario import Scenario
from simulators.scenario_file import known_names, load_scenario
from simulators.water.network import load_network
from stoplog.demo.app import Demo, Options, running, say
from stoplog.demo.ports import HOST, free_ports
from stoplog.demo.settings import Run
from stoplog.headless.operator import Person
from stoplog.headless.result import Expectation, Result, judge, table
from stoplog.headless.timeline import Timeline, answer
from stoplog.oracle.judge import judge_truth, read_run, verdict
from stoplog.oracle.samples import compare
from wire.canonical import Json

FOLDER = "headless"
"""Beside the state of the demonstration; emptied at each run."""
LOOK_S = 1.0
"""Wall seconds between two looks at the score."""


def play(options: Options, result_file: Path | None) -> int:
    """Play the scenario; print the result and write it to `result_file`; return 0 only when the run passed."""
    if options.scenario is None:
        fault = Fault(file="command line", line=0, field="--scenario", message="a headless run needs a scenario",
                      remedy="name one, e.g. --scenario parks/lingang/scenarios/spill-in-storm.yaml", kind="setting")  # fmt: skip
        raise ConfigurationError(fault)
    park = load_park(options.park)
    places = load_network(options.park / "network" / "network.yaml").spill_places
    scenario = load_scenario(options.scenario, known_names(park, options.park, frozenset(places)))
    state = options.state / FOLDER
    shutil.rmtree(state, ignore_errors=True)
    (port,) = free_ports(1)
    began_s = RealClock().monotonic()
    options = replace(options, state=state, port=port, keep_freed=True)
    outcome = asyncio.run(_play(options, scenario, park))
    say("  everything stopped; counting")
    result = _result(options, scenario, park, outcome)
    result.wall_s = round(RealClock().monotonic() - began_s, 1)
    if result_file is not None:
        result_file.write_text(
            json.dumps(result.as_dict(), ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
        )
    say(table(result))
    return Exit.OK if not result.problems else Exit.PARK


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What a run has left when everything has stopped."""

    timeline: Timeline
    status: Mapping[str, Json]
    """Of the simulator, at the scenario's end."""
    baseline: Mapping[str, Json]
    restarts: int


async def _play(options: Options, scenario: Scenario, park: Park) -> _Outcome:
    # The park comes up in real time; the scenario's speed begins when it is live.
    run = Run(speed=1.0, scenario=options.scenario, seed=options.seed, keep_freed=True, with_link=False)
    timeline = Timeline()
    async with (
        running(options, run) as demo,
        SimulatorClient(demo.layout.simulator_port, host=HOST) as simulator,
    ):
        async with _people(demo) as (operator, chief):
            await simulator.set_speed(options.speed)
            say(
                f"Playing {scenario.words.zh} ({scenario.words.en}): {scenario.duration_s / 60:.0f} min at up to × {options.speed:.0f}"
            )
            await _to_the_end(demo, scenario, simulator, timeline, operator, chief)
            status = await simulator.status()
            gateways = tuple(str(gateway) for gateway in park.gateways)
            await demo.supervisor.stop(*gateways)
            baseline = await simulator.baseline_kg()
        restarts = demo.supervisor.restarts
    return _Outcome(timeline=timeline, status=status, baseline=baseline, restarts=restarts)


async def _to_the_end(
    demo: Demo,
    scenario: Scenario,
    simulator: SimulatorClient,
    timeline: Timeline,
    operator: Person,
    chief: Person,
) -> None:
    """Let the scenario run to its end while the people answer; an answer that is not over by then is given up."""
    clock = PageClock(demo.layout.state / "clock.page")
    response = scenario.response
    answering = None
    if response is not None:
        answering = asyncio.create_task(
            answer(timeline, operator=operator, chief=chief, clock=clock, response=response), name="answer"
        )
    told: set[str] = set()
    try:
        while True:
            status = await simulator.status()
            _tell(timeline, status, told)
            if cast("Mapping[str, float]", status["scenario"])["elapsed_s"] >= scenario.duration_s:
                return
            if answering is not None and answering.done():
                answering.result()
                answering = None
            await asyncio.sleep(LOOK_S)
    finally:
        if answering is not None:
            answering.cancel()
            await asyncio.wait([answering])


def _tell(timeline: Timeline, status: Mapping[str, Json], told: set[str]) -> None:
    """Say once each what has happened."""
    minute = cast("Mapping[str, float]", status["scenario"])["elapsed_s"] / 60
    escaped = cast("Mapping[str, float]", status["escaped_kg"])
    events = {
        "spill": cast("float", status["spilled_kg"]) > 0,
        f"alarm {timeline.alarm}": timeline.alarm is not None,
        "enterprise closed, proved": timeline.enterprise_closed_ms is not None,
        "park closed, proved": timeline.park_closed_ms is not None,
    }
    for words, has_happened in events.items():
        if has_happened and words not in told:
            told.add(words)
            say(
                f"  {minute:5.1f} min  {words}; past the plant {escaped['plant']:.1f} kg, the park {escaped['park']:.1f} kg"
            )


@contextlib.asynccontextmanager
async def _people(demo: Demo) -> AsyncIterator[tuple[Person, Person]]:
    """Make the first administrator by the one-time token, then an operator and a shift chief, and sign them in."""
    token = (demo.layout.state / "control" / "setup-token").read_text(encoding="utf-8").strip()
    console = demo.layout.console
    async with Person(console) as administrator, Person(console) as operator, Person(console) as chief:
        await administrator.set_up(token=token, username="admin", password=secrets.token_urlsafe(24))
        for person, name, role in ((operator, "operator", "operator"), (chief, "chief", "shift_chief")):
            password = secrets.token_urlsafe(24)
            body = {"username": name, "display_name": name, "password": password, "roles": [role]}
            await administrator.post("/users", body)
            await person.sign_in(name, password)
            own = secrets.token_urlsafe(24)
            await person.post("/session/password", {"old": password, "new": own})
        yield operator, chief


def _result(options: Options, scenario: Scenario, park: Park, outcome: _Outcome) -> Result:
    state, timeline, status = options.state, outcome.timeline, outcome.status
    accepted, stored = read_run(state, park)
    samples = verdict(accepted, stored, compare(accepted, stored))
    control = state / "control"
    audit = verify_audit(
        control / "control.sqlite", control / "checkpoints.jsonl", state / "keys" / "trusted.jwks"
    )
    start_ms = cast("Mapping[str, int]", status["scenario"])["start_ms"]
    spill_s = min((event.at_s for event in scenario.events if isinstance(event.act, SpillAct)), default=None)
    result = Result(
        scenario=scenario.id,
        seed=options.seed if options.seed is not None else scenario.seed,
        spilled_kg=cast("float", status["spilled_kg"]),
        escaped_kg=cast("Mapping[str, float]", status["escaped_kg"]),
        baseline_kg=cast("Mapping[str, float]", outcome.baseline["escaped_kg"]),
        held_kg=cast("Mapping[str, float]", status["held_kg"]),
        spill_to_alarm_s=None
        if spill_s is None
        else _seconds(start_ms + round(spill_s * 1000), timeline.alarm_ms),
        alarm_to_closed_s=_seconds(timeline.alarm_ms, timeline.enterprise_closed_ms),
        alarm_to_park_closed_s=_seconds(timeline.alarm_ms, timeline.park_closed_ms),
        speed_asked=options.speed,
        speed_reached=round(cast("Mapping[str, float]", status["speed"])["mean"], 2),
        wall_s=0.0,
        samples=samples.counts,
        audit={"records": audit.records, "verified": audit.verified},
        restarts=outcome.restarts,
        problems=[
            *samples.problems,
            *judge_truth(state, park, accepted, speed=options.speed),
            *audit.problems,
        ],
    )
    expected = scenario.expect
    result.problems += judge(
        result,
        Expectation(
            spilled_kg_min=expected.spilled_kg_min or 0.0,
            baseline_park_kg_min=expected.baseline_park_kg_min or 0.0,
            kept_share_min=expected.kept_back_min or 0.0,
        ),
    )
    result.problems += [f"step not proved: {text}" for text in timeline.failures]
    return result


def _seconds(begin_ms: int | None, end_ms: int | None) -> float | None:
    return None if begin_ms is None or end_ms is None else (end_ms - begin_ms) / 1000
