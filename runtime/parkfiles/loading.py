"""Loads a park from its folder: reads every file, checks all of it in one run, and builds the park if nothing is wrong."""

from collections.abc import Mapping
from pathlib import Path

from domain.errors import ConfigurationError, Fault
from domain.ids import FacilityId, ParkId
from domain.park import Actuator, Park
from domain.words import Words
from runtime.parkfiles.commissioning import with_signatures
from runtime.parkfiles.devices import (
    Devices,
    read_devices,
    read_overrides,
    river_fallbacks,
    undriven,
    unsafe_stops,
)
from runtime.parkfiles.faults import Faults, Place
from runtime.parkfiles.plans import read_plans
from runtime.parkfiles.reopenings import read_reopenings
from runtime.parkfiles.rules import Locks, read_alarms, read_cutoffs, read_interlocks
from runtime.parkfiles.sites import Sites, read_sites
from runtime.parkfiles.waterways import check_waterways

_NO_LOCKS = Locks()
_EMPTY = Park(
    id=ParkId(""),
    words=Words("", ""),
    enterprises={},
    facilities={},
    gateways={},
    devices={},
    points={},
    actuators={},
)


def load_park(folder: Path, overrides: Path | None = None) -> Park:
    """Return the park in `folder`.

    `overrides` is a JSON file that gives PLCs another host and port. Raises ConfigurationError with every fault found.
    """
    faults = Faults()
    park = _read(folder, overrides, faults)
    if faults.found:
        raise ConfigurationError(*_sorted(faults))
    return park


def check_park(folder: Path) -> list[Fault]:
    """Return every fault of the park in `folder`, by file and line."""
    faults = Faults()
    _read(folder, None, faults)
    return _sorted(faults)


def _sorted(faults: Faults) -> list[Fault]:
    return sorted(faults.found, key=lambda fault: (fault.file, fault.line, fault.field))


def _read(folder: Path, overrides: Path | None, faults: Faults) -> Park:
    """Return the park as far as it could be read; stand-ins are in it wherever a fault was noted."""
    if not folder.is_dir():
        place = Place(file=folder.as_posix(), line=0, field="")
        faults.add(place, "is no folder", remedy="name the folder of a park", kind="file-missing")
        return _EMPTY
    sites = read_sites(folder, faults)
    devices = read_devices(folder, sites, faults)
    if overrides is not None:
        read_overrides(overrides, devices, faults)
    for place in undriven(sites, devices):
        remedy = "give it a driven slot of a PLC in gateways.yaml"
        faults.add(place, "no PLC moves it", remedy=remedy, kind="no-drive")
    for place in unsafe_stops(sites, devices):
        message = "its drive stops by closing, and closed is not safe here"
        faults.add(place, message, remedy="take a drive with a stop of its own", kind="unsafe-stop")
    for place in river_fallbacks(sites, devices):
        message = "its PLC would move it by itself, and the river is moved by persons only"
        faults.add(place, message, remedy="leave fallback_after_s out of its template", kind="river-fallback")
    check_waterways(sites, faults)
    locks = read_interlocks(folder, sites, devices, faults)
    park = Park(
        id=sites.id,
        words=sites.words,
        enterprises=sites.enterprises,
        facilities={key: site.facility for key, site in sites.sites.items()},
        gateways=devices.gateways,
        devices=devices.devices,
        points=devices.points,
        actuators=_actuators(sites, devices, locks),
        alarms=read_alarms(folder, sites, devices, faults),
        cutoffs=read_cutoffs(folder, sites, devices, faults),
        plans=read_plans(folder, sites, faults),
        reopenings=read_reopenings(folder, sites, devices, faults),
    )
    return park if faults.found else with_signatures(folder, park, faults)


def _actuators(
    sites: Sites, devices: Devices, locks: Mapping[FacilityId, Locks]
) -> dict[FacilityId, Actuator]:
    found: dict[FacilityId, Actuator] = {}
    for key, driven in devices.driven.items():
        site = sites.sites.get(key)
        if site is None or site.actuator is None:
            continue
        part = site.actuator
        found[key] = Actuator(
            facility=key,
            device=driven.device,
            safe_position=part.safe_position,
            drive=driven.drive,
            feedback=driven.feedback,
            travel_time_s=part.travel_time_s,
            reversing_pause_s=part.reversing_pause_s,
            permits=locks.get(key, _NO_LOCKS).permits,
            inhibits=locks.get(key, _NO_LOCKS).inhibits,
            hand_card=part.hand_card,
        )
    return found
