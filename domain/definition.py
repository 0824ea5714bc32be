"""Hashes of an actuator's definition, so that centre and edge can tell whether they hold the same one (I18)."""

import hashlib
import json
from dataclasses import asdict
from functools import lru_cache

from domain.drive import Drive
from domain.park import Actuator, Park

HELD_MAX = 256
"""Actuators whose hashes are held: more than a park has."""


def definition_hashes(park: Park, actuator: Actuator) -> tuple[str, str]:
    """Return (hash of the drive, hash of the whole definition), 16 hexadecimal digits each.

    The drive covers device, registers, safe position and limits: what a move toward safe rests on. The whole adds the
    interlocks and the registers of every point that they use. A park never changes: what was hashed once is not hashed again.
    """
    return _hashes(_Held(park, actuator))


class _Held:
    """One actuator of one park, the same only as itself."""

    __slots__ = ("actuator", "park")

    def __init__(self, park: Park, actuator: Actuator) -> None:
        self.park = park
        self.actuator = actuator

    def __hash__(self) -> int:
        return hash((id(self.park), id(self.actuator)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held) and self.park is other.park and self.actuator is other.actuator


@lru_cache(maxsize=HELD_MAX)
def _hashes(held: _Held) -> tuple[str, str]:
    park, actuator = held.park, held.actuator
    device = park.devices[actuator.device]
    own = (getattr(actuator.feedback, name) for name in ("opened", "closed", "remote"))
    limits = [asdict(park.points[actuator.point(name)].register) for name in own if name is not None]
    drive: dict[str, object] = {
        "drive": [type(actuator.drive).__name__, _driven(actuator.drive)],
        "device": [device.id, device.unit_id] + ([asdict(device.heartbeat)] if device.heartbeat else []),
        "safe": actuator.safe_position,
        "limits": limits,
    }
    used = sorted(
        {ref for lock in (*actuator.permits, *actuator.inhibits) for ref in lock.expression.references}
    )
    whole = {
        **drive,
        "permits": [[lock.id, lock.expression.text] for lock in actuator.permits],
        "inhibits": [[lock.id, lock.expression.text] for lock in actuator.inhibits],
        "points": [
            [point.ref, point.device, asdict(point.register), point.unit]
            # What a PLC's register gives keeps the hash that it always had.
            + ([] if point.factor is None else [asdict(point.factor)])
            for point in (park.points[ref] for ref in used)
        ],
        "travel": [actuator.travel_time_s, actuator.reversing_pause_s],
    }
    return _hash(drive), _hash(whole)


def _driven(drive: Drive) -> dict[str, object]:
    """Return a drive's fields; what was added later and is not used leaves the hash as it was."""
    return {key: value for key, value in asdict(drive).items() if (key, value) != ("step_percent", None)}


def _hash(content: dict[str, object]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
