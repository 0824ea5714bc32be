"""Keeps payloads on disk from before they are published until the receiver has them for good, and says which to send again.

The format is docs/protocols/journal.md. It sends nothing itself and knows no topics of acknowledgements.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from shutil import move

from domain.errors import StorageError
from runtime.clock import Clock
from runtime.journal_format import SUFFIX, Entry, Header
from runtime.journal_segment import DURABLE, NEVER_SENT, RECEIVED, Segment, deflate, sync_folder
from wire.messages import Ranges

RECEIVED_WAIT_S = 5.0
"""Wall seconds: what is not received by then goes again."""
DURABLE_WAIT_S = 60.0
"""Wall seconds: what is received and not durable by then goes again."""
WAIT_S_MAX = 600.0
"""Wall seconds: ceiling of the back-off."""
CREDIT_MAX = 512
"""Resent payloads that may be under way unacknowledged; the credit falls to 1 when nothing answers."""
SEGMENT_BYTES = 4_000_000
"""A new segment is begun beyond it, so that freeing goes in steps of seconds to minutes."""


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
        self.is_full = False
        """Whether the last write failed."""
        self._directory = directory
        self._gateway = gateway
        self._clock = clock
        self._segment_bytes = segment_bytes
        self._bytes_max = bytes_max
        self._age_s_max = age_s_max
        self._keep_freed = keep_freed
        self._segments: list[Segment] = []
        self._credit = 1
        self._level = 0
        """Doublings of the waits since something was last heard."""
        self._level_s = clock.monotonic()
        self._under_way: dict[tuple[str, int], float] = {}

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
        try:
            directory.mkdir(parents=True, exist_ok=True)
            if keep_freed is not None:
                keep_freed.mkdir(parents=True, exist_ok=True)
            left = sorted(directory.glob(f"*{SUFFIX}"))
            for rest in directory.glob("*.new"):
                rest.unlink()
        except OSError as error:
            message = f"{directory}: {error.strerror or error}"
            raise StorageError(message) from error
        for path in left:
            journal._recover(path)
        journal._segments.sort(key=lambda held: (held.header.created_ms, held.path.name))
        journal._segments.append(journal._begin(number=0, first_offset=0))
        return journal

    @property
    def next_offset(self) -> int:
        """Offset that the next payload gets."""
        return self._segments[-1].next_offset

    @property
    def depth(self) -> int:
        """Payloads that are not durable at the receiver."""
        return sum(segment.left for segment in self._segments)

    @property
    def size(self) -> int:
        """Bytes held, before packing."""
        return sum(segment.size for segment in self._segments)

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
        self._roll()
        active = self._segments[-1]
        offset = active.next_offset
        data = payload if isinstance(payload, bytes) else payload(offset)
        sent_s = self._clock.monotonic() if is_sent else NEVER_SENT
        try:
            active.append(self._clock.now_ms(), topic, data, sent_s=sent_s)
            if sync:
                self._sync_or_take_back(active)
        except StorageError:
            self.is_full = True
            raise
        self.is_full = False
        return offset

    def received(self, epoch: str, ranges: Ranges) -> int:
        """Mark what the receiver has; return how many that changed. It gives credit for sending again."""
        changed = self._mark(epoch, ranges, RECEIVED)
        for key in [key for key in self._under_way if key[0] == epoch and _within(key[1], ranges)]:
            del self._under_way[key]
        self._credit = min(CREDIT_MAX, self._credit + changed)
        self._heard()
        return changed

    def durable(self, epoch: str, ranges: Ranges) -> int:
        """Mark what the receiver has for good, and free the segments that are wholly so; return how many changed."""
        changed = self._mark(epoch, ranges, DURABLE)
        for key in [key for key in self._under_way if key[0] == epoch and _within(key[1], ranges)]:
            del self._under_way[key]
        self._heard()
        for segment in [
            s for s in self._segments if s.header.epoch == epoch and s.left == 0 and not s.is_open
        ]:
            self._release(segment)
        return changed

    def reconnected(self) -> None:
        """A new connection: the back-off begins anew."""
        self._heard()

    def due(self, now_s: float) -> Iterator[Entry]:
        """Yield what must be sent again at `now_s` (monotonic), oldest first, within the credit; counts it as sent."""
        factor = self._back_off(now_s)
        room = self._credit - len(self._under_way)
        for segment in list(self._segments):
            if room <= 0:
                return
            indexes = self._due_in(segment, now_s, factor, room)
            for entry in segment.entries(indexes):
                if isinstance(entry, int):
                    self._give_up(segment, entry)
                    continue
                segment.sent_s[entry.offset - segment.header.first_offset] = now_s
                self._under_way[entry.epoch, entry.offset] = now_s
                room -= 1
                yield entry

    def sync(self) -> None:
        """Bring everything written to the disk. Raises StorageError."""
        if self._segments[-1].is_dirty:
            self._segments[-1].sync()

    def syncer(self) -> Callable[[], None] | None:
        """Return what brings everything written so far to the disk, to be run in a thread; None: all is there.

        The returned function raises OSError. Raises StorageError when no descriptor is left.
        """
        active = self._segments[-1]
        if not active.is_dirty:
            return None
        fd = active.duplicate_fd()
        active.is_dirty = False

        def sync() -> None:
            try:
                os.fdatasync(fd)
            finally:
                os.close(fd)

        return sync

    def packer(self) -> tuple[Path, Callable[[Path], Path | None]] | None:
        """Return a closed segment that is still held and what packs it in a thread; hand its result to `packed`."""
        for segment in self._segments[:-1]:
            if segment.header.packing == 0 and segment.count:
                return segment.path, deflate
        return None

    def packed(self, path: Path, twin: Path | None) -> None:
        """Put the packed `twin` in the place of the segment at `path`, or drop it if that was freed meanwhile."""
        for segment in self._segments:
            if segment.path == path:
                segment.header = replace(segment.header, packing=1)
                if twin is not None:
                    twin.replace(path)
                return
        if twin is not None:
            twin.unlink(missing_ok=True)

    def trim(self) -> int:
        """Drop the oldest closed segments beyond the bounds of bytes and age; return how many payloads were lost."""
        lost = 0
        while len(self._segments) > 1 and self._is_beyond(self._segments[0]):
            lost += self._segments[0].left
            self._release(self._segments[0])
        self.dropped += lost
        return lost

    def close(self) -> None:
        """Sync and close; a segment whose payloads are all durable is freed. Raises StorageError."""
        active = self._segments[-1]
        active.close()
        if active.left == 0:
            self._release(active)

    def _roll(self) -> None:
        active = self._segments[-1]
        if active.size < self._segment_bytes and active.is_open:
            return
        try:
            successor = self._begin(number=active.header.number + 1, first_offset=active.next_offset)
            active.close()
        except StorageError:
            self.is_full = True
            if not active.is_open:
                raise
            return  # a longer segment is better than a lost payload
        self._segments.append(successor)
        if active.left == 0:
            self._release(active)

    @staticmethod
    def _sync_or_take_back(active: Segment) -> None:
        try:
            active.sync()
        except StorageError:
            active.take_back()
            raise

    def _give_up(self, segment: Segment, index: int) -> None:
        """Count a payload that the disk has damaged as lost, so that it holds up no other."""
        offset = segment.header.first_offset + index
        segment.mark(offset, offset, DURABLE)
        self.dropped += 1

    def _begin(self, *, number: int, first_offset: int) -> Segment:
        header = Header(
            gateway=self._gateway,
            epoch=self.epoch,
            number=number,
            first_offset=first_offset,
            created_ms=self._clock.now_ms(),
        )
        return Segment.create(self._directory, header)

    def _recover(self, path: Path) -> None:
        try:
            segment = Segment.recover(path)
        except StorageError:
            # Cut off while it was begun, or damaged: nothing in it can be read, and a person may still want to look.
            path.rename(path.with_suffix(".damaged"))
            return
        if segment.header.gateway != self._gateway:
            message = f"{path}: this journal belongs to the gateway {segment.header.gateway}"
            raise StorageError(message)
        if segment.count:
            self._segments.append(segment)
        else:
            path.unlink(missing_ok=True)

    def _mark(self, epoch: str, ranges: Ranges, mark: int) -> int:
        return sum(
            segment.mark(first, last, mark)
            for segment in self._segments
            if segment.header.epoch == epoch
            for first, last in ranges
        )

    def _heard(self) -> None:
        self._level, self._level_s = 0, self._clock.monotonic()

    def _back_off(self, now_s: float) -> float:
        """Double the waits when what was resent is still unanswered after its wait, and take the credit back to one."""
        wait_s = min(RECEIVED_WAIT_S * 2**self._level, WAIT_S_MAX)
        lost = [key for key, sent_s in self._under_way.items() if now_s - sent_s >= wait_s]
        if lost:
            for key in lost:
                del self._under_way[key]
            self._credit = 1
            if now_s - self._level_s >= wait_s and wait_s < WAIT_S_MAX:
                self._level, self._level_s = self._level + 1, now_s
        return 2.0**self._level

    def _due_in(self, segment: Segment, now_s: float, factor: float, room: int) -> list[int]:
        waits = (min(RECEIVED_WAIT_S * factor, WAIT_S_MAX), min(DURABLE_WAIT_S * factor, WAIT_S_MAX))
        found: list[int] = []
        if segment.left == 0:
            return found
        marks, sent_s = segment.marks, segment.sent_s
        for index in range(segment.resume, segment.count):
            mark = marks[index]
            if mark != DURABLE and now_s - sent_s[index] >= waits[mark]:
                found.append(index)
                if len(found) == room:
                    break
        return found

    def _is_beyond(self, segment: Segment) -> bool:
        is_heavy = self._bytes_max is not None and self.size > self._bytes_max
        age_s = (self._clock.now_ms() - segment.last_ms) / 1000
        return is_heavy or (self._age_s_max is not None and age_s > self._age_s_max)

    def _release(self, segment: Segment) -> None:
        self._segments.remove(segment)
        self._under_way = {
            key: sent
            for key, sent in self._under_way.items()
            if key[0] != segment.header.epoch
            or not segment.header.first_offset <= key[1] < segment.next_offset
        }
        try:
            if self._keep_freed is not None and segment.count:
                move(segment.path, self._keep_freed / segment.path.name)
                sync_folder(self._keep_freed)
            else:
                segment.path.unlink(missing_ok=True)
        except OSError:
            # The file stays where it is, and the next start finds and resends it: twice is harmless.
            self.is_full = True


def _within(offset: int, ranges: Ranges) -> bool:
    return any(first <= offset <= last for first, last in ranges)
