"""Reads reopenings.yaml: by which procedures what was closed may be opened again; a park without it reopens nothing remotely."""

from pathlib import Path

from domain.drive import Setpoint
from domain.ids import EnterpriseId, FacilityId
from domain.park import SafePosition
from domain.reopening import Opening, Passing, Reopening
from runtime.parkfiles.devices import Devices
from runtime.parkfiles.entry import Entry
from runtime.parkfiles.faults import Faults
from runtime.parkfiles.rules import read_condition
from runtime.parkfiles.sites import Sites, open_file

FILE = "reopenings.yaml"
SAMPLES_MAX = 20
S_MAX = 86_400.0


def read_reopenings(folder: Path, sites: Sites, devices: Devices, faults: Faults) -> dict[str, Reopening]:
    """Return the procedures by id."""
    if not (folder / FILE).exists():
        return {}
    top = open_file(folder, FILE, faults)
    found: dict[str, Reopening] = {}
    if top is None:
        return found
    taken: dict[str, str] = {}
    for key, entry in top.entries("reopenings"):
        enterprise = entry.text_or("enterprise", "")
        if enterprise:
            sites.enterprise_names.has(enterprise, entry.place_of("enterprise"), faults)
        words, passing = entry.words(), _passing(entry, sites, devices, faults)
        openings = tuple(
            _opening(item, key, taken, sites, devices, faults) for item in entry.list_of("openings")
        )
        if entry.is_sound and not openings:
            entry.fault("openings", "has none", remedy="write at least one", kind="missing-key")
        if entry.done() and passing is not None:
            found[key] = Reopening(
                id=key,
                words=words,
                enterprise=EnterpriseId(enterprise) if enterprise else None,
                passing=passing,
                openings=openings,
            )
    top.done()
    return found


def _passing(entry: Entry, sites: Sites, devices: Devices, faults: Faults) -> Passing | None:
    inner = entry.entry("passing", "write {when: condition, samples: 3, every_s: 600}")
    if inner is None:
        return None
    condition = read_condition(inner, "when", sites, devices, faults)
    if condition is not None and condition.timed:
        message, remedy = "speaks of the past", "write it of the moment: samples and every_s ask for the time"
        inner.fault("when", message, remedy=remedy, kind="wrong-condition")
    samples = inner.integer("samples", least=2, most=SAMPLES_MAX)
    every_s = inner.number("every_s", least=1.0, most=S_MAX)
    if not inner.done() or condition is None:
        entry.is_sound = False
        return None
    return Passing(condition=condition, samples=samples, every_s=every_s)


def _opening(
    entry: Entry, procedure: str, taken: dict[str, str], sites: Sites, devices: Devices, faults: Faults
) -> Opening:
    key, actuator = entry.text("id"), entry.text("actuator")
    moves = entry.boolean_or("moves", default=True)
    observe_s = entry.number_or("observe_s", 0.0, least=0.0, most=S_MAX)
    first = entry.number_or("first_percent", 100.0, least=1.0, most=100.0)
    stages = () if not moves else (first, 100.0) if first < 100.0 else (100.0,)
    if actuator and sites.names.has(actuator, entry.place_of("actuator"), faults):
        site = sites.sound(actuator)
        driven = devices.driven.get(FacilityId(actuator))
        if site is not None and site.actuator is None:
            remedy = "name a gate, valve, sluice or pump"
            entry.fault("actuator", f"{actuator} is no actuator", remedy=remedy, kind="no-actuator")
        elif site is not None and site.actuator is not None and driven is not None:
            can_part = (
                isinstance(driven.drive, Setpoint) and site.actuator.safe_position is SafePosition.CLOSED
            )
            if len(stages) > 1 and not can_part:
                message = f"the drive of {actuator} knows no openings between the limits"
                entry.fault("first_percent", message, remedy="leave it out", kind="wrong-stages")
        if actuator in taken:
            message = f"{actuator} is reopened by `{taken[actuator]}` already"
            entry.fault("actuator", message, remedy="reopen each in one procedure", kind="duplicate-step")
        taken[actuator] = procedure
    entry.done()
    return Opening(id=key, actuator=FacilityId(actuator), stages=stages, observe_s=observe_s)
