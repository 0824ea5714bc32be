"""A long outage in the journal: no memory for what waits, no look at what is not due, bounds on disk, damage that stays where it is."""

import struct
import tracemalloc
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.clock import ManualClock
from runtime.journal import FAULT_WAIT_S, PACK_AFTER_S, PACK_RETRY_S, Journal
from runtime.journal_flight import ANSWER_S_AIM, CREDIT_MAX, Flight
from runtime.journal_format import DEFLATED, pack_header, pack_record, region_of, scan, unpack_header
from runtime.journal_marks import DURABLE, PENDING, RECEIVED, Marks
from runtime.journal_segment import Segment
from wire.sparkplug import DataType, Metric, Payload, encode

A, B = "a" * 32, "b" * 32


def opened(
    folder: Path,
    clock: ManualClock,
    *,
    epoch: str = A,
    segment_bytes: int = 4000,
    bytes_max: int | None = None,
) -> Journal:
    return Journal.open(
        folder, gateway="gw", epoch=epoch, clock=clock, segment_bytes=segment_bytes, bytes_max=bytes_max
    )


def told(number: int, points: int = 20) -> bytes:
    metrics = tuple(
        Metric(
            name=f"hc_unit/point_{n}", value=((number * 7 + n * 13) % 4000) * 0.01, datatype=DataType.DOUBLE,
            timestamp_ms=1_700_000_000_000 + 1000 * number,
        )
        for n in range(points)
    )  # fmt: skip
    return encode(
        Payload(timestamp_ms=1_700_000_000_000 + 1000 * number, metrics=metrics, uuid=f"{A}-{number}")
    )


def pack_all(journal: Journal, clock: ManualClock) -> None:
    clock.advance(PACK_AFTER_S)
    while (job := journal.packer()) is not None:
        path, pack = job
        journal.packed(path, pack(path))


def due(journal: Journal, clock: ManualClock) -> list[tuple[str, int]]:
    return [(entry.epoch, entry.offset) for entry in journal.due(clock.monotonic())]


def drained(journal: Journal, clock: ManualClock) -> dict[tuple[str, int], bytes]:
    """Answer what is due, at once, until nothing is."""
    found = {}
    for _ in range(10_000):
        entries = list(journal.due(clock.monotonic()))
        for entry in entries:
            found[entry.epoch, entry.offset] = entry.payload
            journal.durable(entry.epoch, ((entry.offset, entry.offset),))
        if not entries and not journal.depth:
            break
        clock.advance(0.05)
    return found


def held_bytes(journal: Journal) -> int:
    return sum(segment.marks.bytes_held for segment in journal._shelf.segments[:-1])


def test_what_waits_takes_no_memory(tmp_path: Path) -> None:
    clock = ManualClock()
    journal = opened(tmp_path, clock)
    for _ in range(5000):
        journal.append("t", b"x" * 50, is_sent=False)
    assert len(journal._shelf.segments) > 80
    assert held_bytes(journal) == 0
    sent = due(journal, clock)
    assert sent == [(A, 0)]
    assert held_bytes(journal) < 9 * 100  # the one segment that is being sent
    journal.received(A, ((0, 4900),))
    assert journal.depth == 5000
    assert held_bytes(journal) < 20 * 100


def test_what_was_sent_again_takes_no_memory_while_it_waits(tmp_path: Path) -> None:
    clock = ManualClock()
    journal = opened(tmp_path, clock)
    for _ in range(500):
        journal.append("t", b"x" * 50, is_sent=False)
    journal._flight.credit = 10_000
    assert len(due(journal, clock)) == 500
    assert due(journal, clock) == []
    assert held_bytes(journal) == 0
    assert all(segment.chunk is None for segment in journal._shelf.segments)


def test_what_is_acknowledged_meanwhile_is_not_sent(tmp_path: Path) -> None:
    clock = ManualClock()
    journal = opened(tmp_path, clock)
    for _ in range(10):
        journal.append("t", b"x" * 50, is_sent=False)
    journal._flight.credit = 100
    sending = journal.due(clock.monotonic())
    assert next(sending).offset == 0
    journal.durable(A, ((1, 3), (5, 8)))
    assert [entry.offset for entry in sending] == [4, 9]


def test_an_outage_takes_no_memory_while_it_grows(tmp_path: Path) -> None:
    clock = ManualClock()
    journal = opened(tmp_path, clock, segment_bytes=20_000)
    payloads = [told(number, points=3) for number in range(50)]

    def an_hour() -> int:
        for number in range(600):
            journal.append("t", payloads[number % 50], is_sent=False)
        pack_all(journal, clock)
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        an_hour()
        grown = [an_hour() for _ in range(4)]
    finally:
        tracemalloc.stop()
    # Some thousand bytes for each segment, none for a payload: 1,800 of them were journalled meanwhile.
    segments = 1800 * len(payloads[0]) / 20_000
    assert grown[-1] - grown[0] < segments * 4000
    assert journal.depth == 3000


def test_looking_for_what_is_due_reads_no_segment_that_rests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock()
    journal = opened(tmp_path, clock)
    for _ in range(2000):
        journal.append("t", b"x" * 50)
    looked: list[Marks] = []
    original = Marks.due

    def counted(self: Marks, now_s: float, waits_s: tuple[float, float], room: int) -> list[int]:
        looked.append(self)
        return original(self, now_s, waits_s, room)

    monkeypatch.setattr(Marks, "due", counted)
    clock.advance(4.9)
    assert due(journal, clock) == []
    assert len(looked) <= 1
    clock.advance(0.2)
    assert due(journal, clock) == [(A, 0)]
    assert len(looked) <= 3


def test_a_packed_journal_is_read_in_chunks_and_restored(tmp_path: Path) -> None:
    clock = ManualClock()
    journal = opened(tmp_path, clock, segment_bytes=50_000)
    payloads = {(A, journal.append("t", told(number), is_sent=False)): told(number) for number in range(400)}
    before = journal.size
    pack_all(journal, clock)
    assert journal.size < before / 4
    assert journal.size == sum(path.stat().st_size for path in tmp_path.glob("*.journal"))
    assert drained(journal, clock) == payloads
    assert (journal.dropped, journal.damaged, journal.depth) == (0, 0, 0)


def test_the_fetcher_brings_what_due_hands_out(tmp_path: Path) -> None:
    clock = ManualClock()
    first = opened(tmp_path, clock)
    for number in range(30):
        first.append("t", told(number), is_sent=False)
    journal = opened(tmp_path, clock, epoch=B)
    assert list(journal.due(clock.monotonic(), only_fetched=True)) == []
    fetch = journal.fetcher(clock.monotonic())
    assert fetch is not None
    fetch()
    assert journal.fetcher(clock.monotonic()) is None
    assert [entry.offset for entry in journal.due(clock.monotonic(), only_fetched=True)] == [0]


def test_the_bound_counts_what_is_on_the_disk(tmp_path: Path) -> None:
    clock = ManualClock()
    journal = opened(tmp_path, clock, segment_bytes=50_000, bytes_max=150_000)
    for number in range(400):
        journal.append("t", told(number), is_sent=False)
        if number % 40 == 0:
            pack_all(journal, clock)
            assert journal.trim() == 0
    plain = sum(len(told(number)) for number in range(400))
    assert plain > 2 * 150_000
    assert journal.depth == 400


def test_a_segment_that_an_earlier_version_deflated_is_read(tmp_path: Path) -> None:
    clock = ManualClock()
    journal = opened(tmp_path, clock, segment_bytes=2000)
    payloads = {
        (A, journal.append("t", bytes([n]) * 100, is_sent=False)): bytes([n]) * 100 for n in range(40)
    }
    for path in sorted(tmp_path.glob("*.journal"))[:-1]:
        header, region = region_of(path.read_bytes())
        path.write_bytes(pack_header(replace(header, packing=DEFLATED)) + zlib.compress(region, 1))
    again = opened(tmp_path, clock, epoch=B)
    assert again.depth == 40
    assert drained(again, clock) == payloads


def test_damage_in_the_middle_of_a_plain_segment_costs_one_payload(tmp_path: Path) -> None:
    clock = ManualClock()
    journal = opened(tmp_path, clock, segment_bytes=10**6)
    payloads = {(A, journal.append("t", told(n), is_sent=False)): told(n) for n in range(30)}
    [path] = tmp_path.glob("*.journal")
    data = path.read_bytes()
    for offset, place in ((7, 0), (12, 16), (20, 200)):  # offset field, length field, payload
        _, start = unpack_header(data)
        record = list(scan(data[start:], 0))[offset]
        at = start + record.position + place
        other = tmp_path / str(offset)
        other.mkdir()
        (other / path.name).write_bytes(data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :])
        again = opened(other, clock, epoch=B)
        assert again.damaged == 1
        rest = {name: payload for name, payload in payloads.items() if name != (A, offset)}
        assert drained(again, clock) == rest


def test_damage_in_a_packed_segment_costs_its_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.journal_reading.BLOCK_BYTES", 10_000)
    clock = ManualClock()
    journal = opened(tmp_path, clock, segment_bytes=50_000)
    payloads = {(A, journal.append("t", told(n), is_sent=False)): told(n) for n in range(90)}
    pack_all(journal, clock)
    path = min(tmp_path.glob("*.journal"))
    data = path.read_bytes()
    heads = [place for place in range(len(data)) if data.startswith(b"SLJB", place)]
    assert len(heads) >= 4
    count = struct.unpack_from("<I", data, heads[1] + 12)[0]
    path.write_bytes(data[: heads[1] + 60] + b"\xff\xff\xff" + data[heads[1] + 63 :])
    again = opened(tmp_path, clock, epoch=B)
    found = drained(again, clock)
    assert again.damaged == count == len(payloads) - len(found)
    assert all(payloads[name] == payload for name, payload in found.items())
    # A head that is damaged hides its block, and the neighbours' offsets tell what is missing, also at the end.
    for place in (heads[1], heads[-1]):
        other = tmp_path / str(place)
        other.mkdir()
        (other / path.name).write_bytes(data[:place] + b"X" + data[place + 1 :])
        count = struct.unpack_from("<I", data, place + 12)[0]
        assert opened(other, clock, epoch=B).damaged == count


def test_a_segment_that_the_disk_cannot_read_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock()
    journal = opened(tmp_path, clock, segment_bytes=1000)
    for _ in range(20):
        journal.append("t", b"x" * 100, is_sent=False)
    bad = min(tmp_path.glob("*.journal"))
    original = Path.read_bytes

    def failing(self: Path) -> bytes:
        if self == bad and is_broken:
            raise OSError(5, "Input/output error")
        return original(self)

    is_broken = True
    monkeypatch.setattr(Path, "read_bytes", failing)
    assert [offset for _, offset in due(journal, clock)] == [8]
    assert journal.read_fault is not None
    assert "Input/output error" in journal.read_fault
    is_broken = False
    journal.durable(A, ((8, 20),))
    clock.advance(FAULT_WAIT_S)
    assert due(journal, clock)[0] == (A, 0)


def test_a_start_on_packed_segments_reads_no_payload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock()
    journal = opened(tmp_path, clock, segment_bytes=50_000)
    for number in range(200):
        journal.append("t", told(number), is_sent=False)
    journal.close()
    pack_all(journal, clock)
    Segment.recover(min(tmp_path.glob("*.journal")))
    monkeypatch.setattr("runtime.journal_format.restore", None)
    again = opened(tmp_path, clock, epoch=B)
    assert again.depth == 200


def test_marks_count_what_they_change() -> None:
    marks = Marks(10)
    assert marks.lift(0, 10, RECEIVED) == 10
    assert marks.bytes_held == 0
    assert marks.lift(2, 4, DURABLE) == 2
    assert marks.lift(2, 4, RECEIVED) == 0
    assert marks.lift(-5, 3, DURABLE) == 2
    assert (marks.left, marks.resume) == (6, 4)
    assert [marks.at(index) for index in (0, 3, 4)] == [DURABLE, DURABLE, RECEIVED]
    assert marks.due(0.0, (5.0, 60.0), 100) == [4, 5, 6, 7, 8, 9]
    marks.sent(5, 100.0)
    assert marks.due(150.0, (5.0, 60.0), 2) == [4, 6]
    assert marks.lift(0, 99, DURABLE) == 6
    assert (marks.left, marks.next_due_s((5.0, 60.0))) == (0, float("inf"))
    marks.append(1.0)
    assert (marks.at(10), marks.left) == (PENDING, 1)


def test_the_credit_follows_the_delay_of_acknowledgements() -> None:
    flight, now_s = Flight(0.0), 0.0

    def round_trip(delay_s: float) -> int:
        nonlocal now_s
        sent = flight.room(now_s)
        for offset in range(sent):
            flight.sent(A, offset, now_s)
        now_s += delay_s
        flight.answered(A, ((0, sent - 1),), now_s)
        assert flight.under_way == 0
        return flight.credit

    quick = [round_trip(ANSWER_S_AIM / 2) for _ in range(20)]
    assert quick[:4] == [2, 4, 8, 16]
    assert quick[-1] == CREDIT_MAX
    assert round_trip(1.5 * ANSWER_S_AIM) == CREDIT_MAX
    slow = [round_trip(3 * ANSWER_S_AIM) for _ in range(60)]
    assert slow == sorted(slow, reverse=True)
    assert 1 <= slow[-1] <= 2
    assert round_trip(ANSWER_S_AIM / 2) > slow[-1]


def test_what_was_never_sent_answers_nothing() -> None:
    flight = Flight(0.0)
    flight.answered(A, ((0, 2**62),), 1.0)
    flight.answered(B, ((0, 10),), 1.0)
    assert flight.credit == 1
    flight.sent(A, 5, 1.0)
    flight.answered(A, ((0, 4), (6, 2**62)), 1.1)
    assert (flight.under_way, flight.room(1.2)) == (1, 0)


def test_records_behind_each_other_are_found_behind_damage() -> None:
    region = b"".join(pack_record(offset, 9, b"t", b"one") for offset in range(5))
    size = len(region) // 5
    torn = region[: 2 * size] + b"\0" * size + region[3 * size :]
    assert [found.offset for found in scan(torn, 0)] == [0, 1, 3, 4]
    assert [found.offset for found in scan(torn[: 3 * size], 0)] == [0, 1]


def test_a_segment_that_found_no_room_for_its_packed_twin_is_packed_later(tmp_path: Path) -> None:
    clock = ManualClock()
    journal = opened(tmp_path, clock)
    for number in range(20):
        journal.append("t", told(number), is_sent=False)
    clock.advance(PACK_AFTER_S)
    job = journal.packer()
    assert job is not None
    journal.packed(job[0], None)
    again = journal.packer()
    assert again is None or again[0] != job[0]
    pack_all(journal, clock)
    clock.advance(PACK_RETRY_S)
    last = journal.packer()
    assert last is not None
    assert last[0] == job[0]
