"""Proposes a plan for a spill from the graph: the source-nearest cut, the pools that take the water, and what is not isolated.

It decides on what it is told of gates, pools and flows; it asks nothing and moves nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from control.plans.cut import SEWER, Cut, Leak, closes, find_cut, ways
from domain.command import Action
from domain.ids import FacilityId, PlanId
from domain.park import FacilityKind, Park, SafePosition, Tier
from domain.plan import OnFailure, Plan, Step
from domain.words import Words

SECONDS_PER_H = 3600.0
_NOT = Words("不可用", "does not work")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What is known of one actuator now."""

    works: bool
    """Whether it can be moved to its safe position remotely now, or stands there by proof."""
    why: Words | None = None
    """Why it cannot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A gate of the cut with what takes the water that it holds back."""

    gate: FacilityId
    pools: tuple[FacilityId, ...]
    inflow_m3_h: float | None
    """Measured at the gate's flow meter; None: there is none, or it is not trusted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A plan as control proposes it, with what has to be said of it."""

    source: FacilityId
    plan: Plan
    cut: Cut
    holds: tuple[Hold, ...]
    free_m3: float
    """Free volume of the pools that take the water, as far as it is known."""
    inflow_m3_h: float | None
    """Of the gates where it is measured, or as somebody says; None: nowhere."""
    time_to_full_s: float | None
    """None: the inflow is not known, or is none."""
    gaps: tuple[Words, ...]
    """What is not isolated, or not known."""


def propose(
    park: Park,
    source: FacilityId,
    gates: Mapping[FacilityId, Gate],
    *,
    free_m3: Callable[[FacilityId], float | None],
    flow_m3_h: Callable[[FacilityId], float | None],
    inflow_m3_h: float | None = None,
) -> Proposal:
    """Return the plan for a spill at `source`.

    `free_m3` is a pool's free volume, `flow_m3_h` what a flow meter shows; None when not known. `inflow_m3_h`: what somebody
    says instead of the meters.
    """
    works = {key for key, gate in gates.items() if gate.works}
    cut = find_cut(park, source, works)
    inlets = _inlets(park, cut, works)
    holds = tuple(_hold(park, gate, cut, works, flow_m3_h) for gate in cut.gates)
    pools = tuple(dict.fromkeys(pool for hold in holds for pool in hold.pools))
    known = [room for pool in pools if (room := free_m3(pool)) is not None]
    measured = [hold.inflow_m3_h for hold in holds if hold.inflow_m3_h is not None]
    inflow = inflow_m3_h if inflow_m3_h is not None else sum(measured) if measured else None
    name = park.facilities[source].words
    plan = Plan(
        id=PlanId(f"proposed_{source}"[:63]),
        words=Words(f"建议方案:{name.zh}泄漏", f"proposed: spill at {name.en}"),
        enterprise=None,
        steps=_steps(park, source, cut, inlets, works),
        receiving=pools,
    )
    return Proposal(
        source=source,
        plan=plan,
        cut=cut,
        holds=holds,
        free_m3=sum(known),
        inflow_m3_h=inflow,
        time_to_full_s=sum(known) / inflow * SECONDS_PER_H if pools and inflow else None,
        gaps=(
            *_gaps(park, source, cut, gates, holds, free_m3),
            *(() if inflow_m3_h is not None else _unmeasured(park, holds)),
        ),
    )


def _steps(
    park: Park, source: FacilityId, cut: Cut, inlets: Sequence[FacilityId], works: set[FacilityId]
) -> tuple[Step, ...]:
    """Shut and let in at once; where one gate alone can stand in for another, it does when that one fails."""
    steps: list[Step] = []
    spares: dict[FacilityId, Step] = {}
    for gate in cut.gates:
        step = Step(id=gate, actuator=gate, action=Action.CLOSE)
        spare = _spare(park, source, cut, gate, works)
        if spare is not None:
            spares.setdefault(spare, Step(id=spare, actuator=spare, action=Action.CLOSE))
            step = replace(step, on_failure=OnFailure.ALTERNATIVE, alternative=spare)
        steps.append(step)
    steps += [Step(id=inlet, actuator=inlet, action=Action.OPEN) for inlet in inlets]
    return (*steps, *spares.values())


def _spare(
    park: Park, source: FacilityId, cut: Cut, gate: FacilityId, works: set[FacilityId]
) -> FacilityId | None:
    """Return the one gate, not of the river, that keeps everything clean when `gate` fails; None: it takes more than one."""
    other = find_cut(park, source, works - {gate})
    more = set(other.gates) - set(cut.gates)
    if set(other.kept) != set(cut.kept) or len(more) != 1:
        return None
    (found,) = more
    return None if park.facilities[found].tier is Tier.RIVER else found


def _inlets(park: Park, cut: Cut, works: set[FacilityId]) -> tuple[FacilityId, ...]:
    """Return the ways into pools that the held water can take."""
    flows = ways(park)
    return tuple(
        key
        for key, actuator in park.actuators.items()
        if actuator.safe_position is SafePosition.OPEN
        and key in cut.inside
        and key in works
        and any(_is_pool(park, to) for to in flows[key])
        and cut.gates
    )


def _hold(
    park: Park,
    gate: FacilityId,
    cut: Cut,
    works: set[FacilityId],
    flow_m3_h: Callable[[FacilityId], float | None],
) -> Hold:
    """Return the pools that water standing before `gate` reaches without passing the cut, and what flows there now."""
    flows = ways(park)
    before = [key for key, tos in flows.items() if gate in tos and key in cut.inside]
    found: list[FacilityId] = []
    seen, waiting = set(before), list(before)
    while waiting:
        here = waiting.pop(0)
        if _is_pool(park, here):
            found.append(here)
        for to in flows.get(here, ()):
            is_shut = to in park.actuators and to not in closes(park) and to not in works
            if to in cut.inside and to not in seen and not is_shut:
                seen.add(to)
                waiting.append(to)
    return Hold(gate=gate, pools=tuple(found), inflow_m3_h=_measured(park, gate, flow_m3_h))


def _measured(park: Park, gate: FacilityId, flow_m3_h: Callable[[FacilityId], float | None]) -> float | None:
    """Return what the flow meters right behind `gate`, or right before it, show."""
    flows = ways(park)
    near = [*flows.get(gate, ()), *(key for key, tos in flows.items() if gate in tos)]
    meters = [
        key for key in near if key in park.facilities and park.facilities[key].kind is FacilityKind.FLOW_METER
    ]
    return _sum(flow_m3_h(meter) for meter in meters) if meters else None


def _gaps(
    park: Park,
    source: FacilityId,
    cut: Cut,
    gates: Mapping[FacilityId, Gate],
    holds: Sequence[Hold],
    free_m3: Callable[[FacilityId], float | None],
) -> Iterable[Words]:
    if not cut.kept and not cut.leaks:
        name = park.facilities[source].words
        yield Words(
            f"{name.zh}的水不流向河道或污水管", f"no water of {name.en} goes to the river or the sewer"
        )
    yield from (_leak_words(park, leak, gates) for leak in cut.leaks)
    for key in park.facilities:
        gate, name = gates.get(key), park.facilities[key].words
        if key in cut.inside and key in closes(park) and gate is not None and not gate.works:
            why = gate.why if gate.why is not None else _NOT
            yield Words(
                f"{name.zh}不能用({why.zh}):水会流过它",
                f"{name.en} does not work ({why.en}): water passes it",
            )
    for hold in holds:
        if not hold.pools:
            name = park.facilities[hold.gate].words
            yield Words(f"{name.zh}前的水没有池子可进", f"no pool takes the water before {name.en}")
    for pool in dict.fromkeys(pool for hold in holds for pool in hold.pools):
        room, name = free_m3(pool), park.facilities[pool].words
        if room is None:
            yield Words(f"{name.zh}剩余容积不明", f"the free volume of {name.en} is not known")
        elif room <= 0:
            yield Words(f"{name.zh}已满", f"{name.en} is full")


def _unmeasured(park: Park, holds: Sequence[Hold]) -> Iterable[Words]:
    """Say which water the time to full leaves out: what no meter shows."""
    names = [park.facilities[hold.gate].words for hold in holds if hold.inflow_m3_h is None]
    if not names:
        return
    zh, en = "、".join(name.zh for name in names), ", ".join(name.en for name in names)
    if len(names) == len(holds):
        yield Words(
            f"{zh}来水无可信流量,蓄满时间无法估计", f"no trusted flow at {en}: the time to full is not known"
        )
    else:
        yield Words(
            f"蓄满时间未计{zh}的来水(无可信流量)", f"the time to full leaves out {en}: no trusted flow"
        )


def _leak_words(park: Park, leak: Leak, gates: Mapping[FacilityId, Gate]) -> Words:
    goal = _name(park, leak.goal)
    if not leak.gates:
        return Words(f"{goal.zh}不能隔离:沿途没有闸门", f"{goal.en} is not isolated: no gate is on the way")
    zh, en = [], []
    for key in leak.gates:
        name, gate = park.facilities[key].words, gates.get(key)
        why = gate.why if gate is not None and gate.why is not None else _NOT
        zh.append(f"{name.zh}({why.zh})")
        en.append(f"{name.en} ({why.en})")
    return Words(f"{goal.zh}不能隔离:{'、'.join(zh)}", f"{goal.en} is not isolated: {', '.join(en)}")


def _name(park: Park, key: FacilityId) -> Words:
    return Words("污水管网", "the sewer") if key == SEWER else park.facilities[key].words


def _is_pool(park: Park, key: FacilityId) -> bool:
    return key in park.facilities and park.facilities[key].kind.is_pool


def _sum(values: Iterable[float | None]) -> float | None:
    """Return the sum; None when one is not known, or there are none."""
    found = list(values)
    known = [value for value in found if value is not None]
    return sum(known) if found and len(known) == len(found) else None
