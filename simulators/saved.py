"""What outlives a killed simulator, in one JSON file written all or nothing: gates, switches, faults, spills, progress."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from domain.errors import StorageError
from domain.ids import FacilityId, PointRef
from simulators.acts import FaultKind
from simulators.faults import PlayedFault
from simulators.plc.actuator import Actuator
from simulators.plc.sensors import Held
from simulators.water.state import Spill

VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """The simulated park at one instant, but for its water."""

    scenario: str | None
    start_ms: int
    """Model time at which the scenario began."""
    at_ms: int
    """Model time of this state."""
    fired: int = 0
    """Events of the scenario that are past."""
    next_id: int = 1
    """Number of the next fault."""
    storm: str | None = None
    """None: the scenario's."""
    storm_start_ms: int | None = None
    speed: float | None = None
    """Speed asked for, so that a killed simulator goes on as fast; None after a clean stop: the settings say."""
    faults: tuple[PlayedFault, ...] = ()
    spills: tuple[Spill, ...] = ()
    actuators: Mapping[FacilityId, Actuator] = field(default_factory=dict)
    held: Mapping[PointRef, Held] = field(default_factory=dict)


def save(path: Path, saved: Saved) -> None:
    """Replace `path` atomically, with the kernel but not synced. Raises StorageError; the old file is then whole."""
    draft = path.with_suffix(".new")
    try:
        draft.write_text(json.dumps({"version": VERSION, **asdict(saved)}), encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from error


def load(path: Path) -> Saved | None:
    """Return what `save` wrote; None when there is nothing, or nothing that this version understands."""
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        if fields.pop("version") != VERSION:
            return None
        fields["faults"] = tuple(
            PlayedFault(**{**fault, "kind": FaultKind(fault["kind"])}) for fault in fields["faults"]
        )
        fields["spills"] = tuple(Spill(**spill) for spill in fields["spills"])
        fields["actuators"] = {FacilityId(k): Actuator(**v) for k, v in fields["actuators"].items()}
        fields["held"] = {PointRef(k): Held(**v) for k, v in fields["held"].items()}
        return Saved(**fields)
    except (OSError, ValueError, KeyError, TypeError):
        return None
