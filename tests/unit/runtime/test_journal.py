"""The journal: what is written is found again, what is not acknowledged is due again, and a full disk loses nothing written."""

import os
import resource
import signal
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from domain.errors import StorageError
from runtime.clock import ManualClock
from runtime.journal import PACK_AFTER_S, Journal
from runtime.journal_flight import CREDIT_MAX
from runtime.journal_format import Entry, Header, pack_header, pack_record, region_of, scan, unpack_header

A, B = "a" * 32, "b" * 32


def opened(
    folder: Path,
    clock: ManualClock,
    *,
    epoch: str = A,
    segment_bytes: int = 4000,
    bytes_max: int | None = None,
    age_s_max: float | None = None,
    keep: Path | None = None,
) -> Journal:
    return Journal.open(
        folder,
        gateway="gw",
        epoch=epoch,
        clock=clock,
        segment_bytes=segment_bytes,
        bytes_max=bytes_max,
        age_s_max=age_s_max,
        keep_freed=keep,
    )


def on_disk(*folders: Path) -> dict[tuple[str, int], bytes]:
    found = {}
    for folder in folders:
        for path in folder.glob("*.journal"):
            header, region = region_of(path.read_bytes())
            for record in scan(region, header.first_offset):
                assert (header.epoch, record.offset) not in found
                found[header.epoch, record.offset] = record.payload
    return found


def due(journal: Journal, clock: ManualClock) -> list[tuple[str, int]]:
    return [(entry.epoch, entry.offset) for entry in journal.due(clock.monotonic())]


def test_header_and_record_are_read_back() -> None:
    header = Header(gateway="gw_东", epoch=A, number=3, first_offset=17, created_ms=5)
    packed = pack_header(header)
    assert unpack_header(packed + b"rest") == (header, len(packed))
    region = pack_record(17, 9, b"t", b"one") + pack_record(18, 9, b"t", b"two")
    assert [found.payload for found in scan(region, 17)] == [b"one", b"two"]


@pytest.mark.parametrize("cut", range(1, 31))
def test_a_torn_tail_is_passed_over(cut: int) -> None:
    region = pack_record(0, 9, b"t", b"one") + pack_record(1, 9, b"t", b"x")
    assert [found.payload for found in scan(region[:-cut], 0)] in ([b"one"], [])


def test_every_changed_byte_of_a_record_is_found() -> None:
    region = pack_record(0, 9, b"topic", b"payload")
    for place in range(len(region)):
        damaged = bytearray(region)
        damaged[place] ^= 1
        assert not list(scan(bytes(damaged), 0))


def test_the_builder_gets_the_offset(tmp_path: Path) -> None:
    journal = opened(tmp_path, ManualClock())
    assert [journal.append("t", lambda offset: f"{offset}".encode()) for _ in range(3)] == [0, 1, 2]
    assert on_disk(tmp_path) == {(A, 0): b"0", (A, 1): b"1", (A, 2): b"2"}


def test_what_is_not_received_goes_again_after_five_seconds_and_once(tmp_path: Path) -> None:
    clock = ManualClock()
    journal = opened(tmp_path, clock)
    journal.append("t", b"0")
    assert due(journal, clock) == []
    clock.advance(5)
    assert due(journal, clock) == [(A, 0)]
    assert due(journal, clock) == []


def test_what_is_received_and_not_durable_goes_again_after_sixty_seconds(tmp_path: Path) -> None:
    clock = ManualClock()
    journal = opened(tmp_path, clock)
    journal.append("t", b"0")
    journal.received(A, ((0, 0),))
    clock.advance(59)
    assert due(journal, clock) == []
    clock.advance(1)
    assert due(journal, clock) == [(A, 0)]


def test_acknowledgements_are_sets(tmp_path: Path) -> None:
    clock = ManualClock()
    journal = opened(tmp_path, clock)
    for n in range(5):
        journal.append("t", bytes([n]))
    journal.durable(A, ((1, 1), (3, 4)))
    assert journal.depth == 2
    journal.received(A, ((1, 1),))  # late, and lower: changes nothing
    journal.received(B, ((0, 4),))  # another epoch
    clock.advance(5)
    first = due(journal, clock)
    journal.received(A, ((0, 0),))
    assert first + due(journal, clock) == [(A, 0), (A, 2)]


def test_silence_backs_off_to_ten_minutes_and_one_word_resets_it(tmp_path: Path) -> None:
    clock = ManualClock()
    journal = opened(tmp_path, clock)
    journal.append("t", b"0")
    sent: list[float] = []
    start = clock.monotonic()
    for _ in range(3000):
        clock.advance(1)
        sent += [clock.monotonic() - start for _ in due(journal, clock)]
    gaps = [round(b - a) for a, b in pairwise(sent)]
    assert gaps[0] <= 11
    assert gaps == sorted(gaps)
    assert gaps[-1] == 600
    journal.received(A, ())
    clock.advance(5)
    assert due(journal, clock) == [(A, 0)]


def test_credit_begins_with_one_and_grows_with_what_is_received(tmp_path: Path) -> None:
    clock = ManualClock()
    journal = opened(tmp_path, clock, segment_bytes=10**6)
    for n in range(2000):
        journal.append("t", f"{n}".encode(), is_sent=False)
    seen = []
    for _ in range(20):
        got = due(journal, clock)
        seen.append(len(got))
        journal.durable(A, tuple((offset, offset) for _, offset in got))
        journal.received(A, tuple((offset, offset) for _, offset in got))
        journal.received(A, ((got[0][1], got[0][1]),) if got else ())
    assert seen[0] == 1
    assert max(seen) <= CREDIT_MAX
    assert sum(seen) >= 20


def test_what_an_earlier_run_left_is_due_under_its_own_name(tmp_path: Path) -> None:
    clock = ManualClock()
    first = opened(tmp_path, clock)
    first.append("t", b"old")
    first.append("t", b"older")
    second = opened(tmp_path, clock, epoch=B)
    second.append("t", b"new")
    assert due(second, clock) == [(A, 0)]
    second.durable(A, ((0, 1),))
    assert on_disk(tmp_path) == {(B, 0): b"new"}


def test_a_torn_tail_is_cut_off_at_the_next_start(tmp_path: Path) -> None:
    clock = ManualClock()
    journal = opened(tmp_path, clock)
    journal.append("t", b"whole")
    [path] = tmp_path.glob("*.journal")
    size = path.stat().st_size
    with path.open("ab") as file:
        file.write(pack_record(1, 0, b"t", b"torn")[:-1])
    opened(tmp_path, clock, epoch=B)
    assert path.stat().st_size == size


def test_a_header_that_was_not_finished_stops_no_start(tmp_path: Path) -> None:
    (tmp_path / f"{A}-00000000.journal").write_bytes(b"STOP")
    journal = opened(tmp_path, ManualClock(), epoch=B)
    assert journal.append("t", b"x") == 0


def test_segments_are_freed_when_wholly_durable_and_kept_where_asked(tmp_path: Path) -> None:
    clock = ManualClock()
    folder, keep = tmp_path / "j", tmp_path / "kept"
    journal = opened(folder, clock, segment_bytes=200, keep=keep)
    names = {(A, journal.append("t", bytes(100))) for _ in range(10)}
    journal.durable(A, ((0, 9),))
    assert len(list(folder.glob("*.journal"))) == 1
    assert set(on_disk(folder, keep)) == names
    journal.close()
    assert not list(folder.glob("*.journal"))
    assert set(on_disk(keep)) == names


def test_beyond_its_bytes_the_oldest_goes_first_and_is_counted(tmp_path: Path) -> None:
    journal = opened(tmp_path, ManualClock(), segment_bytes=300, bytes_max=1000)
    for _ in range(30):
        journal.append("t", bytes(100))
    lost = journal.trim()
    assert lost == journal.dropped > 0
    assert journal.size <= 1000
    assert min(offset for _, offset in on_disk(tmp_path)) == lost


def test_beyond_its_age_the_oldest_goes_first(tmp_path: Path) -> None:
    clock = ManualClock()
    journal = opened(tmp_path, clock, segment_bytes=200, age_s_max=3600)
    for _ in range(4):
        journal.append("t", bytes(100))
    clock.advance(3601)
    journal.append("t", bytes(100))
    assert journal.trim() == 4


def test_a_clock_that_is_set_right_by_years_makes_nothing_old(tmp_path: Path) -> None:
    clock = ManualClock()
    journal = opened(tmp_path, clock, segment_bytes=200, age_s_max=3600)
    for _ in range(4):
        journal.append("t", bytes(100))
    clock.step_wall(5 * 365 * 86_400_000)
    journal.append("t", bytes(100))
    assert journal.trim() == 0
    clock.advance(3500)
    assert journal.trim() == 0
    clock.advance(101)
    assert journal.trim() == 4


def test_what_an_earlier_run_left_grows_older(tmp_path: Path) -> None:
    clock = ManualClock()
    first = opened(tmp_path, clock)
    first.append("t", bytes(100))
    clock.advance(3000)
    journal = opened(tmp_path, clock, epoch=B, age_s_max=3600)
    clock.step_wall(5 * 365 * 86_400_000)
    assert journal.trim() == 0
    clock.advance(601)
    assert journal.trim() == 1


def test_a_journal_without_bounds_drops_nothing(tmp_path: Path) -> None:
    clock = ManualClock()
    journal = opened(tmp_path, clock, segment_bytes=200)
    for _ in range(20):
        journal.append("t", bytes(100))
    clock.advance(10**7)
    assert journal.trim() == 0


def test_a_packed_segment_is_read_like_any_other(tmp_path: Path) -> None:
    clock = ManualClock()
    journal = opened(tmp_path, clock, segment_bytes=400)
    payloads = {(A, journal.append("t", bytes([n]) * 100)): bytes([n]) * 100 for n in range(5)}
    assert journal.packer() is None
    clock.advance(PACK_AFTER_S)
    job = journal.packer()
    assert job is not None
    path, pack = job
    before = path.stat().st_size
    journal.packed(path, pack(path))
    assert path.stat().st_size < before
    assert on_disk(tmp_path) == payloads
    clock.advance(5)
    [entry] = journal.due(clock.monotonic())
    assert entry == Entry(epoch=A, offset=0, time_ms=entry.time_ms, topic="t", payload=payloads[A, 0])
    again = opened(tmp_path, clock, epoch=B)
    assert again.depth == 5


def test_a_damaged_payload_holds_up_no_other(tmp_path: Path) -> None:
    clock = ManualClock()
    journal = opened(tmp_path, clock)
    journal.append("t", b"first")
    journal.append("t", b"second")
    [path] = tmp_path.glob("*.journal")
    data = path.read_bytes()
    path.write_bytes(data.replace(b"first", b"worst"))
    clock.advance(5)
    assert due(journal, clock) == []
    assert journal.damaged == 1
    assert due(journal, clock) == [(A, 1)]


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file may grow beyond 2,000 bytes: what a full disk looks like to one who writes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_is_said_and_works_again_when_there_is_room(tmp_path: Path, small_files: None) -> None:
    journal = opened(tmp_path, ManualClock(), segment_bytes=10**6)
    written = 15
    for _ in range(written):
        journal.append("t", bytes(90))
    with pytest.raises(StorageError):
        journal.append("t", bytes(500))
    assert journal.is_full
    assert len(on_disk(tmp_path)) == written == journal.next_offset
    resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    assert journal.append("t", b"again", sync=True) == written
    assert not journal.is_full
    assert len(on_disk(tmp_path)) == written + 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_said_at_the_start(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError):
        opened(tmp_path / "j", ManualClock())


def test_a_folder_that_is_a_file_is_said_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "j").write_text("x")
    with pytest.raises(StorageError):
        opened(tmp_path / "j", ManualClock())


def test_another_gateways_journal_is_refused(tmp_path: Path) -> None:
    opened(tmp_path, ManualClock()).append("t", b"x")
    with pytest.raises(StorageError, match="belongs to"):
        Journal.open(tmp_path, gateway="other", epoch=B, clock=ManualClock())
