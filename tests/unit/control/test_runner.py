"""What becomes of a run when control starts again with the same plan, or with another (I9)."""

import asyncio
from dataclasses import replace
from typing import cast

import pytest

from control.bell import Bell
from control.commands.book import Book
from control.commands.desk import Accepted, Desk, Outcome
from control.commands.gate import Request
from control.commands.orders import Orders
from control.database.change import Change
from control.database.recorder import Recorder
from control.people.roles import Person
from control.plans.compile import content_hash
from control.plans.run import Run, RunState, StepState
from control.plans.runner import Runner
from domain.park import Park
from domain.plan import Plan
from runtime.clock import ManualClock
from tests.unit.control.test_lifecycle import made
from tests.unit.control.test_run import at, plan, run, step
from tests.unit.control.world import PARK, image

OF = plan(step("hc_outlet"), step("river_sluice", "hc_outlet"))
CHANGED = plan(step("hc_outlet"), step("river_sluice"))
LONGER = plan(*OF.steps, replace(step("river_sluice"), id="again"))


class Kept:
    """A recorder that remembers."""

    def __init__(self) -> None:
        self.changes: list[Change] = []

    async def keep(self, change: Change) -> None:
        self.changes.append(change)


async def restarted(started: Plan, now: Plan | None) -> tuple[Runner, Kept, Run]:
    """Take a run of `started`, its first gate moving, into a control whose park has the plan `now`."""
    kept = Kept()
    plans: dict[str, Plan] = {} if now is None else {now.id: now}
    park: Park = replace(PARK, plans=plans)
    runner = Runner(
        park, image(), cast("Desk", kept), Book(), Orders(park), cast("Recorder", kept), ManualClock(), Bell()
    )
    before = replace(at(run(started), hc_outlet=StepState.RUNNING), content_hash=content_hash(started, PARK))
    await runner.take(before)
    return runner, kept, before


class Asked(Kept):
    """A desk that takes whatever it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Request] = []

    async def operate(self, request: Request, person: Person, *, run: str) -> Outcome:
        self.requests.append(request)
        return Accepted(tracked=made())


async def test_a_warning_that_comes_after_the_start_keeps_no_gate_open() -> None:
    asked = Asked()
    park: Park = replace(PARK, plans={OF.id: OF})
    opened = image(hc_outlet__opened=True, hc_outlet__closed=False)
    runner = Runner(
        park,
        opened,
        cast("Desk", asked),
        Book(),
        Orders(park),
        cast("Recorder", asked),
        ManualClock(),
        Bell(),
    )
    before = replace(run(OF), content_hash=content_hash(OF, PARK), accepts_warnings=False)
    await runner.take(before)
    task = asyncio.create_task(runner.run())
    for _ in range(5):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    assert [request.accepted for request in asked.requests] == [frozenset({"*"})]


async def test_a_run_of_the_same_plan_goes_on() -> None:
    runner, kept, before = await restarted(OF, OF)
    assert runner.runs == {before.id: before}
    assert kept.changes == []


async def test_a_run_of_a_changed_plan_starts_nothing_more_and_is_followed() -> None:
    runner, kept, before = await restarted(OF, CHANGED)
    found = runner.runs[before.id]
    assert found.state is RunState.ABORTED
    assert {key: item.state for key, item in found.steps.items()} == {
        "hc_outlet": StepState.RUNNING, "river_sluice": StepState.SKIPPED,
    }  # fmt: skip
    assert [entry.kind for change in kept.changes for entry in change.entries] == ["plan.aborted"]


@pytest.mark.parametrize("now", [LONGER, None])
async def test_a_run_whose_steps_are_no_more_ends(now: Plan | None) -> None:
    runner, kept, _ = await restarted(OF, now)
    assert runner.runs == {}
    row = kept.changes[0].writes[0].row
    assert row["state"] == "aborted"
    assert kept.changes[0].entries[0].body["steps"] == {"hc_outlet": "unknown", "river_sluice": "skipped"}
