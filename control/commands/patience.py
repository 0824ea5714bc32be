"""Decides how long each state of a command may last before the centre ends it by itself."""

from control.commands.tracked import Tracked
from domain.command import Action, State
from domain.park import Actuator

GRACE_S = 3.0
"""Wall seconds beyond the expiry for the edge's own word to arrive."""
OPERATING_GRACE_S = 10.0
"""Wall seconds beyond the edge's own time-out for its word to arrive."""
STILL_S = 30.0
"""Model seconds for a stop or a verification, which do not travel."""


def is_overdue(tracked: Tracked, actuator: Actuator | None, *, now_ms: int, speed: float) -> bool:
    """Return whether nothing more is to be waited for."""
    if tracked.state is not State.OPERATING:
        return now_ms > tracked.expires_ms + _model_ms(GRACE_S, speed)
    allowed_ms = _travel_ms(tracked, actuator) + _model_ms(OPERATING_GRACE_S, speed)
    return now_ms > tracked.command.changed_ms + allowed_ms


def _travel_ms(tracked: Tracked, actuator: Actuator | None) -> float:
    if actuator is None or tracked.command.action in {Action.STOP, Action.VERIFY}:
        return STILL_S * 1000
    return (actuator.travel_timeout_s + actuator.reversing_pause_s + STILL_S) * 1000


def _model_ms(wall_s: float, speed: float) -> float:
    return wall_s * 1000 * max(1.0, speed)
