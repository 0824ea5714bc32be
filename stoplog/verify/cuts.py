"""Proves that every enterprise can be cut off: shutting gates of its own parts its risk units from all water outside."""

from collections import deque
from collections.abc import Iterator

from domain.ids import EnterpriseId, FacilityId
from domain.park import FacilityKind, Park, SafePosition, Tier
from domain.words import Words
from stoplog.verify.finding import GRAPH, Finding, Verdict

_OUTSIDE = frozenset({FacilityKind.RIVER_REACH, FacilityKind.RIVER_SLUICE, FacilityKind.SENSITIVE_TARGET})


def check_cuts(park: Park) -> Iterator[Finding]:
    """Yield for each enterprise whether its own gates cut it off, and for the park whether its gates do (三级防控)."""
    for key, enterprise in park.enterprises.items():
        name = enterprise.words
        for tiers, who in (
            (frozenset({Tier.ENTERPRISE}), Words(f"{name.zh}自己的闸阀", f"the gates of {name.en}")),
            (frozenset({Tier.PARK}), Words(f"园区的闸阀(为{name.zh})", f"the park's gates (for {name.en})")),
        ):
            yield _of(key, tiers, who, park)


def _of(enterprise: EnterpriseId, tiers: frozenset[Tier], who: Words, park: Park) -> Finding:
    gates = {
        key
        for key, actuator in park.actuators.items()
        if actuator.safe_position is SafePosition.CLOSED
        and actuator.commissioned_by is not None
        and park.facilities[key].tier in tiers
        and park.facilities[key].enterprise in {None, enterprise}
    }
    starts = [
        key
        for key, item in park.facilities.items()
        if item.enterprise == enterprise and item.kind is FacilityKind.RISK_UNIT
    ]
    tier = "+".join(sorted(tiers))
    words = Words(f"关上{who.zh},水到不了园外", f"with {who.en} shut no water of it gets out")
    way, met = _search(starts, gates, park)
    if not starts:
        told = (Words("没有风险单元", "it has no risk unit"),)
        return Finding(
            check=f"{enterprise} {tier} cut", words=words, verdict=Verdict.VACUOUS, method=GRAPH, story=told
        )
    if way:
        names = [park.facilities[key].words for key in way]
        told = (Words(" → ".join(n.zh for n in names), " → ".join(n.en for n in names)),)
        return Finding(
            check=f"{enterprise} {tier} cut", words=words, verdict=Verdict.BROKEN, method=GRAPH, story=told
        )
    open_way, _ = _search(starts, set(), park)
    if not open_way:
        told = (Words("水本就到不了园外", "no water gets out even with every gate open"),)
        return Finding(
            check=f"{enterprise} {tier} cut", words=words, verdict=Verdict.VACUOUS, method=GRAPH, story=told
        )
    shut = [park.facilities[key].words for key in sorted(met)]
    path = [park.facilities[key].words for key in open_way]
    witness = (
        Words("切断面 " + "、".join(n.zh for n in shut), "the cut: " + ", ".join(n.en for n in shut)),
        Words("不关时 " + " → ".join(n.zh for n in path), "when open: " + " → ".join(n.en for n in path)),
    )
    return Finding(
        check=f"{enterprise} {tier} cut", words=words, verdict=Verdict.PROVED, method=GRAPH, witness=witness
    )


def _search(
    starts: list[FacilityId], shut: set[FacilityId], park: Park
) -> tuple[list[FacilityId], set[FacilityId]]:
    """Return a shortest way to the outside past the `shut` gates (empty: none), and the gates met on the way."""
    came: dict[FacilityId, FacilityId | None] = dict.fromkeys(starts)
    queue, met = deque(starts), set[FacilityId]()
    while queue:
        here = queue.popleft()
        if park.facilities[here].kind in _OUTSIDE:
            way, at = [here], came[here]
            while at is not None:
                way.append(at)
                at = came[at]
            return way[::-1], met
        for flow in park.facilities[here].flows_to:
            if flow.to in shut:
                met.add(flow.to)
            elif flow.to not in came:
                came[flow.to] = here
                queue.append(flow.to)
    return [], met
