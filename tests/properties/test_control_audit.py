"""The audit log: whatever is changed, dropped, inserted, reordered or cut off is found (I13)."""

import json
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control.audit.entry import Entry, record_bytes
from control.audit.tree import Frontier, leaf_hash, node_hash
from control.audit.verify import verify_audit
from control.database.connection import migrate
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
        migrate(self.database)
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


@pytest.fixture(scope="module")
def template() -> Path:
    """The bytes of a log of ten records, made once."""
    folder = Path(tempfile.mkdtemp())
    Log(folder, 10)
    return folder


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


def test_a_log_as_it_was_left_is_whole(template: Path) -> None:
    assert copy(template).is_whole


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_changed_byte_is_found_even_with_its_hash_made_to_fit(
    template: Path, data: st.DataObject
) -> None:
    log = copy(template)
    seq = data.draw(st.integers(0, 9))
    does_rehash = data.draw(st.booleans())

    def change(it: sqlite3.Connection) -> None:
        (record,) = it.execute("SELECT record FROM audit WHERE seq = ?", (seq,)).fetchone()
        place = data.draw(st.integers(0, len(record) - 1))
        letter = data.draw(st.characters(codec="utf-8").filter(lambda found: found != record[place]))
        edited = record[:place] + letter + record[place + 1 :]
        it.execute("UPDATE audit SET record = ? WHERE seq = ?", (edited, seq))
        if does_rehash:
            it.execute("UPDATE audit SET hash = ? WHERE seq = ?", (rehash(edited), seq))

    log.sql(change)
    assert not log.is_whole


@settings(max_examples=30, deadline=None)
@given(seq=st.integers(0, 9), closes_gap=st.booleans())
def test_a_dropped_record_is_found(template: Path, seq: int, closes_gap: bool) -> None:
    log = copy(template)
    log.sql(lambda it: it.execute("DELETE FROM audit WHERE seq = ?", (seq,)))
    if closes_gap:
        log.sql(lambda it: it.execute("UPDATE audit SET seq = seq - 1 WHERE seq > ?", (seq,)))
    assert not log.is_whole


@settings(max_examples=20, deadline=None)
@given(first=st.integers(0, 9), second=st.integers(0, 9))
def test_reordered_records_are_found(template: Path, first: int, second: int) -> None:
    log = copy(template)

    def swap(it: sqlite3.Connection) -> None:
        for source, to in ((first, -1), (second, first), (-1, second)):
            it.execute("UPDATE audit SET seq = ? WHERE seq = ?", (to, source))

    log.sql(swap)
    assert log.is_whole is (first == second)


@settings(max_examples=10, deadline=None)
@given(left=st.integers(0, 9))
def test_a_cut_off_tail_is_found(template: Path, left: int) -> None:
    log = copy(template)
    log.sql(lambda it: it.execute("DELETE FROM audit WHERE seq >= ?", (left,)))
    assert not log.is_whole


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_changed_byte_of_a_checkpoint_is_found(template: Path, data: st.DataObject) -> None:
    log = copy(template)
    text = log.checkpoints.read_text()
    place = data.draw(st.integers(0, len(text) - 1).filter(lambda found: text[found] not in " \n"))
    letter = data.draw(st.sampled_from("0aZ_").filter(lambda found: found != text[place]))
    edited = text[:place] + letter + text[place + 1 :]
    log.checkpoints.write_text(edited)
    before, after = (json.loads(line) if _is_json(line) else None for line in _changed_line(text, edited))
    if after is not None and _same_signature(before, after):
        return  # base64url leaves spare bits in the last letter: the same bytes spelt otherwise
    assert not log.is_whole


@given(leaves=st.lists(st.binary(max_size=8), max_size=70))
def test_the_frontier_has_the_root_that_the_standard_defines(leaves: list[bytes]) -> None:
    hashes = [leaf_hash(leaf) for leaf in leaves]
    tree = Frontier()
    for leaf in hashes:
        tree = tree.appended(leaf)
    assert tree.size == len(leaves)
    if hashes:
        assert tree.root == _defined(hashes)


def _defined(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(_defined(leaves[:split]), _defined(leaves[split:]))


def _changed_line(before: str, after: str) -> tuple[str, str]:
    pairs = zip(before.splitlines(), after.splitlines(), strict=False)
    return next(pair for pair in pairs if pair[0] != pair[1])


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _same_signature(before: object, after: object) -> bool:
    assert isinstance(before, dict)
    assert isinstance(after, dict)
    same = {key: value for key, value in before.items() if key != "token"}
    rest = {key: value for key, value in after.items() if key != "token"}
    return same == rest and before["token"][:-1] == str(after.get("token"))[:-1]
