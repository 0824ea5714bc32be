"""Decides what of the live image lies within a watcher's area: an enterprise sees its own facilities and nothing else's."""

from collections.abc import Callable, Mapping

from control.plans.compile import alternatives
from domain.ids import FacilityId
from domain.park import Park
from wire.canonical import Json


def scoped(body: Mapping[str, Json], area: frozenset[FacilityId] | None, park: Park) -> Mapping[str, Json]:
    """Return what of `body` may be shown; sections that become empty are left out, but for a snapshot's."""
    if area is None:
        return body
    found: dict[str, Json] = {}
    for name, section in body.items():
        filtered = _section(name, section, area, park)
        if filtered or section == filtered:
            found[name] = filtered
    return found


def _section(name: str, section: Json, area: frozenset[FacilityId], park: Park) -> Json:
    match name:
        case "points" | "actuators" if isinstance(section, Mapping):
            return {key: item for key, item in section.items() if FacilityId(key.split("/")[0]) in area}
        case "alarms":
            return _kept(section, lambda item: item.get("facility") in area)
        case "orders":
            return _kept(section, lambda item: item.get("actuator") in area)
        case "runs":
            return _kept(section, lambda item: is_plan_within(str(item.get("plan")), area, park))
        case _:
            return section


def is_plan_within(plan: str, area: frozenset[FacilityId] | None, park: Park) -> bool:
    """Whether every actuator of `plan` lies within `area`, but for those that only stand in for one that failed."""
    if area is None:
        return True
    found = park.plans.get(plan)
    if found is None:
        return False
    spare = alternatives(found)
    return all(step.actuator in area for step in found.steps if step.id not in spare)


def _kept(section: Json, is_within: Callable[[Mapping[str, Json]], bool]) -> Json:
    if not isinstance(section, list):
        return section
    return [item for item in section if isinstance(item, Mapping) and is_within(item)]
