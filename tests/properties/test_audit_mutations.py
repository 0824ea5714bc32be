"""Every bit, record and order of an audit log: whatever is another than it was is found, also where records were archived."""

import itertools
import json
import sqlite3
import tempfile
from pathlib import Path

import pytest

from control.audit.entry import Entry, record_bytes
from control.audit.tree import Frontier, leaf_hash
from control.audit.verify import verify_audit
from domain.words import Words
from tests.properties.audit_logs import SIGNER, Log, copy, rehash
from wire.canonical import dumps


@pytest.fixture(scope="module")
def template() -> Path:
    """The bytes of a log of ten records, made once."""
    folder = Path(tempfile.mkdtemp())
    Log(folder, 10)
    return folder


@pytest.mark.parametrize("bit", range(8))
def test_every_bit_of_every_record_counts(bit: int) -> None:
    """Whoever edits one can make its hash fit; the tree above it does not, and the columns say something else."""
    log = Log(Path(tempfile.mkdtemp()), 3)
    connection = sqlite3.connect(log.database, isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    put = "UPDATE audit SET record = CAST(? AS TEXT), hash = ? WHERE seq = ?"
    checked = 0
    for seq, record in connection.execute("SELECT seq, record FROM audit").fetchall():
        data = record.encode()
        for place in range(0, len(data), 1 if seq == 1 else 7):
            edited = data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]
            connection.execute(put, (edited, leaf_hash(edited).hex(), seq))
            assert not verify_audit(log.database, log.checkpoints).verified, (seq, place)
            checked += 1
        connection.execute(put, (data, leaf_hash(data).hex(), seq))
    connection.close()
    assert log.is_whole
    assert checked > 100


@pytest.mark.parametrize("column", ["hash", "at_ms", "actor", "kind", "object"])
def test_every_bit_of_every_column_beside_a_record_counts(column: str) -> None:
    log = Log(Path(tempfile.mkdtemp()), 3)
    connection = sqlite3.connect(log.database, isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    for seq, held in connection.execute(f"SELECT seq, {column} FROM audit WHERE seq = 1").fetchall():
        data = held if isinstance(held, int) else held.encode()
        for bit in range(16 if isinstance(data, int) else 8 * len(data)):
            changed = data ^ 1 << bit if isinstance(data, int) else _flipped(data, bit)
            cast = "?" if isinstance(data, int) else "CAST(? AS TEXT)"
            connection.execute(f"UPDATE audit SET {column} = {cast} WHERE seq = ?", (changed, seq))
            assert not verify_audit(log.database, log.checkpoints).verified, (column, seq, bit)
        connection.execute(f"UPDATE audit SET {column} = ? WHERE seq = ?", (held, seq))
    connection.close()
    assert log.is_whole


def test_every_other_order_of_the_records_is_found() -> None:
    log = Log(Path(tempfile.mkdtemp()), 4)
    connection = sqlite3.connect(log.database, isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    rows = connection.execute("SELECT * FROM audit ORDER BY seq").fetchall()
    for renumbers in (False, True):
        for order in itertools.permutations(range(4)):
            connection.execute("DELETE FROM audit")
            for place, number in enumerate(order):
                _, *rest = rows[number]
                connection.execute("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?)", (place, *rest))
            if renumbers:  # with the number in each record made to fit as well
                for place in range(4):
                    (text,) = connection.execute(
                        "SELECT record FROM audit WHERE seq = ?", (place,)
                    ).fetchone()
                    fitted = dumps({**json.loads(text), "seq": place}).decode()
                    connection.execute(
                        "UPDATE audit SET record = ?, hash = ? WHERE seq = ?", (fitted, rehash(fitted), place)
                    )
            is_whole = verify_audit(log.database, log.checkpoints).verified
            assert is_whole is (order == (0, 1, 2, 3)), order
    connection.close()


def _flipped(data: bytes, bit: int) -> bytes:
    place = bit // 8
    return data[:place] + bytes([data[place] ^ 1 << bit % 8]) + data[place + 1 :]


class TestRetention:
    """Records that have left for the archive: their hashes stay, and only a sealed record may say so."""

    def emptied(self, log: Log, *, first: int, last: int, sealed: bool = True) -> None:
        """Empty records as control does, said by a last record that a checkpoint covers or not."""
        connection = sqlite3.connect(log.database)
        leaves = [
            bytes.fromhex(text) for (text,) in connection.execute("SELECT hash FROM audit ORDER BY seq")
        ]
        entry = Entry(
            at_ms=9999,
            actor="system",
            kind="audit.pruned",
            object="",
            words=Words("归档", "archived"),
            body={"first": first, "last": last},
        )
        record = record_bytes(entry, len(leaves))
        leaves.append(leaf_hash(record))
        with connection:
            connection.execute(
                "UPDATE audit SET at_ms = 0, actor = '', kind = '', object = '', record = '' WHERE seq BETWEEN ? AND ?",
                (first, last),
            )
            row = (len(leaves) - 1, 9999, "system", "audit.pruned", "", record.decode(), leaves[-1].hex())
            connection.execute("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        connection.close()
        if sealed:
            tree = Frontier()
            for leaf in leaves:
                tree = tree.appended(leaf)
            said = {"size": tree.size, "root": tree.root.hex()}
            with log.checkpoints.open("a") as file:
                file.write(json.dumps({**said, "token": SIGNER.sign(said).decode()}) + "\n")

    def test_they_count_by_their_hashes(self, template: Path) -> None:
        log = copy(template)
        self.emptied(log, first=0, last=4)
        report = verify_audit(log.database, log.checkpoints, log.trusted)
        assert (report.verified, report.pruned, report.records) == (True, 5, 11), report.problems

    def test_one_that_nobody_archived_is_found(self, template: Path) -> None:
        log = copy(template)
        self.emptied(log, first=0, last=4)
        log.sql(lambda it: it.execute("UPDATE audit SET record = '' WHERE seq = 5"))
        assert not log.is_whole

    def test_a_record_that_is_not_sealed_excuses_nothing(self, template: Path) -> None:
        """Whoever has the database can append and empty; they cannot sign."""
        log = copy(template)
        self.emptied(log, first=0, last=4, sealed=False)
        assert not log.is_whole

    def test_it_excuses_only_what_stands_before_it(self, template: Path) -> None:
        log = copy(template)
        self.emptied(log, first=0, last=10)
        log.sql(lambda it: it.execute("UPDATE audit SET record = '' WHERE seq = 10"))
        assert not log.is_whole

    @pytest.mark.parametrize("text", ["zz", "", "00" * 32, None])
    def test_their_hashes_cannot_be_changed(self, template: Path, text: str | None) -> None:
        log = copy(template)
        self.emptied(log, first=0, last=4)
        if text is None:
            log.sql(lambda it: it.execute("DELETE FROM audit WHERE seq = 2"))
        else:
            log.sql(lambda it: it.execute("UPDATE audit SET hash = ? WHERE seq = 2", (text,)))
        assert not log.is_whole
