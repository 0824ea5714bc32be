"""Which gates part a spill from what must stay clean, and what is said of the rest, on ways of water small enough to see."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from control.plans.cut import SEWER, Leak, closes, find_cut, ways
from control.plans.proposal import Gate, Proposal, propose
from domain.command import Action
from domain.ids import FacilityId, is_id
from domain.park import Facility, FacilityKind, Flow, Park, SafePosition, Tier
from domain.plan import OnFailure
from domain.words import Words
from tests.unit.control.world import OUTLET, PARK

K = FacilityKind
S = FacilityId("s")


def park(ways: Mapping[str, str], **kinds: FacilityKind) -> Park:
    """Make a park of letters; what is not named otherwise is a node of the sewers, `s` the spill and `t` the river."""
    kinds = {"s": K.RISK_UNIT, "t": K.RIVER_REACH} | kinds
    tiers = {K.RAIN_OUTLET: Tier.ENTERPRISE, K.SEWAGE_OUTLET: Tier.ENTERPRISE, K.RIVER_SLUICE: Tier.RIVER}
    names = dict.fromkeys([*ways, *"".join(ways.values())])
    facilities, actuators = {}, {}
    for name in map(FacilityId, names):
        kind = kinds.get(name, K.STORM_NODE)
        facilities[name] = Facility(
            id=name,
            words=Words(f"{name}处", f"place {name}"),
            kind=kind,
            tier=tiers.get(kind, Tier.PARK),
            flows_to=tuple(Flow(to=FacilityId(to)) for to in ways.get(name, "")),
            capacity_m3=100.0 if kind.is_pool else None,
        )
        if kind in {K.RAIN_OUTLET, K.SEWAGE_OUTLET, K.PARK_SLUICE, K.RIVER_SLUICE, K.POOL_INLET}:
            safe = SafePosition.OPEN if kind is K.POOL_INLET else SafePosition.CLOSED
            actuators[name] = replace(PARK.actuators[OUTLET], facility=name, safe_position=safe)
    return replace(PARK, facilities=facilities, actuators=actuators, points={}, devices={})


def ids(text: str) -> tuple[FacilityId, ...]:
    return tuple(map(FacilityId, text))


def proposed(
    on: Park,
    works: str,
    *,
    free: Mapping[str, float | None] | None = None,
    flow: Mapping[str, float | None] | None = None,
    inflow_m3_h: float | None = None,
    whys: Mapping[str, Words] | None = None,
) -> Proposal:
    gates = {key: Gate(works=key in works, why=(whys or {}).get(key)) for key in on.actuators}
    return propose(
        on, S, gates, free_m3=(free or {}).get, flow_m3_h=(flow or {}).get, inflow_m3_h=inflow_m3_h
    )


def test_only_a_sewage_outlet_lets_the_water_into_the_sewer() -> None:
    on = park({"s": "ab", "a": "t", "b": ""}, a=K.RAIN_OUTLET, b=K.SEWAGE_OUTLET)
    assert ways(on) == {"s": ids("ab"), "a": ids("t"), "b": (SEWER,), "t": ()}
    assert [leak.goal for leak in find_cut(on, S, ()).leaks] == ["t", "sewer"], "as the console knows it"


def test_what_opens_to_be_safe_keeps_no_water_back() -> None:
    on = park({"s": "ai", "a": "t", "i": "p"}, a=K.PARK_SLUICE, i=K.POOL_INLET, p=K.PUBLIC_POOL)
    assert closes(on) == {"a"}


def test_of_two_cuts_that_cost_the_same_the_nearer_is_taken() -> None:
    """Here the way found first has to be given up for it: through `a` and `c` no second way is left."""
    on = park(
        {"s": "ab", "a": "cd", "b": "c", "c": "t", "d": "t"},
        a=K.PARK_SLUICE, b=K.PARK_SLUICE, c=K.PARK_SLUICE, d=K.PARK_SLUICE,
    )  # fmt: skip
    found = find_cut(on, S, ids("abcd"))
    assert (found.gates, found.kept, found.leaks) == (ids("ab"), ids("t"), ())
    assert found.inside == {"s"}


@pytest.mark.parametrize(
    ("works", "gates"),
    [("abr", "ab"), ("br", "r"), ("ar", "r"), ("r", "r")],
)
def test_gates_of_the_enterprise_come_before_the_river_s_however_many(works: str, gates: str) -> None:
    on = park({"s": "ab", "a": "r", "b": "r", "r": "t"}, a=K.RAIN_OUTLET, b=K.PARK_SLUICE, r=K.RIVER_SLUICE)
    assert find_cut(on, S, ids(works)).gates == ids(gates)


def test_a_leak_is_the_shortest_open_way_with_the_gates_on_it() -> None:
    on = park({"s": "na", "n": "m", "m": "t", "a": "t"}, a=K.PARK_SLUICE)
    (leak,) = find_cut(on, S, ()).leaks
    assert leak == Leak(goal=FacilityId("t"), way=ids("sat"), gates=ids("a"))
    (other,) = find_cut(on, S, ids("a")).leaks
    assert other == Leak(goal=FacilityId("t"), way=ids("snmt"), gates=())


def test_a_spill_at_a_gate_that_works_is_cut_there() -> None:
    on = park({"s": "t"}, s=K.RAIN_OUTLET)
    found = find_cut(on, S, ids("s"))
    assert (found.gates, found.kept, found.leaks, found.inside) == (ids("s"), ids("t"), (), frozenset())


def test_a_spill_into_the_river_itself_is_no_leak_from_there_to_there() -> None:
    on = park({"s": "t"}, s=K.RIVER_REACH)
    assert [leak.goal for leak in find_cut(on, S, ()).leaks] == ["t"]


def test_a_gate_at_the_very_place_that_must_stay_clean_keeps_it_clean() -> None:
    on, river = park({"s": "t"}), FacilityId("t")
    on = replace(on, actuators={river: replace(PARK.actuators[OUTLET], facility=river)})
    found = find_cut(on, S, ids("t"))
    assert (found.gates, found.kept, found.leaks) == (ids("t"), ids("t"), ())


POOLS = {"s": "ia", "i": "p", "a": "t"}
KINDS = {"a": K.PARK_SLUICE, "i": K.POOL_INLET, "p": K.PUBLIC_POOL}


def test_water_that_is_held_is_let_into_the_pool_before_the_gate() -> None:
    found = proposed(park(POOLS, **KINDS), "ai", free={"p": 30.0})
    assert [(step.actuator, step.action) for step in found.plan.steps] == [
        ("a", Action.CLOSE),
        ("i", Action.OPEN),
    ]
    assert [(hold.gate, hold.pools) for hold in found.holds] == [("a", ids("p"))]
    assert (found.plan.receiving, found.free_m3) == (ids("p"), 30.0)


def test_an_inlet_that_does_not_work_lets_nothing_in() -> None:
    found = proposed(park(POOLS, **KINDS), "a", free={"p": 30.0}, inflow_m3_h=10.0)
    assert [step.actuator for step in found.plan.steps] == ["a"]
    assert (found.holds[0].pools, found.plan.receiving, found.free_m3) == ((), (), 0.0)
    assert [gap.en for gap in found.gaps] == ["no pool takes the water before place a"], (
        "none passes the inlet"
    )
    assert (found.inflow_m3_h, found.time_to_full_s) == (10.0, None), "what is not there does not fill"


def test_where_nothing_is_held_back_no_inlet_is_opened() -> None:
    assert proposed(park(POOLS, **KINDS), "i").plan.steps == ()


def test_a_pool_behind_the_cut_and_an_inlet_to_no_pool_take_nothing() -> None:
    behind = park({"s": "a", "a": "ti", "i": "p"}, **KINDS)
    found = proposed(behind, "ai")
    assert ([step.actuator for step in found.plan.steps], found.holds[0].pools) == (["a"], ())
    nowhere = park({"s": "ia", "i": "n", "a": "t"}, **KINDS)
    assert [step.actuator for step in proposed(nowhere, "ai").plan.steps] == ["a"]


def test_an_inlet_that_leads_to_a_pool_and_elsewhere_is_opened() -> None:
    on = park({"s": "ia", "i": "pn", "a": "t"}, **KINDS)
    assert [step.actuator for step in proposed(on, "ai").plan.steps] == ["a", "i"]


def test_a_pool_that_drains_to_the_gate_from_where_no_spill_is_takes_nothing() -> None:
    on = park({"s": "a", "p": "a", "a": "t"}, **KINDS)
    assert proposed(on, "a", free={"p": 30.0}).holds[0].pools == ()


@pytest.mark.parametrize(
    ("works", "said"), [("ag", []), ("a", ["place g does not work (does not work): water passes it"])]
)
def test_water_reaches_the_pool_behind_a_gate_that_stays_open_whether_it_works_or_not(
    works: str, said: list[str]
) -> None:
    """`g` keeps nothing from the river, so it is left open; that it cannot be closed is said all the same."""
    on = park({"s": "ga", "g": "p", "a": "t"}, g=K.PARK_SLUICE, **KINDS)
    found = proposed(on, works, free={"p": 30.0}, inflow_m3_h=1.0)
    assert (found.cut.gates, found.holds[0].pools) == (ids("a"), ids("p"))
    assert [gap.en for gap in found.gaps] == said


def test_a_gate_that_does_not_work_where_no_water_comes_is_not_spoken_of() -> None:
    on = park({"s": "ia", "i": "p", "a": "b", "b": "t"}, b=K.PARK_SLUICE, **KINDS)
    assert proposed(on, "ai", free={"p": 30.0}, inflow_m3_h=1.0).gaps == ()


def test_the_sewer_is_no_pool() -> None:
    on = park({"s": "ab", "a": "t", "b": ""}, b=K.SEWAGE_OUTLET, **KINDS)
    found = proposed(on, "a", inflow_m3_h=1.0)
    assert (found.cut.gates, found.holds[0].pools) == (ids("a"), ())
    assert "the sewer is not isolated: place b (does not work)" in [gap.en for gap in found.gaps]


def test_a_gate_of_which_nothing_is_known_does_not_work() -> None:
    found = propose(park({"s": "a", "a": "t"}, **KINDS), S, {}, free_m3={}.get, flow_m3_h={}.get)
    assert found.plan.steps == ()
    assert [gap.en for gap in found.gaps] == ["place t is not isolated: place a (does not work)"]


def test_the_longest_name_of_a_place_makes_a_plan_s_id_too() -> None:
    on, name = park({"s": "t"}), FacilityId("s" * 63)
    on = replace(on, facilities={**on.facilities, name: replace(on.facilities[S], id=name)})
    plan = propose(on, name, {}, free_m3={}.get, flow_m3_h={}.get).plan
    assert is_id(plan.id), plan.id
    assert plan.id.startswith("proposed_sss")


METERED = {"s": "mia", "m": "a", "i": "p", "a": "ft"}


@pytest.mark.parametrize(
    ("flow", "shown"),
    [({"m": 4.0, "f": 2.0}, 6.0), ({"m": 4.0, "f": None}, None), ({"m": 0.0, "f": 0.0}, 0.0)],
)
def test_the_inflow_is_what_all_meters_at_the_gate_show(
    flow: Mapping[str, float | None], shown: float | None
) -> None:
    on = park(METERED, m=K.FLOW_METER, f=K.FLOW_METER, **KINDS)
    found = proposed(on, "ai", free={"p": 30.0}, flow=flow)
    assert (found.holds[0].inflow_m3_h, found.inflow_m3_h) == (shown, shown)
    assert found.time_to_full_s == (30.0 / shown * 3600 if shown else None)
    assert (found.gaps == ()) is (shown is not None), "what is measured needs no word"


def test_what_somebody_says_flows_in_stands_before_the_meters() -> None:
    on = park(METERED, m=K.FLOW_METER, f=K.FLOW_METER, **KINDS)
    found = proposed(on, "ai", free={"p": 30.0}, flow={"m": 4.0, "f": 2.0}, inflow_m3_h=10.0)
    assert (found.inflow_m3_h, found.time_to_full_s) == (10.0, 10_800.0)
    none = proposed(park(POOLS, **KINDS), "ai", free={"p": 30.0}, inflow_m3_h=0.0)
    assert (none.inflow_m3_h, none.time_to_full_s, none.gaps) == (0.0, None, ())


def test_a_gate_without_a_trusted_meter_is_left_out_of_the_time_and_said() -> None:
    alone = proposed(park(POOLS, **KINDS), "ai", free={"p": 30.0})
    assert [gap.en for gap in alone.gaps] == ["no trusted flow at place a: the time to full is not known"]
    assert alone.inflow_m3_h is None
    two = park({"s": "iab", "i": "p", "a": "t", "b": "mt"}, b=K.PARK_SLUICE, m=K.FLOW_METER, **KINDS)
    some = proposed(two, "abi", free={"p": 30.0}, flow={"m": 3.0})
    assert [gap.en for gap in some.gaps] == ["the time to full leaves out place a: no trusted flow"]
    assert (some.inflow_m3_h, some.time_to_full_s) == (3.0, 36_000.0)


def test_pools_that_are_full_or_unknown_are_said() -> None:
    on = park({"s": "ija", "i": "p", "j": "q", "a": "t"}, j=K.POOL_INLET, q=K.BUFFER_POOL, **KINDS)
    found = proposed(on, "aij", free={"p": 0.0}, inflow_m3_h=1.0)
    assert [gap.en for gap in found.gaps] == [
        "place p is full",
        "the free volume of place q is not known",
    ]
    assert proposed(on, "aij", free={"p": 0.1, "q": 1.0}, inflow_m3_h=1.0).gaps == ()


def test_what_is_not_isolated_is_said_with_the_gates_on_its_way_and_why() -> None:
    on = park({"s": "ab", "a": "t", "b": ""}, a=K.PARK_SLUICE, b=K.SEWAGE_OUTLET)
    found = proposed(on, "", whys={"a": Words("就地", "local")}, inflow_m3_h=1.0)
    assert [gap.en for gap in found.gaps] == [
        "place t is not isolated: place a (local)",
        "the sewer is not isolated: place b (does not work)",
        "place a does not work (local): water passes it",
        "place b does not work (does not work): water passes it",
    ]
    assert [gap.zh for gap in found.gaps] == [
        "t处不能隔离:a处(就地)",
        "污水管网不能隔离:b处(不可用)",
        "a处不能用(就地):水会流过它",
        "b处不能用(不可用):水会流过它",
    ]
    row = proposed(
        park({"s": "a", "a": "b", "b": "t"}, a=K.PARK_SLUICE, b=K.PARK_SLUICE), "", inflow_m3_h=1.0
    )
    assert row.gaps[0].zh == "t处不能隔离:a处(不可用)、b处(不可用)"
    assert row.gaps[0].en == "place t is not isolated: place a (does not work), place b (does not work)"
    bare = proposed(park({"s": "t"}), "", inflow_m3_h=1.0)
    assert [gap.en for gap in bare.gaps] == ["place t is not isolated: no gate is on the way"]
    inland = proposed(park({"s": "n"}), "")
    assert [gap.en for gap in inland.gaps] == ["no water of place s goes to the river or the sewer"]


@pytest.mark.parametrize(
    ("ways", "spare"),
    [
        ({"s": "a", "a": "b", "b": "t"}, "b"),
        ({"s": "a", "a": "bc", "b": "t", "c": "t"}, None),
        ({"s": "a", "a": "r", "r": "t"}, None),
        ({"s": "a", "a": "t"}, None),
        ({"s": "a", "a": "bu", "b": "t"}, None),
    ],
)
def test_one_gate_stands_in_where_one_is_enough_and_it_is_not_the_river_s(
    ways: Mapping[str, str], spare: str | None
) -> None:
    on = park(ways, a=K.RAIN_OUTLET, b=K.PARK_SLUICE, c=K.PARK_SLUICE, r=K.RIVER_SLUICE, u=K.RIVER_REACH)
    first, *others = proposed(on, "abcr").plan.steps
    assert (first.actuator, first.alternative) == ("a", spare)
    assert (first.on_failure is OnFailure.ALTERNATIVE) is (spare is not None)
    assert [step.actuator for step in others] == ([spare] if spare else [])


def test_only_what_stands_open_to_be_safe_is_opened_into_a_pool() -> None:
    """A gate before a pool that is safe when it is shut stays as it is; the pool's own inlet lets the water in."""
    on = park(
        {"s": "gih", "g": "p", "i": "p", "h": "t"},
        g=K.PARK_SLUICE,
        h=K.PARK_SLUICE,
        i=K.POOL_INLET,
        p=K.PUBLIC_POOL,
    )
    found = proposed(on, "ghi")
    assert [(step.id, step.action) for step in found.plan.steps] == [("h", Action.CLOSE), ("i", Action.OPEN)]
    assert [step.id for step in proposed(on, "gh").plan.steps] == ["h"], (
        "an inlet that does not work is not asked"
    )
    clean = park({"s": "i", "i": "p"}, i=K.POOL_INLET, p=K.PUBLIC_POOL, t=K.RIVER_REACH)
    assert proposed(clean, "i").plan.steps == (), "where nothing is cut off nothing is let in"
