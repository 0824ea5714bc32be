"""The bytes of a journal segment (docs/protocols/journal.md): packs and reads them, opens no file."""

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from domain.errors import StorageError
from wire.journal_planes import Kept, arrange, restore

MAGIC = b"STOPLOGJ"
SUFFIX = ".journal"

STORED = 0
"""The records lie behind the header as they are."""
DEFLATED = 1
"""The records lie behind the header as one zlib stream: written by earlier versions, read by all."""
BLOCKS = 2
"""Blocks of arranged and deflated payloads lie behind the header."""
_VERSIONS = {STORED: 1, DEFLATED: 1, BLOCKS: 2}

HEADER_BYTES_MAX = 70_000
"""A longer header there cannot be."""
PAYLOAD_BYTES_MAX = 4_000_000
"""A longer payload is a bug of the writer; a reader takes a greater length for a torn record."""
BLOCK_BYTES = 1_000_000
"""A block is closed beyond it: more in one deflates better, less is lost with a damaged one and held in memory at a time."""
BLOCK_PAYLOADS_MAX = 50_000
"""Their groups are counted in 16 bits."""
INFLATED_BYTES_MAX = 4 * PAYLOAD_BYTES_MAX
"""A block that claims more is damaged."""
OWN_CODE_BYTES = 2000
"""A longer section of a block is deflated with codes of its own: its bytes are unlike those of the others."""
SKIP_MAX = 64
"""Offsets behind a damaged record that are looked for, to go on behind it: the records of a sector or two."""

_HEADER = struct.Struct("<8sHBBI16sQqH")
_CRC = struct.Struct("<I")
_RECORD = struct.Struct("<QqIHHI")
_CHECKED = struct.Struct("<QqIHH")
_OFFSET = struct.Struct("<Q")
_BLOCK_MAGIC = b"SLJB"
_BLOCK = struct.Struct("<4sIIIQQqI")


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a segment says of itself."""

    gateway: str
    epoch: str
    """32 lower-case hexadecimal digits."""
    number: int
    """Counts the segments of one epoch from 0."""
    first_offset: int
    """Offset of its first record."""
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


@dataclass(frozen=True, slots=True)
class Block:
    """Where a block lies in a segment; its payloads have consecutive offsets."""

    position: int
    end: int
    first_offset: int
    count: int
    after: int
    """One after the last offset of its segment."""
    last_ms: int
    """Latest time of an append in it."""


def segment_name(epoch: str, number: int) -> str:
    """Return the file name of a segment."""
    return f"{epoch}-{number:08d}{SUFFIX}"


def pack_header(header: Header) -> bytes:
    """Return the header's bytes."""
    gateway = header.gateway.encode()
    fixed = _HEADER.pack(
        MAGIC,
        _VERSIONS[header.packing],
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
    if version != _VERSIONS.get(packing):
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


def record_head(offset: int, time_ms: int, topic: bytes, payload: bytes) -> bytes:
    """Return what stands before topic and payload in a record."""
    assert len(payload) <= PAYLOAD_BYTES_MAX
    checked = _CHECKED.pack(offset, time_ms, len(payload), 0, len(topic))
    return checked + _CRC.pack(zlib.crc32(payload, zlib.crc32(topic, zlib.crc32(checked))))


def pack_record(offset: int, time_ms: int, topic: bytes, payload: bytes) -> bytes:
    """Return the bytes of one record."""
    return record_head(offset, time_ms, topic, payload) + topic + payload


def scan(region: bytes, first_offset: int, start: int = 0) -> Iterator[Found]:
    """Yield the whole records of a region in order, going on behind a damaged one; offsets rise."""
    expected = first_offset
    while start + _RECORD.size <= len(region):
        found = _record(region, start)
        if found is None or found.offset != expected:
            found = _resumed(region, start, expected)
            if found is None:
                return
        yield found
        start, expected = found.end, found.offset + 1


def hop(region: bytes, first_offset: int, wanted: int) -> tuple[int, int]:
    """Return (offset, position) of the last record up to `wanted` that can be reached by the records' lengths alone."""
    offset, start = first_offset, 0
    while offset < wanted and start + _RECORD.size <= len(region):
        at, _, length, _, topic_length, _ = _RECORD.unpack_from(region, start)
        end = start + _RECORD.size + topic_length + length
        if at != offset or end + _OFFSET.size > len(region):
            break
        if _OFFSET.unpack_from(region, end)[0] != offset + 1:
            break
        offset, start = offset + 1, end
    return offset, start


def region_of(data: bytes) -> tuple[Header, bytes]:
    """Return the header and the record region of a whole segment, unpacked where it was packed.

    Raises StorageError when the header, the stream or a block is damaged; a block whose head is damaged is left out.
    """
    header, start = unpack_header(data)
    if header.packing == STORED:
        return header, data[start:]
    if header.packing == BLOCKS:
        region = []
        for block in blocks(data, start):
            kept = enumerate(unpack_block(data[block.position : block.end]), block.first_offset)
            region += [pack_record(offset, *record) for offset, record in kept]
        return header, b"".join(region)
    try:
        return header, zlib.decompress(data[start:])
    except zlib.error as error:
        message = f"the segment does not inflate: {error}"
        raise StorageError(message) from error


def pack_block(first_offset: int, records: Sequence[Kept], *, after: int) -> bytes:
    """Return the bytes of a block of a segment whose last offset is before `after`; `unpack_block` restores them."""
    squeeze, packed, length = zlib.compressobj(1), [], 0
    for section in arrange(records):
        packed.append(squeeze.compress(section))
        if len(section) >= OWN_CODE_BYTES:
            packed.append(squeeze.flush(zlib.Z_BLOCK))
        length += len(section)
    packed.append(squeeze.flush())
    body = b"".join(packed)
    last_ms = max(record.time_ms for record in records)
    sizes = (len(body), length, len(records))
    head = _BLOCK.pack(_BLOCK_MAGIC, *sizes, first_offset, after, last_ms, zlib.crc32(body))
    return head + _CRC.pack(zlib.crc32(head)) + body


def blocks(data: bytes, start: int) -> Iterator[Block]:
    """Yield the blocks of a segment whose heads are whole, in order, going on behind a damaged one."""
    while start >= 0:
        block = _block(data, start)
        if block is not None:
            yield block
        start = data.find(_BLOCK_MAGIC, start + 1 if block is None else block.end)


def unpack_block(data: bytes) -> list[Kept]:
    """Return the payloads of the block in `data`. Raises StorageError when it is torn or damaged."""
    body = data[_BLOCK.size + _CRC.size :]
    _, packed, length, count, _, _, _, checksum = _BLOCK.unpack_from(data)
    if len(body) != packed or zlib.crc32(body) != checksum or length > INFLATED_BYTES_MAX:
        message = "a block of the segment is damaged"
        raise StorageError(message)
    try:
        records = restore(zlib.decompressobj().decompress(body, length + 1))
    except zlib.error as error:
        message = f"a block of the segment does not inflate: {error}"
        raise StorageError(message) from error
    if len(records) != count:
        message = f"a block of the segment says {count} payloads and holds {len(records)}"
        raise StorageError(message)
    return records


def _record(region: bytes, start: int) -> Found | None:
    """Return the record at `start`; None when it is torn or damaged."""
    offset, time_ms, length, flags, topic_length, crc = _RECORD.unpack_from(region, start)
    body = start + _RECORD.size
    end = body + topic_length + length
    if length > PAYLOAD_BYTES_MAX or flags or end > len(region):
        return None
    if crc != zlib.crc32(region[body:end], zlib.crc32(region[start : start + _CHECKED.size])):
        return None
    topic = region[body : body + topic_length]
    return Found(start, end, offset, time_ms, topic, region[body + topic_length : end])


def _resumed(region: bytes, start: int, expected: int) -> Found | None:
    """Return the first whole record of a later offset behind `start`."""
    for offset in range(expected + 1, expected + 1 + SKIP_MAX):
        wanted = _OFFSET.pack(offset)
        at = region.find(wanted, start + 1)
        while 0 <= at <= len(region) - _RECORD.size:
            found = _record(region, at)
            if found is not None:
                return found
            at = region.find(wanted, at + 1)
    return None


def _block(data: bytes, start: int) -> Block | None:
    head = data[start : start + _BLOCK.size]
    if len(data) < start + _BLOCK.size + _CRC.size:
        return None
    if _CRC.unpack_from(data, start + _BLOCK.size)[0] != zlib.crc32(head):
        return None
    magic, packed, _, count, first, after, last_ms, _ = _BLOCK.unpack(head)
    end = start + _BLOCK.size + _CRC.size + packed
    return Block(start, end, first, count, after, last_ms) if magic == _BLOCK_MAGIC else None
