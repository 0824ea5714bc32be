"""Decides what a changed park file means for a gateway: which devices go on untouched, and which are served anew."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from domain.ids import DeviceId, GatewayId
from domain.park import Device, Park


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The devices of one gateway, old and new, each in exactly one of these."""

    kept: frozenset[DeviceId]
    """What is read from them and how is what it was."""
    changed: frozenset[DeviceId]
    added: frozenset[DeviceId]
    removed: frozenset[DeviceId]

    @property
    def ended(self) -> frozenset[DeviceId]:
        """Devices whose station of before serves no longer."""
        return self.changed | self.removed

    @property
    def begun(self) -> frozenset[DeviceId]:
        """Devices that get a new station."""
        return self.changed | self.added

    def __str__(self) -> str:
        counts = {
            "kept": self.kept,
            "changed": self.changed,
            "added": self.added,
            "removed": self.removed,
        }
        return ", ".join(f"{len(devices)} {name}" for name, devices in counts.items())


def compare(old: Park, new: Park, gateway: GatewayId) -> Change:
    """Return what becomes of the devices of `gateway` when `new` follows `old`."""
    before, after = _served(old, gateway), _served(new, gateway)
    both = before.keys() & after.keys()
    kept = frozenset(device for device in both if before[device] == after[device])
    return Change(
        kept=kept,
        changed=frozenset(both - kept),
        added=frozenset(after.keys() - both),
        removed=frozenset(before.keys() - both),
    )


def are_loggers_other(old: Park, new: Park, gateway: GatewayId) -> bool:
    """Whether something of the data loggers of `gateway` changes: they connect to us, and a port is no poll."""
    return _served(old, gateway, loggers=True) != _served(new, gateway, loggers=True)


def _served(
    park: Park, gateway: GatewayId, *, loggers: bool = False
) -> Mapping[DeviceId, tuple[Device, list[object]]]:
    """Return of each device all that its station is made of: itself, its points in order, and its limit switches."""
    parts: dict[DeviceId, list[object]] = defaultdict(list)
    for point in park.points.values():
        parts[point.device].append(point)
    for actuator in park.actuators.values():
        parts[actuator.device].append((actuator.facility, actuator.feedback))
    return {
        device.id: (device, parts[device.id])
        for device in park.devices_of(gateway)
        if (device.logger is not None) == loggers
    }
