"""Reads plans.yaml: one-key plans whose steps exist, go toward safe, and come to an end."""

from collections.abc import Mapping
from pathlib import Path

from domain.command import Action
from domain.ids import EnterpriseId, FacilityId, PlanId
from domain.park import SafePosition
from domain.plan import OnFailure, Plan, Step
from runtime.parkfiles.entry import Entry
from runtime.parkfiles.faults import Faults, Place
from runtime.parkfiles.names import Names
from runtime.parkfiles.sites import Sites, open_file

ACTIONS = {SafePosition.CLOSED: Action.CLOSE, SafePosition.OPEN: Action.OPEN}
"""The action that moves an actuator to its safe position."""


def read_plans(folder: Path, sites: Sites, faults: Faults) -> dict[str, Plan]:
    """Return the plans by id."""
    top = open_file(folder, "plans.yaml", faults)
    if top is None:
        return {}
    plans: dict[str, Plan] = {}
    for key, entry in top.entries("plans"):
        enterprise = entry.text_or("enterprise", "")
        if enterprise:
            sites.enterprise_names.has(enterprise, entry.place_of("enterprise"), faults)
        plans[key] = Plan(
            id=PlanId(key),
            words=entry.words(),
            enterprise=EnterpriseId(enterprise) if enterprise else None,
            steps=_steps(entry, sites, faults),
            receiving=_receiving(entry, sites, faults),
        )
        entry.done()
    top.done()
    return plans


def _receiving(entry: Entry, sites: Sites, faults: Faults) -> tuple[FacilityId, ...]:
    items = entry.texts("receiving", is_required=False)
    for item in items:
        known = sites.names.has(item.text, item.place, faults)
        site = sites.sound(item.text) if known else None
        if site is not None and not site.facility.kind.is_pool:
            remedy = "name the pools that take the water"
            faults.add(item.place, f"{item.text} is no pool", remedy=remedy, kind="no-pool")
    return tuple(FacilityId(item.text) for item in items)


def _steps(plan: Entry, sites: Sites, faults: Faults) -> tuple[Step, ...]:
    entries = plan.list_of("steps")
    names = Names("step", is_whole=False)
    is_whole = True
    for entry in entries:
        key = entry.text("id")
        is_whole &= bool(key) and entry.is_good_id(key, entry.place_of("id"))
        if key in names.known:
            message = f"`{key}` stands in line {names.known[key].line} already"
            entry.fault("id", message, remedy="give each step its own id", kind="duplicate-id")
            is_whole = False
        names.declare(key, entry.place_of("id"))
    names.is_whole = is_whole
    steps = tuple(_step(entry, names, sites, faults) for entry in entries)
    for entry in entries:
        entry.done()
    if plan.is_sound and not steps:
        plan.fault("steps", "has no steps", remedy="write at least one", kind="missing-key")
    if is_whole and all(entry.is_sound for entry in entries):
        _refuse_twice(steps, entries)
        _refuse_cycles(steps, names.known, faults)
    return steps


def _step(entry: Entry, names: Names, sites: Sites, faults: Faults) -> Step:
    actuator = entry.text("actuator")
    action = entry.choice("action", Action)
    after = entry.texts("after", is_required=False)
    for item in after:
        entry.is_sound &= names.has(item.text, item.place, faults)
    on_failure = entry.choice_or("on_failure", OnFailure.CONTINUE)
    if actuator:
        _check_actuator(entry, actuator, action, sites, faults)
    return Step(
        id=entry.text("id"),
        actuator=FacilityId(actuator),
        action=action,
        after=tuple(item.text for item in after),
        on_failure=on_failure,
        alternative=_alternative(entry, on_failure, names, faults),
    )


def _check_actuator(entry: Entry, actuator: str, action: Action, sites: Sites, faults: Faults) -> None:
    was_sound = entry.is_sound
    place = entry.place_of("actuator")
    entry.is_sound &= sites.names.has(actuator, place, faults)
    site = sites.sound(actuator)
    if site is None:
        return
    if site.actuator is None:
        remedy = "name a gate, valve, sluice or pump"
        entry.fault("actuator", f"{actuator} is no actuator", remedy=remedy, kind="no-actuator")
        return
    safe = ACTIONS[site.actuator.safe_position]
    if was_sound and action not in {safe, Action.STOP}:
        message = f"{action.value} does not take {actuator} to its safe position"
        remedy = f"write {safe.value}: no step of a one-key plan lets water out"
        entry.fault("action", message, remedy=remedy, kind="away-from-safe")


def _alternative(entry: Entry, on_failure: OnFailure, names: Names, faults: Faults) -> str | None:
    wants = on_failure is OnFailure.ALTERNATIVE
    entry.may_have("alternative")
    if not wants and entry.has("alternative") and entry.is_sound:
        remedy = "write on_failure: alternative, or leave it out"
        entry.fault("alternative", "is never run", remedy=remedy, kind="wrong-choice")
    if not wants:
        return None
    name = entry.text("alternative", "name the step that takes its place")
    if name:
        entry.is_sound &= names.has(name, entry.place_of("alternative"), faults)
    return name or None


def _refuse_twice(steps: tuple[Step, ...], entries: tuple[Entry, ...]) -> None:
    first: dict[FacilityId, str] = {}
    for step, entry in zip(steps, entries, strict=True):
        if step.actuator in first:
            message = f"{step.actuator} is moved by step `{first[step.actuator]}` already"
            entry.fault("actuator", message, remedy="move each once", kind="duplicate-step")
        first.setdefault(step.actuator, step.id)


def _refuse_cycles(steps: tuple[Step, ...], places: Mapping[str, Place], faults: Faults) -> None:
    """Note one fault for the first step that waits for itself or stands in for itself."""
    next_of = {step.id: (*step.after, *((step.alternative,) if step.alternative else ())) for step in steps}
    for step in steps:
        seen: set[str] = set()
        waiting = list(next_of[step.id])
        while waiting:
            name = waiting.pop()
            if name == step.id:
                remedy = "let it wait for earlier steps only"
                message = f"the step `{step.id}` waits for itself"
                faults.add(places[step.id], message, remedy=remedy, kind="plan-cycle")
                return
            if name not in seen:
                seen.add(name)
                waiting += next_of[name]
