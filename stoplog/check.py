"""`stoplog check`: prints every fault of a park's files with file, line, field and remedy; it mends nothing.

The park's own files come first; its simulated water (network, storms, scenarios), where there is any, in the same run.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from domain.errors import ConfigurationError, Fault
from domain.park import Park
from runtime.exits import Exit
from runtime.parkfiles import check_park, load_park
from runtime.parkfiles.properties import load_properties
from simulators.scenario_file import known_names, load_scenario
from simulators.water.network import load_network
from simulators.water.storm import load_storm


def run_check(folder: Path) -> int:
    """Check the park in `folder`, print what was found and return the exit status: 0 sound, 65 faults."""
    faults = check_park(folder)
    park = None if faults else load_park(folder)
    if park is not None:
        faults += _faults_of(partial(load_properties, park=park), folder)
    faults += check_simulated(folder, park)
    for fault in faults:
        print(fault)
    if faults or park is None:
        files = len({fault.file for fault in faults})
        print(f"{len(faults)} fault{'s' * (len(faults) > 1)} in {files} file{'s' * (files > 1)}")
        return Exit.PARK
    loggers = sum(device.logger is not None for device in park.devices.values())
    devices = f"{len(park.devices) - loggers} PLCs" + (f", {loggers} data loggers" if loggers else "")
    print(
        f"{folder}: {park.words.zh} {park.words.en}: {len(park.enterprises)} enterprises, "
        f"{len(park.facilities)} facilities, {devices}, {len(park.points)} points, "
        f"{len(park.actuators)} actuators, {len(park.alarms)} alarms, {len(park.cutoffs)} cut-offs, "
        f"{len(park.plans)} plans: no fault"
    )
    return Exit.OK


def check_simulated(folder: Path, park: Park | None) -> Iterator[Fault]:
    """Yield the faults of the simulated water; scenarios speak of the park's things and wait for a sound one."""
    for storm in _files(folder / "storms", "*.csv"):
        yield from _faults_of(load_storm, storm)
    places: frozenset[str] | None = None
    network = folder / "network" / "network.yaml"
    if network.parent.is_dir():
        found = _faults_of(load_network, network)
        yield from found
        if not found:
            places = frozenset(load_network(network).spill_places)
    if park is not None and places is not None:
        known = known_names(park, folder, places)
        for scenario in _files(folder / "scenarios", "*.yaml"):
            yield from _faults_of(partial(load_scenario, known=known), scenario)


def _files(folder: Path, pattern: str) -> Iterable[Path]:
    return sorted(folder.glob(pattern)) if folder.is_dir() else ()


def _faults_of(load: Callable[[Path], object], path: Path) -> tuple[Fault, ...]:
    try:
        load(path)
    except ConfigurationError as error:
        return error.faults
    return ()
