"""The simulator's logs: what is written is read back, also after a kill and beyond the bound."""

from pathlib import Path

from simulators.plc import served
from simulators.plc.served import SEGMENT_BYTES, ServedLog, read_served
from simulators.plc.written import WriteLine, WriteLog, read_writes


def line(k: int, ignored: str | None = None) -> WriteLine:
    return WriteLine(
        model_ms=k, monotonic_s=k / 10, device="plc_hc_outlet", function=5, address=1, value=1,
        meaning="hc_outlet close", ignored=ignored,
    )  # fmt: skip


def test_writes_are_there_without_a_close(tmp_path: Path) -> None:
    log = WriteLog(tmp_path / "writes.jsonl")
    log.append(line(1))
    log.append(line(2, "local"))
    assert list(read_writes(tmp_path / "writes.jsonl")) == [line(1), line(2, "local")]
    assert [found.accepted for found in read_writes(tmp_path / "writes.jsonl")] == [True, False]


def test_a_restart_appends_and_a_torn_line_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "writes.jsonl"
    WriteLog(path).append(line(1))
    WriteLog(path).append(line(2))
    path.write_bytes(path.read_bytes() + b'{"model_ms": 3, "mono')
    assert list(read_writes(path)) == [line(1), line(2)]


def test_no_log_has_no_writes(tmp_path: Path) -> None:
    assert list(read_writes(tmp_path / "none.jsonl")) == []


def test_served_registers_and_bits_are_read_back_without_a_close(tmp_path: Path) -> None:
    log = ServedLog(tmp_path, bytes_max=100_000_000)
    log.append("plc_a", 4, 10, [1, 65535], model_ms=5, monotonic_s=0.5)
    log.append("plc_b", 2, 3, [True, False, True] * 5, model_ms=6, monotonic_s=0.6)
    log.append("plc_a", 1, 0, [0], model_ms=7, monotonic_s=0.7)
    found = [
        (s.device, s.function, s.address, s.values, s.model_ms, s.monotonic_s) for s in read_served(tmp_path)
    ]
    assert found == [
        ("plc_a", 4, 10, (1, 65535), 5, 0.5),
        ("plc_b", 2, 3, (1, 0, 1) * 5, 6, 0.6),
        ("plc_a", 1, 0, (0,), 7, 0.7),
    ]


def test_a_restart_begins_a_new_segment(tmp_path: Path) -> None:
    for k in range(3):
        ServedLog(tmp_path, bytes_max=100_000_000).append("plc_a", 4, k, [k], model_ms=k, monotonic_s=k)
    assert [s.address for s in read_served(tmp_path)] == [0, 1, 2]


def test_beyond_its_bound_the_oldest_segment_goes(tmp_path: Path) -> None:
    log = ServedLog(tmp_path, bytes_max=3 * SEGMENT_BYTES)
    record = served._READ.size + 250
    for k in range(6 * SEGMENT_BYTES // record):
        log.append("plc_a", 4, k % 1000, [k % 65536] * 125, model_ms=k, monotonic_s=k)
    segments = sorted(tmp_path.iterdir())
    assert len(segments) == 3
    found = [s.model_ms for s in read_served(tmp_path)]
    assert found == list(range(found[0], 6 * SEGMENT_BYTES // record))
    assert len(found) * record > 2 * SEGMENT_BYTES
