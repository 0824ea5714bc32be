"""One segment of a journal: its file, its marks, and the part of it that is in memory; decides nothing about resending."""

import contextlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from domain.errors import StorageError
from runtime.journal_format import (
    BLOCKS,
    HEADER_BYTES_MAX,
    Header,
    pack_block,
    pack_header,
    record_head,
    segment_name,
    unpack_block,
    unpack_header,
)
from runtime.journal_marks import DURABLE, Marks
from runtime.journal_reading import Chunk, read_chunk, runs_of_records, survey
from wire.journal_planes import Kept


class Segment:
    """A segment on disk. Offsets are consecutive, so that an index is offset − first."""

    def __init__(self, path: Path, header: Header, *, size: int, fd: int | None) -> None:
        self.path = path
        self.header = header
        self.marks = Marks()
        self.size = size
        """Bytes on the disk."""
        self.last_ms = header.created_ms
        """Model time of the latest append."""
        self.closed_s = float("-inf")
        """Monotonic seconds when it was closed."""
        self.last_s = float("-inf")
        """Monotonic seconds of the latest append in this run."""
        self.age_s = 0.0
        """Model seconds between its last append and being taken over from an earlier run."""
        self.next_due_s = float("-inf")
        """Nothing in it is due before: a lower bound."""
        self.chunk: Chunk | None = None
        """What of it is in memory."""
        self.fault: OSError | None = None
        """Why it could not be read when that was last tried."""
        self.is_gone = False
        self.is_dirty = False
        self._fd = fd
        self._before = size
        """Size before the last append."""

    @classmethod
    def create(cls, folder: Path, header: Header) -> "Segment":
        """Begin a segment in `folder`; nothing is synced. Raises StorageError when nothing can be written there."""
        path = folder / segment_name(header.epoch, header.number)
        packed = pack_header(header)
        fd = None
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o640)
            _write_all(fd, packed)
        except OSError as error:
            if fd is not None:
                os.close(fd)
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
            raise _failed(path, error) from error
        made = cls(path, header, size=len(packed), fd=fd)
        made.is_dirty = True
        return made

    @classmethod
    def recover(cls, path: Path) -> "tuple[Segment, int]":
        """Take over a segment left by an earlier run and cut off its torn tail; return it and how many payloads are damaged.

        Raises StorageError when nothing in it can be read.
        """
        try:
            found = survey(path)
            if found.end < found.bytes:
                os.truncate(path, found.end)
        except OSError as error:
            raise _failed(path, error) from error
        segment = cls(path, found.header, size=found.end, fd=None)
        segment.last_ms = found.last_ms
        first, damaged = found.header.first_offset, 0
        segment.marks = Marks(found.after - first)
        expected = first
        for begin, after in (*found.runs, (found.after, found.after)):
            damaged += segment.marks.lift(expected - first, begin - first, DURABLE)
            expected = after
        return segment, damaged

    @property
    def next_offset(self) -> int:
        """Offset after its last."""
        return self.header.first_offset + self.marks.count

    @property
    def is_open(self) -> bool:
        """Whether it still takes payloads."""
        return self._fd is not None

    def append(self, time_ms: int, topic: bytes, payload: bytes, *, sent_s: float) -> int:
        """Write one payload and return its offset. Raises StorageError; the file is then as it was before."""
        assert self._fd is not None
        offset = self.header.first_offset + self.marks.count
        head = record_head(offset, time_ms, topic, payload)
        length = len(head) + len(topic) + len(payload)
        try:
            written = os.writev(self._fd, (head, topic, payload))
            if written != length:
                _write_all(self._fd, (head + topic + payload)[written:])
        except OSError as error:
            # A shorter file always fits: what was written of the record is taken back.
            os.ftruncate(self._fd, self.size)
            raise _failed(self.path, error) from error
        self.is_dirty = True
        self._before = self.size
        self.size += length
        self.marks.append(sent_s)
        self.last_ms = max(self.last_ms, time_ms)
        return offset

    def take_back(self) -> None:
        """Undo the last append, which could not be synced."""
        assert self._fd is not None
        self.marks.pop()
        self.size = self._before
        os.ftruncate(self._fd, self.size)

    def lift(self, first: int, last: int, mark: int) -> int:
        """Raise the mark of the offsets first … last that lie here; return how many changed."""
        base = self.header.first_offset
        return self.marks.lift(first - base, last - base + 1, mark)

    def fetcher(self, offset: int) -> Callable[[], None]:
        """Return what brings the payload at `offset`, and what lies behind it, into memory; it may run in a thread."""
        path, after = self.path, self.next_offset

        def fetch() -> None:
            try:
                self.chunk = read_chunk(path, offset, after=after)
            except OSError as error:
                self.fault = error

        return fetch

    def detach(self, now_s: float) -> int | None:
        """Take no more payloads; return the descriptor, which the caller syncs and closes."""
        fd, self._fd = self._fd, None
        self.closed_s = now_s
        self.is_dirty = False
        return fd

    def duplicate_fd(self) -> int:
        """Return a descriptor of its own for a sync in another thread. Raises StorageError."""
        assert self._fd is not None
        try:
            return os.dup(self._fd)
        except OSError as error:
            raise _failed(self.path, error) from error

    def sync(self) -> None:
        """Bring it to the disk. Raises StorageError."""
        assert self._fd is not None
        try:
            os.fdatasync(self._fd)
        except OSError as error:
            raise _failed(self.path, error) from error
        self.is_dirty = False

    def packed(self, twin: Path) -> None:
        """Put the packed `twin` in the place of the file. Raises OSError."""
        size = twin.stat().st_size
        twin.replace(self.path)
        self.size = size
        self.header = replace(self.header, packing=BLOCKS)


def pack(path: Path) -> Path | None:
    """Write a packed twin of the closed segment at `path` beside it; None when that cannot be done (a full disk)."""
    twin = path.with_suffix(".new")
    try:
        with path.open("rb") as source:
            header, _ = unpack_header(source.read(HEADER_BYTES_MAX))
        if header.packing == BLOCKS:
            return None
        after = survey(path).after
        with twin.open("wb") as file:
            file.write(pack_header(replace(header, packing=BLOCKS)))
            for first, records in runs_of_records(path):
                block = pack_block(first, records, after=after)
                _check(block, records)
                file.write(block)
            file.flush()
            os.fdatasync(file.fileno())
    except (OSError, StorageError):
        with contextlib.suppress(OSError):
            twin.unlink(missing_ok=True)
        return None
    return twin


def sync_folder(folder: Path) -> None:
    """Bring the folder's list of names to the disk. Raises OSError."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _check(block: bytes, records: list[Kept]) -> None:
    """Raise StorageError unless `block` gives `records` back bit for bit: then the segment stays as it is."""
    if unpack_block(block) != records:
        message = "a block would not be restored"
        raise StorageError(message)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _failed(path: Path, error: OSError) -> StorageError:
    return StorageError(f"{path}: {error.strerror or error}")
