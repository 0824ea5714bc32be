"""Reads and writes commissioning.yaml: who signed for which actuator's drive, sealed by the drive's hash.

A line counts for the drive that it names and for no other: an edit of the drive leaves the actuator without a signature.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from domain.definition import definition_hashes
from domain.errors import StorageError
from domain.ids import FacilityId
from domain.park import Park
from runtime.parkfiles.entry import Entry
from runtime.parkfiles.faults import Faults
from runtime.parkfiles.nodes import parse, read_text

FILE = "commissioning.yaml"
_DATE = re.compile(r"\d{4}-\d\d-\d\d\Z", re.ASCII)
_DRIVE = re.compile(r"[0-9a-f]{16}\Z", re.ASCII)
_HEAD = """# 联调签字,由 `stoplog commissioning seal` 写入;drive 是签字时驱动的散列,驱动一改,签字即失效,须重新联调。
# Who signed for which actuator; `drive` is the hash of its drive then: an edit of the drive voids the signature.

signed:
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """One line."""

    by: str
    on: str
    """ISO date."""
    drive: str


def with_signatures(folder: Path, park: Park, faults: Faults) -> Park:
    """Return `park` with every signature of its folder that fits the drive as it is now."""
    signed = _read(folder, park, faults)
    actuators = dict(park.actuators)
    for key, line in signed.items():
        if line.drive == definition_hashes(park, actuators[key])[0]:
            actuators[key] = replace(actuators[key], commissioned_by=line.by, commissioned_on=line.on)
    return replace(park, actuators=actuators)


def void_in(folder: Path, park: Park) -> Iterator[tuple[FacilityId, Signed]]:
    """Yield the signatures of the folder that a later edit of the drive has voided."""
    for key, line in _read(folder, park, Faults()).items():
        if line.drive != definition_hashes(park, park.actuators[key])[0]:
            yield key, line


def seal(folder: Path, park: Park, actuators: Mapping[FacilityId, tuple[str, str]]) -> None:
    """Write that somebody signed for each of `actuators` (by, on) as its drive is now; other lines stay. Raises StorageError."""
    lines = _read(folder, park, Faults()) if (folder / FILE).exists() else {}
    for key, (by, on) in actuators.items():
        lines[key] = Signed(by=by, on=on, drive=definition_hashes(park, park.actuators[key])[0])
    text = "".join(
        f"  {key}: {{by: {line.by}, date: {line.on}, drive: '{line.drive}'}}\n" for key, line in lines.items()
    )
    try:
        (folder / FILE).write_text(_HEAD + (text or "  {}\n"), encoding="utf-8")
    except OSError as error:
        message = f"cannot write {folder / FILE}: {error.strerror or error}"
        raise StorageError(message) from error


def _read(folder: Path, park: Park, faults: Faults) -> dict[FacilityId, Signed]:
    path = folder / FILE
    if not path.is_file():
        return {}
    text = read_text(path, path.as_posix(), faults)
    block = None if text is None else parse(text, path.as_posix(), faults)
    if block is None:
        return {}
    top = Entry(block, faults)
    found: dict[FacilityId, Signed] = {}
    for key, entry in top.entries("signed"):
        by, on, drive = entry.text("by", "write who signed"), entry.text("date"), entry.text("drive")
        if on and not _DATE.match(on):
            entry.fault("date", f"`{on}` is no date", remedy="write 2026-08-31", kind="wrong-type")
        if drive and not _DRIVE.match(drive):
            remedy = "let `stoplog commissioning seal` write it"
            entry.fault("drive", f"`{drive}` is no hash of a drive", remedy=remedy, kind="wrong-type")
        is_known = FacilityId(key) in park.actuators
        if not is_known and park.actuators:
            remedy = "remove the line, or name an actuator"
            entry.fault("", f"there is no actuator `{key}`", remedy=remedy, kind="unknown-reference")
        if entry.done() and is_known:
            found[FacilityId(key)] = Signed(by=by, on=on, drive=drive)
    top.done()
    return found
