"""The audit log: whatever is changed, dropped, inserted, reordered or cut off is found (I13)."""

import json
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control.audit.entry import Entry, record_bytes
from control.audit.export import csv_lines, json_lines
from control.audit.log import Kept
from control.audit.proofs import inclusion_proofs
from control.audit.tree import Frontier, leaf_hash, node_hash
from control.audit.verify import _climb, verify_audit, verify_export
from domain.words import Words
from tests.properties.audit_logs import SIGNER, Log, copy, rehash


@pytest.fixture(scope="module")
def template() -> Path:
    """The bytes of a log of ten records, made once."""
    folder = Path(tempfile.mkdtemp())
    Log(folder, 10)
    return folder


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


@settings(max_examples=10, deadline=None)
@given(left=st.integers(0, 9))
def test_a_database_rolled_back_behind_an_exported_checkpoint_is_found(template: Path, left: int) -> None:
    """The last checkpoint was carried away before the database, and the checkpoints beside it, were put back."""
    log = copy(template)
    away = log.checkpoints.with_name("elsewhere.jsonl")
    away.write_text(log.checkpoints.read_text().splitlines()[-1] + "\n")
    log.sql(lambda it: it.execute("DELETE FROM audit WHERE seq >= ?", (left,)))
    sound = [line for line in log.checkpoints.read_text().splitlines() if json.loads(line)["size"] <= left]
    log.checkpoints.write_text("".join(f"{line}\n" for line in sound))
    assert log.is_whole
    report = verify_audit(log.database, log.checkpoints, log.trusted, away)
    assert "truncated" in report.problems[0]


def test_a_fork_is_found(template: Path) -> None:
    """Two histories, each signed and whole by itself, cannot both be the log."""
    log, other = copy(template), copy(template)
    said = {"size": 10, "root": Frontier().appended(b"another history").root.hex()}
    line = json.dumps({**said, "token": SIGNER.sign(said).decode()})
    other.checkpoints.write_text(line + "\n")
    report = verify_audit(log.database, log.checkpoints, log.trusted, other.checkpoints)
    assert any("a fork" in problem for problem in report.problems)


def test_the_verifier_stands_alone(template: Path, tmp_path: Path) -> None:
    """Copied to a machine without this program, it verifies, and says what is wrong."""
    tool = tmp_path / "verify.py"
    tool.write_bytes(Path(verify_audit.__code__.co_filename).read_bytes())
    assert len(tool.read_text().splitlines()) < 200
    log = copy(template)
    line = [
        sys.executable,
        "-I",
        str(tool),
        str(log.database),
        str(log.checkpoints),
        "--keys",
        str(log.trusted),
    ]
    found = subprocess.run(line, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (found.returncode, found.stdout.strip()) == (0, "10 records, verified")
    log.sql(lambda it: it.execute("DELETE FROM audit WHERE seq = 9"))
    found = subprocess.run(line, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert found.returncode == 65
    assert "truncated" in found.stdout


@settings(max_examples=40, deadline=None)
@given(leaves=st.lists(st.binary(max_size=8), min_size=1, max_size=70), data=st.data())
def test_each_proof_leads_to_the_root_and_no_other_leaf_does(
    leaves: list[bytes], data: st.DataObject
) -> None:
    hashes = [leaf_hash(leaf) for leaf in leaves]
    root = _defined(hashes).hex()
    proofs = inclusion_proofs(hashes, range(len(hashes)))
    assert {_climb(leaf, number, len(hashes), proofs[number]) for number, leaf in enumerate(hashes)} == {root}
    number = data.draw(st.integers(0, len(hashes) - 1))
    assert _climb(leaf_hash(b"another record"), number, len(hashes), proofs[number]) != root
    if len(hashes) > 1:
        with pytest.raises(ValueError, match="length"):
            _climb(hashes[number], number, len(hashes), proofs[number][:-1])


class TestExports:
    @pytest.fixture
    def export(self, template: Path, tmp_path: Path) -> tuple[Log, list[str]]:
        log = copy(template)
        connection = sqlite3.connect(log.database)
        rows = connection.execute("SELECT seq, record, hash FROM audit ORDER BY seq").fetchall()
        connection.close()
        kept = [Kept(seq=seq, record=record, hash=digest) for seq, record, digest in rows]
        proofs = inclusion_proofs([bytes.fromhex(item.hash) for item in kept], range(len(kept)))
        return log, list(json_lines(kept[2:7], proofs, size=len(kept)))

    def test_a_part_of_the_log_verifies_without_the_rest(
        self, export: tuple[Log, list[str]], tmp_path: Path
    ) -> None:
        log, lines = export
        (tmp_path / "some.jsonl").write_text("".join(lines))
        report = verify_export(tmp_path / "some.jsonl", log.checkpoints, log.trusted)
        assert (report.verified, report.records) == (True, 5)

    @pytest.mark.parametrize("change", ['"actor":"zhao"', '"seq":4', '"at_ms":1004', '"n":0'])
    def test_a_changed_record_is_found(
        self, export: tuple[Log, list[str]], tmp_path: Path, change: str
    ) -> None:
        log, lines = export
        old = change.replace('"', '\\"')
        new = old.replace("zhao", "wang").replace("4", "3").replace(":0", ":1")
        assert old in lines[2]
        lines[2] = lines[2].replace(old, new)
        (tmp_path / "some.jsonl").write_text("".join(lines))
        report = verify_export(tmp_path / "some.jsonl", log.checkpoints, log.trusted)
        assert not report.verified
        assert report.problems[0].startswith("line 3:")

    def test_a_spreadsheet_gets_chinese_and_no_formulas(self) -> None:
        entry = Entry(
            at_ms=0, actor="=cmd()", kind="k", object="o", words=Words("关闭", "close"), body={"n": 1}
        )
        record = record_bytes(entry, 0).decode()
        head, line = csv_lines([Kept(seq=0, record=record, hash="00")])
        assert head.startswith("\ufeffseq,time_utc")
        assert line.startswith("0,1970-01-01T00:00:00.000+00:00,0,'=cmd(),k,o,关闭,close")


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
