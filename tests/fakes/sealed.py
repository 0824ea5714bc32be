"""Signs for every actuator of a park that a test has written, as its engineer would have."""

from pathlib import Path

from runtime.parkfiles import check_park, load_park
from runtime.parkfiles.commissioning import seal


def sealed(folder: Path) -> Path:
    """Return `folder`, with a signature for each drive as it is there; a park with faults has none."""
    if check_park(folder):
        return folder
    park = load_park(folder)
    seal(folder, park, dict.fromkeys(park.actuators, ("周启明", "2026-08-10")))
    return folder
