"""One segment of a journal: its file, and what is known in memory of each payload in it; decides nothing about resending."""

import os
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from domain.errors import StorageError
from runtime.journal_format import (
    DEFLATED,
    STORED,
    Entry,
    Header,
    pack_header,
    pack_record,
    region_of,
    scan,
    segment_name,
    unpack_header,
)

PENDING, RECEIVED, DURABLE = 0, 1, 2
"""Marks of a payload: nothing heard, the receiver has it, the receiver has it for good."""

NEVER_SENT = float("-inf")


class Segment:
    """A segment on disk. Offsets are consecutive, so that an array index is offset − first."""

    def __init__(self, path: Path, header: Header, *, start: int, fd: int | None) -> None:
        self.path = path
        self.header = header
        self.marks = bytearray()
        self.sent_s = array("d")
        """Monotonic seconds when each was last sent."""
        self.left = 0
        """Payloads not durable yet."""
        self.resume = 0
        """Every payload before this index is durable."""
        self.last_ms = header.created_ms
        self.is_dirty = False
        self._start = start
        self._positions = array("Q")
        self._size = 0
        """Bytes of the record region before packing."""
        self._fd = fd

    @classmethod
    def create(cls, folder: Path, header: Header) -> "Segment":
        """Begin a segment in `folder`. Raises StorageError when nothing can be written there."""
        path = folder / segment_name(header.epoch, header.number)
        packed = pack_header(header)
        fd = None
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
            _write_all(fd, packed)
            os.fdatasync(fd)
            sync_folder(folder)
        except OSError as error:
            if fd is not None:
                os.close(fd)
                path.unlink(missing_ok=True)
            raise _failed(path, error) from error
        return cls(path, header, start=len(packed), fd=fd)

    @classmethod
    def recover(cls, path: Path) -> "Segment":
        """Read a segment left by an earlier run and cut off its torn tail. Raises StorageError when it has no header."""
        try:
            data = path.read_bytes()
            header, start = unpack_header(data)
            _, region = region_of(data)
            segment = cls(path, header, start=start, fd=None)
            for found in scan(region, header.first_offset):
                segment._note(found.position, found.end, found.time_ms, NEVER_SENT)
            if header.packing == STORED and segment._size < len(region):
                os.truncate(path, start + segment._size)
        except OSError as error:
            raise _failed(path, error) from error
        return segment

    @property
    def count(self) -> int:
        """Payloads in it."""
        return len(self.marks)

    @property
    def next_offset(self) -> int:
        """Offset after its last."""
        return self.header.first_offset + self.count

    @property
    def is_open(self) -> bool:
        """Whether it still takes payloads."""
        return self._fd is not None

    @property
    def size(self) -> int:
        """Bytes written, before packing."""
        return self._start + self._size

    def append(self, time_ms: int, topic: str, payload: bytes, *, sent_s: float) -> int:
        """Write one payload and return its offset. Raises StorageError; the file is then as it was before."""
        assert self._fd is not None
        offset = self.next_offset
        data = pack_record(offset, time_ms, topic.encode(), payload)
        try:
            _write_all(self._fd, data)
        except OSError as error:
            # A shorter file always fits: what was written of the record is taken back.
            os.ftruncate(self._fd, self.size)
            os.lseek(self._fd, self.size, os.SEEK_SET)
            raise _failed(self.path, error) from error
        self.is_dirty = True
        self._note(self._size, self._size + len(data), time_ms, sent_s)
        return offset

    def take_back(self) -> None:
        """Undo the last append, which could not be synced."""
        assert self._fd is not None
        self._size = self._positions.pop()
        self.marks.pop()
        self.sent_s.pop()
        self.left -= 1
        os.ftruncate(self._fd, self.size)
        os.lseek(self._fd, self.size, os.SEEK_SET)

    def entries(self, wanted: list[int]) -> Iterator[Entry | int]:
        """Yield the payloads at the ascending indexes `wanted`; of a damaged one its index.

        Raises StorageError when the file cannot be read.
        """
        if not wanted:
            return
        try:
            region = self._region(wanted)
        except OSError as error:
            raise _failed(self.path, error) from error
        base = 0 if len(region) == self._size else self._positions[wanted[0]]
        for index in wanted:
            found = next(
                scan(region, self.header.first_offset + index, self._positions[index] - base),
                None,
            )
            if found is None:
                yield index
                continue
            yield Entry(
                epoch=self.header.epoch,
                offset=found.offset,
                time_ms=found.time_ms,
                topic=found.topic.decode(),
                payload=found.payload,
            )

    def mark(self, first: int, last: int, mark: int) -> int:
        """Raise the mark of the offsets first..last that lie here; return how many changed."""
        begin = max(first - self.header.first_offset, 0)
        end = min(last - self.header.first_offset + 1, self.count)
        changed = 0
        for index in range(begin, end):
            if self.marks[index] < mark:
                self.marks[index] = mark
                changed += 1
        if mark == DURABLE:
            self.left -= changed
            while self.resume < self.count and self.marks[self.resume] == DURABLE:
                self.resume += 1
        return changed

    def close(self) -> None:
        """Sync it and take no more. Raises StorageError when the sync fails; it is closed all the same."""
        fd, self._fd = self._fd, None
        if fd is None:
            return
        try:
            os.fdatasync(fd)
            self.is_dirty = False
        except OSError as error:
            raise _failed(self.path, error) from error
        finally:
            os.close(fd)

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

    def _note(self, position: int, end: int, time_ms: int, sent_s: float) -> None:
        self._positions.append(position)
        self.marks.append(PENDING)
        self.sent_s.append(sent_s)
        self.left += 1
        self._size = end
        self.last_ms = max(self.last_ms, time_ms)

    def _region(self, wanted: list[int]) -> bytes:
        with self.path.open("rb") as file:
            header, start = unpack_header(file.read(self._start))
            if header.packing == DEFLATED:
                return zlib.decompress(file.read())
            position = self._positions[wanted[0]]
            last = wanted[-1] + 1
            end = self._positions[last] if last < self.count else self._size
            file.seek(start + position)
            return file.read(end - position)


def deflate(path: Path) -> Path | None:
    """Write a packed twin of the closed segment at `path` beside it; None when that cannot be done (a full disk)."""
    twin = path.with_suffix(".new")
    try:
        header, region = region_of(path.read_bytes())
        if header.packing == DEFLATED:
            return None
        with twin.open("wb") as file:
            file.write(pack_header(replace(header, packing=DEFLATED)) + zlib.compress(region, 1))
            file.flush()
            os.fdatasync(file.fileno())
    except (OSError, StorageError):
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


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _failed(path: Path, error: OSError) -> StorageError:
    return StorageError(f"{path}: {error.strerror or error}")
