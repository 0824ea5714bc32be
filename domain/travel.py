"""Learns how long an actuator's travel takes from its own history, and when a travel has taken too long; keeps nothing itself."""

from collections.abc import Sequence

KEPT = 20
"""Travels that are remembered in each direction."""
ENOUGH = 3
"""Travels from which something is learnt."""
SHARE_MIN = 0.5
"""Of the declared travel time: what is learnt is never shorter, so that a lucky run makes no failure of a cold morning."""
TIMEOUT_FACTOR = 1.5
"""Times the travel: not there by then means failed."""


def remembered(travels: Sequence[float], travel_s: float) -> tuple[float, ...]:
    """Return the history with `travel_s` (model seconds from limit to limit) added, the oldest forgotten."""
    return (*travels, travel_s)[-KEPT:]


def learned_s(travels: Sequence[float], *, declared_s: float) -> float:
    """Return the travel time to reckon with: the slowest remembered, between half the declared one and the declared one.

    The slowest, because a gate in its worst known state is still a working gate; never above the declared one, because a gate
    that grows slow must be noticed, not waited for.
    """
    if len(travels) < ENOUGH:
        return declared_s
    return min(declared_s, max(SHARE_MIN * declared_s, *travels))


def timeout_s(travels: Sequence[float], *, declared_s: float) -> float:
    """Return after how many model seconds a travel has failed."""
    return TIMEOUT_FACTOR * learned_s(travels, declared_s=declared_s)
