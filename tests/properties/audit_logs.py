"""An audit log as control leaves it, small enough to be mutated bit by bit."""

import json
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path

from control.audit.entry import Entry, record_bytes
from control.audit.tree import Frontier, leaf_hash
from control.audit.verify import verify_audit
from control.database.connection import database_address, migrate
from domain.words import Words
from wire.signing import Role, load_signer, new_key, public_part

KEY = new_key(kid="control-1", role=Role.CONTROL, identity="control")
SIGNER = load_signer(json.dumps(KEY))


class Log:
    """A log as control leaves it: the database, the exported checkpoints, the trusted key."""

    def __init__(self, folder: Path, size: int) -> None:
        self.database, self.checkpoints = folder / "control.sqlite", folder / "checkpoints.jsonl"
        self.trusted = folder / "trusted.jwks"
        self.trusted.write_text(json.dumps({"keys": [public_part(KEY)]}))
        migrate(database_address(f"sqlite:///{self.database}"))
        tree = Frontier()
        rows = []
        lines = []
        for seq in range(size):
            entry = Entry(
                at_ms=1000 + seq,
                actor="zhao",
                kind="k",
                object="o",
                words=Words("词", "w"),
                body={"n": seq % 2},
            )
            record = record_bytes(entry, seq)
            leaf = leaf_hash(record)
            tree = tree.appended(leaf)
            rows.append((seq, entry.at_ms, "zhao", "k", "o", record.decode(), leaf.hex()))
            if seq % 3 == 2 or seq == size - 1:
                said = {"size": tree.size, "root": tree.root.hex()}
                lines.append(json.dumps({**said, "token": SIGNER.sign(said).decode()}))
        self.sql(lambda it: it.executemany("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?)", rows))
        self.checkpoints.write_text("\n".join(lines) + "\n")

    def sql(self, work: Callable[[sqlite3.Connection], object]) -> None:
        connection = sqlite3.connect(self.database)
        with connection:
            work(connection)
        connection.close()

    @property
    def is_whole(self) -> bool:
        return verify_audit(self.database, self.checkpoints, self.trusted).verified


def copy(template: Path) -> Log:
    folder = Path(tempfile.mkdtemp())
    for file in ("control.sqlite", "checkpoints.jsonl", "trusted.jwks"):
        (folder / file).write_bytes((template / file).read_bytes())
    made = object.__new__(Log)
    made.database, made.checkpoints = folder / "control.sqlite", folder / "checkpoints.jsonl"
    made.trusted = folder / "trusted.jwks"
    return made


def rehash(record: str) -> str:
    return leaf_hash(record.encode()).hex()
