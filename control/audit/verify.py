"""Verifies an audit log off-line from its database, or an export of it, and the checkpoints that left the machine.

This file is all that an auditor needs: `python verify.py LOG CHECKPOINTS… [--keys TRUSTED]`, with the package `cryptography`.
It shares no code with the writer, so that a fault of the writer cannot hide in the reader.
"""

import argparse
import hashlib
import json
import sqlite3
import sys
from base64 import urlsafe_b64decode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What was found."""

    records: int
    verified: bool  # every record is what its hash says, and every checkpoint agrees
    problems: tuple[str, ...]  # the first hundred
    sealed: int = 0  # records covered by the newest checkpoint; later ones rest on the database alone
    root: str = ""
    pruned: int = 0  # records whose content has left for the archive: their hash alone is here


def verify_audit(log: Path, checkpoints: Path, trusted: Path | None = None, *others: Path) -> AuditReport:
    """Check the log in a SQLite file against checkpoints from every place; `trusted`: the JWK set with control's public key."""
    problems: list[str] = []
    seals = _seals((checkpoints, *others), trusted, problems)
    sealed = max(seals, default=0)
    tree, roots, empty, left = Tree(), {0: Tree().root()}, set[int](), set[int]()
    for leaf in _leaves(log, problems, sealed, empty, left):
        tree.append(leaf)
        if tree.size in seals:
            roots[tree.size] = tree.root()
    problems += [f"record {number}: empty, and no later one says why" for number in sorted(empty - left)]
    for size, (root, where) in sorted(seals.items()):
        if size > tree.size:
            problems.append(f"{where}: it covers {size} records, the log has {tree.size}: truncated")
        elif roots[size] != root:
            problems.append(f"{where}: the first {size} records do not have the root {root}")
    return AuditReport(tree.size, not problems, tuple(problems[:100]), sealed, tree.root(), len(empty))


def verify_export(export: Path, checkpoints: Path, trusted: Path | None = None, *others: Path) -> AuditReport:
    """Check every line of an export of chosen records by its proof against the checkpoint that the proof names."""
    problems: list[str] = []
    seals = _seals((checkpoints, *others), trusted, problems)
    lines = export.read_text("utf-8").splitlines()
    for number, text in enumerate(lines, 1):
        try:
            line = json.loads(text)
            size, seq = int(line["size"]), int(json.loads(line["record"])["seq"])
            leaf = hashlib.sha256(b"\x00" + line["record"].encode()).digest()
            root = _climb(leaf, seq, size, [bytes.fromhex(item) for item in line["proof"]])
            if size not in seals or seals[size][0] != root:
                problems.append(f"line {number}: its proof does not lead to a checkpoint of {size} records")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            problems.append(f"line {number}: not readable: {error!r}")
    return AuditReport(len(lines), not problems, tuple(problems[:100]), len(lines))


class Tree:
    """The hash tree of RFC 6962 section 2.1, kept as the roots of its complete parts."""

    def __init__(self) -> None:
        self.size, self._parts = 0, list[tuple[int, bytes]]()

    def append(self, leaf: bytes) -> None:
        """Add the hash of one more record."""
        self.size, width = self.size + 1, 1
        while self._parts and self._parts[-1][0] == width:
            leaf, width = _node(self._parts.pop()[1], leaf), width * 2
        self._parts.append((width, leaf))

    def root(self) -> str:
        """Return the root over all records, hexadecimal."""
        found = self._parts[-1][1] if self._parts else hashlib.sha256(b"").digest()
        for _, left in reversed(self._parts[:-1]):
            found = _node(left, found)
        return found.hex()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _climb(found: bytes, index: int, size: int, path: Sequence[bytes]) -> str:
    """Return the root that an inclusion proof leads to (RFC 9162 section 2.1.3.2). Raises ValueError when it is none."""
    last = size - 1
    for step in path:
        if index & 1 or index == last:
            found = _node(step, found)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            found = _node(found, step)
        index, last = index >> 1, last >> 1
    if last != 0 or index != 0:
        raise ValueError("a proof of another length")
    return found.hex()


def _leaves(log: Path, problems: list[str], sealed: int, empty: set[int], left: set[int]) -> Iterator[bytes]:
    """Yield the hash of every record as it stands; note where a row contradicts itself, what is empty and what may be."""
    try:
        with closing(sqlite3.connect(f"{log.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            wanted = "SELECT record, hash, seq, at_ms, actor, kind, object FROM audit ORDER BY seq"
            for number, (record, stored, *columns) in enumerate(connection.execute(wanted)):
                if columns[0] != number:
                    problems.append(f"record {columns[0]}: number {number} is missing or doubled")
                leaf = hashlib.sha256(b"\x00" + record.encode()).digest() if record else bytes.fromhex(stored)
                if leaf.hex() != stored:
                    problems.append(f"record {number}: its content does not have its hash")
                if record == "":
                    empty.add(number)
                else:  # only a record that is sealed may say that others have left: whoever empties one cannot sign
                    _look(number, record, columns, problems, left if number < sealed else set())
                yield leaf
    except (sqlite3.Error, ValueError, TypeError, AttributeError) as error:
        problems.append(f"{log}: not a log: {error}")


def _look(number: int, record: str, columns: list[object], problems: list[str], left: set[int]) -> None:
    try:
        said = json.loads(record)
        if [said[key] for key in ("seq", "at_ms", "actor", "kind", "object")] != columns:
            problems.append(f"record {number}: its columns say something else than its content")
        if said["kind"] == "audit.pruned":
            left.update(range(int(said["body"]["first"]), min(int(said["body"]["last"]) + 1, number)))
    except (ValueError, KeyError, TypeError):
        problems.append(f"record {number}: not a record")


def _seals(files: Sequence[Path], trusted: Path | None, problems: list[str]) -> dict[int, tuple[str, str]]:
    """Return size → (root, where it says so); two roots for one size are a fork."""
    keys = None if trusted is None else _keys(trusted, problems)
    found: dict[int, tuple[str, str]] = {}
    for file in files:
        if not file.is_file():
            problems.append(f"{file}: no such file: nothing proves that the log is whole")
            continue
        for number, text in enumerate(file.read_text("utf-8").splitlines(), 1):
            where = f"{file.name}: checkpoint {number}"
            try:
                line = json.loads(text)
                size, root = int(line["size"]), str(line["root"])
                if keys is not None and _signed(str(line["token"]), keys) != (size, root):
                    problems.append(f"{where}: it says something else than its signature covers")
            except (ValueError, KeyError, TypeError, InvalidSignature) as error:
                problems.append(f"{where}: not readable, or not signed by control: {error!r}")
                continue
            if found.setdefault(size, (root, where))[0] != root:
                problems.append(f"{where}: another root for {size} records than {found[size][1]}: a fork")
    return found


def _keys(trusted: Path, problems: list[str]) -> Mapping[str, bytes]:
    try:
        keys = json.loads(trusted.read_text("utf-8"))["keys"]
        return {key["kid"]: _unbase64(key["x"]) for key in keys if key["role"] == "control"}
    except (OSError, ValueError, KeyError, TypeError) as error:
        problems.append(f"{trusted}: no set of keys: {error}")
        return {}


def _unbase64(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _signed(token: str, keys: Mapping[str, bytes]) -> tuple[int, str]:
    """Return (size, root) of a compact JWS (RFC 7515); raises an error when it is not control's."""
    head, body, signature = token.split(".")
    header, said = json.loads(_unbase64(head)), json.loads(_unbase64(body))
    key = Ed25519PublicKey.from_public_bytes(keys[header["kid"]])
    key.verify(_unbase64(signature), f"{head}.{body}".encode())
    return int(said["size"]), str(said["root"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Verify an audit log.")
    parser.add_argument("log", type=Path, help="control's SQLite database, or an export in JSON lines")
    parser.add_argument("checkpoints", type=Path, nargs="+", help="files of checkpoints, from every place")
    parser.add_argument("--keys", type=Path, help="trusted.jwks; without it no signature is checked")
    named = parser.parse_args()
    check = verify_export if named.log.suffix == ".jsonl" else verify_audit
    report = check(named.log, named.checkpoints[0], named.keys, *named.checkpoints[1:])
    verdict = "verified" if report.verified else "NOT VERIFIED"
    print(*report.problems, f"{report.records} records, {verdict}", sep="\n")  # noqa: T201
    sys.exit(0 if report.verified else 65)
