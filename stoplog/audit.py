"""`stoplog audit verify`: says whether an audit log is whole and in order, and what is wrong where it is not."""

import sys
from pathlib import Path

from control.audit.verify import verify_audit
from runtime.exits import Exit


def run_verify(database: Path, checkpoints: Path | None, keys: Path | None) -> int:
    """Print what was found; return 0 when the log verifies, else 65.

    Without `checkpoints` the ones exported beside the database are used; without `keys` their signatures are not checked.
    """
    seals = checkpoints or database.with_name("checkpoints.jsonl")
    report = verify_audit(database, seals, keys)
    for problem in report.problems:
        sys.stderr.write(f"{problem}\n")
    verdict = "verified" if report.verified else "NOT VERIFIED"
    print(f"{database}: {report.records} records, {report.sealed} of them sealed by checkpoints, {verdict}")
    print(f"root {report.root}")
    if keys is None:
        print("The checkpoints' signatures were not checked: name the public keys with --keys.")
    return Exit.OK if report.verified else Exit.PARK
