"""`stoplog audit verify`: says whether an audit log is whole and in order, and what is wrong where it is not."""

import contextlib
import json
import re
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path

from control.audit.printout import CODE_LETTERS, check_code
from control.audit.verify import Tree, verify_audit
from domain.errors import ConfigurationError, Fault
from runtime.exits import Exit


def run_verify(
    database: Path, checkpoints: Sequence[Path], keys: Path | None, printed: str | None = None
) -> int:
    """Print what was found; return 0 when the log verifies, else 65.

    Without `checkpoints` the ones exported beside the database are used; without `keys` their signatures are not checked.
    `printed` is what a printed checkpoint says, its size and its check code or root. Raises ConfigurationError when that is
    neither.
    """
    seals = tuple(checkpoints) or (database.with_name("checkpoints.jsonl"),)
    report = verify_audit(database, seals[0], keys, *seals[1:])
    for problem in report.problems:
        sys.stderr.write(f"{problem}\n")
    verdict = "verified" if report.verified else "NOT VERIFIED"
    print(f"{database}: {report.records} records, {report.sealed} of them sealed by checkpoints, {verdict}")
    if report.pruned:
        print(f"{report.pruned} of them lie in the archive: here their hashes alone, which count as before")
    print(f"root {report.root}")
    agrees = printed is None or _agrees(database, seals[0], printed)
    if keys is None:
        print("The checkpoints' signatures were not checked: name the public keys with --keys.")
    return Exit.OK if report.verified and agrees else Exit.PARK


def _agrees(database: Path, checkpoints: Path, printed: str) -> bool:
    """Whether the first records of the log have the root, or the code, that stands on paper; says so."""
    size, _, rest = printed.strip().partition(" ")
    said = re.sub(r"[\s-]", "", rest).upper()
    if not size.replace(",", "").isdigit() or len(said) not in {CODE_LETTERS, 64}:
        raise ConfigurationError(
            Fault(
                file="command line",
                line=0,
                field="--printed",
                kind="setting",
                message=f"{printed!r} is no size with its code or root",
                remedy='write e.g. --printed "1200 7K2QD-0XW4M" as it stands on the page',
            )
        )
    number = int(size.replace(",", ""))
    root, park = _root_of(database, number), _park_of(checkpoints)
    if root is None:
        sys.stderr.write(f"the page covers {number} records, the log has fewer: truncated\n")
        return False
    code = check_code(park=park, size=number, root=root)
    if said not in {root.upper(), code.replace("-", "")}:
        sys.stderr.write(
            f"the first {number} records have the root {root} and the code {code}: not what was printed\n"
        )
        return False
    print(f"the first {number} records are those of the printed page")
    return True


def _root_of(database: Path, size: int) -> str | None:
    """Return the root over the first `size` records; None when there are fewer. That each has its hash was verified before."""
    tree = Tree()
    with contextlib.closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as held:
        for (leaf,) in held.execute("SELECT hash FROM audit WHERE seq < ? ORDER BY seq", (size,)):
            tree.append(bytes.fromhex(leaf))
    return tree.root() if tree.size == size else None


def _park_of(checkpoints: Path) -> str:
    """Return the park that the checkpoints speak of; empty when they do not say."""
    for line in checkpoints.read_text("utf-8").splitlines() if checkpoints.is_file() else []:
        return str(json.loads(line).get("park", ""))
    return ""
