"""Verifies an audit log off-line from the database file and the checkpoints that left the machine.

It shares no code with the writer: it spells out RFC 6962 and reads the file with the standard library, so that a fault of
the writer cannot hide in the reader.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import rfc8785

from domain.errors import RemoteProtocolError
from wire.signing import Role, load_verifier

PROBLEMS_MAX = 100
"""More are counted by their absence from the list: a log that wrong is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """What was found."""

    records: int
    verified: bool
    """Every record is what its hash says, and every checkpoint agrees."""
    problems: tuple[str, ...]
    sealed: int = 0
    """Records covered by the newest checkpoint; later ones rest on the database alone."""
    root: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seal:
    line: int
    size: int
    root: str


def verify_audit(database: Path, checkpoints: Path, trusted: Path | None = None) -> AuditReport:
    """Check the log in the SQLite file `database` against the file of `checkpoints`.

    `trusted` is the JWK set with control's public key; None: signatures are not checked, only what they cover.
    """
    problems: list[str] = []
    leaves = list(_leaves(database, problems))
    for seal in _seals(checkpoints, trusted, problems):
        if seal.size > len(leaves):
            problems.append(
                f"checkpoint {seal.line}: it covers {seal.size} records, the log has {len(leaves)}: truncated"
            )
        elif _root(leaves[: seal.size]).hex() != seal.root:
            problems.append(
                f"checkpoint {seal.line}: the first {seal.size} records do not have the root {seal.root}"
            )
    return AuditReport(
        records=len(leaves),
        verified=not problems,
        problems=tuple(problems[:PROBLEMS_MAX]),
        sealed=max((seal.size for seal in _seals(checkpoints, None, [])), default=0),
        root=_root(leaves).hex(),
    )


def _leaves(database: Path, problems: list[str]) -> Iterator[bytes]:
    """Yield the hash of every record as it stands, noting where a row contradicts itself."""
    if not database.is_file():
        problems.append(f"{database}: no such file")
        return
    connection = sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)
    try:
        rows = connection.execute(
            "SELECT seq, at_ms, actor, kind, object, record, hash FROM audit ORDER BY seq"
        )
        for expected, row in enumerate(rows):
            yield _leaf(expected, row, problems)
    except sqlite3.Error as error:
        problems.append(f"{database}: {error}")
    finally:
        connection.close()


def _leaf(expected: int, row: tuple[int, int, str, str, str, str, str], problems: list[str]) -> bytes:
    seq, at_ms, actor, kind, target, record, stored = row
    content = record.encode()
    leaf = hashlib.sha256(b"\x00" + content).digest()
    where = f"record {seq}"
    if seq != expected:
        problems.append(f"{where}: number {expected} is missing or doubled")
    if leaf.hex() != stored:
        problems.append(f"{where}: its content does not have its hash")
    try:
        fields = json.loads(content)
        if rfc8785.dumps(fields) != content:
            problems.append(f"{where}: not canonical JSON")
        said = (fields["seq"], fields["at_ms"], fields["actor"], fields["kind"], fields["object"])
        if said != (seq, at_ms, actor, kind, target):
            problems.append(f"{where}: its columns say something else than its content")
    except (ValueError, KeyError, TypeError):
        problems.append(f"{where}: not a record")
    return leaf


def _root(leaves: Sequence[bytes]) -> bytes:
    """Return the Merkle tree hash of RFC 6962 section 2.1, as it is defined there."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return hashlib.sha256(b"\x01" + _root(leaves[:split]) + _root(leaves[split:])).digest()


def _seals(checkpoints: Path, trusted: Path | None, problems: list[str]) -> Iterator[_Seal]:
    if not checkpoints.is_file():
        problems.append(f"{checkpoints}: no such file: nothing proves that the log is whole")
        return
    verifier = load_verifier(trusted.read_text("utf-8")) if trusted is not None else None
    for number, text in enumerate(checkpoints.read_text("utf-8").splitlines(), 1):
        try:
            line = json.loads(text)
            seal = _Seal(line=number, size=int(line["size"]), root=str(line["root"]))
            if verifier is not None:
                body = verifier.verify(str(line["token"]).encode(), roles=[Role.CONTROL]).body
                if (body.get("size"), body.get("root")) != (seal.size, seal.root):
                    problems.append(f"checkpoint {number}: it says something else than its signature covers")
        except (ValueError, KeyError, TypeError) as error:
            problems.append(f"checkpoint {number}: not readable: {error}")
            continue
        except RemoteProtocolError as error:
            problems.append(f"checkpoint {number}: {error}")
            continue
        yield seal
