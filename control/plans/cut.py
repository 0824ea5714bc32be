"""Finds the source-nearest cut of the water's ways: which gates part a spill from what must stay clean, and what none of them parts.

A way is cut by closing a gate on it. Of all cuts the one that leaves the water furthest inside is taken: no park gate where gates
of the enterprise do, no river sluice where any other does; then the fewest; then the nearest to the spill.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from domain.ids import FacilityId
from domain.park import FacilityKind, Park, SafePosition, Tier

SEWER = FacilityId("sewer")
"""Where a sewage outlet lets the water go: no facility of the park."""
_WEIGHTS: Mapping[Tier, int] = {Tier.ENTERPRISE: 1, Tier.PARK: 1_000, Tier.RIVER: 1_000_000}
"""No park has a thousand gates of one tier: a gate of the next one outweighs them all."""
_ENDLESS = 10**12
_GOALS = frozenset({FacilityKind.RIVER_REACH, FacilityKind.SENSITIVE_TARGET})

Node = tuple[FacilityId, bool]
"""A facility's way in (False) and its way out (True): what is between them is cut by closing it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """Something that no gate which works now keeps clean."""

    goal: FacilityId
    way: tuple[FacilityId, ...]
    """Facilities from the spill to it."""
    gates: tuple[FacilityId, ...]
    """Gates on that way, none of which works now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """What is to be closed, and what stays open to the water."""

    gates: tuple[FacilityId, ...]
    """In the order of the park's files."""
    kept: tuple[FacilityId, ...]
    """What they keep clean."""
    leaks: tuple[Leak, ...]
    inside: frozenset[FacilityId]
    """Facilities that the water still reaches; gates of the cut are not among them."""


def ways(park: Park) -> dict[FacilityId, tuple[FacilityId, ...]]:
    """Return facility → where its water goes, the sewer behind the sewage outlets included."""
    found = {key: tuple(flow.to for flow in item.flows_to) for key, item in park.facilities.items()}
    for key, item in park.facilities.items():
        if item.kind is FacilityKind.SEWAGE_OUTLET:
            found[key] = (*found[key], SEWER)
    return found


def closes(park: Park) -> frozenset[FacilityId]:
    """Return the gates that keep water back when they are at their safe position."""
    return frozenset(key for key, item in park.actuators.items() if item.safe_position is SafePosition.CLOSED)


def find_cut(park: Park, source: FacilityId, works: Iterable[FacilityId]) -> Cut:
    """Return the cut between a spill at `source` and everything that must stay clean, over gates that work now."""
    flows, usable = ways(park), frozenset(works) & closes(park)
    reached = _within(source, flows, frozenset())
    goals = [
        key for key in (*park.facilities, SEWER) if key in reached and _is_goal(key, park) and key != source
    ]
    open_ways = _within(source, flows, usable)
    leaks = tuple(_leak(source, goal, flows, usable, park) for goal in goals if goal in open_ways)
    kept = tuple(goal for goal in goals if goal not in open_ways)
    gates = _nearest(source, kept, flows, usable, park) if kept else frozenset()
    return Cut(
        gates=tuple(key for key in park.facilities if key in gates),
        kept=kept,
        leaks=leaks,
        inside=frozenset(_within(source, flows, gates)),
    )


def _is_goal(key: FacilityId, park: Park) -> bool:
    return key == SEWER or park.facilities[key].kind in _GOALS


def _within(
    source: FacilityId, flows: Mapping[FacilityId, tuple[FacilityId, ...]], shut: frozenset[FacilityId]
) -> dict[FacilityId, FacilityId | None]:
    """Return every facility that water from `source` reaches without passing one of `shut`, with where it came from."""
    if source in shut:
        return {}
    found: dict[FacilityId, FacilityId | None] = {source: None}
    waiting = deque([source])
    while waiting:
        here = waiting.popleft()
        for there in flows.get(here, ()):
            if there not in found and there not in shut:
                found[there] = here
                waiting.append(there)
    return found


def _leak(
    source: FacilityId,
    goal: FacilityId,
    flows: Mapping[FacilityId, tuple[FacilityId, ...]],
    usable: frozenset[FacilityId],
    park: Park,
) -> Leak:
    came = _within(source, flows, usable)
    way, here = [goal], came[goal]
    while here is not None:
        way.append(here)
        here = came[here]
    way.reverse()
    gates = closes(park)
    return Leak(goal=goal, way=tuple(way), gates=tuple(key for key in way if key in gates))


def _nearest(
    source: FacilityId,
    goals: Iterable[FacilityId],
    flows: Mapping[FacilityId, tuple[FacilityId, ...]],
    usable: frozenset[FacilityId],
    park: Park,
) -> frozenset[FacilityId]:
    """Return the gates of the cheapest cut that is nearest to `source`: by the greatest flow, then by what is still reached."""
    left: dict[Node, dict[Node, int]] = {}

    def pipe(start: Node, end: Node, room: int) -> None:
        left.setdefault(start, {})[end] = room
        left.setdefault(end, {}).setdefault(start, 0)

    for key in {source, *flows, *(to for tos in flows.values() for to in tos)}:
        room = _WEIGHTS[park.facilities[key].tier] if key in usable else _ENDLESS
        pipe((key, False), (key, True), room)
        for to in flows.get(key, ()):
            pipe((key, True), (to, False), _ENDLESS)
    end: Node = (FacilityId(""), False)
    for goal in goals:
        pipe((goal, True), end, _ENDLESS)
    start: Node = (source, False)
    while True:
        came = _reach(start, left)
        if end not in came:
            break
        way = [end]
        while way[-1] != start:
            way.append(came[way[-1]])
        pairs = list(zip(way[1:], way, strict=False))
        most = min(left[here][there] for here, there in pairs)
        for here, there in pairs:
            left[here][there] -= most
            left[there][here] += most
    return frozenset(key for key in usable if (key, False) in came and (key, True) not in came)


def _reach(start: Node, left: Mapping[Node, Mapping[Node, int]]) -> dict[Node, Node]:
    came = {start: start}
    waiting = deque([start])
    while waiting:
        here = waiting.popleft()
        for there, room in left.get(here, {}).items():
            if room > 0 and there not in came:
                came[there] = here
                waiting.append(there)
    return came
