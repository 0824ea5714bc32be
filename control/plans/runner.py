"""Runs plans: starts the steps that may start, follows their commands to the outcome, and writes every change.

A command in flight is followed by its id, also after a restart; a new one is made for a step only when the one before has
provably expired unobeyed.
"""

import asyncio
import secrets
from collections.abc import Iterable
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from control.audit.entry import SYSTEM, Entry
from control.bell import Bell
from control.commands.book import Book
from control.commands.desk import Accepted, Desk
from control.commands.entries import order_row
from control.commands.gate import Request
from control.commands.orders import Orders
from control.commands.tracked import Tracked
from control.database.change import Change
from control.database.recorder import Recorder
from control.database.tables import RUNS
from control.live.image import Image
from control.people.roles import Person, Role
from control.plans.compile import content_hash, needs_approval
from control.plans.entries import given_up, written
from control.plans.entries import run as run_of
from control.plans.preview import evidence, is_in_position
from control.plans.run import Approval, Run, StepRun, StepState, begin, ready, settled, voided
from domain.command import Action, State
from domain.ids import CommandId, EnterpriseId
from domain.order import Order, OrderKind
from domain.park import Park
from domain.plan import Plan, Step
from domain.words import Words
from runtime.clock import Clock

LOOK_S = 0.5
"""Wall seconds between two looks when nothing rings."""
TRIES_MAX = 4
"""Commands for one step: each but the first after one that expired because no edge could hear it."""
KEPT_MAX = 200
"""Runs shown; older ones are in the database and the audit."""

_ENDS = {
    State.CONFIRMED: StepState.CONFIRMED,
    State.FAILED: StepState.FAILED,
    State.UNKNOWN: StepState.UNKNOWN,
    State.REFUSED: StepState.REFUSED,
    State.EXPIRED: StepState.FAILED,
    State.WITHDRAWN: StepState.FAILED,
    State.PREEMPTED: StepState.PREEMPTED,
}


class Runner:
    """Every run, running or over."""

    def __init__(
        self,
        park: Park,
        image: Image,
        desk: Desk,
        book: Book,
        orders: Orders,
        recorder: Recorder,
        clock: Clock,
        changes: Bell,
    ) -> None:
        self._park = park
        self._image = image
        self._desk = desk
        self._book = book
        self._orders = orders
        self._recorder = recorder
        self._clock = clock
        self._changes = changes
        self.runs: dict[str, Run] = {}
        self.changed: set[str] = set()
        """Changed since the last frame was sent; taken by the live hub."""

    async def load(self, engine: AsyncEngine) -> None:
        """Take what the database holds; what was running goes on, unless its plan was changed meanwhile."""
        async with engine.connect() as connection:
            newest = select(RUNS.c.body).order_by(RUNS.c.started_ms.desc()).limit(KEPT_MAX)
            bodies = (await connection.scalars(newest)).all()
        for item in reversed(bodies):
            await self.take(run_of(item))

    async def take(self, found: Run) -> None:
        """Take one run of before; what its plan has become is held against what was started (I9)."""
        plan = self._park.plans.get(found.plan)
        is_same = plan is not None and found.content_hash == content_hash(plan, self._park)
        if not is_same and not found.is_over:
            now_ms = self._clock.now_ms()
            found = voided(found, plan, now_ms=now_ms)
            await self._recorder.keep(given_up(found, at_ms=now_ms))
        if plan is not None and found.steps.keys() == {step.id for step in plan.steps}:
            self.runs[found.id] = found

    async def start(
        self, plan: Plan, person: Person, *, content_hash: str, reason: str, accepts_warnings: bool
    ) -> Run:
        """Begin a run of `plan` as compiled under `content_hash`."""
        run = Run(
            id=secrets.token_hex(8),
            plan=plan.id,
            content_hash=content_hash,
            author=person.username,
            session=person.session,
            roles=tuple(sorted(role.value for role in person.roles)),
            enterprise=person.enterprise,
            reason=reason,
            started_ms=self._clock.now_ms(),
            accepts_warnings=accepts_warnings,
            steps=begin(plan.steps),
        )
        await self._put(None, run, actor=person.username)
        return run

    async def approve(self, run: Run, person: Person, *, dispatch_order: str) -> Run:
        """Note the second person's approval; whether they may give it was decided by the caller."""
        approval = Approval(
            by=person.username,
            session=person.session,
            content_hash=run.content_hash,
            dispatch_order=dispatch_order,
            at_ms=self._clock.now_ms(),
        )
        return await self._put(run, replace(run, approval=approval), actor=person.username)

    async def abort(self, run: Run, person: Person) -> Run:
        """Start nothing more of `run`; what moves goes on to its end."""
        after = settled(ready(replace(run, is_aborted=True), self._plan(run))[1], now_ms=self._clock.now_ms())
        return await self._put(run, after, actor=person.username)

    async def run(self) -> None:
        """Take every run further, for ever."""
        while True:
            for run in [run for run in self.runs.values() if not run.is_over]:
                await self._advance(run.id)
            await self._changes.heard(timeout_s=LOOK_S)

    async def _advance(self, run_id: str) -> None:
        before = self.runs[run_id]
        plan = self._plan(before)
        run = before
        for step in plan.steps:
            if run.steps[step.id].state is StepState.RUNNING:
                run = run.with_step(self._followed(run, step))
        starting, run = ready(run, plan)
        waiting = [step for step in plan.steps if run.steps[step.id].state is StepState.WAITING_APPROVAL]
        # All at once: no gate waits until another's command is written.
        for done in await asyncio.gather(*(self._started(run, step) for step in (*starting, *waiting))):
            run = run.with_step(done)
        latest = self.runs[run_id]
        if latest is not before:  # approved or aborted while a step was being started
            run = replace(run, approval=latest.approval, is_aborted=latest.is_aborted)
        run = settled(run, now_ms=self._clock.now_ms())
        if run != latest:
            await self._put(latest, run, actor=SYSTEM)

    async def _started(self, run: Run, step: Step) -> StepRun:
        """Return the step after what could be done for it now."""
        held = run.steps[step.id]
        is_approved = run.is_approved(now_ms=self._clock.now_ms())
        if needs_approval(step, self._park) and not is_approved:
            return replace(held, state=StepState.WAITING_APPROVAL)
        now_s = self._clock.monotonic()
        if is_in_position(step, self._image, now_s=now_s) and not self._may_move(step):
            await self._keep_closed(run, step, order_id=secrets.token_hex(16))
            proof = evidence(step, self._image, now_s=now_s)
            return replace(
                held, state=StepState.CONFIRMED, evidence=proof, proved_ms=self._clock.now_ms(), reasons=()
            )
        adopted = self._adopted(run, step)
        if adopted is not None:
            return replace(held, state=StepState.RUNNING, command=adopted.id, tries=held.tries + 1)
        request = Request(
            actuator=step.actuator,
            action=step.action,
            reason=run.reason,
            # Whoever started it was shown the warnings and accepted them; one that has come since is kept in the audit and
            # does not keep a gate open.
            accepted=frozenset({"*"}),
            approved_by=run.approval.by if run.approval is not None and is_approved else None,
        )
        outcome = await self._desk.operate(request, _person(run), run=run.id)
        if not isinstance(outcome, Accepted):
            return replace(held, state=StepState.REFUSED, reasons=outcome.reasons)
        command = outcome.tracked.id
        if held.tries == 0:
            await self._keep_closed(run, step, order_id=command)
        return replace(held, state=StepState.RUNNING, command=command, tries=held.tries + 1, reasons=())

    def _may_move(self, step: Step) -> bool:
        """Whether a command is under way that moves, or may yet move, the step's gate from where it stands."""
        is_away = any(item.is_away for item in self._book.open_on(step.actuator))
        return is_away or self._book.executing(step.actuator) is not None

    def _adopted(self, run: Run, step: Step) -> Tracked | None:
        """Return the command that was made for this step just before a restart."""
        for item in self._book.open_on(step.actuator):
            if item.run == run.id and item.command.action is step.action:
                return item
        return None

    def _followed(self, run: Run, step: Step) -> StepRun:
        held = run.steps[step.id]
        tracked = self._book.get(CommandId(held.command or ""))
        while tracked is not None and tracked.replaced_by is not None:
            held = replace(held, command=tracked.replaced_by)
            tracked = self._book.get(tracked.replaced_by)
        if tracked is None:
            return replace(held, state=StepState.UNKNOWN)
        if not tracked.state.is_final or self._book.is_void(tracked.id):
            return held
        last = tracked.transitions[-1] if tracked.transitions else None
        reasons, proof = (last.reasons, last.evidence) if last is not None else ((), None)
        if tracked.state is State.EXPIRED and held.tries < TRIES_MAX and not run.is_aborted:
            return replace(held, state=StepState.WAITING, reasons=reasons)
        state = _ENDS[tracked.state]
        proved_ms = last.at_ms if last is not None and state is StepState.CONFIRMED else None
        return replace(held, state=state, reasons=reasons, evidence=proof, proved_ms=proved_ms)

    async def _keep_closed(self, run: Run, step: Step, *, order_id: str) -> None:
        """A closed gate stays closed until the reopening procedure releases it."""
        if step.action is not Action.CLOSE:
            return
        order = Order(
            id=order_id,
            kind=OrderKind.KEEP_CLOSED,
            actuator=step.actuator,
            by=run.author,
            reason=run.reason,
            since_ms=self._clock.now_ms(),
        )
        name = self._park.facilities[step.actuator].words
        entry = Entry(
            at_ms=order.since_ms,
            actor=run.author,
            kind="order.keep_closed",
            object=step.actuator,
            words=Words(f"{name.zh}:禁开令", f"{name.en}: keep-closed order"),
            body={"order": order_id, "run": run.id},
        )
        self._orders.add(order)
        await self._recorder.keep(Change(writes=(order_row(order),), entries=(entry,)))

    async def _put(self, before: Run | None, run: Run, *, actor: str) -> Run:
        self.runs[run.id] = run
        self.changed.add(run.id)
        now_ms = self._clock.now_ms()
        await self._recorder.keep(
            written(before, run, self._plan(run), self._park, actor=actor, at_ms=now_ms)
        )
        self._changes.ring()
        self._forget(run for run in self.runs.values() if run.is_over)
        return run

    def _forget(self, over: Iterable[Run]) -> None:
        for run in list(over)[: max(0, len(self.runs) - KEPT_MAX)]:
            del self.runs[run.id]

    def _plan(self, run: Run) -> Plan:
        return self._park.plans[run.plan]


def _person(run: Run) -> Person:
    """Return who asked for the run, with the authority they had when they did."""
    return Person(
        username=run.author,
        display_name=run.author,
        roles=frozenset(Role(role) for role in run.roles),
        enterprise=EnterpriseId(run.enterprise) if run.enterprise is not None else None,
        session=run.session,
    )
