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

from control.audit.entry import SYSTEM
from control.bell import Bell
from control.commands.book import Book
from control.commands.desk import Accepted, Desk
from control.commands.gate import Request
from control.commands.keeping import Keeping
from control.commands.orders import Orders
from control.commands.tracked import Tracked
from control.database.recorder import Recorder
from control.database.tables import RUNS
from control.live.image import Image
from control.people.roles import Person
from control.plans.actor import actor
from control.plans.compile import content_hash, is_known, needs_approval
from control.plans.entries import given_up, summary, written
from control.plans.entries import run as run_of
from control.plans.preview import evidence, is_in_position
from control.plans.run import Run, StepRun, StepState, begin, ready, settled, voided
from domain.admission import Direction, direction
from domain.approval import Approval, consent
from domain.command import State
from domain.ids import CommandId
from domain.park import Park
from domain.plan import Plan, Step
from domain.refusal import Code
from runtime.clock import Clock
from wire.canonical import Json

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
        self._recorder = recorder
        self._clock = clock
        self._changes = changes
        self._keeping = Keeping(park, orders, recorder, clock)
        self._kept: set[tuple[str, str]] = set()
        """Steps, by run, whose actuator has the order that the step gives."""
        self.runs: dict[str, Run] = {}
        self.changed: set[str] = set()
        """Changed since the last frame was sent; taken by the live hub."""

    async def load(self, engine: AsyncEngine) -> None:
        """Take what the database holds; what was running goes on, unless its plan was changed meanwhile."""
        newest = select(RUNS.c.id).order_by(RUNS.c.started_ms.desc()).limit(KEPT_MAX)
        # What is not over is taken however old it is: something of it may still move.
        is_open = RUNS.c.body["ended_ms"].as_string().is_(None)
        wanted = select(RUNS.c.body).where(RUNS.c.id.in_(newest) | is_open).order_by(RUNS.c.started_ms)
        async with engine.connect() as connection:
            bodies = (await connection.scalars(wanted)).all()
        for item in bodies:
            await self.take(run_of(item))

    async def take(self, found: Run) -> None:
        """Take one run of before; what its plan has become is held against what was started (I9)."""
        plan = found.proposed or self._park.plans.get(found.plan)
        if plan is not None and not is_known(plan, self._park):
            plan = None
        is_same = plan is not None and found.content_hash == content_hash(plan, self._park)
        if not is_same and not found.is_over:
            now_ms = self._clock.now_ms()
            found = voided(found, plan, now_ms=now_ms)
            await self._recorder.keep(given_up(found, at_ms=now_ms))
        if plan is not None and found.steps.keys() == {step.id for step in plan.steps}:
            self.runs[found.id] = found

    async def start(
        self,
        plan: Plan,
        person: Person,
        *,
        content_hash: str,
        reason: str,
        accepts_warnings: bool,
        is_proposed: bool = False,
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
            proposed=plan if is_proposed else None,
        )
        await self._put(None, run, actor=person.username)
        return run

    async def approve(
        self, run: Run, person: Person, *, dispatch_order: str | None = None, emergency: str | None = None
    ) -> Run:
        """Note the second person's approval; whether they may give it was decided by the caller."""
        approval = Approval(
            by=person.username,
            session=person.session,
            content_hash=run.content_hash,
            dispatch_order=dispatch_order,
            emergency=emergency,
            at_ms=self._clock.now_ms(),
        )
        return await self._put(run, replace(run, approval=approval), actor=person.username)

    async def abort(self, run: Run, person: Person) -> Run:
        """Start nothing more of `run`; what moves goes on to its end."""
        after = settled(ready(replace(run, is_aborted=True), self.plan(run))[1], now_ms=self._clock.now_ms())
        return await self._put(run, after, actor=person.username)

    async def pause(self, run: Run, person: Person) -> Run:
        """Start nothing more of `run` until it is let go on."""
        after = settled(replace(run, is_paused=True), now_ms=self._clock.now_ms())
        return await self._put(run, after, actor=person.username)

    async def go_on(self, run: Run, person: Person) -> Run:
        """Let a paused run start its steps again."""
        after = settled(replace(run, is_paused=False), now_ms=self._clock.now_ms())
        return await self._put(run, after, actor=person.username)

    def plan(self, run: Run) -> Plan:
        """Return what `run` runs: its own plan when that was proposed, else the park's."""
        return run.proposed or self._park.plans[run.plan]

    def summary(self, run: Run) -> dict[str, Json]:
        """Return the run without its steps, as the screens are told of it."""
        return summary(run, self.plan(run))

    async def run(self) -> None:
        """Take every run further, for ever."""
        while True:
            for run in [run for run in self.runs.values() if not run.is_over]:
                await self._advance(run.id)
            await self._changes.heard(timeout_s=LOOK_S)

    async def _advance(self, run_id: str) -> None:
        before = self.runs[run_id]
        plan = self.plan(before)
        run = before
        for step in plan.steps:
            if run.steps[step.id].state is StepState.RUNNING:
                run = run.with_step(self._followed(run, step))
        starting, run = ready(run, plan)
        waiting = [step for step in plan.steps if run.steps[step.id].state is StepState.WAITING_APPROVAL]
        # No gate waits until another's command is written, and the first one goes out while the last is still to be signed.
        begun: list[asyncio.Task[StepRun]] = []
        async with asyncio.TaskGroup() as tasks:
            for step in (*starting, *(() if run.is_paused else waiting)):
                if self.runs[run_id].is_aborted or self.runs[run_id].is_paused:
                    break  # since we began: what has not begun does not begin
                begun.append(tasks.create_task(self._started(run, step), name=f"{run_id} {step.id}"))
                await asyncio.sleep(0)
        for done in begun:
            run = run.with_step(done.result())
        latest = self.runs[run_id]
        if latest is not before:  # approved, paused or aborted while a step was being started
            run = replace(
                run,
                approval=latest.approval,
                is_aborted=latest.is_aborted,
                is_paused=latest.is_paused,
            )
            if run.is_aborted:
                run = ready(run, plan)[1]
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
            await self._keep(run, step, order_id=secrets.token_hex(16))
            proof = evidence(step, self._image, now_s=now_s)
            return replace(
                held, state=StepState.CONFIRMED, evidence=proof, proved_ms=self._clock.now_ms(), reasons=()
            )
        adopted = self._adopted(run, step)
        if adopted is not None:
            await self._keep(run, step, order_id=adopted.id)
            return replace(held, state=StepState.RUNNING, command=adopted.id, tries=held.tries + 1)
        request = Request(
            actuator=step.actuator,
            action=step.action,
            reason=run.reason,
            # Whoever started it was shown the warnings and accepted them; one that has come since is kept in the audit and
            # does not keep a gate open.
            accepted=frozenset({"*"}),
            consent=consent(run.approval) if run.approval is not None and is_approved else None,
        )
        person = actor(run.author, run.session, run.roles, run.enterprise)
        outcome = await self._desk.operate(request, person, run=run.id)
        if not isinstance(outcome, Accepted):
            # The gate was to be kept at its safe position whoever brings it there: a hand that shuts it now finds it kept.
            await self._keep(run, step, order_id=secrets.token_hex(16))
            return replace(held, state=StepState.REFUSED, reasons=outcome.reasons)
        command = outcome.tracked.id
        await self._keep(run, step, order_id=command)
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
        if _lacks_approval(reasons) and not run.is_approved(now_ms=self._clock.now_ms()):
            return replace(held, state=StepState.WAITING_APPROVAL, reasons=reasons)
        state = _ENDS[tracked.state]
        proved_ms = last.at_ms if last is not None and state is StepState.CONFIRMED else None
        return replace(held, state=state, reasons=reasons, evidence=proof, proved_ms=proved_ms)

    async def _keep(self, run: Run, step: Step, *, order_id: str) -> None:
        """What was brought to its safe position stays there until the reopening procedure releases it; one order a step."""
        if direction(self._park.actuators[step.actuator], step.action) is not Direction.TOWARD_SAFE:
            return
        if (run.id, step.id) in self._kept or run.steps[step.id].tries:
            return
        self._kept.add((run.id, step.id))
        await self._keeping.give(
            step.actuator, order_id=order_id, by=run.author, reason=run.reason, run=run.id
        )

    async def _put(self, before: Run | None, run: Run, *, actor: str) -> Run:
        self.runs[run.id] = run
        self.changed.add(run.id)
        now_ms = self._clock.now_ms()
        await self._recorder.keep(written(before, run, self.plan(run), self._park, actor=actor, at_ms=now_ms))
        self._changes.ring()
        self._forget(run for run in self.runs.values() if run.is_over)
        return run

    def _forget(self, over: Iterable[Run]) -> None:
        for run in list(over)[: max(0, len(self.runs) - KEPT_MAX)]:
            del self.runs[run.id]
            self._kept = {item for item in self._kept if item[0] != run.id}


def _lacks_approval(reasons: Iterable[Json]) -> bool:
    """Whether the edge found the approval wanting: one that ran out on the way is asked for again."""
    return any(isinstance(item, dict) and item.get("code") == Code.APPROVAL.value for item in reasons)
