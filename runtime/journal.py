"""Keeps payloads on disk from before they are published until the receiver has them for good, and says which to send again.

The format is docs/protocols/journal.md. It sends nothing itself and knows no topics of acknowledgements.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from domain.errors import StorageError
from runtime.clock import Clock
from runtime.journal_flight import DURABLE_WAIT_S, RECEIVED_WAIT_S, Flight
from runtime.journal_format import BLOCKS, Entry
from runtime.journal_marks import DURABLE, NEVER_SENT, RECEIVED
from runtime.journal_queue import Queue
from runtime.journal_reading import runs_of_records
from runtime.journal_segment import Segment, pack
from runtime.journal_shelf import Shelf
from wire.messages import Ranges

SEGMENT_BYTES = 4_000_000
"""A new segment is begun beyond it, so that freeing goes in steps of seconds to minutes."""
PACK_AFTER_S = 30.0
"""Wall seconds: a segment that was closed longer ago is packed; a healthy receiver frees it before."""
PACK_RETRY_S = 600.0
"""Wall seconds until a segment that could not be packed (a full disk) is tried again."""
FAULT_WAIT_S = 60.0
"""Wall seconds until a segment that the disk could not read is tried again."""

_WAITS_S = (RECEIVED_WAIT_S, DURABLE_WAIT_S)


class Journal:
    """Append-only segments of one epoch, behind them what earlier epochs left unacknowledged."""

    def __init__(
        self,
        directory: Path,
        *,
        gateway: str,
        epoch: str,
        clock: Clock,
        segment_bytes: int = SEGMENT_BYTES,
        bytes_max: int | None = None,
        age_s_max: float | None = None,
        keep_freed: Path | None = None,
    ) -> None:
        """Use `open`, which also recovers and begins the first segment. None as a bound: nothing is ever dropped."""
        self.epoch = epoch
        self.dropped = 0
        """Payloads that a bound has pushed out before they were durable."""
        self.damaged = 0
        """Payloads that the disk has damaged before they were durable."""
        self.is_full = False
        """Whether the last write failed."""
        self.read_fault: str | None = None
        """Why a segment could not be read when that was last tried."""
        self._clock = clock
        self._segment_bytes = segment_bytes
        self._bytes_max = bytes_max
        self._age_s_max = age_s_max
        self._shelf = Shelf(directory, gateway=gateway, epoch=epoch, keep_freed=keep_freed)
        self._queue = Queue(_WAITS_S)
        self._flight = Flight(clock.monotonic())
        self._topics: dict[str, bytes] = {}
        self._begun_s = clock.monotonic()

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        gateway: str,
        epoch: str,
        clock: Clock,
        segment_bytes: int = SEGMENT_BYTES,
        bytes_max: int | None = None,
        age_s_max: float | None = None,
        keep_freed: Path | None = None,
    ) -> "Journal":
        """Recover what earlier runs left and begin a segment. Raises StorageError when the folder cannot be written."""
        journal = cls(
            directory,
            gateway=gateway,
            epoch=epoch,
            clock=clock,
            segment_bytes=segment_bytes,
            bytes_max=bytes_max,
            age_s_max=age_s_max,
            keep_freed=keep_freed,
        )
        journal.damaged = journal._shelf.recover(now_ms=clock.now_ms())
        for segment in journal._shelf.segments:
            journal._queue.closed(segment)
        journal._shelf.begin(now_ms=clock.now_ms())
        journal._shelf.sync()
        return journal

    @property
    def next_offset(self) -> int:
        """Offset that the next payload gets."""
        return self._shelf.active.next_offset

    @property
    def depth(self) -> int:
        """Payloads that are not durable at the receiver."""
        return sum(segment.marks.left for segment in self._shelf.segments)

    @property
    def size(self) -> int:
        """Bytes held on the disk."""
        return sum(segment.size for segment in self._shelf.segments)

    @property
    def oldest_ms(self) -> int | None:
        """Model time since which payloads are waiting, to the segment; None when none is."""
        return next((held.header.created_ms for held in self._shelf.segments if held.marks.left), None)

    @property
    def credit(self) -> int:
        """Payloads that may be under way again at a time."""
        return self._flight.credit

    def append(
        self,
        topic: str,
        payload: bytes | Callable[[int], bytes],
        *,
        is_sent: bool = True,
        sync: bool = False,
    ) -> int:
        """Write one payload, or what the builder makes of its offset, and return the offset.

        `is_sent` says that it is published now; otherwise it is due at once. Raises StorageError when it could not be
        written: the offset is not used up, and the journal works again as soon as there is room.
        """
        active = self._shelf.active
        if active.size >= self._segment_bytes or not active.is_open:
            active = self._roll(active)
        offset = active.next_offset
        data = payload(offset) if callable(payload) else payload
        now_s = self._clock.monotonic()
        sent_s = now_s if is_sent else NEVER_SENT
        try:
            active.append(self._clock.now_ms(), self._encoded(topic), data, sent_s=sent_s)
            if sync:
                self._sync_or_take_back(active)
        except StorageError:
            self.is_full = True
            raise
        active.last_s = now_s
        active.next_due_s = min(active.next_due_s, sent_s + RECEIVED_WAIT_S)
        self.is_full = False
        return offset

    def left(self) -> Iterator[bytes]:
        """Yield what the run before left unacknowledged, oldest first, with some that was; for a start, which may read the disk."""
        for segment in self._shelf.segments[:-1]:
            if segment.header.packing != BLOCKS:
                with contextlib.suppress(OSError, StorageError):
                    for _, kept in runs_of_records(segment.path):
                        yield from (item.payload for item in kept)

    def received(self, epoch: str, ranges: Ranges) -> int:
        """Mark what the receiver has; return how many that changed. It gives credit for sending again."""
        return self._answered(epoch, ranges, RECEIVED)

    def durable(self, epoch: str, ranges: Ranges) -> int:
        """Mark what the receiver has for good, and free the segments that are wholly so; return how many changed."""
        return self._answered(epoch, ranges, DURABLE)

    def reconnected(self) -> None:
        """A new connection: the back-off begins anew."""
        self._flight.heard(self._clock.monotonic())

    def fetcher(self, now_s: float) -> Callable[[], None] | None:
        """Return what brings into memory what is due next, to be run in a thread; None: it is there, or nothing is due."""
        if self._flight.room(now_s) <= 0:
            return None
        for segment in self._queue.due(now_s, self._shelf.active):
            indexes = segment.marks.due(now_s, _WAITS_S, 1)
            if not indexes or segment.fault is not None:
                self._queue.rest(segment, until_s=self._fault_over_s(segment, now_s))
                continue
            offset = segment.header.first_offset + indexes[0]
            is_held = segment.chunk is not None and segment.chunk.holds(offset)
            return None if is_held else segment.fetcher(offset)
        return None

    def due(self, now_s: float, *, only_fetched: bool = False) -> Iterator[Entry]:
        """Yield what must be sent again at `now_s` (monotonic), oldest first, within the credit; counts it as sent.

        With `only_fetched` it reads no disk: it ends where `fetcher` has to bring more.
        """
        room = self._flight.room(now_s)
        for segment in self._queue.due(now_s, self._shelf.active):
            indexes = segment.marks.due(now_s, _WAITS_S, room)
            for index in indexes:
                offset = segment.header.first_offset + index
                if segment.is_gone or segment.marks.at(index) == DURABLE:
                    continue  # acknowledged while the one before was on its way
                if segment.chunk is None or not segment.chunk.holds(offset):
                    if only_fetched:
                        return
                    segment.fetcher(offset)()
                if segment.chunk is None or segment.fault is not None:
                    break
                record = segment.chunk.at(offset)
                if record is None:
                    self._give_up(segment, offset)
                    continue
                segment.marks.sent(index, now_s)
                self._flight.sent(segment.header.epoch, offset, now_s)
                room -= 1
                yield Entry(
                    epoch=segment.header.epoch,
                    offset=offset,
                    time_ms=record.time_ms,
                    topic=record.topic.decode(),
                    payload=record.payload,
                )
            if room <= 0:
                return
            self._queue.rest(segment, until_s=self._fault_over_s(segment, now_s))

    def sync(self) -> None:
        """Bring everything written to the disk. Raises StorageError."""
        self._shelf.sync()

    def syncer(self) -> Callable[[], None] | None:
        """Return what brings everything written so far to the disk, to be run in a thread; None: all is there.

        The returned function raises OSError. Raises StorageError when no descriptor is left.
        """
        return self._shelf.syncer()

    def packer(self) -> tuple[Path, Callable[[Path], Path | None]] | None:
        """Return a closed segment that is still held and what packs it in a thread; hand its result to `packed`."""
        ripe_s = self._clock.monotonic() - PACK_AFTER_S
        for segment in self._shelf.segments[:-1]:
            if segment.header.packing != BLOCKS and segment.closed_s <= ripe_s:
                return segment.path, pack
        return None

    def packed(self, path: Path, twin: Path | None) -> None:
        """Put the packed `twin` in the place of the segment at `path`, or drop it if that was freed meanwhile.

        None: it could not be packed, and is tried again later.
        """
        self._shelf.packed(path, twin, retry_s=self._clock.monotonic() + PACK_RETRY_S - PACK_AFTER_S)

    def trim(self) -> int:
        """Drop the oldest closed segments beyond the bounds of bytes and age; return how many payloads were lost."""
        lost, size = 0, self.size
        while len(self._shelf.segments) > 1:
            oldest = self._shelf.segments[0]
            is_heavy = self._bytes_max is not None and size > self._bytes_max
            is_old = self._age_s_max is not None and self._age_s(oldest) > self._age_s_max
            if not is_heavy and not is_old:
                break
            lost, size = lost + oldest.marks.left, size - oldest.size
            self._release(oldest)
        self.dropped += lost
        return lost

    def close(self) -> None:
        """Sync and close; a segment whose payloads are all durable is freed. Raises StorageError."""
        active = self._shelf.active
        self._shelf.detach(active, self._clock.monotonic())
        if active.marks.left == 0:
            self._release(active)
            if not self._shelf.segments:
                return
        self._shelf.sync()

    def _roll(self, active: Segment) -> Segment:
        """Begin the next segment; the present one goes on when that cannot be done and it is open."""
        try:
            successor = self._shelf.begin(now_ms=self._clock.now_ms())
        except StorageError:
            self.is_full = True
            if not active.is_open:
                raise
            return active  # a longer segment is better than a lost payload
        self._shelf.detach(active, self._clock.monotonic())
        if active.marks.left == 0:
            self._release(active)
        else:
            active.next_due_s = active.marks.next_due_s(_WAITS_S)
            active.marks.settle()
            self._queue.closed(active)
        return successor

    def _sync_or_take_back(self, active: Segment) -> None:
        try:
            self._shelf.sync()
        except StorageError:
            active.take_back()
            raise

    def _age_s(self, segment: Segment) -> float:
        """Return the model seconds since the last append, but no more than have passed on the monotonic clock.

        A machine without a battery starts years ago and is set right when the link is back: just then nothing is old.
        """
        since_s = self._clock.monotonic() - max(segment.last_s, self._begun_s)
        passed_s = segment.age_s + since_s * max(1.0, self._clock.speed)
        return min((self._clock.now_ms() - segment.last_ms) / 1000, passed_s)

    def _give_up(self, segment: Segment, offset: int) -> None:
        """Count a payload that the disk has damaged as lost, so that it holds up no other."""
        self.damaged += segment.lift(offset, offset, DURABLE)
        if segment.marks.left == 0 and not segment.is_open:
            self._release(segment)

    def _fault_over_s(self, segment: Segment, now_s: float) -> float | None:
        fault, segment.fault = segment.fault, None
        self.read_fault = None if fault is None else f"{segment.path}: {fault.strerror or fault}"
        return None if fault is None else now_s + FAULT_WAIT_S

    def _answered(self, epoch: str, ranges: Ranges, mark: int) -> int:
        changed = 0
        for segment, first, last in self._shelf.holding(epoch, ranges):
            changed += segment.lift(first, last, mark)
            if segment.marks.left == 0 and not segment.is_open and not segment.is_gone:
                self._release(segment)
        self._flight.answered(epoch, ranges, self._clock.monotonic())
        return changed

    def _encoded(self, topic: str) -> bytes:
        encoded = self._topics.get(topic)
        if encoded is None:
            if len(self._topics) >= 10_000:
                self._topics.clear()
            encoded = self._topics[topic] = topic.encode()
        return encoded

    def _release(self, segment: Segment) -> None:
        self._flight.forget(segment.header.epoch, segment.header.first_offset, segment.next_offset)
        self._shelf.release(segment)
