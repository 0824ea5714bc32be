"""Asks once more whether a device is in local, before a write to one that was last seen so; what stands against the write is decided elsewhere."""

from domain.errors import LinkLost
from domain.park import Actuator
from gateway.field import Field
from runtime.clock import Clock

ANSWER_S = 2.0
"""Wall seconds in which the selector must be read; a write is tried again after them."""
_UNSEEN = "the selector, last seen in local, was not read"


def require_seen(field: Field, actuator: Actuator) -> None:
    """Right before the bytes: raise LinkLost if what was last read is that it is in local, and that has grown old meanwhile (I7)."""
    last = field.reading(actuator.point(actuator.feedback.remote))
    if last.value is False and not last.fresh:
        raise LinkLost(_UNSEEN)


async def seen_again(field: Field, actuator: Actuator, clock: Clock) -> None:
    """Return when it is known, or cannot be known, that nobody has `actuator` in local (I7).

    Its selector was in local when it was last read, and that is too old to be believed: where the link has just come back, a hand may
    still be at the gate. A selector whose reading comes and is not good leaves only doubt, which holds no closure up. Raises LinkLost.
    """
    selector = actuator.point(actuator.feedback.remote)
    last = field.reading(selector)
    if last.value is not False or last.is_trusted:
        return
    asked_s = clock.monotonic()
    poller = field.station_of(actuator).poller
    poller.poll_now(field.groups_of(actuator))
    while field.reading_after(selector, asked_s).observed_ms is None:
        left_s = asked_s + ANSWER_S - clock.monotonic()
        if left_s <= 0:
            raise LinkLost(_UNSEEN)
        await poller.polled(left_s)
