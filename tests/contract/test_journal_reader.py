"""What a gateway writes into its journal, the reader made from the format's description reads: whole, cut short or packed."""

import json
from pathlib import Path

import pytest

from domain.errors import RemoteProtocolError
from runtime.clock import ManualClock
from runtime.journal import PACK_AFTER_S, Journal
from stoplog.oracle.inspect import inspect
from stoplog.oracle.segments import Entry, Flaw, read_segment, segments, walk
from wire.signing import Role, load_signer, new_key
from wire.sparkplug import DataType, Metric, Payload, encode

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


def packed(folder: Path, *, count: int = 300) -> list[tuple[int, str, bytes]]:
    clock = ManualClock()
    journal = Journal.open(folder, gateway="gw_east", epoch=EPOCH, clock=clock, segment_bytes=20_000)
    said = [(f"spBv1.0/lingang/DDATA/gw_east/plc_{n % 3}", told(n)) for n in range(count)]
    found = [(journal.append(topic, payload), topic, payload) for topic, payload in said]
    journal.close()
    clock.advance(PACK_AFTER_S)
    while (job := journal.packer()) is not None:
        path, pack = job
        journal.packed(path, pack(path))
    return found


def told(number: int) -> bytes:
    values = [number * 0.01, number / 8, float(number) ** 0.5, number % 2 == 0]
    metrics = tuple(
        Metric(
            name=f"hc_unit/point_{place}", value=value, timestamp_ms=1_700_000_000_000 + number,
            datatype=DataType.BOOLEAN if isinstance(value, bool) else DataType.DOUBLE,
        )
        for place, value in enumerate(values)
    )  # fmt: skip
    return encode(Payload(timestamp_ms=1_700_000_000_000 + number, metrics=metrics, uuid=f"{EPOCH}-{number}"))


def test_packed_segments_are_read_like_plain_ones(tmp_path: Path) -> None:
    expected = packed(tmp_path)
    kinds = {walk(path)[0].packing for path in segments(tmp_path)}
    assert 2 in kinds
    entries = read(tmp_path)
    assert [(entry.offset, entry.topic, entry.payload) for entry in entries] == expected


def test_damage_is_told_by_its_offsets(tmp_path: Path) -> None:
    expected = packed(tmp_path)
    path = segments(tmp_path)[1]
    data = path.read_bytes()
    path.write_bytes(data[:-20] + bytes(20))
    flaws = [item for item in walk(path)[1] if isinstance(item, Flaw)]
    [(first, last)] = [flaw.offsets for flaw in flaws if flaw.offsets is not None]
    rest = [entry.payload for entry in read(tmp_path)]
    assert rest == [payload for offset, _, payload in expected if not first <= offset <= last]
    assert 0 < last - first + 1 < len(expected)


def test_inspect_says_what_is_torn_and_what_is_damaged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path)
    (path,) = segments(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    assert inspect([tmp_path]) == 0
    assert "torn" in capsys.readouterr().out
    assert path.read_bytes() == whole[:-5]
    path.write_bytes(whole.replace(bytes([20]) * 21, bytes([99]) * 21))
    assert inspect([path]) == 65
    assert "damaged: offsets 20–20" in capsys.readouterr().out


def test_inspect_speaks_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    packed(tmp_path / "samples")
    assert inspect([tmp_path], as_json=True) == 0
    found = json.loads(capsys.readouterr().out)
    assert sum(item["payloads"] for item in found) == 300
    assert {item["packing"] for item in found} <= {"packed", "plain"}
    assert {(item["gateway"], item["epoch"]) for item in found} == {("gw_east", EPOCH)}


def test_inspect_puts_one_payload_into_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    packed(tmp_path / "samples")
    assert inspect([tmp_path], payload=f"{EPOCH}-42") == 0
    words = capsys.readouterr().out
    assert "hc_unit/point_0" in words
    assert "0.42" in words
    assert inspect([tmp_path], payload="42", as_json=True) == 0
    [first, *_] = json.loads(capsys.readouterr().out)["metrics"]
    assert (first["point"], first["value"], first["quality"]) == ("hc_unit/point_0", 0.42, "good")
    assert inspect([tmp_path], payload="4200") == 65
    assert inspect([tmp_path], payload="what") == 64


def test_inspect_says_a_records_body(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    signer = load_signer(json.dumps(new_key(kid="k", role=Role.GATEWAY, identity="gw_east")))
    journal = Journal.open(tmp_path / "records", gateway="gw_east", epoch=EPOCH, clock=ManualClock())
    journal.append("stoplog/1/lingang/gw_east/records", signer.sign({"kind": "start", "offset": 0}))
    journal.append("t", b"neither")
    journal.close()
    assert inspect([tmp_path], payload="0") == 0
    assert "'kind': 'start'" in capsys.readouterr().out
    assert inspect([tmp_path], payload="1") == 0
    assert b"neither".hex() in capsys.readouterr().out


def test_inspect_says_what_a_folder_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(tmp_path / "samples")
    assert inspect([tmp_path]) == 0
    assert "50 payloads" in capsys.readouterr().out


def test_inspect_of_nothing_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert inspect([tmp_path]) != 0
    assert "no journal segments" in capsys.readouterr().err
