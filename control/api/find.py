"""Finds what a path or a body names, within the person's area; what lies outside does not exist for them."""

from control.api.parts import Parts, area_of
from control.api.problems import not_found
from control.commands.tracked import Tracked
from control.live.scope import is_plan_within
from control.people.roles import Person
from control.plans.run import Run
from domain.ids import CommandId, FacilityId
from domain.park import Actuator
from domain.plan import Plan


def actuator(name: str, who: Person, service: Parts) -> Actuator:
    """Return the actuator. Raises Problem not-found."""
    found = service.park.actuators.get(FacilityId(name))
    if found is None or not who.reaches(service.park.facilities[found.facility]):
        raise not_found()
    return found


async def command(name: str, who: Person, service: Parts) -> Tracked:
    """Return the command. Raises Problem not-found, StorageError."""
    found = service.book.get(CommandId(name)) or await service.archive.get(name)
    if found is None or found.command.actuator not in service.park.actuators:
        raise not_found()
    actuator(found.command.actuator, who, service)
    return found


def plan(name: str, who: Person, service: Parts) -> Plan:
    """Return the plan. Raises Problem not-found."""
    found = service.park.plans.get(name)
    if found is None or not is_plan_within(name, area_of(who, service.park), service.park):
        raise not_found()
    return found


def run(name: str, who: Person, service: Parts) -> Run:
    """Return the run. Raises Problem not-found."""
    found = service.runner.runs.get(name)
    if found is None:
        raise not_found()
    if not is_plan_within(found.plan, area_of(who, service.park), service.park):
        raise not_found()
    return found
