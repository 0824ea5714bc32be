"""The life of a command, line by line, as the safety rules tell it."""

import pytest

from domain.command import TRANSITIONS, Command, Event, State, advance, next_state
from domain.errors import IllegalTransition
from domain.ids import CommandId, FacilityId

ENDS_EARLY = "refuse>refused time_out>expired withdraw>withdrawn preempt>preempted"
LIFE = {
    "requested": f"approve>approved select>selected operate>operating position_reached>confirmed {ENDS_EARLY}",
    "approved": f"select>selected operate>operating position_reached>confirmed {ENDS_EARLY}",
    "selected": f"operate>operating {ENDS_EARLY}",
    "operating": (
        "position_reached>confirmed device_refused>failed switched_to_local>failed travel_exceeded>failed "
        "preempt>preempted silence>unknown"
    ),
}


@pytest.mark.parametrize("state", State)
def test_each_state_takes_these_events_and_no_others(state: State) -> None:
    expected = dict(line.split(">") for line in LIFE.get(state.value, "").split())
    assert {event.value: after.value for event, after in TRANSITIONS.get(state, {}).items()} == expected
    assert state.is_final == (not expected)


def test_a_command_moves_on_with_its_time_and_nothing_else() -> None:
    made = Command(
        id=CommandId("a"), actuator=FacilityId("g"), action="close", author="z", reason="r", changed_ms=1  # type: ignore[arg-type]
    )  # fmt: skip
    after = advance(made, Event.OPERATE, now_ms=7)
    assert (after.state, after.changed_ms, after.id, after.author) == (State.OPERATING, 7, "a", "z")
    with pytest.raises(IllegalTransition, match="a command that is confirmed cannot take the event operate"):
        next_state(State.CONFIRMED, Event.OPERATE)
