"""The bytes of a journal segment (docs/protocols/journal.md): packs and reads them, opens no file."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from domain.errors import StorageError

MAGIC = b"STOPLOGJ"
VERSION = 1
SUFFIX = ".journal"

STORED = 0
"""The records lie behind the header as they are."""
DEFLATED = 1
"""The records lie behind the header as one zlib stream."""

PAYLOAD_BYTES_MAX = 4_000_000
"""A longer payload is a bug of the writer; a reader takes a greater length for a torn record."""

_HEADER = struct.Struct("<8sHBBI16sQqH")
_CRC = struct.Struct("<I")
_RECORD = struct.Struct("<QqIHHI")
_CHECKED = struct.Struct("<QqIHH")


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a segment says of itself."""

    gateway: str
    epoch: str
    """32 lower-case hexadecimal digits."""
    number: int
    """Counts the segments of one epoch from 0."""
    first_offset: int
    """Offset of its first record; offsets in a segment are consecutive."""
    created_ms: int
    """Model time."""
    packing: int = STORED


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One payload as it was journalled; its name is (gateway, epoch, offset)."""

    epoch: str
    offset: int
    time_ms: int
    """Model time of the append."""
    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Found:
    """Where a whole record lies in the record region."""

    position: int
    end: int
    offset: int
    time_ms: int
    topic: bytes
    payload: bytes


def segment_name(epoch: str, number: int) -> str:
    """Return the file name of a segment."""
    return f"{epoch}-{number:08d}{SUFFIX}"


def pack_header(header: Header) -> bytes:
    """Return the header's bytes."""
    gateway = header.gateway.encode()
    fixed = _HEADER.pack(
        MAGIC,
        VERSION,
        header.packing,
        0,
        header.number,
        bytes.fromhex(header.epoch),
        header.first_offset,
        header.created_ms,
        len(gateway),
    )
    return fixed + gateway + _CRC.pack(zlib.crc32(fixed + gateway))


def unpack_header(data: bytes) -> tuple[Header, int]:
    """Return the header at the start of `data` and its length.

    Raises StorageError when it is torn, damaged or of another format.
    """
    if len(data) < _HEADER.size or not data.startswith(MAGIC):
        message = "not a journal segment"
        raise StorageError(message)
    _, version, packing, _, number, epoch, first, created_ms, length = _HEADER.unpack_from(data)
    end = _HEADER.size + length
    if version != VERSION or packing not in {STORED, DEFLATED}:
        message = f"journal format {version}.{packing} is not known"
        raise StorageError(message)
    if len(data) < end + _CRC.size or _CRC.unpack_from(data, end)[0] != zlib.crc32(data[:end]):
        message = "the header of the segment is damaged"
        raise StorageError(message)
    header = Header(
        gateway=data[_HEADER.size : end].decode(),
        epoch=epoch.hex(),
        number=number,
        first_offset=first,
        created_ms=created_ms,
        packing=packing,
    )
    return header, end + _CRC.size


def pack_record(offset: int, time_ms: int, topic: bytes, payload: bytes) -> bytes:
    """Return the bytes of one record."""
    assert len(payload) <= PAYLOAD_BYTES_MAX
    checked = _CHECKED.pack(offset, time_ms, len(payload), 0, len(topic))
    crc = zlib.crc32(payload, zlib.crc32(topic, zlib.crc32(checked)))
    return checked + _CRC.pack(crc) + topic + payload


def scan(region: bytes, first_offset: int, start: int = 0) -> Iterator[Found]:
    """Yield the whole records of a region in order; stop silently at the first that is torn or damaged."""
    expected = first_offset
    while start + _RECORD.size <= len(region):
        offset, time_ms, length, flags, topic_length, crc = _RECORD.unpack_from(region, start)
        body = start + _RECORD.size
        end = body + topic_length + length
        if offset != expected or length > PAYLOAD_BYTES_MAX or flags or end > len(region):
            return
        if crc != zlib.crc32(region[body:end], zlib.crc32(region[start : start + _CHECKED.size])):
            return
        topic = region[body : body + topic_length]
        yield Found(start, end, offset, time_ms, topic, region[body + topic_length : end])
        start, expected = end, expected + 1


def region_of(data: bytes) -> tuple[Header, bytes]:
    """Return the header and the record region of a whole segment, inflated where it was deflated.

    Raises StorageError when the header or the stream is damaged.
    """
    header, start = unpack_header(data)
    if header.packing == STORED:
        return header, data[start:]
    try:
        return header, zlib.decompress(data[start:])
    except zlib.error as error:
        message = f"the segment does not inflate: {error}"
        raise StorageError(message) from error
