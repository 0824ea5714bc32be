"""The audit log as it grows, is sealed, exported and tampered with, beside a model that keeps every record in a list (I13).

The model knows what was truly written and what each seal that left the machine covers. The verifier must find every
difference in what is sealed; of the tail behind the newest seal it may say only whether it agrees with itself.
"""

import contextlib
import hashlib
import json
import shutil
import sqlite3
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from control.audit.entry import Entry, record_bytes
from control.audit.export import json_lines
from control.audit.log import Kept
from control.audit.proofs import inclusion_proofs
from control.audit.tree import Frontier, leaf_hash
from control.audit.verify import verify_audit, verify_export
from domain.words import Words
from wire.signing import Role, load_signer, new_key, public_part

KEY = new_key(kid="control-1", role=Role.CONTROL, identity="control")
STRANGER = new_key(kid="control-1", role=Role.CONTROL, identity="control")
SIGNER, FORGER = load_signer(json.dumps(KEY)), load_signer(json.dumps(STRANGER))


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table."""

    seq: int
    at_ms: int
    actor: str
    kind: str
    object: str
    record: str
    hash: str

    @property
    def is_sound(self) -> bool:
        """Whether it agrees with itself."""
        said = json.loads(self.record)
        columns = [self.seq, self.at_ms, self.actor, self.kind, self.object]
        names = ("seq", "at_ms", "actor", "kind", "object")
        return [said.get(name) for name in names] == columns and self.hash == _leaf(self.record).hex()


def _leaf(record: str) -> bytes:
    return hashlib.sha256(b"\x00" + record.encode()).digest()


def naive_root(rows: list[Row]) -> str:
    """Return the root by the standard's own recursive definition (RFC 6962, 2.1)."""

    def root(leaves: list[bytes]) -> bytes:
        if not leaves:
            return hashlib.sha256(b"").digest()
        if len(leaves) == 1:
            return leaves[0]
        split = 1
        while split * 2 < len(leaves):
            split *= 2
        return hashlib.sha256(b"\x01" + root(leaves[:split]) + root(leaves[split:])).digest()

    return root([_leaf(row.record) for row in rows]).hex()


class AuditLog(RuleBasedStateMachine):
    """One log with its database, the seals beside it, and the seals that were carried away."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.database, self.beside = self.folder / "log.sqlite", self.folder / "beside.jsonl"
        self.away, self.trusted = self.folder / "away.jsonl", self.folder / "trusted.jwks"
        self.trusted.write_text(json.dumps({"keys": [public_part(KEY)]}))
        self.beside.touch()
        self.away.touch()
        with contextlib.closing(self._connect()) as it:
            it.execute("CREATE TABLE audit (seq, at_ms, actor, kind, object, record, hash)")
        self.tree = Frontier()
        self.true: list[Row] = []
        self.rows: list[Row] = []
        """As they lie in the database now."""
        self.seals: list[tuple[int, str]] = []
        """(size, root) of every seal that the verifier is shown."""
        self.is_forged = False

    @initialize(count=st.integers(1, 4))
    def control_starts(self, count: int) -> None:
        for number in range(count):
            self.something_happens(number, "zhao")
        self.it_is_sealed(leaves=True)

    @rule(number=st.integers(0, 9), actor=st.sampled_from(["zhao", "qian", "edge:gw"]))
    def something_happens(self, number: int, actor: str) -> None:
        """Written by the product's own functions on top of what it believes to be there."""
        if self.rows != self.true:
            return  # somebody was at the database: control goes on elsewhere
        seq = len(self.true)
        words = Words("词", "word")
        entry = Entry(at_ms=1000 + seq, actor=actor, kind="k", object="o", words=words, body={"n": number})
        record = record_bytes(entry, seq)
        leaf = leaf_hash(record)
        self.tree = self.tree.appended(leaf)
        row = Row(seq, entry.at_ms, actor, "k", "o", record.decode(), leaf.hex())
        self.true.append(row)
        self.rows.append(row)
        assert self.tree.root.hex() == naive_root(self.true)

    @rule(leaves=st.booleans())
    def it_is_sealed(self, leaves: bool) -> None:
        if self.rows == self.true:
            said = {"size": self.tree.size, "root": self.tree.root.hex()}
            line = json.dumps({**said, "token": SIGNER.sign(said).decode()}) + "\n"
            for file in (self.beside, *([self.away] if leaves else [])):
                with file.open("a") as opened:
                    opened.write(line)
            self.seals.append((self.tree.size, self.tree.root.hex()))

    @rule(data=st.data(), rehashes=st.booleans(), what=st.sampled_from(["record", "actor", "column", "hash"]))
    def somebody_edits_a_record(self, data: st.DataObject, rehashes: bool, what: str) -> None:
        if not self.rows:
            return
        place = data.draw(st.integers(0, len(self.rows) - 1))
        row = self.rows[place]
        match what:
            case "column":
                self.rows[place] = replace(row, actor="nobody")
            case "hash":
                self.rows[place] = replace(row, hash="00" * 32)
            case _:
                said = json.loads(row.record)
                said |= {"actor": "nobody"} if what == "actor" else {"body": {"n": 10}}
                record = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
                hashed = _leaf(record).hex() if rehashes else row.hash
                self.rows[place] = replace(row, record=record, hash=hashed)

    @rule(data=st.data(), closes=st.booleans())
    def somebody_drops_a_record(self, data: st.DataObject, closes: bool) -> None:
        if self.rows:
            place = data.draw(st.integers(0, len(self.rows) - 1))
            rest = self.rows[:place], self.rows[place + 1 :]
            self.rows = [*rest[0], *(self._numbered(row, row.seq - 1) if closes else row for row in rest[1])]

    @rule(data=st.data())
    def somebody_slips_a_record_in(self, data: st.DataObject) -> None:
        """Everything behind it is numbered and hashed anew, as well as it can be."""
        if self.rows:
            place = data.draw(st.integers(0, len(self.rows) - 1))
            twin = self.rows[place]
            later = [self._numbered(row, row.seq + 1) for row in self.rows[place:]]
            self.rows = [*self.rows[:place], twin, *later]

    @rule(data=st.data())
    def two_records_change_places(self, data: st.DataObject) -> None:
        if len(self.rows) > 1:
            place = data.draw(st.integers(0, len(self.rows) - 2))
            one, two = self.rows[place], self.rows[place + 1]
            self.rows[place : place + 2] = [self._numbered(two, one.seq), self._numbered(one, two.seq)]

    @rule(data=st.data())
    def the_tail_is_cut_off(self, data: st.DataObject) -> None:
        self.rows = self.rows[: data.draw(st.integers(0, len(self.rows)))]

    @precondition(lambda self: self.rows)
    @rule(does_cover=st.booleans())
    def an_old_backup_is_put_back_with_its_seals(self, does_cover: bool) -> None:
        """The database and the seals beside it fit each other; only what was carried away knows better."""
        left = len(self.rows) - 1
        self.rows = self.rows[:left]
        kept = [line for line in self.beside.read_text().splitlines() if json.loads(line)["size"] <= left]
        self.beside.write_text("".join(f"{line}\n" for line in kept))
        away = [json.loads(line) for line in self.away.read_text().splitlines()]
        beside = [json.loads(line) for line in kept]
        self.seals = [(line["size"], line["root"]) for line in (*away, *beside)]
        if does_cover:
            self.history_forks()

    @rule()
    def history_forks(self) -> None:
        """Whoever holds control's key signs another history of the same length."""
        said = {"size": max(1, len(self.true)), "root": hashlib.sha256(b"another").hexdigest()}
        with self.beside.open("a") as opened:
            opened.write(json.dumps({**said, "token": SIGNER.sign(said).decode()}) + "\n")
        self.seals.append((int(str(said["size"])), str(said["root"])))

    @rule()
    def a_stranger_seals_what_lies_there(self) -> None:
        said = {"size": len(self.rows), "root": naive_root(self.rows)}
        with self.beside.open("a") as opened:
            opened.write(json.dumps({**said, "token": FORGER.sign(said).decode()}) + "\n")
        self.is_forged = True

    @rule()
    def everything_is_put_right(self) -> None:
        self.rows, self.is_forged = list(self.true), False
        lines = [
            line for line in self.away.read_text().splitlines() if json.loads(line)["size"] <= len(self.true)
        ]
        self.beside.write_text("".join(f"{line}\n" for line in lines))
        self.seals = [(json.loads(line)["size"], json.loads(line)["root"]) for line in lines]

    @rule()
    def an_auditor_verifies(self) -> None:
        with contextlib.closing(self._connect()) as it, it:
            it.execute("DELETE FROM audit")
            values = [(r.seq, r.at_ms, r.actor, r.kind, r.object, r.record, r.hash) for r in self.rows]
            it.executemany("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?)", values)
        report = verify_audit(self.database, self.beside, self.trusted, self.away)
        assert report.verified is self._is_whole(), report.problems
        assert report.records == len(self.rows)
        self.everything_is_put_right()

    @rule(data=st.data())
    def an_auditor_is_given_a_part(self, data: st.DataObject) -> None:
        """Some records with their proofs, one of them perhaps touched."""
        self.everything_is_put_right()
        size = max((size for size, _ in self.seals), default=0)
        if self.rows != self.true or self.is_forged or not 0 < size <= len(self.true) or self._is_forked():
            return
        chosen = data.draw(st.sets(st.integers(0, size - 1), min_size=1, max_size=3))
        proofs = inclusion_proofs([bytes.fromhex(row.hash) for row in self.true[:size]], sorted(chosen))
        kept = [
            Kept(seq=seq, record=self.true[seq].record, hash=self.true[seq].hash) for seq in sorted(chosen)
        ]
        lines = list(json_lines(kept, proofs, size=size))
        touched = data.draw(st.none() | st.integers(0, len(lines) - 1))
        if touched is not None:
            lines[touched] = lines[touched].replace('\\"kind\\":\\"k\\"', '\\"kind\\":\\"x\\"')
        export = self.folder / "part.jsonl"
        export.write_text("".join(lines))
        report = verify_export(export, self.beside, self.trusted, self.away)
        assert report.verified is (touched is None)

    def teardown(self) -> None:
        if self.true:
            self.an_auditor_verifies()
        shutil.rmtree(self.folder)

    def _is_whole(self) -> bool:
        """What a person with all the time in the world would find."""
        if self.is_forged or self._is_forked():
            return False
        rows = sorted(self.rows, key=lambda row: row.seq)
        if [row.seq for row in rows] != list(range(len(rows))) or not all(row.is_sound for row in rows):
            return False
        return all(size <= len(rows) and naive_root(rows[:size]) == root for size, root in self.seals)

    def _is_forked(self) -> bool:
        return len(set(self.seals)) != len({size for size, _ in self.seals})

    @staticmethod
    def _numbered(row: Row, seq: int) -> Row:
        said = {**json.loads(row.record), "seq": seq}
        record = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return Row(seq, row.at_ms, row.actor, row.kind, row.object, record, _leaf(record).hex())

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.database)


AuditLog.TestCase.settings = settings(max_examples=25, stateful_step_count=20)
TestAuditLog = AuditLog.TestCase
