"""`stoplog check`: prints every fault of a park's files with file, line, field and remedy; it mends nothing."""

from pathlib import Path

from runtime.exits import Exit
from runtime.parkfiles import check_park, load_park


def run_check(folder: Path) -> int:
    """Check the park in `folder`, print what was found and return the exit status: 0 sound, 65 faults."""
    faults = check_park(folder)
    for fault in faults:
        print(fault)
    if faults:
        files = len({fault.file for fault in faults})
        print(
            f"{len(faults)} fault{'s' if len(faults) > 1 else ''} in {files} file{'s' if files > 1 else ''}"
        )
        return Exit.PARK
    park = load_park(folder)
    print(
        f"{folder}: {park.words.zh} {park.words.en}: {len(park.enterprises)} enterprises, "
        f"{len(park.facilities)} facilities, {len(park.devices)} PLCs, {len(park.points)} points, "
        f"{len(park.actuators)} actuators, {len(park.alarms)} alarms, {len(park.cutoffs)} cut-offs, "
        f"{len(park.plans)} plans: no fault"
    )
    return Exit.OK
