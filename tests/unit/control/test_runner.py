"""What becomes of a run when control starts again with the same plan, or with another (I9)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import cast

import pytest

from control.bell import Bell
from control.commands.book import Book
from control.commands.desk import Accepted, Declined, Desk, Outcome
from control.commands.gate import Request
from control.commands.orders import Orders
from control.commands.tracked import Transition
from control.database.change import Change
from control.database.recorder import Recorder
from control.live.image import Image
from control.people.roles import Person, Role
from control.plans.compile import content_hash
from control.plans.run import Run, RunState, StepState
from control.plans.runner import Runner
from domain.command import State
from domain.park import Park
from domain.plan import Plan
from runtime.clock import ManualClock
from tests.unit.control.test_lifecycle import made
from tests.unit.control.test_run import at, plan, run, step
from tests.unit.control.world import OUTLET, PARK, RIVER, image, person
from wire.canonical import Json

OF = plan(step("hc_outlet"), step("river_sluice", "hc_outlet"))
CHANGED = plan(step("hc_outlet"), step("river_sluice"))
WHO = person(Role.OPERATOR)
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


class Meanwhile(Asked):
    """A desk at which something becomes of the run while its first command is being made."""

    def __init__(self, what: Callable[[Runner, Run], Awaitable[object]]) -> None:
        super().__init__()
        self.what = what
        self.runner: Runner | None = None

    async def operate(self, request: Request, person: Person, *, run: str) -> Outcome:
        if self.runner is not None and not self.requests:
            await self.what(self.runner, self.runner.runs[run])
        return await super().operate(request, person, run=run)


@pytest.mark.parametrize(
    ("what", "second"),
    [
        (lambda runner, run: runner.abort(run, WHO), StepState.SKIPPED),
        (lambda runner, run: runner.pause(run, WHO), StepState.WAITING),
        (
            lambda runner, run: runner.approve(run, replace(WHO, username="li", session="2")),
            StepState.RUNNING,
        ),
    ],
    ids=["aborted", "paused", "approved"],
)
async def test_what_becomes_of_a_run_while_its_steps_begin_holds_for_those_that_have_not(
    what: Callable[[Runner, Run], Awaitable[object]], second: StepState
) -> None:
    wide = plan(step("hc_outlet"), replace(step("hc_outlet"), id="again"))
    asked, park = Meanwhile(what), replace(PARK, plans={wide.id: wide})
    opened = image(hc_outlet__opened=True, hc_outlet__closed=False)
    mine = cast("Recorder", asked)
    runner = asked.runner = Runner(
        park, opened, cast("Desk", asked), Book(), Orders(park), mine, ManualClock(), Bell()
    )
    before = replace(run(wide), content_hash=content_hash(wide, PARK))
    await runner.take(before)
    await runner._advance(before.id)
    steps = runner.runs[before.id].steps
    assert (steps["hc_outlet"].state, steps["again"].state) == (StepState.RUNNING, second)
    assert len(asked.requests) == (2 if second is StepState.RUNNING else 1)


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


class Refuses(Asked):
    """A desk that refuses whatever it is asked for."""

    async def operate(self, request: Request, person: Person, *, run: str) -> Outcome:
        self.requests.append(request)
        return Declined(code="blocked-by-switching-hierarchy", reasons=())


async def turned(
    asked: Asked, before: Run, seen: Image, *, book: Book, orders: Orders, clock: ManualClock
) -> Run:
    """Return `before` after a turn of the runner."""
    mine = cast("Recorder", asked)
    runner = Runner(orders._park, seen, cast("Desk", asked), book, orders, mine, clock, Bell())
    await runner.take(before)
    await runner._advance(before.id)
    return runner.runs[before.id]


async def test_a_gate_that_refuses_is_to_stay_shut_all_the_same_once_a_hand_has_shut_it() -> None:
    park: Park = replace(PARK, plans={OF.id: OF})
    before, orders = replace(run(OF), content_hash=content_hash(OF, PARK)), Orders(park)
    opened = image(hc_outlet__opened=True, hc_outlet__closed=False)
    after = await turned(Refuses(), before, opened, book=Book(), orders=orders, clock=ManualClock())
    assert after.steps["hc_outlet"].state is StepState.REFUSED
    assert [order.by for order in orders.held.keeping(OUTLET)] == ["zhao"]


async def test_an_approval_that_ran_out_on_the_way_is_asked_for_again() -> None:
    park: Park = replace(PARK, plans={OF.id: OF})
    book, clock = Book(), ManualClock()
    reason: Json = {"code": "approval-missing"}
    refused = replace(made(), transitions=(Transition(state=State.REFUSED, at_ms=1, reasons=(reason,)),))
    refused = replace(refused, command=replace(refused.command, actuator=RIVER, state=State.REFUSED))
    book.put(refused, now_s=0.0)
    before = at(run(OF), hc_outlet=StepState.CONFIRMED)
    held = replace(before.steps["river_sluice"], state=StepState.RUNNING, command=refused.id, tries=1)
    before = replace(before.with_step(held), content_hash=content_hash(OF, PARK))
    after = await turned(Asked(), before, image(), book=book, orders=Orders(park), clock=clock)
    assert after.steps["river_sluice"].state is StepState.WAITING_APPROVAL


async def test_a_run_goes_on_over_any_number_of_restarts_with_one_command() -> None:
    """Killed between the command and the row that tells of it, three times over: the command is found and followed."""
    park: Park = replace(PARK, plans={OF.id: OF})
    book, clock, orders = Book(), ManualClock(), Orders(park)
    before = replace(run(OF), content_hash=content_hash(OF, PARK))
    waiting = replace(made(), run=before.id)
    book.put(waiting, now_s=0.0)
    opened = image(hc_outlet__opened=True, hc_outlet__closed=False)
    for _ in range(3):
        asked = Asked()
        after = await turned(asked, before, opened, book=book, orders=orders, clock=clock)
        assert asked.requests == []
        assert after.steps["hc_outlet"].command == waiting.id
    assert [order.id for order in orders.held.keeping(OUTLET)] == [waiting.id]
