"""One move on its way: what is wanted, whether it may still be written, and who shares its outcome."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from domain.admission import Direction, target
from domain.command import Action, Event, State
from domain.drive import MomentaryCoils, Repeat, Setpoint, echo_of, stages
from domain.ids import CommandId
from domain.park import Actuator
from domain.refusal import Cause, Code
from domain.sample import Reading
from domain.words import Words
from gateway.ledger_entry import Entry
from gateway.proof import Goal, Outcome
from wire.canonical import Json

REST_TIMEOUT_S = 10.0
"""Model seconds for a stop to be seen."""
LOOK_TIMEOUT_S = 5.0
"""Model seconds for a verification."""
NO_OPENING = Cause(
    code=Code.STALE_INPUT,
    detail=Words(
        "开度不明,不能分步动作;先恢复开度反馈",
        "it moves in steps, and its opening is not known: mend that feedback first",
    ),
)
"""Why a move in steps is refused whose first cannot be reckoned."""
STILL_MOVING = Cause(
    code=Code.HEALTH, detail=Words("多次停止后仍显示运行中", "it is seen moving after every stop")
)
"""Why nothing is opened whose drive was to rest first."""


@dataclass(slots=True, kw_only=True, eq=False)
class Job:
    """One command that was admitted."""

    entry: Entry
    actuator: Actuator
    way: Direction
    is_fresh: Callable[[float], bool]
    """Whether it may still be written (I3); the argument is wall seconds of grace for a pause that we inserted."""
    warnings: tuple[Cause, ...] = ()
    instead_of: CommandId | None = None
    is_admitted: Callable[[], tuple[Cause, ...]] = tuple
    """What stands against it now: asked again right before each write, for a pause or a lost link may have passed."""
    against: tuple[Cause, ...] = ()
    """Why its last write was withheld; empty: it was not, or for another reason."""
    travel_timeout_s: float = 0.0
    """Model seconds until a travel has failed, as learnt; 0: as declared."""
    travel_s: float | None = None
    """Model seconds that it took from limit to limit; None: it did not go that way, or not yet."""
    echo: int | None = None
    """What the PLC echoed of a command word; told with the outcome, and proof of nothing."""
    echo_reads: int = 0
    joined: list["Job"] = field(default_factory=list)
    """Moves toward the same target that share the outcome."""
    has_written: bool = False
    """Whether bytes have gone, or are going, to the PLC."""
    is_unanswered: bool = False
    """Whether its write was not answered: nobody knows whether the PLC acts, so that another like it must not rely on it."""
    is_over: bool = False
    """Whether its outcome is recorded."""

    @property
    def action(self) -> Action:
        """What is asked."""
        return self.entry.action

    @property
    def opening_percent(self) -> float | None:
        """The opening of a SET."""
        return self.entry.parameters.get("opening_percent")

    @property
    def goal(self) -> Goal:
        """What confirms it."""
        if self.action is Action.STOP:
            return Goal(is_rest=True)
        if self.action is Action.VERIFY:
            return Goal(is_look=True)
        limit = target(self.action, opening_percent=self.opening_percent)
        return Goal(position=limit) if limit is not None else Goal(percent=self.opening_percent)

    @property
    def timeout_s(self) -> float:
        """Model seconds until it has failed."""
        match self.action:
            case Action.STOP:
                return REST_TIMEOUT_S
            case Action.VERIFY:
                return LOOK_TIMEOUT_S
            case _:
                return self.travel_timeout_s or self.actuator.travel_timeout_s

    @property
    def is_upset_in_motion(self) -> bool:
        """Whether another pulse would stop or turn its drive on its way instead of sending it on."""
        drive = self.actuator.drive
        return isinstance(drive, MomentaryCoils) and drive.repeat is not Repeat.SAFE

    @property
    def execution(self) -> dict[str, Json]:
        """How the drive goes about it, as it stands in records."""
        told: dict[str, Json] = {"timeout_ms": round(1000 * self.timeout_s)}
        if self.travel_s is not None:
            told["travel_ms"] = round(1000 * self.travel_s)
        wanted = echo_of(self.actuator.drive, self.action)
        if wanted is not None:
            told["echo"] = {"wanted": wanted, "read": self.echo}
        return told

    def steps(self, opening: Reading) -> Sequence[float] | None:
        """Return the openings at which it stops over before its end; None: its drive wants steps, and where they begin is not known."""
        drive = self.actuator.drive
        end = {Action.OPEN: 100.0, Action.CLOSE: 0.0}.get(self.action, self.opening_percent)
        is_in_steps = isinstance(drive, Setpoint) and drive.step_percent is not None
        if not is_in_steps or self.way is not Direction.AWAY_FROM_SAFE or end is None:
            return ()
        if not opening.is_trusted or not isinstance(opening.value, int | float):
            return None
        return stages(drive, start_percent=opening.value, end_percent=end)

    def may_write(self, grace_s: float) -> bool:
        """Whether it, or one that shares its outcome, may still be written (I3)."""
        return not self.is_over and (
            self.is_fresh(grace_s) or any(other.is_fresh(grace_s) for other in self.joined)
        )

    def shares_outcome_with(self, other: "Job") -> bool:
        """Whether both are moves toward the same limit at the safe end (I2)."""
        ours, theirs = self.goal.position, other.goal.position
        both_safe = self.way is other.way is Direction.TOWARD_SAFE
        return both_safe and ours is not None and ours is theirs


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """A move that was written and not proved in time: a movement now may be its late effect (I3)."""

    command: CommandId
    action: Action
    way: Direction
    until_s: float
    """Monotonic: until when it is watched."""


def withheld(job: Job) -> Outcome | None:
    """Return how a move ends that was no longer to be written; None: another command has taken over."""
    if job.is_over:
        return None
    if job.against:
        return not_written(job, Event.REFUSE, *job.against)
    stale = Cause(code=Code.CHALLENGE_STALE, detail=Words("写入前失效", "before the write"))
    return not_written(job, Event.TIME_OUT, stale)


def not_written(job: Job, event: Event, *causes: Cause) -> Outcome:
    """Return how a move ends whose write was withheld; of one in steps the earlier were written: it stays where it stands."""
    is_begun = job.entry.state is State.OPERATING
    return Outcome(event=Event.TRAVEL_EXCEEDED if is_begun else event, causes=causes)
