"""Plans under way, killed and resumed, with a second person who may be the first: beside a model of which steps may ever start.

The runner, the book and the rows are the product's; the desk below it is a stub that takes or refuses, and every outcome is
drawn. What the model knows is who approved what when, and what each step waits for (I9, I10).
"""

import asyncio
import contextlib
import itertools
from dataclasses import dataclass, replace
from typing import Any, cast

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from control.bell import Bell
from control.commands.book import Book
from control.commands.desk import Accepted, Declined, Outcome
from control.commands.gate import Request
from control.commands.orders import Orders
from control.commands.tracked import Tracked, Transition
from control.database.change import Change
from control.people.roles import Person, Role
from control.plans.compile import content_hash
from control.plans.entries import run as run_of
from control.plans.run import APPROVAL_MS_MAX, Run, RunState, StepState
from control.plans.runner import Runner
from domain.command import Action, Command, Phase, State
from domain.ids import CommandId, FacilityId, PlanId
from domain.order import OrderKind
from domain.park import Park, Tier
from domain.plan import OnFailure, Plan, Step
from domain.words import Words
from runtime.clock import ManualClock
from tests.unit.control.world import GW, OUTLET, PARK, RIVER
from tests.unit.control.world import image as world_image

GATES = [FacilityId(key) for key in ("g0", "g1", "g2", "r0", "r1")]
AUTHOR = Person(username="zhao", display_name="赵", roles=frozenset({Role.SHIFT_CHIEF}), session="s1")
OTHERS = [
    AUTHOR,
    replace(AUTHOR, session="s2"),
    replace(AUTHOR, username="qian"),
    replace(AUTHOR, username="qian", session="s2"),
]
"""Only the last is another identity in another session."""
ENDS = [State.CONFIRMED, State.FAILED, State.UNKNOWN, State.REFUSED, State.PREEMPTED, State.EXPIRED]
C, H, A = OnFailure.CONTINUE, OnFailure.HOLD_DEPENDANTS, OnFailure.ALTERNATIVE


def site() -> Park:
    """Four outlets and two river sluices, made of the small park's one each."""
    facilities, actuators, points = {}, {}, dict(PARK.points)
    for gate in GATES:
        like = RIVER if gate.startswith("r") else OUTLET
        facilities[gate] = replace(PARK.facilities[like], id=gate)
        actuators[gate] = replace(PARK.actuators[like], facility=gate, permits=())
        for point in PARK.points.values():
            if point.facility == like:
                points[replace(point, facility=gate).ref] = replace(point, facility=gate)
    return replace(PARK, facilities={**PARK.facilities, **facilities}, actuators=actuators, points=points)


SITE = site()


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """A plan over some of the gates: steps wait for earlier ones; a spare one stands in for one step."""
    gates = draw(st.permutations(GATES))[: draw(st.integers(2, len(GATES)))]
    steps: list[Step] = []
    for number, gate in enumerate(gates):
        names = [step.id for step in steps]
        waits = int(gate.startswith("r"))  # so that a river step often starts late
        after = (
            draw(st.lists(st.sampled_from(names), unique=True, min_size=waits, max_size=2)) if names else []
        )
        step = Step(
            id=f"s{number}",
            actuator=gate,
            action=Action.CLOSE,
            after=tuple(after),
            on_failure=draw(st.sampled_from([C, H])),
        )
        steps.append(step)
    if len(steps) > 2 and draw(st.booleans()):
        first, spare = steps[0], steps[-1]
        steps[0] = replace(first, on_failure=A, alternative=spare.id)
        steps[-1] = replace(spare, after=())
    return Plan(id=PlanId("p"), words=Words("方案", "plan"), enterprise=None, steps=tuple(steps))


@dataclass(slots=True)
class Word:
    """What somebody said of river steps, as the model remembers it."""

    is_another: bool
    at_ms: int


class Desk:
    """Takes or refuses, and puts what it takes into the book; says where the process is killed."""

    def __init__(self, machine: "Plans") -> None:
        self.machine = machine

    async def operate(self, request: Request, person: Person, *, run: str) -> Outcome:
        await asyncio.sleep(0)
        self.machine.is_asked(request, person)
        if self.machine.refuses:
            return Declined(code="blocked-by-interlocking", reasons=())
        tracked = self.machine.made(request, run)
        self.machine.book.put(tracked, now_s=0.0)
        if self.machine.is_dying:
            await asyncio.Event().wait()
        return Accepted(tracked=tracked)


class Plans(RuleBasedStateMachine):
    """One run of one plan."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock, self.book = ManualClock(), Book()
        self.row: Run | None = None
        """The run as it is on the disk."""
        self.refuses = self.is_changed = self.is_aborted = self.is_dying = False
        self.words: list[Word] = []
        self.commands: dict[str, list[CommandId]] = {}
        self.ids = itertools.count(1)
        self.orders = Orders(SITE)
        self.task: asyncio.Task[None] | None = None

    @initialize(plan=plans(), twist=st.sampled_from(["none", "none", "abort", "edit"]))
    def somebody_presses_the_key(self, plan: Plan, twist: str) -> None:
        """An abort or an edited plan ends nearly everything, so most runs are spared them."""
        self.plan, self.twist = plan, twist
        self.steps = {step.actuator: step for step in plan.steps}
        self._begin()
        start = self.runner.start(
            plan, AUTHOR, content_hash=content_hash(plan, self.park), reason="泄漏", accepts_warnings=True
        )
        self.run = self.loop.run_until_complete(start).id
        self._turn()

    @rule(number=st.integers(0, 5), to=st.sampled_from(ENDS))
    def a_command_ends(self, number: int, to: State) -> None:
        self._end_one(number, to)
        self._turn()

    @rule(refuses=st.booleans())
    def the_desk_changes_its_mind(self, refuses: bool) -> None:
        self.refuses = refuses

    @rule(who=st.sampled_from([*OTHERS, OTHERS[-1], OTHERS[-1]]))
    def somebody_approves(self, who: Person) -> None:
        run = self.runner.runs.get(self.run)
        if run is not None and not run.is_over:
            is_another = who.username != AUTHOR.username and who.session != AUTHOR.session
            self.words.append(Word(is_another, self.clock.now_ms()))
            self.loop.run_until_complete(self.runner.approve(run, who, dispatch_order="118"))
            self._turn()

    @rule(who=st.sampled_from(OTHERS[-1:]), late_s=st.sampled_from([0, 1]))
    def an_approval_grows_old(self, who: Person, late_s: int) -> None:
        self.somebody_approves(who)
        self.clock.advance(APPROVAL_MS_MAX // 1000 + late_s)
        self._turn()

    @precondition(lambda self: self.twist == "abort" and not self.is_aborted)
    @rule()
    def somebody_aborts(self) -> None:
        run = self.runner.runs.get(self.run)
        if run is not None and not run.is_over:
            self.loop.run_until_complete(self.runner.abort(run, AUTHOR))
            self.is_aborted = True
            self._turn()

    @rule(number=st.integers(0, 5), to=st.none() | st.sampled_from(ENDS), is_dying=st.booleans())
    def control_is_killed_and_starts_again(self, number: int, to: State | None, is_dying: bool) -> None:
        """Between a command and the row that tells of it, or just after something came out, or while nothing happens."""
        self._end_one(number, to)
        self.is_dying = is_dying
        self._ring()
        self._spin(30 if is_dying else number)
        self._kill()
        self.is_dying = False
        self._begin()

    @precondition(lambda self: self.twist == "edit" and not self.is_changed)
    @rule()
    def the_plan_is_edited_and_control_starts_again(self) -> None:
        first, *rest = self.plan.steps
        other = C if first.on_failure is H else H
        self._kill()
        self.plan = replace(self.plan, steps=(replace(first, on_failure=other, alternative=None), *rest))
        self.is_changed = self.is_changed or self.row is None or not self.row.is_over
        self._begin()

    @invariant()
    def a_step_has_one_command_unless_its_last_expired(self) -> None:
        for made in self.commands.values():
            for key in made[:-1]:
                found = self.book.get(key)
                assert found is not None
                assert found.state is State.EXPIRED

    @invariant()
    def the_whole_says_what_its_steps_say(self) -> None:
        run = self._run()
        if run is None:
            return
        for key, step in run.steps.items():
            made = self.commands.get(key, [])
            found = self.book.get(made[-1]) if made else None
            if step.state is StepState.CONFIRMED:
                assert found is not None
                assert found.state is State.CONFIRMED
            if step.state is StepState.SKIPPED:
                assert not made or found is None or found.state is State.EXPIRED
        if run.state is RunState.DONE:
            assert all(step.state in {StepState.CONFIRMED, StepState.SKIPPED} for step in run.steps.values())
        assert (run.ended_ms is not None) == run.is_over

    def is_asked(self, request: Request, person: Person) -> None:
        """Judge one request of the runner."""
        assert not self.is_aborted
        assert not self.is_changed, "its content is no longer what was started"
        assert person.username == AUTHOR.username
        step = self.steps[request.actuator]
        if SITE.facilities[request.actuator].tier is Tier.RIVER:
            now_ms = self.clock.now_ms()
            good = self.words[-1:] and self.words[-1].is_another
            assert good, "a river step moves for nobody without a second person"
            assert now_ms - self.words[-1].at_ms <= APPROVAL_MS_MAX
            assert request.approved_by == "qian"
        assert self._may_start(step), f"{step.id} does not wait for what it names"

    def made(self, request: Request, run: str) -> Tracked:
        """Return the command that the desk makes of `request`."""
        key = CommandId(f"{next(self.ids):032x}")
        self.commands.setdefault(self.steps[request.actuator].id, []).append(key)
        now_ms = self.clock.now_ms()
        command = Command(
            id=key,
            actuator=request.actuator,
            action=request.action,
            author=AUTHOR.username,
            reason="",
            changed_ms=now_ms,
        )
        return Tracked(
            command=command, gateway=GW, created_ms=now_ms, expires_ms=now_ms + 60_000, is_away=False,
            run=run, wanted=Phase.OPERATE,
        )  # fmt: skip

    async def keep(self, change: Change) -> None:
        """Take what is written: rows of runs last, everything else is not judged here."""
        for write in change.writes:
            if write.table == "runs":
                self.row = run_of(cast("dict[str, Any]", write.row["body"]))

    def teardown(self) -> None:
        """Whatever happened, with everybody's help it ends, and no branch was stopped by another's failure."""
        if not hasattr(self, "plan"):
            self.loop.close()
            return
        self.refuses = False
        for _ in range(6 * len(self.plan.steps)):
            self.somebody_approves(OTHERS[-1])
            self.a_command_ends(0, State.CONFIRMED)
        run = self._run()
        self._kill()
        self.loop.close()
        assert run is not None
        assert run.is_over
        if not (self.is_aborted or self.is_changed):
            left_out = {key for key, step in run.steps.items() if step.state is StepState.SKIPPED}
            assert left_out == {step.id for step in self.plan.steps if not self._may_start(step)}
            self._kept_closed(run)

    def _kept_closed(self, run: Run) -> None:
        """Each gate that was commanded has its order."""
        for step in self.plan.steps:
            if run.steps[step.id].command is not None:
                assert self.orders.standing(step.actuator, OrderKind.KEEP_CLOSED)

    def _end_one(self, number: int, to: State | None) -> None:
        under_way = sorted(self.book.open(), key=lambda item: item.id)
        if under_way and to is not None:
            found = under_way[number % len(under_way)]
            said = Transition(state=to, at_ms=self.clock.now_ms())
            self.book.put(found.reported(Phase.OPERATE, said), now_s=0.0)

    def _may_start(self, step: Step) -> bool:
        """By what is known of commands alone: has everything that it waits for come out, and the right way?"""
        by_id = {item.id: item for item in self.plan.steps}
        named = [item for item in self.plan.steps if item.alternative == step.id]
        if named:
            return self._state(named[0].id) in {"bad", "refused"}
        return all(self._lets_on(by_id[name]) for name in step.after)

    def _lets_on(self, before: Step) -> bool:
        state = self._state(before.id)
        if state == "open":
            return False
        if state == "good":
            return True
        if state == "never":  # a spare one that was not needed
            return any(item.alternative == before.id for item in self.plan.steps)
        if before.on_failure is C:
            return True
        spare = next((item for item in self.plan.steps if item.id == before.alternative), None)
        return before.on_failure is A and spare is not None and self._lets_on(spare)

    def _state(self, key: str) -> str:
        made = self.commands.get(key, [])
        found = self.book.get(made[-1]) if made else None
        held = self.row.steps[key].state if self.row is not None else StepState.WAITING
        if found is None:
            live = self.runner.runs[self.run].steps[key].state
            names = {StepState.REFUSED: "refused", StepState.SKIPPED: "never"}
            return names.get(live, names.get(held, "open"))
        if not found.state.is_final:
            return "open"
        return "good" if found.state is State.CONFIRMED else "bad"

    def _run(self) -> Run | None:
        return self.runner.runs.get(self.run) if hasattr(self, "run") else None

    def _begin(self) -> None:
        """Start control's runner on what is on the disk."""
        self.park = replace(SITE, plans={self.plan.id: self.plan})
        self.bell = Bell()
        self.runner = Runner(
            self.park, self._image(), cast("Any", Desk(self)), self.book, self.orders, cast("Any", self), self.clock,
            self.bell,
        )  # fmt: skip
        if self.row is not None:
            self.loop.run_until_complete(self.runner.take(self.row))
        self.task = self.loop.create_task(self.runner.run())
        self._turn()

    def _image(self) -> Any:
        image = world_image(now_s=self.clock.monotonic())
        return type(image)(self.park)

    def _ring(self) -> None:
        self.bell.ring()

    def _spin(self, turns: int) -> None:
        for _ in range(turns):
            self.loop.call_soon(self.loop.stop)
            self.loop.run_forever()

    def _turn(self) -> None:
        self._ring()
        self._spin(30)
        if self.task is not None and self.task.done():
            self.task.result()

    def _kill(self) -> None:
        if self.task is not None:
            self.task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                self.loop.run_until_complete(self.task)
            self.task = None


Plans.TestCase.settings = settings(max_examples=30, stateful_step_count=20)
TestPlans = Plans.TestCase
