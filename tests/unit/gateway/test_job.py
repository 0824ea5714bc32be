"""A move on its way: what confirms it, how long it may take, whether its bytes may still go, and who shares its end."""

from dataclasses import replace

import pytest

from domain.admission import Direction
from domain.command import Action, Phase, State
from domain.drive import CommandWord, MomentaryCoils, Setpoint
from domain.ids import CommandId
from domain.position import Position
from domain.quality import Quality
from domain.sample import NEVER_READ, Reading
from gateway.job import LOOK_TIMEOUT_S, REST_TIMEOUT_S, Job
from gateway.ledger_entry import Entry
from gateway.proof import Goal
from tests.unit.control.world import OUTLET, PARK

GATE = PARK.actuators[OUTLET]
SAFE, AWAY = Direction.TOWARD_SAFE, Direction.AWAY_FROM_SAFE


def job(action: Action, *, percent: float | None = None, fresh_s: float = 0.0, **other: object) -> Job:
    """A job that stays fresh for `fresh_s` of grace at most."""
    entry = Entry(
        id=CommandId("a"), phase=Phase.OPERATE, hash="h", actuator=OUTLET, action=action, author="zhao", reason="r",
        parameters={} if percent is None else {"opening_percent": percent}, state=State.OPERATING, at_ms=1,
    )  # fmt: skip
    way = other.pop("way", SAFE)
    made = Job(entry=entry, actuator=GATE, way=way, is_fresh=lambda grace_s: grace_s <= fresh_s)  # type: ignore[arg-type]
    for name, value in other.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    ("action", "percent", "goal"),
    [
        (Action.STOP, None, Goal(is_rest=True)),
        (Action.VERIFY, None, Goal(is_look=True)),
        (Action.OPEN, None, Goal(position=Position.OPEN)),
        (Action.CLOSE, None, Goal(position=Position.CLOSED)),
        (Action.SET, 0.0, Goal(position=Position.CLOSED)),
        (Action.SET, 40.0, Goal(percent=40.0)),
        (Action.SET, 100.0, Goal(position=Position.OPEN)),
    ],
)
def test_what_confirms_it(action: Action, percent: float | None, goal: Goal) -> None:
    made = job(action, percent=percent)
    assert (made.goal, made.action, made.opening_percent) == (goal, action, percent)


def test_how_long_it_may_take() -> None:
    assert (REST_TIMEOUT_S, LOOK_TIMEOUT_S) == (10.0, 5.0)
    assert (job(Action.STOP).timeout_s, job(Action.VERIFY).timeout_s) == (10.0, 5.0)
    assert job(Action.CLOSE).timeout_s == GATE.travel_timeout_s > 0
    assert job(Action.CLOSE, travel_timeout_s=7.5).timeout_s == 7.5


def test_how_the_drive_goes_about_it_is_told_with_what_is_known() -> None:
    assert job(Action.STOP).execution == {"timeout_ms": 10_000}
    assert job(Action.VERIFY, travel_s=1.2345).execution == {"timeout_ms": 5_000, "travel_ms": 1234}
    word = replace(GATE, drive=CommandWord(word=1, echo=2, open=11, close=12, stop=13))
    told = job(Action.STOP, actuator=word, echo=99).execution
    assert told == {"timeout_ms": 10_000, "echo": {"wanted": 13, "read": 99}}
    assert isinstance(GATE.drive, MomentaryCoils)


def test_its_bytes_may_go_while_it_or_one_that_shares_its_end_is_fresh() -> None:
    stale, fresh = job(Action.CLOSE, fresh_s=-1.0), job(Action.CLOSE, fresh_s=2.0)
    assert not stale.may_write(0.0)
    assert fresh.may_write(2.0)
    assert not fresh.may_write(2.1), "the grace is asked for, not given"
    assert job(Action.CLOSE, fresh_s=-1.0, joined=[stale, fresh]).may_write(2.0)
    assert not job(Action.CLOSE, fresh_s=-1.0, joined=[stale]).may_write(0.0)
    assert not job(Action.CLOSE, fresh_s=2.0, is_over=True).may_write(0.0)


def test_only_two_moves_to_the_same_limit_toward_safe_share_an_end() -> None:
    close = job(Action.CLOSE)
    assert close.shares_outcome_with(job(Action.SET, percent=0.0))
    assert not close.shares_outcome_with(job(Action.CLOSE, way=AWAY))
    assert not job(Action.CLOSE, way=AWAY).shares_outcome_with(close)
    assert not job(Action.OPEN, way=AWAY).shares_outcome_with(job(Action.OPEN, way=AWAY))
    assert not close.shares_outcome_with(job(Action.OPEN))
    assert not job(Action.SET, percent=40.0).shares_outcome_with(job(Action.SET, percent=40.0))


def test_a_new_job_has_written_nothing() -> None:
    made = job(Action.CLOSE)
    assert (made.has_written, made.is_unanswered, made.is_over, made.joined) == (False, False, False, [])
    assert (made.is_admitted(), made.against, made.warnings) == ((), (), ())
    assert (made.travel_s, made.echo, made.echo_reads, made.instead_of) == (None, None, 0, None)


STEPPED = replace(GATE, drive=Setpoint(word=0, stop=1, step_percent=25.0))
KNOWN = Reading(value=50.5, quality=Quality.GOOD, age_s=0.1, fresh=True)


@pytest.mark.parametrize(
    ("action", "percent", "stops"),
    [
        (Action.OPEN, None, (75.5,)),
        (Action.CLOSE, None, (25.5, 0.5)),
        (Action.SET, 10.0, (25.5,)),
        (Action.SET, 60.0, ()),
    ],
)
def test_away_from_safe_it_goes_in_the_steps_of_its_drive(
    action: Action, percent: float | None, stops: tuple[float, ...]
) -> None:
    assert job(action, percent=percent, way=AWAY, actuator=STEPPED).steps(KNOWN) == stops


@pytest.mark.parametrize("opening", [KNOWN, NEVER_READ])
def test_toward_safe_and_where_the_drive_has_no_steps_it_goes_at_once_from_any_opening(
    opening: Reading,
) -> None:
    assert job(Action.CLOSE, way=SAFE, actuator=STEPPED).steps(opening) == ()
    assert job(Action.STOP, way=Direction.NONE, actuator=STEPPED).steps(opening) == ()
    whole = replace(STEPPED, drive=Setpoint(word=0, stop=1))
    for actuator in (GATE, whole):
        assert job(Action.OPEN, way=AWAY, actuator=actuator).steps(opening) == ()


@pytest.mark.parametrize(
    "opening",
    [
        NEVER_READ,
        replace(KNOWN, fresh=False),
        replace(KNOWN, quality=Quality.UNCERTAIN),
        replace(KNOWN, value=float("nan")),
        replace(KNOWN, value="half"),
    ],
)
def test_from_an_opening_that_is_not_known_no_step_can_be_reckoned(opening: Reading) -> None:
    assert job(Action.OPEN, way=AWAY, actuator=STEPPED).steps(opening) is None
