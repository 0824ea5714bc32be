"""Reads journal segments as docs/protocols/journal.md describes them; shares no code with the journal's writer."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from domain.errors import RemoteProtocolError

_HEADER = struct.Struct("<8sHBBI16sQqH")
_RECORD = struct.Struct("<QqIHHI")
_MAGIC = b"STOPLOGJ"
_PAYLOAD_BYTES_MAX = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One record of a segment with a valid checksum."""

    gateway: str
    epoch: str
    offset: int
    appended_ms: int
    topic: str
    payload: bytes


def segments(folder: Path) -> list[Path]:
    """Return the segment files directly in `folder`, by name; none when there is no such folder."""
    return sorted(folder.glob("*.journal"))


def read_segment(path: Path) -> Iterator[Entry]:
    """Yield the entries of one segment up to its torn tail, if it has one.

    Raises RemoteProtocolError when the header is no header of a segment.
    """
    data = path.read_bytes()
    gateway, epoch, offset, start, packing = _header(path, data)
    body = zlib.decompress(data[start:]) if packing else data[start:]
    position = 0
    while position + _RECORD.size <= len(body):
        fixed = body[position : position + _RECORD.size]
        number, appended_ms, length, flags, topic_length, checksum = _RECORD.unpack(fixed)
        end = position + _RECORD.size + topic_length + length
        rest = body[position + _RECORD.size : end]
        whole = end <= len(body) and length <= _PAYLOAD_BYTES_MAX and number == offset and flags == 0
        if not whole or zlib.crc32(rest, zlib.crc32(fixed[:24])) != checksum:
            return
        yield Entry(
            gateway=gateway,
            epoch=epoch,
            offset=number,
            appended_ms=appended_ms,
            topic=rest[:topic_length].decode(),
            payload=rest[topic_length:],
        )
        position = end
        offset += 1


def _header(path: Path, data: bytes) -> tuple[str, str, int, int, int]:
    """Return (gateway, epoch, first offset, where the records begin, packing)."""
    if len(data) < _HEADER.size:
        raise RemoteProtocolError(f"{path}: too short for a segment")
    magic, version, packing, _, _, epoch, first, _, name_length = _HEADER.unpack(data[: _HEADER.size])
    end = _HEADER.size + name_length
    if magic != _MAGIC or version != 1 or packing not in {0, 1} or len(data) < end + 4:
        raise RemoteProtocolError(f"{path}: not a journal segment of format 1")
    if zlib.crc32(data[:end]) != int.from_bytes(data[end : end + 4], "little"):
        raise RemoteProtocolError(f"{path}: the header's checksum is wrong")
    return data[_HEADER.size : end].decode(), epoch.hex(), first, end + 4, packing
