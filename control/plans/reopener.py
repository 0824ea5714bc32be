"""Runs reopenings: releases by id what a second person agreed to, opens in stages, and stops at the first that is not verified.

Nothing here goes on by itself after a restart: what moves away from safe is asked for again.
"""

import secrets
from collections.abc import Callable, Mapping
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
from control.database.recorder import Recorder
from control.database.tables import REOPENINGS
from control.live.image import Image
from control.people.roles import Person
from control.plans.actor import actor
from control.plans.passing import PassingSamples
from control.plans.preview import limits, stands_at
from control.plans.reopening import (
    Kind,
    ReopeningRun,
    Stage,
    StageRun,
    StageState,
    State,
    arisen,
    begin,
    content_hash,
    current,
    moved,
    samples_body,
    stages_of,
)
from control.plans.reopening_entries import run_of, written
from domain.admission import target
from domain.approval import Approval, consent
from domain.command import Action
from domain.command import State as CommandState
from domain.errors import StorageError
from domain.ids import CommandId, FacilityId
from domain.interlock import Truth
from domain.order import Order
from domain.park import Park, SafePosition, Tier
from domain.reopening import Reopening
from domain.words import Words
from runtime.clock import Clock
from wire.canonical import Json

LOOK_S = 0.5
"""Wall seconds between two looks when nothing rings."""
RELEASE_S_MAX = 15.0
"""Wall seconds in which the edge must show that it holds the tombstones."""
UNKNOWN_FACTOR = 2
"""After this many observation times without knowing the water, the stage is not verified."""
KEPT_MAX = 100


class Reopener:
    """Every reopening, under way or over."""

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
        *,
        samples: PassingSamples,
        is_gone: Callable[[str], bool] = lambda _username: False,
    ) -> None:
        """`is_gone`: whether this person's authority was revoked; then nothing goes on in their name."""
        self._park = park
        self._image = image
        self._desk = desk
        self._book = book
        self._orders = orders
        self._recorder = recorder
        self._clock = clock
        self._changes = changes
        self._keeping = Keeping(park, orders, recorder, clock)
        self._released_s: dict[str, float] = {}
        """Run → when (monotonic) its last release was written."""
        self._is_gone = is_gone
        self.samples = samples
        self.runs: dict[str, ReopeningRun] = {}

    async def load(self, engine: AsyncEngine) -> None:
        """Take what the database holds; what was under way is stopped: nothing opens by itself after a start."""
        newest = select(REOPENINGS.c.body).order_by(REOPENINGS.c.started_ms.desc()).limit(KEPT_MAX)
        is_open = select(REOPENINGS.c.body).where(
            REOPENINGS.c.state.in_([State.WAITING_APPROVAL.value, State.RUNNING.value])
        )
        async with engine.connect() as connection:
            held = [*(await connection.scalars(newest)), *(await connection.scalars(is_open))]
        for run in sorted(
            {run.id: run for run in map(run_of, held)}.values(), key=lambda run: run.started_ms
        ):
            await self.take(run)

    async def take(self, run: ReopeningRun) -> None:
        """Take one run of before."""
        reopening = self._park.reopenings.get(run.reopening)
        if reopening is None or run.stages.keys() != begin(stages_of(reopening, self._park)).keys():
            return
        self.runs[run.id] = run
        if run.is_open:
            cause = Words("控制服务重启,不自行继续", "control was restarted: it does not go on by itself")
            await self._end(run, State.STOPPED, cause)

    def compiled(self, reopening: Reopening) -> tuple[dict[FacilityId, tuple[str, ...]], str]:
        """Return the orders that would be released, and the hash of everything as it stands now."""
        orders = {
            actuator: tuple(order.id for order in held)
            for actuator, held in self._standing(reopening).items()
        }
        samples = samples_body(self.samples.of(reopening))
        return orders, content_hash(reopening, self._park, orders, samples)

    def open_run(self, reopening: Reopening) -> ReopeningRun | None:
        """Return the run of this procedure that is not over."""
        return next(
            (run for run in self.runs.values() if run.reopening == reopening.id and run.is_open), None
        )

    async def start(self, reopening: Reopening, person: Person, *, reason: str) -> ReopeningRun:
        """Ask for the procedure as it is compiled now; whether the person may was decided by the caller."""
        orders, content = self.compiled(reopening)
        run = ReopeningRun(
            id=secrets.token_hex(8),
            reopening=reopening.id,
            content_hash=content,
            author=person.username,
            session=person.session,
            roles=tuple(sorted(role.value for role in person.roles)),
            enterprise=person.enterprise,
            reason=reason,
            started_ms=self._clock.now_ms(),
            orders=orders,
            samples=samples_body(self.samples.of(reopening)),
            stages=begin(stages_of(reopening, self._park)),
        )
        return await self._put(None, run, by=person.username)

    async def approve(
        self, run: ReopeningRun, person: Person, *, dispatch_order: str | None, emergency: str | None
    ) -> ReopeningRun:
        """Note the second person's consent to the content; whether they may give it was decided by the caller."""
        approval = Approval(
            by=person.username,
            session=person.session,
            content_hash=run.content_hash,
            at_ms=self._clock.now_ms(),
            dispatch_order=dispatch_order,
            emergency=emergency,
        )
        return await self._put(run, replace(run, approval=approval, state=State.RUNNING), by=person.username)

    async def abort(self, run: ReopeningRun, person: Person) -> ReopeningRun:
        """Begin nothing more; what moves goes on to its end, and every gate has its stop."""
        cause = Words(f"{person.username} 中止", f"aborted by {person.username}")
        return await self._end(run, State.ABORTED, cause, by=person.username)

    def reopening(self, run: ReopeningRun) -> Reopening:
        """Return the procedure that `run` follows."""
        return self._park.reopenings[run.reopening]

    def stages(self, run: ReopeningRun) -> tuple[Stage, ...]:
        """Return its stages in order."""
        return stages_of(self.reopening(run), self._park)

    async def run(self) -> None:
        """Take every run further, for ever."""
        while True:
            for run in [run for run in self.runs.values() if run.is_open]:
                await self.advance(run.id)
            await self._changes.heard(timeout_s=LOOK_S)

    async def advance(self, run_id: str) -> None:
        """Take one run as far as it goes now."""
        run = self.runs[run_id]
        if not run.is_open:
            return
        stages, reopening = self.stages(run), self.reopening(run)
        ended = self._ends(run, stages, reopening)
        if ended is not None:
            await self._end(run, *ended)
            if ended[0] is State.STOPPED:
                await self._close_again(run, stages)
            return
        stage = current(run, stages)
        if stage is None:
            await self._end(run, State.DONE, None)
        elif run.state is State.RUNNING:
            await self._further(run, stage)

    def _ends(
        self, run: ReopeningRun, stages: tuple[Stage, ...], reopening: Reopening
    ) -> tuple[State, Words] | None:
        """Return what ends the run whatever its stages do: an order that has come, a definition, or the water."""
        new = arisen(run, stages, self._standing(reopening))
        if new:
            name = self._park.facilities[new[0].actuator].words
            return State.VOIDED, Words(f"{name.zh}有新的禁令", f"a new order stands on {name.en}")
        if run.content_hash != content_hash(reopening, self._park, run.orders, run.samples):
            return State.VOIDED, Words("程序或设备定义已变", "the procedure or a definition has changed")
        persons = (run.author, *((run.approval.by,) if run.approval is not None else ()))
        if any(map(self._is_gone, persons)):
            return State.VOIDED, Words("发起人或复核人已停用", "who asked or agreed was shut out")
        if self.samples.truth(reopening) is Truth.FALSE:
            return State.STOPPED, Words("水质不再合格", "the water no longer passes")
        return None

    async def _further(self, run: ReopeningRun, stage: Stage) -> None:
        held = run.stages[stage.id]
        match held.state, stage.kind:
            case StageState.WAITING, _ if not run.is_approved(now_ms=self._clock.now_ms()):
                await self._put(run, replace(run, state=State.WAITING_APPROVAL), by=SYSTEM)
            case StageState.WAITING, Kind.RELEASE:
                await self._release(run, stage)
            case StageState.WAITING, Kind.MOVE:
                await self._move(run, stage)
            case StageState.RUNNING, Kind.RELEASE:
                await self._see_release(run, stage)
            case StageState.RUNNING, Kind.MOVE:
                await self._see_move(run, stage, held)
            case StageState.OBSERVING, _:
                await self._see_water(run, stage, held)
            case _:
                await self._end(run, State.STOPPED, _UNVERIFIED)

    async def _release(self, run: ReopeningRun, stage: Stage) -> None:
        orders = [self._orders.held.orders[key] for key in run.orders.get(stage.actuator, ())]
        assert run.approval is not None
        if orders:
            body = {"run": run.id, "approved_by": run.approval.by, "content_hash": run.content_hash}
            try:
                await self._keeping.release(orders, by=run.author, body=dict(body))
            except StorageError:
                await self._fail(
                    run, stage, Words("数据库不可用,未解除", "no database: nothing was released")
                )
                return
        self._released_s[run.id] = self._clock.monotonic()
        await self._enter(run, stage, StageState.RUNNING)

    async def _see_release(self, run: ReopeningRun, stage: Stage) -> None:
        """The edge enforces: only its own word shows that it holds the tombstones."""
        gateway = self._park.gateway_of(stage.actuator)
        pulse = self._image.pulses[gateway]
        is_heard = pulse.newest is not None and pulse.is_heard(now_s=self._clock.monotonic())
        is_alike = pulse.newest is not None and pulse.newest.orders == self._orders.of(gateway).hash()
        if is_heard and is_alike:
            await self._enter(run, stage, StageState.CONFIRMED)
        elif self._clock.monotonic() - self._released_s.get(run.id, 0.0) > RELEASE_S_MAX:
            await self._fail(run, stage, Words("网关未取得解除", "the gateway has not taken the release"))

    async def _move(self, run: ReopeningRun, stage: Stage) -> None:
        assert stage.action is not None
        assert run.approval is not None
        wanted = target(stage.action, opening_percent=stage.percent)
        now_s = self._clock.monotonic()
        if wanted is not None and stands_at(wanted, stage.actuator, self._image, now_s=now_s):
            proof = limits(stage.actuator, self._image, now_s=now_s)
            await self._enter(run, stage, StageState.OBSERVING, evidence=proof)
            return
        request = Request(
            actuator=stage.actuator,
            action=stage.action,
            parameters={} if stage.percent is None else {"opening_percent": stage.percent},
            reason=run.reason,
            consent=consent(run.approval),
        )
        person = actor(run.author, run.session, run.roles, run.enterprise)
        selected = await self._desk.select(request, person)
        if not isinstance(selected, Accepted):
            await self._fail(run, stage, _UNVERIFIED, reasons=selected.reasons)
            return
        outcome = await self._desk.operate(request, person, select=selected.tracked.id, run=run.id)
        if not isinstance(outcome, Accepted):
            await self._fail(run, stage, _UNVERIFIED, reasons=outcome.reasons)
            return
        await self._enter(run, stage, StageState.RUNNING, command=outcome.tracked.id)

    async def _see_move(self, run: ReopeningRun, stage: Stage, held: StageRun) -> None:
        tracked = self._book.get(CommandId(held.command or ""))
        if tracked is not None and not tracked.state.is_final:
            return
        last = tracked.transitions[-1] if tracked is not None and tracked.transitions else None
        if tracked is None or tracked.state is not CommandState.CONFIRMED:
            await self._fail(run, stage, _UNVERIFIED, reasons=last.reasons if last is not None else ())
            return
        await self._enter(
            run, stage, StageState.OBSERVING, evidence=last.evidence if last is not None else None
        )

    async def _see_water(self, run: ReopeningRun, stage: Stage, held: StageRun) -> None:
        since_s = (self._clock.now_ms() - (held.since_ms or 0)) / 1000
        if since_s < stage.observe_s:
            return
        if self.samples.truth(self.reopening(run)) is Truth.TRUE:
            await self._enter(run, stage, StageState.CONFIRMED)
        elif since_s > UNKNOWN_FACTOR * max(stage.observe_s, self.reopening(run).passing.every_s):
            await self._fail(
                run, stage, Words("观察期水质不明", "the water is not known while it is watched")
            )

    async def _close_again(self, run: ReopeningRun, stages: tuple[Stage, ...]) -> None:
        """The water fails: what this run has opened goes back, and is kept there. Never the river by itself (I11)."""
        person = actor(run.author, run.session, run.roles, run.enterprise)
        for actuator in moved(run, stages):
            if self._park.facilities[actuator].tier is Tier.RIVER:
                continue
            is_closed = self._park.actuators[actuator].safe_position is SafePosition.CLOSED
            reason = "恢复开启中水质不合格 / the water failed while it was reopened"
            request = Request(
                actuator=actuator,
                action=Action.CLOSE if is_closed else Action.OPEN,
                reason=reason,
                accepted=frozenset({"*"}),
            )
            outcome = await self._desk.operate(request, person, run=run.id)
            order_id = outcome.tracked.id if isinstance(outcome, Accepted) else secrets.token_hex(16)
            await self._keeping.give(actuator, order_id=order_id, by=run.author, reason=reason, run=run.id)

    def _standing(self, reopening: Reopening) -> Mapping[FacilityId, tuple[Order, ...]]:
        return {
            opening.actuator: self._orders.held.keeping(opening.actuator) for opening in reopening.openings
        }

    async def _enter(
        self,
        run: ReopeningRun,
        stage: Stage,
        state: StageState,
        *,
        command: str | None = None,
        evidence: Json = None,
    ) -> None:
        held = run.stages[stage.id]
        now = replace(held, state=state, since_ms=self._clock.now_ms(), command=command or held.command)
        if evidence is not None:
            now = replace(now, evidence=evidence)
        await self._put(run, run.with_stage(now), by=SYSTEM)

    async def _fail(
        self, run: ReopeningRun, stage: Stage, cause: Words, *, reasons: tuple[Json, ...] = ()
    ) -> None:
        held = replace(run.stages[stage.id], state=StageState.FAILED, since_ms=self._clock.now_ms())
        failed = run.with_stage(replace(held, reasons=reasons))
        await self._put(run, failed.ended(State.STOPPED, cause, now_ms=self._clock.now_ms()), by=SYSTEM)

    async def _end(
        self, run: ReopeningRun, state: State, cause: Words | None, *, by: str = SYSTEM
    ) -> ReopeningRun:
        return await self._put(run, run.ended(state, cause, now_ms=self._clock.now_ms()), by=by)

    async def _put(self, before: ReopeningRun | None, run: ReopeningRun, *, by: str) -> ReopeningRun:
        latest = self.runs.get(run.id)
        if latest is not None and latest is not before:
            return latest  # aborted while a stage was being begun: that stands
        self.runs[run.id] = run
        change = written(
            before,
            run,
            self.reopening(run),
            self.stages(run),
            self._park,
            actor=by,
            at_ms=self._clock.now_ms(),
        )
        await self._recorder.keep(change)
        self._changes.ring()
        return run


_UNVERIFIED = Words("未能核实,停在此步", "not verified: it stops here")
