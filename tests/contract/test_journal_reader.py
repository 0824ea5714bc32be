"""What a gateway writes into its journal, the reader made from the format's description reads: whole, cut short or packed."""

from pathlib import Path

import pytest

from domain.errors import RemoteProtocolError
from runtime.clock import ManualClock
from runtime.journal import Journal
from stoplog.oracle.inspect import inspect
from stoplog.oracle.segments import Entry, read_segment, segments

EPOCH = "0123456789abcdef" * 2


def written(folder: Path, *, count: int = 50, segment_bytes: int = 4_000_000) -> list[tuple[int, str, bytes]]:
    journal = Journal.open(
        folder, gateway="gw_east", epoch=EPOCH, clock=ManualClock(), segment_bytes=segment_bytes
    )
    said = [(f"spBv1.0/lingang/DDATA/gw_east/plc_{n % 3}", bytes([n]) * (n + 1)) for n in range(count)]
    found = [(journal.append(topic, payload), topic, payload) for topic, payload in said]
    journal.sync()
    journal.close()
    return found


def read(folder: Path) -> list[Entry]:
    return [entry for path in segments(folder) for entry in read_segment(path)]


@pytest.mark.parametrize("segment_bytes", [1_000, 4_000_000])
def test_everything_is_read_once_and_in_order(tmp_path: Path, segment_bytes: int) -> None:
    expected = written(tmp_path, segment_bytes=segment_bytes)
    entries = read(tmp_path)
    assert [(entry.offset, entry.topic, entry.payload) for entry in entries] == expected
    assert {(entry.gateway, entry.epoch) for entry in entries} == {("gw_east", EPOCH)}


def test_a_torn_tail_ends_a_segment(tmp_path: Path) -> None:
    expected = written(tmp_path)
    (path,) = segments(tmp_path)
    whole = path.read_bytes()
    for cut in (1, 7, 40, 300):
        path.write_bytes(whole[:-cut])
        entries = read(tmp_path)
        assert [entry.payload for entry in entries] == [payload for _, _, payload in expected[: len(entries)]]
        assert len(entries) < len(expected)


def test_a_changed_byte_is_never_read_as_a_payload(tmp_path: Path) -> None:
    expected = {payload for _, _, payload in written(tmp_path, count=12)}
    (path,) = segments(tmp_path)
    whole = path.read_bytes()
    for place in range(0, len(whole), 3):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x20]) + whole[place + 1 :])
        try:
            assert {entry.payload for entry in read(tmp_path)} <= expected
        except RemoteProtocolError:
            continue


def test_inspect_says_what_a_folder_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(tmp_path / "samples")
    assert inspect([tmp_path]) == 0
    assert "50 payloads" in capsys.readouterr().out


def test_inspect_of_nothing_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert inspect([tmp_path]) != 0
    assert "no journal segments" in capsys.readouterr().err
