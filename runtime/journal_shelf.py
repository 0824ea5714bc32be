"""The segments of a journal on their disk: finds those of earlier runs, begins new ones, syncs them and lets them go."""

import contextlib
import os
from bisect import bisect_right
from collections.abc import Callable
from pathlib import Path
from shutil import move

from domain.errors import StorageError
from runtime.journal_format import BLOCKS, SUFFIX, Header
from runtime.journal_segment import Segment, sync_folder
from wire.messages import Ranges


class Shelf:
    """The segments of one journal, oldest first; the last takes what is appended."""

    def __init__(self, directory: Path, *, gateway: str, epoch: str, keep_freed: Path | None) -> None:
        """None as `keep_freed`: what is let go is deleted."""
        self.segments: list[Segment] = []
        self._directory = directory
        self._gateway = gateway
        self._epoch = epoch
        self._keep_freed = keep_freed
        self._of_epoch: dict[str, list[Segment]] = {}
        self._unsynced: list[int] = []
        """Descriptors of closed segments that are not on the disk yet."""
        self._is_folder_dirty = False

    @property
    def active(self) -> Segment:
        """The segment that takes what is appended."""
        return self.segments[-1]

    def recover(self, *, now_ms: int) -> int:
        """Take over what earlier runs left; return how many payloads are damaged. Raises StorageError."""
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            if self._keep_freed is not None:
                self._keep_freed.mkdir(parents=True, exist_ok=True)
            for rest in self._directory.glob("*.new"):
                rest.unlink()
            found = [self._recovered(path) for path in sorted(self._directory.glob(f"*{SUFFIX}"))]
        except OSError as error:
            message = f"{self._directory}: {error.strerror or error}"
            raise StorageError(message) from error
        for segment in _by_age([segment for segment, _ in found if segment is not None]):
            segment.age_s = max(0.0, (now_ms - segment.last_ms) / 1000)
            self._hold(segment)
        return sum(damaged for _, damaged in found)

    def begin(self, *, now_ms: int) -> Segment:
        """Begin the next segment of this run. Raises StorageError."""
        before = self._of_epoch.get(self._epoch)
        active = before[-1] if before else None
        header = Header(
            gateway=self._gateway,
            epoch=self._epoch,
            number=active.header.number + 1 if active else 0,
            first_offset=active.next_offset if active else 0,
            created_ms=now_ms,
        )
        segment = Segment.create(self._directory, header)
        self._is_folder_dirty = True
        self._hold(segment)
        return segment

    def detach(self, segment: Segment, now_s: float) -> None:
        """Have a segment take no more; it is synced with the next sync."""
        fd = segment.detach(now_s)
        if fd is not None:
            self._unsynced.append(fd)

    def holding(self, epoch: str, ranges: Ranges) -> list[tuple[Segment, int, int]]:
        """Return the segments that hold some of these offsets, with the range."""
        held = self._of_epoch.get(epoch, [])
        found: list[tuple[Segment, int, int]] = []
        for first, last in ranges:
            begin = max(bisect_right(held, first, key=_first_offset) - 1, 0)
            end = bisect_right(held, last, key=_first_offset)
            found += ((segment, first, last) for segment in held[begin:end])
        return found

    def syncer(self) -> Callable[[], None] | None:
        """Return what brings everything written so far to the disk, to be run in a thread; None: all is there.

        The returned function raises OSError. Raises StorageError when no descriptor is left.
        """
        active, fds = self.active, self._unsynced
        if active.is_dirty and active.is_open:
            fds = [*fds, active.duplicate_fd()]
        if not fds and not self._is_folder_dirty:
            return None
        folder = self._directory if self._is_folder_dirty else None
        self._unsynced, self._is_folder_dirty, active.is_dirty = [], False, False

        def sync() -> None:
            try:
                for fd in fds:
                    os.fdatasync(fd)
                if folder is not None:
                    sync_folder(folder)
            finally:
                for fd in fds:
                    os.close(fd)

        return sync

    def sync(self) -> None:
        """Bring everything to the disk, and wait for it. Raises StorageError."""
        job = self.syncer()
        try:
            if job is not None:
                job()
        except OSError as error:
            message = f"{self._directory}: {error.strerror or error}"
            raise StorageError(message) from error

    def packed(self, path: Path, twin: Path | None, *, retry_s: float) -> None:
        """Put the packed `twin` in the place of the segment at `path`, or drop it if that was let go meanwhile.

        None: the segment counts as closed at `retry_s` (monotonic).
        """
        segment = next((held for held in self.segments if held.path == path), None)
        with contextlib.suppress(OSError):
            if segment is not None and twin is not None:
                segment.packed(twin)
                self._is_folder_dirty = True
            elif segment is not None:
                segment.closed_s = retry_s
            elif twin is not None:
                twin.unlink(missing_ok=True)

    def release(self, segment: Segment) -> None:
        """Let a segment go: it is deleted, or moved to where freed ones are kept."""
        segment.is_gone, segment.chunk = True, None
        self.segments.remove(segment)
        self._of_epoch[segment.header.epoch].remove(segment)
        # A file that cannot be let go stays where it is, and the next start finds and resends it: twice is harmless.
        with contextlib.suppress(OSError):
            if self._keep_freed is not None and segment.marks.count:
                move(segment.path, self._keep_freed / segment.path.name)
                sync_folder(self._keep_freed)
            else:
                segment.path.unlink(missing_ok=True)

    def _hold(self, segment: Segment) -> None:
        self.segments.append(segment)
        self._of_epoch.setdefault(segment.header.epoch, []).append(segment)

    def _recovered(self, path: Path) -> tuple[Segment | None, int]:
        try:
            segment, damaged = Segment.recover(path)
        except StorageError:
            # Cut off while it was begun, or damaged: nothing in it can be read, and a person may still want to look.
            path.rename(path.with_suffix(".damaged"))
            return None, 0
        if segment.header.gateway != self._gateway:
            message = f"{path}: this journal belongs to the gateway {segment.header.gateway}"
            raise StorageError(message)
        if segment.marks.left:
            return segment, damaged
        if segment.header.packing == BLOCKS:
            path.rename(path.with_suffix(".damaged"))
        else:
            path.unlink(missing_ok=True)
        return None, damaged


def _first_offset(segment: Segment) -> int:
    return segment.header.first_offset


def _by_age(segments: list[Segment]) -> list[Segment]:
    """Return the oldest epoch first and, whatever the clock did meanwhile, its segments by their numbers."""
    begun: dict[str, int] = {}
    for segment in segments:
        header = segment.header
        begun[header.epoch] = min(header.created_ms, begun.get(header.epoch, header.created_ms))
    return sorted(segments, key=lambda held: (begun[held.header.epoch], held.path.name))
