"""What a scenario file says: the weather, the accident, what fails when, who answers how, and what must come out."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.ids import EnterpriseId, FacilityId, PlanId
from domain.words import Words
from simulators.acts import Act


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One act at its time."""

    at_s: float
    """Model seconds after the scenario's start."""
    act: Act


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What the operators of a run without people do: they wait for an alarm over the API, and press one key."""

    alarm_of: EnterpriseId | None
    """Whose alarm they wait for; None: any."""
    who: str
    """Name of the operator in the record."""
    delay_s: float
    """Model seconds between the alarm and the key."""
    plans: tuple[PlanId, ...]
    """Run one after the other, without waiting for the one before to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect:
    """What the run must show; None: nothing is asked."""

    spilled_kg_min: float | None = None
    baseline_park_kg_min: float | None = None
    """Mass past the park had nobody acted."""
    kept_back_min: float | None = None
    """Share (0–1) of that which the closure keeps back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One scenario."""

    id: str
    """Name of the file without `.yaml`."""
    words: Words
    seed: int
    """Of noise and analyser phases."""
    storm: str
    """A file of the park's storms without `.csv`, or `dry`."""
    storm_at_s: float = 0.0
    """Model seconds between the scenario's start and the storm's; negative: it rained already."""
    start_ms: int | None = None
    """UTC model time of the start; None: as late as the whole scenario fits before the present."""
    starts_at_present: bool = False
    """Whether it is played in real time, from now on."""
    duration_s: float
    gates: Mapping[FacilityId, float] = field(default_factory=dict)
    """Openings 0–1 that differ from the network's normal ones."""
    events: tuple[Event, ...] = ()
    """By time."""
    response: Response | None = None
    expect: Expect = Expect()


PRESENT_S = 5.0
"""A scenario played from now on starts this far behind the machine's own time."""
LEAD_S = 43_200.0
"""Model seconds that a fast demonstration without a scenario has before it reaches the present and slows down to it."""
SPARE_S = 600.0
"""A scenario played ahead of the wall ends this long before the present, so that getting ready has time."""


def is_live(scenario: Scenario | None, *, speed: float) -> bool:
    """Whether it is played in the present: asked so, and no faster than the wall."""
    return (scenario is None or scenario.starts_at_present) and speed <= 1.0


def starts_at(scenario: Scenario | None, *, real_ms: int, speed: float) -> int:
    """Return the model time at which to start, whole seconds in ms, when the machine's own time is `real_ms`.

    What would be played in the present, but faster than the wall, starts `LEAD_S` before it.
    """
    if is_live(scenario, speed=speed):
        return int(real_ms / 1000 - PRESENT_S) * 1000
    if scenario is None or scenario.starts_at_present:
        return int(real_ms / 1000 - LEAD_S) * 1000
    latest_s = int(real_ms / 1000 - scenario.duration_s - SPARE_S)
    return latest_s * 1000 if scenario.start_ms is None else min(scenario.start_ms, latest_s * 1000)


def due(scenario: Scenario, *, fired: int, elapsed_s: float) -> tuple[Event, ...]:
    """Return the events that are to be played now, `fired` of them being past."""
    return tuple(event for event in scenario.events[fired:] if event.at_s <= elapsed_s)
