"""`stoplog verify`: proves a park's safety from its files, and prints each proof with its method, bound and witness."""

import json
from collections.abc import Iterator
from pathlib import Path

import z3

from domain.errors import ConfigurationError, Fault
from domain.park import Park
from domain.safety import SafetyProperty
from runtime.clock import RealClock
from runtime.exits import Exit
from runtime.parkfiles.loading import load_park
from runtime.parkfiles.properties import FILE, load_properties
from stoplog.verify.cuts import check_cuts
from stoplog.verify.finding import Finding, Verdict
from stoplog.verify.locks import check_locks
from stoplog.verify.plans import check_plans
from stoplog.verify.promises import prove
from stoplog.verify.rules import check_rules


def run_verify(folder: Path, *, report: Path | None = None, is_brief: bool = False) -> int:
    """Verify the park in `folder`, print what was found, and return the exit status: 0 all proved, 65 something is not.

    `report` takes the findings as JSON. Raises ConfigurationError when a file is wrong or no property is stated.
    """
    park = load_park(folder)
    promises = load_properties(folder, park)
    if not promises:
        raise ConfigurationError(
            Fault(
                file=(folder / FILE).as_posix(),
                line=0,
                field="properties",
                kind="nothing-stated",
                message="the park states no safety property",
                remedy="state one: while, never, relies_on (docs/park-files.md)",
            )
        )
    clock = RealClock()
    began_s = clock.monotonic()
    findings = []
    for finding in verify(park, promises):
        findings.append(finding)
        if finding.verdict is not Verdict.PROVED or not is_brief:
            print(*finding.lines(), sep="\n", flush=True)
    if report is not None:
        told = json.dumps([item.as_dict() for item in findings], ensure_ascii=False, indent=1)
        report.write_text(told + "\n", encoding="utf-8")
    wrong = sum(item.verdict is not Verdict.PROVED for item in findings)
    print(
        f"{folder}: {park.words.zh} {park.words.en}: {len(findings)} checks, {len(findings) - wrong} proved, "
        f"{wrong} not; {clock.monotonic() - began_s:.1f} s, z3 {z3.get_version_string()}"
    )
    return Exit.PARK if wrong else Exit.OK


def verify(park: Park, promises: tuple[SafetyProperty, ...]) -> Iterator[Finding]:
    """Yield the finding of every check of `park`."""
    for promise in promises:
        yield prove(promise, park)
    yield from check_locks(park)
    yield from check_plans(park)
    yield from check_rules(park)
    yield from check_cuts(park)
