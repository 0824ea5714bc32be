"""What a proposal promises on any graph: it parts the spill from the river or says what is left, as far inside as can be, and no more."""

from dataclasses import replace
from itertools import pairwise

import networkx as nx
from hypothesis import given
from hypothesis import strategies as st

from control.plans.cut import SEWER, closes, find_cut, ways
from control.plans.proposal import Gate, Proposal, propose
from domain.admission import Direction, direction
from domain.ids import FacilityId
from domain.park import Facility, FacilityKind, Flow, Park, SafePosition, Tier
from domain.words import Words
from tests.unit.control.world import OUTLET, PARK

WEIGHTS = {Tier.ENTERPRISE: 1, Tier.PARK: 1_000, Tier.RIVER: 1_000_000}
ENDLESS = 10**12
SOURCE = FacilityId("f0")
KINDS = [
    FacilityKind.STORM_NODE,
    FacilityKind.RAIN_OUTLET,
    FacilityKind.PARK_SLUICE,
    FacilityKind.RIVER_SLUICE,
    FacilityKind.SEWAGE_OUTLET,
    FacilityKind.RIVER_REACH,
    FacilityKind.POOL_INLET,
    FacilityKind.PUBLIC_POOL,
    FacilityKind.FLOW_METER,
]
TIERS = {
    FacilityKind.RAIN_OUTLET: Tier.ENTERPRISE,
    FacilityKind.SEWAGE_OUTLET: Tier.ENTERPRISE,
    FacilityKind.RIVER_SLUICE: Tier.RIVER,
}
GATES = {
    FacilityKind.RAIN_OUTLET,
    FacilityKind.PARK_SLUICE,
    FacilityKind.RIVER_SLUICE,
    FacilityKind.SEWAGE_OUTLET,
}


@st.composite
def parks(draw: st.DrawFn) -> tuple[Park, frozenset[FacilityId]]:
    """A park with any ways of water between at most nine facilities, and the gates of it that work."""
    count = draw(st.integers(2, 9))
    names = [FacilityId(f"f{number}") for number in range(count)]
    facilities, actuators = {}, {}
    for name in names:
        kind = FacilityKind.RISK_UNIT if name == SOURCE else draw(st.sampled_from(KINDS))
        others = st.sampled_from([other for other in names if other != name])
        facilities[name] = Facility(
            id=name,
            words=Words(name, name),
            kind=kind,
            tier=TIERS.get(kind, Tier.PARK),
            flows_to=tuple(Flow(to=to) for to in dict.fromkeys(draw(st.lists(others, max_size=3)))),
            capacity_m3=100.0 if kind.is_pool else None,
        )
        if kind in GATES or kind is FacilityKind.POOL_INLET:
            safe = SafePosition.CLOSED if kind in GATES else SafePosition.OPEN
            actuators[name] = replace(PARK.actuators[OUTLET], facility=name, safe_position=safe)
    park = replace(PARK, facilities=facilities, actuators=actuators, points={}, devices={})
    works = draw(st.sets(st.sampled_from(sorted(actuators)))) if actuators else set()
    return park, frozenset(works)


def proposed(park: Park, works: frozenset[FacilityId]) -> Proposal:
    gates = {key: Gate(works=key in works, why=Words("就地", "local")) for key in park.actuators}
    return propose(park, SOURCE, gates, free_m3=lambda _: 10.0, flow_m3_h=lambda _: 5.0)


def graph(park: Park, *, without: frozenset[FacilityId] = frozenset()) -> "nx.DiGraph[str]":
    found: nx.DiGraph[str] = nx.DiGraph()
    found.add_nodes_from([*park.facilities, SEWER])
    for here, tos in ways(park).items():
        found.add_edges_from((here, to) for to in tos if here not in without and to not in without)
    return found


def goals(park: Park) -> set[FacilityId]:
    kinds = {FacilityKind.RIVER_REACH, FacilityKind.SENSITIVE_TARGET}
    return {key for key, item in park.facilities.items() if item.kind in kinds} | {SEWER}


@given(parks())
def test_it_parts_the_spill_from_the_river_or_says_what_is_left(
    drawn: tuple[Park, frozenset[FacilityId]],
) -> None:
    park, works = drawn
    cut = find_cut(park, SOURCE, works)
    reached = nx.descendants(graph(park), SOURCE)
    assert set(cut.kept) | {leak.goal for leak in cut.leaks} == goals(park) & reached
    assert set(cut.gates) <= works & closes(park)
    assert not nx.descendants(graph(park, without=frozenset(cut.gates)), SOURCE) & set(cut.kept)
    for leak in cut.leaks:
        assert leak.way[0] == SOURCE
        assert leak.way[-1] == leak.goal
        assert all(there in ways(park)[here] for here, there in pairwise(leak.way))
        assert not set(leak.way) & works & closes(park), "what works would have cut it"
    assert len(proposed(park, works).gaps) >= len(cut.leaks)


@given(parks())
def test_it_costs_no_more_than_it_must_and_lies_as_near_as_it_can(
    drawn: tuple[Park, frozenset[FacilityId]],
) -> None:
    park, works = drawn
    cut = find_cut(park, SOURCE, works)
    pipes: nx.DiGraph[tuple[str, bool]] = nx.DiGraph()
    pipes.add_node((SOURCE, False))
    for key in [*park.facilities, SEWER]:
        room = WEIGHTS[park.facilities[key].tier] if key in works & closes(park) else ENDLESS
        pipes.add_edge((key, False), (key, True), capacity=room)
        for to in ways(park).get(key, ()):
            pipes.add_edge((key, True), (to, False), capacity=ENDLESS)
    for goal in cut.kept:
        pipes.add_edge((goal, True), ("end", True), capacity=ENDLESS)
    if not cut.kept:
        assert cut.gates == ()
        return
    least, (near, _) = nx.minimum_cut(pipes, (SOURCE, False), ("end", True))
    assert sum(WEIGHTS[park.facilities[key].tier] for key in cut.gates) == least
    for gate in cut.gates:
        fewer = frozenset(cut.gates) - {gate}
        assert nx.descendants(graph(park, without=fewer), SOURCE) & set(cut.kept), f"{gate} is needed"
    # Whatever other cut costs as little, it leaves the water at least as far: nothing inside ours is outside that one.
    assert all((key, False) in near for key in cut.inside)


@given(parks())
def test_its_plan_moves_nothing_but_toward_safe_and_only_what_works(
    drawn: tuple[Park, frozenset[FacilityId]],
) -> None:
    park, works = drawn
    found = proposed(park, works)
    names = [step.id for step in found.plan.steps]
    assert len(names) == len(set(names))
    for step in found.plan.steps:
        assert step.actuator in works
        assert direction(park.actuators[step.actuator], step.action) is Direction.TOWARD_SAFE
    spares = {step.alternative for step in found.plan.steps if step.alternative is not None}
    assert spares <= set(names)
    assert all(park.facilities[FacilityId(spare)].tier is not Tier.RIVER for spare in spares)
    for hold in found.holds:
        assert set(hold.pools) <= set(found.plan.receiving)
        assert set(hold.pools) <= found.cut.inside, "a pool behind the cut takes nothing"
    assert found.free_m3 == 10.0 * len(found.plan.receiving)


@given(parks())
def test_a_gate_that_stands_in_keeps_the_same_things_clean(drawn: tuple[Park, frozenset[FacilityId]]) -> None:
    park, works = drawn
    found = proposed(park, works)
    for step in found.plan.steps:
        if step.alternative is not None:
            shut = (frozenset(found.cut.gates) - {step.actuator}) | {FacilityId(step.alternative)}
            assert not nx.descendants(graph(park, without=shut), SOURCE) & set(found.cut.kept)
