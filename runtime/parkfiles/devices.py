"""Reads gateways.yaml: the gateways, their PLCs, and which facility each PLC's slots belong to."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from domain.connection import Writes
from domain.drive import Drive, MaintainedCoil
from domain.ids import DeviceId, FacilityId, GatewayId, PointRef
from domain.park import Device, Feedback, Gateway, Point, SafePosition, Tier
from runtime.parkfiles.entry import Entry
from runtime.parkfiles.faults import Faults, Place
from runtime.parkfiles.loggers import read_logger, read_logger_template
from runtime.parkfiles.names import Names
from runtime.parkfiles.reach import Wires, read_reach
from runtime.parkfiles.sites import Sites, open_file
from runtime.parkfiles.templates import Slot, Template, read_template

LOGGER_KIND = "hj212"
"""A device that is a data logger; without a kind it is a PLC."""

ReadTemplate = Callable[[Path, str, str, Faults], Template | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Driven:
    """How a facility is moved."""

    device: DeviceId
    drive: Drive
    feedback: Feedback


@dataclass(slots=True)
class Devices:
    """What the gateways reach."""

    gateways: dict[GatewayId, Gateway] = field(default_factory=dict)
    devices: dict[DeviceId, Device] = field(default_factory=dict)
    points: dict[PointRef, Point] = field(default_factory=dict)
    driven: dict[FacilityId, Driven] = field(default_factory=dict)
    bound: dict[FacilityId, Place] = field(default_factory=dict)
    """Every facility that some slot belongs to."""
    murky: set[FacilityId] = field(default_factory=set)
    """Facilities some of whose points may be lacking because of a fault already noted."""
    is_whole: bool = True
    """False: some slot's facility could not be told."""

    def is_murky(self, facility: str) -> bool:
        """Whether nothing can be said of the points of `facility`."""
        return facility in self.murky or (not self.is_whole and facility not in self.bound)

    def gateway_of(self, facility: str) -> GatewayId | None:
        """Return the gateway that drives `facility`; None when none surely does."""
        driven = self.driven.get(FacilityId(facility))
        return None if driven is None else self.devices[driven.device].gateway


def read_devices(folder: Path, sites: Sites, faults: Faults) -> Devices:
    """Return what gateways.yaml and the templates of `folder` say."""
    found = Devices()
    top = open_file(folder, "gateways.yaml", faults)
    if top is None:
        found.is_whole = False
        return found
    templates = _Templates(folder, faults, read_template)
    lists = _Templates(folder, faults, read_logger_template)
    gateways = list(top.entries("gateways"))
    found.is_whole &= top.done()
    wires = Wires()
    numbers: dict[str, str] = {}
    names = Names("device")
    for key, entry in gateways:
        gateway = GatewayId(key)
        found.gateways[gateway] = Gateway(id=gateway, words=entry.words())
        for name, inner in entry.entries("devices"):
            if name in names.known:
                message = f"stands in line {names.known[name].line} already"
                faults.add(inner.place, message, remedy="give each PLC its own id", kind="duplicate-id")
                found.is_whole = False
                continue
            names.declare(name, inner.place)
            if not inner.has("kind"):
                _device(DeviceId(name), gateway, inner, templates, sites, found, wires)
            elif inner.text("kind") == LOGGER_KIND:
                _logger(DeviceId(name), gateway, inner, lists, sites, found, numbers)
            else:
                remedy = f"write `{LOGGER_KIND}` for a data logger, nothing for a PLC"
                inner.fault("kind", "is no kind of device", remedy=remedy, kind="wrong-choice")
                found.is_whole = False
        found.is_whole &= entry.done()
    return found


class _Templates:
    """The templates, each read once, with its faults noted once."""

    def __init__(self, folder: Path, faults: Faults, read: ReadTemplate) -> None:
        self._folder = folder / "templates"
        self._faults = faults
        self._of_file = read
        self._read: dict[str, Template | None] = {}

    def get(self, name: str, entry: Entry) -> Template | None:
        """Return the template that `entry` names; None after a fault."""
        if name in self._read:
            return self._read[name]
        if not name or not entry.is_good_id(name, entry.place_of("template")):
            return None
        if not (self._folder / f"{name}.yaml").is_file():
            known = ", ".join(sorted(path.stem for path in self._folder.glob("*.yaml")))
            message = f"there is no template `{name}`"
            entry.fault("template", message, remedy=f"write one of {known}", kind="unknown-reference")
            return None
        self._read[name] = self._of_file(self._folder, name, self._folder.as_posix(), self._faults)
        return self._read[name]


def _device(
    key: DeviceId,
    gateway: GatewayId,
    entry: Entry,
    templates: _Templates,
    sites: Sites,
    found: Devices,
    wires: Wires,
) -> None:
    name = entry.text("template")
    template = templates.get(name, entry)
    reach = read_reach(key, gateway, entry, wires)
    device = Device(
        id=key,
        gateway=gateway,
        words=entry.words(),
        host=reach.host,
        port=reach.port,
        transport=reach.transport,
        serial=reach.serial,
        server_name=reach.server_name,
        unit_id=reach.unit_id,
        template=name,
        writes=template.writes if template else Writes.SINGLE,
        block_registers_max=template.block_registers_max if template else 120,
        timeout_s=template.timeout_s if template else 1.0,
        groups=template.groups if template else {},
        heartbeat=template.heartbeat if template else None,
    )
    found.devices[key] = device
    _fill(device, template, entry, sites, found)


def _logger(
    key: DeviceId,
    gateway: GatewayId,
    entry: Entry,
    lists: _Templates,
    sites: Sites,
    found: Devices,
    numbers: dict[str, str],
) -> None:
    name = entry.text("template")
    template = lists.get(name, entry)
    device = Device(
        id=key,
        gateway=gateway,
        words=entry.words(),
        host="",
        port=0,
        unit_id=0,
        template=name,
        groups=template.groups if template else {},
        logger=read_logger(key, entry, numbers),
    )
    found.devices[key] = device
    _fill(device, template, entry, sites, found)


def _fill(device: Device, template: Template | None, entry: Entry, sites: Sites, found: Devices) -> None:
    slots = entry.entry("slots", "write {slot: facility}")
    if slots is None:
        found.is_whole = False
    else:
        _bind(device, template, slots, sites, found)
    entry.done()


def _bind(device: Device, template: Template | None, slots: Entry, sites: Sites, found: Devices) -> None:
    pairs = slots.pairs()
    found.is_whole &= slots.is_sound
    for name, scalar in pairs.items():
        if template is not None and template.is_sound and name not in template.slots:
            remedy = f"write one of {', '.join(template.slots)}"
            slots.fault(name, f"the template has no slot `{name}`", remedy=remedy, kind="unknown-reference")
            found.is_whole = False
            continue
        if not sites.names.has(scalar.text, scalar.place, slots.faults):
            found.is_whole = False
            continue
        facility = FacilityId(scalar.text)
        found.bound[facility] = scalar.place
        slot = None if template is None else template.slots.get(name)
        if template is None or slot is None or not slot.is_sound or not template.is_sound:
            found.murky.add(facility)
        if slot is not None:
            _points(device, facility, slot, scalar.place, found, slots.faults)
            _drive(device, facility, slot, scalar.place, sites, found, slots.faults)
    for name in template.slots if template is not None and template.is_sound and slots.is_sound else ():
        if name not in pairs:
            message = f"the slot `{name}` belongs to no facility"
            slots.fault(name, message, remedy="name its facility", kind="missing-key")
            found.is_whole = False


def _points(
    device: Device, facility: FacilityId, slot: Slot, place: Place, found: Devices, faults: Faults
) -> None:
    for row in slot.points:
        point = Point(
            facility=facility,
            name=row.name,
            words=row.words,
            device=device.id,
            register=row.register,
            unit=row.unit,
            range_min=row.range_min,
            range_max=row.range_max,
            group=row.group,
            dead_band=row.dead_band,
            silence_s_max=row.silence_s_max,
            rate_max=row.rate_max,
            frozen_s=row.frozen_s,
            factor=row.factor,
        )
        earlier = found.points.get(point.ref)
        if earlier is not None:
            message = f"{point.ref} comes from {earlier.device} already"
            remedy = "give the facility one slot for each of its points"
            faults.add(place, message, remedy=remedy, kind="duplicate-point")
            found.murky.add(facility)
            found.is_whole = False
            return
        found.points[point.ref] = point


def _drive(
    device: Device,
    facility: FacilityId,
    slot: Slot,
    place: Place,
    sites: Sites,
    found: Devices,
    faults: Faults,
) -> None:
    if slot.drive is None or slot.feedback is None:
        return
    site = sites.sites.get(facility)
    if site is not None and site.is_sound and not site.is_actuator:
        message = f"the slot is driven, but {facility} declares no actuator"
        remedy = "give the facility an `actuator`, or name the right one"
        faults.add(place, message, remedy=remedy, kind="no-actuator")
        found.murky.add(facility)
        found.is_whole = False
        return
    found.driven.setdefault(facility, Driven(device=device.id, drive=slot.drive, feedback=slot.feedback))


def read_overrides(path: Path, found: Devices, faults: Faults) -> None:
    """Give devices the places of the JSON file `path`.

    {"plc": {"host": "127.0.0.1", "port": 15021}}, and {"plc": {"serial": "/dev/pts/3"}} for one on a serial line.
    """
    top = open_file(path.parent, path.name, faults)
    if top is None:
        return
    for name, entry in top.every():
        device = found.devices.get(DeviceId(name))
        is_serial = device is not None and device.serial is not None
        serial = entry.text("serial", "write the serial device") if is_serial else ""
        host, port = (
            ("", 0) if is_serial else (entry.text("host"), entry.integer("port", least=1, most=65_535))
        )
        if device is None:
            remedy = "name a PLC of gateways.yaml"
            entry.fault("", f"there is no device `{name}`", remedy=remedy, kind="unknown-reference")
        elif entry.done():
            line = None if device.serial is None else replace(device.serial, path=serial)
            found.devices[device.id] = replace(device, host=host, port=port, serial=line)


def undriven(sites: Sites, found: Devices) -> Iterator[Place]:
    """Yield the actuators that no PLC moves."""
    for key, site in sites.sites.items():
        if site.actuator is not None and key not in found.driven and not found.is_murky(key):
            yield site.actuator.place


def river_fallbacks(sites: Sites, found: Devices) -> Iterator[Place]:
    """Yield the river sluices that a PLC would move by itself (I11)."""
    for key, driven in found.driven.items():
        site, heartbeat = sites.sound(key), found.devices[driven.device].heartbeat
        is_river = site is not None and site.facility.tier is Tier.RIVER
        if site is not None and is_river and heartbeat is not None and heartbeat.fallback_after_s is not None:
            yield site.place


def unsafe_stops(sites: Sites, found: Devices) -> Iterator[Place]:
    """Yield the actuators that a stop would close although open is their safe position."""
    for key, driven in found.driven.items():
        site = sites.sound(key)
        if site is None or site.actuator is None or not isinstance(driven.drive, MaintainedCoil):
            continue
        if site.actuator.safe_position is SafePosition.OPEN:
            yield site.actuator.place
