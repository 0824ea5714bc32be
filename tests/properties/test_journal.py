"""The journal as a stateful machine against a small model: nothing accepted is lost, nothing durable is re-sent for ever."""

import os
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from runtime.clock import ManualClock
from runtime.journal import Journal
from runtime.journal_format import region_of, scan
from runtime.journal_marks import DURABLE

Name = tuple[str, int]


class JournalMachine(RuleBasedStateMachine):
    """Appends, acknowledgements in any order, kills, power cuts, packing and time, as Hypothesis draws them."""

    @initialize(segment_bytes=st.sampled_from([200, 700, 5000]))
    def begin(self, segment_bytes: int) -> None:
        # In memory where there is such a folder: thousands of syncs test the disk, not the journal.
        memory = Path("/dev/shm")
        self.folder = tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)
        self.clock = ManualClock()
        self.segment_bytes = segment_bytes
        self.epochs = 0
        self.accepted: dict[Name, bytes] = {}
        self.durable: set[Name] = set()
        self.unsynced: list[Name] = []
        """Appended since the last sync: a power cut may take the newest of them."""
        self.open()

    def open(self) -> None:
        self.epochs += 1
        self.journal = Journal.open(
            Path(self.folder.name),
            gateway="gw",
            epoch=f"{self.epochs:032x}",
            clock=self.clock,
            segment_bytes=self.segment_bytes,
        )
        # Marks are not kept over a start: what is durable in a segment that is still held may be sent once more.
        held = self.on_disk()
        assert set(self.accepted) - self.durable <= held
        self.durable -= held

    def kill(self) -> None:
        """End as kill -9 does: nothing is written, only the descriptors are gone."""
        for segment in self.journal._shelf.segments:
            fd = segment.detach(0.0)
            if fd is not None:
                os.close(fd)
        for fd in self.journal._shelf._unsynced:
            os.close(fd)

    def on_disk(self) -> set[Name]:
        found = set()
        for path in Path(self.folder.name).glob("*.journal"):
            header, region = region_of(path.read_bytes())
            for record in scan(region, header.first_offset):
                assert self.accepted[header.epoch, record.offset] == record.payload
                found.add((header.epoch, record.offset))
        return found

    def teardown(self) -> None:
        if hasattr(self, "journal"):
            self.answer_everything()
            self.kill()
            self.folder.cleanup()

    def answer_everything(self) -> None:
        """What is due is answered: after finitely many rounds nothing is due any more, and nothing held."""
        for _ in range(len(self.accepted) + 20):
            self.clock.advance(700)
            for entry in list(self.journal.due(self.clock.monotonic())):
                self.check(entry.epoch, entry.offset, entry.payload)
                self.journal.durable(entry.epoch, ((entry.offset, entry.offset),))
                self.durable.add((entry.epoch, entry.offset))
            if not self.journal.depth:
                break
        assert self.journal.depth == 0
        self.clock.advance(10_000)
        assert list(self.journal.due(self.clock.monotonic())) == []
        assert set(self.accepted) == self.durable
        assert self.journal.damaged == self.journal.dropped == 0

    def check(self, epoch: str, offset: int, payload: bytes) -> None:
        assert self.accepted[epoch, offset] == payload
        assert (epoch, offset) not in self.durable

    @rule(size=st.integers(0, 300), is_sent=st.booleans(), count=st.integers(1, 6))
    def append(self, size: int, is_sent: bool, count: int) -> None:
        for _ in range(count):
            payload = f"{len(self.accepted)}".encode().ljust(size, b".")
            offset = self.journal.append(f"t{size % 3}", payload, is_sent=is_sent)
            name = (self.journal.epoch, offset)
            assert name not in self.accepted
            self.accepted[name] = payload
            self.unsynced.append(name)

    @rule()
    def sync(self) -> None:
        self.journal.sync()
        self.unsynced.clear()

    @rule()
    def due(self) -> None:
        sent = list(self.journal.due(self.clock.monotonic()))
        assert len(sent) <= self.journal.credit
        assert len({(entry.epoch, entry.offset) for entry in sent}) == len(sent)
        for entry in sent:
            self.check(entry.epoch, entry.offset, entry.payload)

    @rule()
    def fetch_and_due(self) -> None:
        now_s = self.clock.monotonic()
        fetch = self.journal.fetcher(now_s)
        if fetch is not None:
            fetch()
            assert next(self.journal.due(now_s, only_fetched=True), None) is not None

    @precondition(lambda self: self.accepted)
    @rule(data=st.data(), length=st.integers(1, 30), is_durable=st.booleans())
    def acknowledge(self, data: st.DataObject, length: int, is_durable: bool) -> None:
        epoch, first = data.draw(st.sampled_from(sorted(self.accepted)))
        ranges = ((first, first + length - 1),)
        if is_durable:
            self.journal.durable(epoch, ranges)
            self.durable |= {(epoch, n) for n in range(first, first + length)} & self.accepted.keys()
        else:
            self.journal.received(epoch, ranges)

    @rule(first=st.integers(0, 2**62), length=st.integers(0, 2**62))
    def acknowledge_of_another_life(self, first: int, length: int) -> None:
        depth = self.journal.depth
        self.journal.durable("f" * 32, ((first, first + length),))
        self.journal.durable(self.journal.epoch, ((self.journal.next_offset, 2**62),))
        assert self.journal.depth == depth

    @rule(seconds=st.sampled_from([0.1, 1, 5, 31, 61, 700]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule()
    def pack(self) -> None:
        job = self.journal.packer()
        if job is not None:
            path, pack = job
            self.journal.packed(path, pack(path))

    @rule()
    def kill_and_start(self) -> None:
        self.kill()
        self.open()

    @rule(data=st.data(), garbage=st.binary(max_size=40))
    def cut_power_and_start(self, data: st.DataObject, garbage: bytes) -> None:
        """The newest bytes of the segment that is written never reached the disk, or something else stands there."""
        self.kill()
        active = self.journal._shelf.active
        mine = [name for name in self.unsynced if name[0] == self.journal.epoch]
        mine = [name for name in mine if name[1] >= active.header.first_offset]
        size = active.path.stat().st_size
        tail = sum(28 + 2 + len(self.accepted[name]) for name in mine)
        cut = data.draw(st.integers(0, tail))
        os.truncate(active.path, size - cut)
        with active.path.open("ab") as file:
            file.write(garbage[:cut])
        lost = set(mine) - self.on_disk()
        assert lost == set(mine[len(mine) - len(lost) :])
        for name in lost:
            del self.accepted[name]
            self.durable.discard(name)
        self.unsynced.clear()
        self.open()

    @invariant()
    def depth_is_what_is_not_durable(self) -> None:
        if hasattr(self, "journal"):
            assert self.journal.depth == len(self.accepted) - len(self.durable)
            for segment in self.journal._shelf.segments:
                marks = segment.marks
                assert marks.left == sum(marks.at(index) != DURABLE for index in range(marks.count))


TestJournal = JournalMachine.TestCase
TestJournal.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
