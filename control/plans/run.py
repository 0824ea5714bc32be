"""One run of a plan as a value: which steps may start, what follows from one that failed, and how the whole stands (I10)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, StrEnum

from control.plans.compile import alternatives
from domain.approval import VALID_MS, Approval
from domain.plan import OnFailure, Plan, Step
from wire.canonical import Json

APPROVAL_MS_MAX = VALID_MS
"""Model milliseconds that an approval holds (I9)."""


class StepState(StrEnum):
    """Where a step is."""

    WAITING = "waiting"
    WAITING_APPROVAL = "waiting_approval"
    RUNNING = "running"
    CONFIRMED = "confirmed"
    FAILED = "failed"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    PREEMPTED = "preempted"
    """Another command took the actuator over; where that one went is its own record's to say."""
    SKIPPED = "skipped"


_FAILURES = frozenset({StepState.FAILED, StepState.UNKNOWN, StepState.REFUSED, StepState.PREEMPTED})
ENDED = _FAILURES | {StepState.CONFIRMED, StepState.SKIPPED}


class RunState(StrEnum):
    """Where a run is."""

    RUNNING = "running"
    WAITING_APPROVAL = "waiting_approval"
    PAUSED = "paused"
    """Starts nothing until somebody lets it go on; what moves goes on to its end."""
    DONE = "done"
    DONE_WITH_FAILURES = "done_with_failures"
    ABORTED = "aborted"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRun:
    """One step of a run."""

    id: str
    state: StepState = StepState.WAITING
    command: str | None = None
    tries: int = 0
    """Commands made for it; more than one only when the one before provably expired unobeyed."""
    reasons: tuple[Json, ...] = ()
    evidence: Json = None
    proved_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of one plan."""

    id: str
    plan: str
    content_hash: str
    author: str
    session: str
    roles: tuple[str, ...]
    enterprise: str | None
    reason: str
    started_ms: int
    accepts_warnings: bool
    steps: Mapping[str, StepRun]
    is_aborted: bool = False
    is_paused: bool = False
    proposed: Plan | None = None
    """The plan itself when control proposed it; None: it is one of the park's."""
    approval: Approval | None = None
    state: RunState = RunState.RUNNING
    ended_ms: int | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing of it can move any more."""
        return all(step.state in ENDED for step in self.steps.values())

    def with_step(self, step: StepRun) -> "Run":
        """Return the run with `step` as it is now."""
        return replace(self, steps={**self.steps, step.id: step})

    def is_approved(self, *, now_ms: int) -> bool:
        """Whether a second person's approval of this content holds now (I9)."""
        return self.approval is not None and self.approval.holds(
            author=self.author, session=self.session, content_hash=self.content_hash, now_ms=now_ms
        )


class _Way(Enum):
    WAIT = "wait"
    GO = "go"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class _Outlook:
    """The plan and how far its run is."""

    steps: Mapping[str, Step]
    run: Run
    spare: frozenset[str] = field(default_factory=frozenset)

    def way(self, step: Step) -> _Way:
        """Return whether `step` may start."""
        if step.id in self.spare:
            ways = [self._as_alternative(step)]
        else:
            ways = [self._after(before) for before in step.after if before in self.steps]
        if _Way.SKIP in ways:
            return _Way.SKIP
        return _Way.WAIT if _Way.WAIT in ways else _Way.GO

    def _as_alternative(self, step: Step) -> _Way:
        """An alternative runs when the step that names it has failed, and is left out when none has."""
        named = [item for item in self.steps.values() if item.alternative == step.id]
        states = [self.run.steps[item.id].state for item in named]
        if any(_is_failure(state) for state in states):
            return _Way.GO
        return _Way.SKIP if all(state in ENDED for state in states) else _Way.WAIT

    def _after(self, before: str) -> _Way:
        step, state = self.steps[before], self.run.steps[before].state
        if state not in ENDED:
            return _Way.WAIT
        if state is StepState.CONFIRMED:
            return _Way.GO
        if state is StepState.SKIPPED:
            return _Way.GO if before in self.spare else _Way.SKIP
        match step.on_failure:
            case OnFailure.CONTINUE:
                return _Way.GO
            case OnFailure.HOLD_DEPENDANTS:
                return _Way.SKIP
            case OnFailure.ALTERNATIVE:
                return _Way.SKIP if step.alternative is None else self._after(step.alternative)


def begin(steps: tuple[Step, ...]) -> Mapping[str, StepRun]:
    """Return every step as waiting."""
    return {step.id: StepRun(id=step.id) for step in steps}


def ready(run: Run, plan: Plan) -> tuple[tuple[Step, ...], Run]:
    """Return the steps that may start now, and the run with those left out that never will."""
    while True:
        outlook = _Outlook({step.id: step for step in plan.steps}, run, alternatives(plan))
        waiting = [step for step in plan.steps if run.steps[step.id].state is StepState.WAITING]
        if run.is_aborted:
            waiting = [step for step in plan.steps if run.steps[step.id].state in _NOT_STARTED]
            for step in waiting:
                run = run.with_step(replace(run.steps[step.id], state=StepState.SKIPPED))
            return (), run
        skipped = [step for step in waiting if outlook.way(step) is _Way.SKIP]
        if not skipped and run.is_paused:
            return (), run
        if not skipped:
            return tuple(step for step in waiting if outlook.way(step) is _Way.GO), run
        for step in skipped:
            run = run.with_step(replace(run.steps[step.id], state=StepState.SKIPPED))


def settled(run: Run, *, now_ms: int) -> Run:
    """Return the run with its state as its steps make it."""
    state, ended_ms = _state(run), None
    if run.is_over:
        ended_ms = now_ms if run.ended_ms is None else run.ended_ms
    if (state, ended_ms) == (run.state, run.ended_ms):
        return run
    return replace(run, state=state, ended_ms=ended_ms)


def voided(run: Run, plan: Plan | None, *, now_ms: int) -> Run:
    """Return the run whose plan is no longer what was started (I9): nothing more of it starts.

    What moves is followed to its end while `plan` still has the same steps; else its outcome is not known here.
    """
    can_follow = plan is not None and run.steps.keys() == {step.id for step in plan.steps}
    for step in run.steps.values():
        if step.state in _NOT_STARTED:
            run = run.with_step(replace(step, state=StepState.SKIPPED))
        elif step.state is StepState.RUNNING and not can_follow:
            run = run.with_step(replace(step, state=StepState.UNKNOWN))
    return settled(replace(run, is_aborted=True), now_ms=now_ms)


_NOT_STARTED = frozenset({StepState.WAITING, StepState.WAITING_APPROVAL})


def _state(run: Run) -> RunState:
    states = {step.state for step in run.steps.values()}
    if run.is_aborted:
        return RunState.ABORTED
    if run.is_over:
        return RunState.DONE_WITH_FAILURES if any(map(_is_failure, states)) else RunState.DONE
    if run.is_paused:
        return RunState.PAUSED
    if StepState.RUNNING not in states and StepState.WAITING_APPROVAL in states:
        return RunState.WAITING_APPROVAL
    return RunState.RUNNING


def _is_failure(state: StepState) -> bool:
    return state in _FAILURES
