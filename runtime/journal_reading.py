"""Reads segments from the disk, a chunk of consecutive payloads at a time; writes nothing and knows no marks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from domain.errors import StorageError
from runtime.journal_format import (
    BLOCK_BYTES,
    BLOCK_PAYLOADS_MAX,
    BLOCKS,
    DEFLATED,
    Block,
    Header,
    blocks,
    hop,
    region_of,
    scan,
    unpack_block,
    unpack_header,
)
from wire.journal_planes import Kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Consecutive payloads of a segment, in memory."""

    first_offset: int
    records: Sequence[Kept | None]
    """None: the disk has damaged it."""

    def holds(self, offset: int) -> bool:
        """Whether it says what is at `offset`."""
        return self.first_offset <= offset < self.first_offset + len(self.records)

    def at(self, offset: int) -> Kept | None:
        """Return the payload at an offset that it holds."""
        return self.records[offset - self.first_offset]


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What a segment holds, without its payloads."""

    header: Header
    runs: tuple[tuple[int, int], ...]
    """Offsets that can be read: (first, one after the last), ascending."""
    after: int
    """One after the last offset that it ever held, as far as that is known."""
    last_ms: int
    """Latest time of an append; the header's time when there is none."""
    end: int
    """Bytes of the file up to the end of the last whole record; everything, when it is packed."""
    bytes: int
    """Bytes of the file."""


def survey(path: Path) -> Survey:
    """Look through a segment. Raises OSError, and StorageError when it has no header or does not inflate."""
    data = path.read_bytes()
    header, start = unpack_header(data)
    runs: list[tuple[int, int]] = []
    last_ms, end, after = header.created_ms, len(data), header.first_offset
    if header.packing == BLOCKS:
        for block in blocks(data, start):
            _extend(runs, block.first_offset, block.first_offset + block.count)
            last_ms, after = max(last_ms, block.last_ms), block.after
    else:
        _, region = region_of(data)
        whole = 0
        for found in scan(region, header.first_offset):
            _extend(runs, found.offset, found.offset + 1)
            last_ms, whole, after = max(last_ms, found.time_ms), found.end, found.offset + 1
        if header.packing != DEFLATED:
            end = start + whole
    return Survey(header=header, runs=tuple(runs), after=after, last_ms=last_ms, end=end, bytes=len(data))


def read_chunk(path: Path, offset: int, *, after: int) -> Chunk:
    """Read the payload at `offset` of a segment whose last is before `after`, and what lies close behind it.

    What cannot be read is None in the chunk. Raises OSError.
    """
    try:
        data = path.read_bytes()
        header, start = unpack_header(data)
        if header.packing == BLOCKS:
            return _from_blocks(data, start, offset, after)
        _, region = region_of(data)
    except (StorageError, FileNotFoundError):
        return Chunk(first_offset=offset, records=[None] * (after - offset))
    first, position = hop(region, header.first_offset, offset)
    records: list[Kept | None] = []
    taken = 0
    for found in scan(region, first, position):
        if found.offset < offset:
            continue
        if found.offset >= after or taken > BLOCK_BYTES:
            break
        records += [None] * (found.offset - offset - len(records))
        records.append(Kept(found.time_ms, found.topic, found.payload))
        taken += len(found.payload)
    else:
        records += [None] * (after - offset - len(records))
    return Chunk(first_offset=offset, records=records)


def runs_of_records(path: Path) -> Iterator[tuple[int, list[Kept]]]:
    """Yield (first offset, payloads) of a segment that is not packed into blocks, as they go into blocks.

    Raises OSError, and StorageError when it has no header or does not inflate.
    """
    header, region = region_of(path.read_bytes())
    whole = scan(region, header.first_offset)
    first = next(whole, None)
    while first is not None:
        run, taken, following = [first], len(first.payload), None
        for found in whole:
            is_next = found.offset == run[-1].offset + 1
            if not is_next or taken > BLOCK_BYTES or len(run) == BLOCK_PAYLOADS_MAX:
                following = found
                break
            run.append(found)
            taken += len(found.payload)
        yield first.offset, [Kept(item.time_ms, item.topic, item.payload) for item in run]
        first = following


def _from_blocks(data: bytes, start: int, offset: int, after: int) -> Chunk:
    for block in blocks(data, start):
        if offset < block.first_offset:
            return Chunk(first_offset=offset, records=[None] * (min(after, block.first_offset) - offset))
        if offset < block.first_offset + block.count:
            return Chunk(first_offset=block.first_offset, records=_unpacked(data, block))
    return Chunk(first_offset=offset, records=[None] * (after - offset))


def _unpacked(data: bytes, block: Block) -> Sequence[Kept | None]:
    try:
        return unpack_block(data[block.position : block.end])
    except StorageError:
        return [None] * block.count


def _extend(runs: list[tuple[int, int]], first: int, after: int) -> None:
    if runs and runs[-1][1] == first:
        runs[-1] = (runs[-1][0], after)
    else:
        runs.append((first, after))
