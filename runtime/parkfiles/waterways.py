"""Checks the ways of the water: everything is reached by it, and every gate has a way on."""

from collections.abc import Collection, Mapping
from functools import reduce

from domain.ids import FacilityId
from domain.park import FacilityKind
from runtime.parkfiles.faults import Faults
from runtime.parkfiles.sites import Site, Sites

SOURCES = {FacilityKind.RISK_UNIT, FacilityKind.RAIN_GAUGE, FacilityKind.RIVER_STAGE}
"""Where water begins, and instruments that it does not pass."""

RECEIVING = {FacilityKind.RIVER_REACH, FacilityKind.SENSITIVE_TARGET}
POOLS = {kind for kind in FacilityKind if kind.is_pool}

ENDS: Mapping[FacilityKind, Collection[FacilityKind]] = {
    FacilityKind.RAIN_OUTLET: RECEIVING,
    FacilityKind.PARK_SLUICE: RECEIVING,
    FacilityKind.LIFT_PUMP: RECEIVING,
    FacilityKind.RIVER_SLUICE: RECEIVING,
    FacilityKind.DIVERSION_VALVE: POOLS,
    FacilityKind.POOL_INLET: POOLS,
    FacilityKind.BUND_VALVE: RECEIVING | POOLS,
}
"""Where the water behind each kind of gate must be able to go; sewage outlets leave for the sewer."""

LAST = RECEIVING | POOLS | SOURCES | {FacilityKind.SEWAGE_OUTLET}
"""Where a way may end."""


def check_waterways(sites: Sites, faults: Faults) -> None:
    """Note gates without a way on, and facilities that no water reaches."""
    if not (sites.names.is_whole and all(site.is_sound for site in sites.sites.values())):
        return
    if any(flow.to not in sites.sites for site in sites.sites.values() for flow in site.facility.flows_to):
        return
    lost = [site for site in sites.sites.values() if _has_no_way(site, sites)]
    for name in {end: None for site in lost for end in _gaps(site, sites)}:
        site = sites.sites[name]
        wanted = ", ".join(sorted(ENDS.get(site.facility.kind, RECEIVING)))
        message = f"no water path leads from it to any {wanted}"
        remedy = "write flows_to: [the next facility downstream]"
        faults.add(site.place.below("flows_to"), message, remedy=remedy, kind="no-path")
    if not lost:
        _refuse_unreachable(sites, faults)


def _has_no_way(site: Site, sites: Sites) -> bool:
    ends = ENDS.get(site.facility.kind)
    if ends is None:
        return False
    return not any(sites.sites[name].facility.kind in ends for name in _beyond([site], sites))


def _gaps(gate: Site, sites: Sites) -> list[FacilityId]:
    """Return where the way behind `gate` breaks off; the gate itself when it only leads elsewhere."""
    way = {gate.facility.id, *_beyond([gate], sites)}
    gaps = [
        name
        for name, site in sites.sites.items()
        if name in way and not site.facility.flows_to and site.facility.kind not in LAST
    ]
    return gaps or [gate.facility.id]


def _refuse_unreachable(sites: Sites, faults: Faults) -> None:
    sources = [site for site in sites.sites.values() if site.facility.kind in SOURCES]
    reached = _beyond(sources, sites) | {site.facility.id for site in sources}
    dry = [site for site in sites.sites.values() if site.facility.id not in reached]
    beyond_dry = reduce(set.union, (_beyond([site], sites) for site in dry), set[FacilityId]())
    for site in dry:
        if site.facility.id not in beyond_dry:
            remedy = "name it in the flows_to of what lies upstream"
            faults.add(site.place, "no water path leads to it", remedy=remedy, kind="unreachable")


def _beyond(start: list[Site], sites: Sites) -> set[FacilityId]:
    """Return every facility downstream of `start`."""
    seen: set[FacilityId] = set()
    waiting = [flow.to for site in start for flow in site.facility.flows_to]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += [flow.to for flow in sites.sites[name].facility.flows_to]
    return seen
