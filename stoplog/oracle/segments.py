"""Reads journal segments as docs/protocols/journal.md describes them; shares no code with the journal's writer."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from domain.errors import RemoteProtocolError
from stoplog.oracle.blocks import unarranged

_HEADER = struct.Struct("<8sHBBI16sQqH")
_RECORD = struct.Struct("<QqIHHI")
_BLOCK = struct.Struct("<4sIIIQQqII")
_MAGIC = b"STOPLOGJ"
_BLOCK_MAGIC = b"SLJB"
_PAYLOAD_BYTES_MAX = 4_000_000
_SKIP_MAX = 64
_INFLATED_BYTES_MAX = 16_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One record of a segment with a valid checksum."""

    gateway: str
    epoch: str
    offset: int
    appended_ms: int
    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Payloads of a packed block with a right checksum, not restored."""

    first_offset: int
    count: int
    last_ms: int
    """Latest time of an append."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """Something that should be a record and is none."""

    offsets: tuple[int, int] | None
    """First and last offset that are damaged; None: the torn tail, of which nobody knows how many there were."""
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What a segment says of itself."""

    gateway: str
    epoch: str
    number: int
    first_offset: int
    created_ms: int
    version: int
    packing: int
    length: int
    """Bytes of the header."""


def segments(folder: Path) -> list[Path]:
    """Return the segment files directly in `folder`, by name; none when there is no such folder."""
    return sorted(folder.glob("*.journal"))


def read_segment(path: Path) -> Iterator[Entry]:
    """Yield the entries of one segment that are whole.

    Raises RemoteProtocolError when the header is no header of a segment.
    """
    _, found = walk(path)
    for item in found:
        match item:
            case Entry():
                yield item
            case Run() | Flaw():
                pass


def walk(path: Path, *, in_runs: bool = False) -> tuple[Head, Iterator[Entry | Run | Flaw]]:
    """Return the head of a segment, and its entries and flaws in their order.

    With `in_runs` the payloads of packed blocks are counted and not restored: a day's journal in seconds, not minutes.
    Raises RemoteProtocolError when the header is no header of a segment.
    """
    data = path.read_bytes()
    head = _head(path, data)
    body = data[head.length :]
    if head.packing == 2:
        return head, _blocks(head, body, in_runs=in_runs)
    if head.packing == 1:
        try:
            body = zlib.decompress(body)
        except zlib.error as error:
            raise RemoteProtocolError(f"{path}: does not inflate: {error}") from error
    return head, _records(head, body)


def _records(head: Head, body: bytes) -> Iterator[Entry | Flaw]:
    position, expected = 0, head.first_offset
    while position < len(body):
        entry, end = _record(head, body, position)
        if entry is None or entry.offset != expected:
            start = _resumption(head, body, position, expected)
            if start is None:
                yield Flaw(offsets=None, bytes=len(body) - position)
                return
            entry, end = _record(head, body, start)
            assert entry is not None
            yield Flaw(offsets=(expected, entry.offset - 1), bytes=start - position)
        yield entry
        position, expected = end, entry.offset + 1


def _record(head: Head, body: bytes, position: int) -> tuple[Entry | None, int]:
    fixed = body[position : position + _RECORD.size]
    if len(fixed) < _RECORD.size:
        return None, position
    offset, appended_ms, length, flags, topic_length, checksum = _RECORD.unpack(fixed)
    end = position + _RECORD.size + topic_length + length
    rest = body[position + _RECORD.size : end]
    is_whole = end <= len(body) and length <= _PAYLOAD_BYTES_MAX and flags == 0
    if not is_whole or zlib.crc32(rest, zlib.crc32(fixed[:24])) != checksum:
        return None, position
    return _entry(head, offset, appended_ms, rest[:topic_length], rest[topic_length:]), end


def _resumption(head: Head, body: bytes, position: int, expected: int) -> int | None:
    """Return where the next whole record begins behind a damaged one."""
    for offset in range(expected + 1, expected + 1 + _SKIP_MAX):
        start = body.find(offset.to_bytes(8, "little"), position + 1)
        while start >= 0:
            if _record(head, body, start)[0] is not None:
                return start
            start = body.find(offset.to_bytes(8, "little"), start + 1)
    return None


def _blocks(head: Head, body: bytes, *, in_runs: bool) -> Iterator[Entry | Run | Flaw]:
    position, expected, after = 0, head.first_offset, head.first_offset
    while position >= 0:
        fixed = body[position : position + _BLOCK.size]
        if len(fixed) < _BLOCK.size or zlib.crc32(fixed[:-4]) != int.from_bytes(fixed[-4:], "little"):
            position = body.find(_BLOCK_MAGIC, position + 1)
            continue
        _, packed, inflated, count, first, after, last_ms, checksum, _ = _BLOCK.unpack(fixed)
        if first > expected:
            yield Flaw(offsets=(expected, first - 1), bytes=0)
        end = position + _BLOCK.size + packed
        squeezed = body[position + _BLOCK.size : end]
        expected = first + count
        if zlib.crc32(squeezed) != checksum or inflated > _INFLATED_BYTES_MAX:
            yield Flaw(offsets=(first, expected - 1), bytes=packed)
        elif in_runs:
            yield Run(first_offset=first, count=count, last_ms=last_ms)
        else:
            for offset, (at_ms, topic, payload) in enumerate(unarranged(zlib.decompress(squeezed)), first):
                yield _entry(head, offset, at_ms, topic, payload)
        position = body.find(_BLOCK_MAGIC, end)
    if after > expected:
        yield Flaw(offsets=(expected, after - 1), bytes=0)


def _entry(head: Head, offset: int, appended_ms: int, topic: bytes, payload: bytes) -> Entry:
    return Entry(
        gateway=head.gateway,
        epoch=head.epoch,
        offset=offset,
        appended_ms=appended_ms,
        topic=topic.decode(),
        payload=payload,
    )


def _head(path: Path, data: bytes) -> Head:
    if len(data) < _HEADER.size:
        raise RemoteProtocolError(f"{path}: too short for a segment")
    magic, version, packing, _, number, epoch, first, created_ms, name_length = _HEADER.unpack_from(data)
    end = _HEADER.size + name_length
    if magic != _MAGIC or (version, packing) not in {(1, 0), (1, 1), (2, 2)} or len(data) < end + 4:
        raise RemoteProtocolError(f"{path}: not a journal segment of format 1 or 2")
    if zlib.crc32(data[:end]) != int.from_bytes(data[end : end + 4], "little"):
        raise RemoteProtocolError(f"{path}: the header's checksum is wrong")
    return Head(
        gateway=data[_HEADER.size : end].decode(),
        epoch=epoch.hex(),
        number=number,
        first_offset=first,
        created_ms=created_ms,
        version=version,
        packing=packing,
        length=end + 4,
    )
