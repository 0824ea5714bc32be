"""One reopening (恢复开启) as a value: its stages, the content that a second person approves, and what ends it (I9, I10)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from domain.approval import Approval
from domain.command import Action
from domain.definition import definition_hashes
from domain.ids import FacilityId
from domain.order import Order
from domain.park import Park, SafePosition
from domain.reopening import Opening, Reopening, Series
from domain.words import Words
from wire.canonical import Json, digest

FULL = 100.0


class Kind(StrEnum):
    """What a stage does."""

    RELEASE = "release"
    """Buries the orders that were named, no others."""
    MOVE = "move"
    """Moves away from safe, is verified, and is watched for its time."""


class StageState(StrEnum):
    """Where a stage is."""

    WAITING = "waiting"
    RUNNING = "running"
    OBSERVING = "observing"
    CONFIRMED = "confirmed"
    FAILED = "failed"
    SKIPPED = "skipped"


class State(StrEnum):
    """Where the whole is."""

    WAITING_APPROVAL = "waiting_approval"
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    """At the first stage that could not be verified, or because the water no longer passes."""
    VOIDED = "voided"
    """An order has come, or a definition has changed, since it was compiled."""
    ABORTED = "aborted"


OPEN = frozenset({State.WAITING_APPROVAL, State.RUNNING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One thing to be done and verified."""

    id: str
    kind: Kind
    actuator: FacilityId
    action: Action | None = None
    percent: float | None = None
    """Opening to go to, of a SET."""
    observe_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRun:
    """How far one stage is."""

    id: str
    state: StageState = StageState.WAITING
    since_ms: int | None = None
    command: str | None = None
    reasons: tuple[Json, ...] = ()
    evidence: Json = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReopeningRun:
    """One asking for one procedure."""

    id: str
    reopening: str
    content_hash: str
    author: str
    session: str
    roles: tuple[str, ...]
    enterprise: str | None
    reason: str
    started_ms: int
    orders: Mapping[FacilityId, tuple[str, ...]]
    """Actuator → ids of the orders that stood when it was compiled: what is released, and nothing else."""
    samples: Json
    """The passing samples that it rests on, with their instants."""
    stages: Mapping[str, StageRun]
    approval: Approval | None = None
    state: State = State.WAITING_APPROVAL
    cause: Words | None = None
    """Why it ended before its time."""
    ended_ms: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether it may still do something."""
        return self.state in OPEN

    def is_approved(self, *, now_ms: int) -> bool:
        """Whether another person's consent to this content holds now."""
        return self.approval is not None and self.approval.holds(
            author=self.author, session=self.session, content_hash=self.content_hash, now_ms=now_ms
        )

    def with_stage(self, stage: StageRun) -> "ReopeningRun":
        """Return the run with `stage` as it is now."""
        return replace(self, stages={**self.stages, stage.id: stage})

    def ended(self, state: State, cause: Words | None, *, now_ms: int) -> "ReopeningRun":
        """Return the run at its end: what was not begun never is."""
        left = {StageState.WAITING: StageState.SKIPPED}
        stages = {
            key: replace(item, state=left.get(item.state, item.state)) for key, item in self.stages.items()
        }
        return replace(self, state=state, cause=cause, ended_ms=now_ms, stages=stages)


def stages_of(reopening: Reopening, park: Park) -> tuple[Stage, ...]:
    """Return what is done, in order: each actuator is let go and moved before the next one is let go."""
    found: list[Stage] = []
    for opening in reopening.openings:
        found.append(Stage(id=f"{opening.id}_release", kind=Kind.RELEASE, actuator=opening.actuator))
        found += [_move(opening, number, park) for number in range(len(opening.stages))]
    return tuple(found)


def _move(opening: Opening, number: int, park: Park) -> Stage:
    is_safe_closed = park.actuators[opening.actuator].safe_position is SafePosition.CLOSED
    percent = opening.stages[number]
    whole = Action.OPEN if is_safe_closed else Action.CLOSE
    return Stage(
        id=f"{opening.id}_{number + 1}",
        kind=Kind.MOVE,
        actuator=opening.actuator,
        action=whole if percent == FULL else Action.SET,
        percent=None if percent == FULL else percent,
        observe_s=opening.observe_s,
    )


def content_hash(
    reopening: Reopening, park: Park, orders: Mapping[FacilityId, Sequence[str]], samples: Json
) -> str:
    """Return the hash over everything that the second person approves (I9)."""
    stages: list[Json] = [
        {
            "id": stage.id,
            "kind": stage.kind.value,
            "actuator": stage.actuator,
            "action": None if stage.action is None else stage.action.value,
            "percent": stage.percent,
            "observe_s": stage.observe_s,
            "definition": list(definition_hashes(park, park.actuators[stage.actuator])),
        }
        for stage in stages_of(reopening, park)
    ]
    passing = reopening.passing
    return digest(
        {
            "park": park.id,
            "reopening": reopening.id,
            "passing": [passing.condition.text, passing.samples, passing.every_s],
            "stages": stages,
            "orders": {actuator: sorted(ids) for actuator, ids in orders.items()},
            "samples": samples,
        }
    )


def samples_body(series: Series) -> Json:
    """Return the passing samples as they are shown, approved and kept."""
    return [
        {
            "at_ms": sample.at_ms,
            "values": {
                ref: {"value": value, "observed_ms": sample.observed_ms[ref]}
                for ref, value in sorted(sample.values.items())
            },
        }
        for sample in series
    ]


def begin(stages: Sequence[Stage]) -> dict[str, StageRun]:
    """Return every stage as waiting."""
    return {stage.id: StageRun(id=stage.id) for stage in stages}


def arisen(
    run: ReopeningRun, stages: Sequence[Stage], standing: Mapping[FacilityId, Sequence[Order]]
) -> tuple[Order, ...]:
    """Return the orders that were not there when the run was compiled, or stand again after their release: they void it."""
    done = {
        stage.actuator
        for stage in stages
        if stage.kind is Kind.RELEASE and run.stages[stage.id].state is not StageState.WAITING
    }
    return tuple(
        order
        for actuator, orders in standing.items()
        for order in orders
        if actuator in done or order.id not in run.orders.get(actuator, ())
    )


def current(run: ReopeningRun, stages: Sequence[Stage]) -> Stage | None:
    """Return the stage that is next or under way; None: all are done."""
    return next((stage for stage in stages if run.stages[stage.id].state is not StageState.CONFIRMED), None)


def moved(run: ReopeningRun, stages: Sequence[Stage]) -> tuple[FacilityId, ...]:
    """Return the actuators that the run has moved, or may have moved, from their safe positions."""
    begun = {StageState.RUNNING, StageState.OBSERVING, StageState.CONFIRMED, StageState.FAILED}
    found = (
        stage.actuator for stage in stages if stage.kind is Kind.MOVE and run.stages[stage.id].state in begun
    )
    return tuple(dict.fromkeys(found))
