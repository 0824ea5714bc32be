"""The bytes of a segment: what a reader takes, what it passes over and how far it looks for what follows."""

import struct
import zlib

import pytest

from domain.errors import StorageError
from runtime.journal_format import (
    BLOCKS,
    DEFLATED,
    INFLATED_BYTES_MAX,
    PAYLOAD_BYTES_MAX,
    SKIP_MAX,
    STORED,
    Header,
    blocks,
    hop,
    pack_block,
    pack_header,
    pack_record,
    region_of,
    scan,
    segment_name,
    unpack_block,
    unpack_header,
)
from wire.journal_planes import Kept, arrange, restore

EPOCH = "0123456789abcdef" * 2
HEADER = Header(gateway="gw_东", epoch=EPOCH, number=3, first_offset=17, created_ms=-5)
ONE, TWO = Kept(9, b"t", b"one"), Kept(12, b"topic", b"")


def record(offset: int, payload: bytes = b"x") -> bytes:
    return pack_record(offset, 9, b"topic", payload)


def offsets(region: bytes, first: int = 0, start: int = 0) -> list[int]:
    return [found.offset for found in scan(region, first, start)]


def sealed(offset: int, *, flags: int = 0, payload: bytes = b"x") -> bytes:
    """A record whose check sum is right, whatever it says."""
    checked = struct.pack("<QqIHH", offset, 9, len(payload), flags, 1)
    return checked + struct.pack("<I", zlib.crc32(checked + b"t" + payload)) + b"t" + payload


def test_a_segment_s_name_and_the_versions_of_its_packings() -> None:
    assert segment_name(EPOCH, 7) == f"{EPOCH}-00000007.journal"
    assert (STORED, DEFLATED, BLOCKS) == (0, 1, 2)
    for packing, version in ((STORED, 1), (DEFLATED, 1), (BLOCKS, 2)):
        header = Header(gateway="g", epoch=EPOCH, number=0, first_offset=0, created_ms=0, packing=packing)
        packed = pack_header(header)
        assert packed[:12] == b"STOPLOGJ" + struct.pack("<HBB", version, packing, 0)
        assert unpack_header(packed) == (header, len(packed))


def test_a_header_that_is_cut_or_changed_anywhere_is_refused() -> None:
    packed = pack_header(HEADER)
    assert unpack_header(packed + b"rest") == (HEADER, len(packed))
    for place in range(len(packed)):
        damaged = bytearray(packed)
        damaged[place] ^= 1
        for wrong in (packed[:place], bytes(damaged)):
            with pytest.raises(StorageError):
                unpack_header(wrong)


def test_a_version_that_is_not_known_is_said_as_such() -> None:
    packed = bytearray(pack_header(HEADER))
    packed[8:11] = struct.pack("<HB", 2, STORED)
    with pytest.raises(StorageError, match=r"format 2\.0 is not known"):
        unpack_header(bytes(packed))


def test_a_file_that_begins_otherwise_is_none_even_with_a_right_check_sum() -> None:
    fixed = b"STOPLOGX" + pack_header(HEADER)[8:-4]
    with pytest.raises(StorageError, match="not a journal segment"):
        unpack_header(fixed + struct.pack("<I", zlib.crc32(fixed)))


def test_records_are_found_with_all_that_they_say() -> None:
    region = record(5, b"one") + pack_record(6, -1, b"", b"")
    one, two = scan(region, 5)
    assert (one.position, one.end, one.offset, one.time_ms) == (0, len(record(5, b"one")), 5, 9)
    assert (one.topic, one.payload) == (b"topic", b"one")
    assert (two.position, two.end, two.time_ms, two.topic, two.payload) == (
        one.end,
        len(region),
        -1,
        b"",
        b"",
    )
    assert offsets(region, 6, one.end) == [6]


def test_a_record_of_another_kind_or_of_another_offset_than_the_next_is_damaged() -> None:
    assert offsets(sealed(0) + sealed(1, flags=1) + sealed(2)) == [0, 2]
    assert offsets(sealed(0) + sealed(0) + sealed(1)) == [0], (
        "what follows the second is the next, not a later one"
    )
    assert offsets(sealed(0) + sealed(0) + sealed(2)) == [0, 2]


def test_a_payload_may_be_as_long_as_said_and_no_longer() -> None:
    assert offsets(sealed(0, payload=bytes(PAYLOAD_BYTES_MAX))) == [0]
    assert offsets(sealed(0, payload=bytes(PAYLOAD_BYTES_MAX + 1))) == []


def test_behind_damage_as_many_offsets_are_looked_for_as_said() -> None:
    assert offsets(b"?" * 40 + record(SKIP_MAX)) == [SKIP_MAX]
    assert offsets(b"?" * 40 + record(SKIP_MAX + 1)) == []
    assert offsets(record(0) + b"?" + record(2)) == [0, 2], "one strange byte is passed over"
    assert offsets(record(0) + b"?" + record(2) + b"?" + record(4)) == [0, 2, 4]


def test_what_only_begins_like_the_record_wanted_is_passed_over() -> None:
    likeness = struct.pack("<Q", 2)
    assert offsets(record(0) + b"?" * 30 + likeness * 5 + record(2)) == [0, 2]
    assert offsets(record(0) + b"?" * 30 + likeness) == [0]
    assert offsets(record(0) + b"?" + pack_record(2, 9, b"", b"")) == [0, 2], "the shortest, at the very end"


def test_the_earliest_offset_behind_damage_comes_first() -> None:
    assert offsets(b"?" * 40 + record(3) + record(4)) == [3, 4]
    assert offsets(b"?" * 40 + record(4) + record(3)) == [3]


@pytest.mark.parametrize("wanted", range(4, 10))
def test_lengths_lead_to_the_record_wanted_or_to_the_last_before_it_that_they_reach(wanted: int) -> None:
    parts = [record(offset, b"x" * offset) for offset in range(5, 9)]
    reached = min(max(wanted, 5), 8)
    assert hop(b"".join(parts), 5, wanted) == (reached, len(b"".join(parts[: reached - 5])))


def test_no_length_leads_over_a_record_that_is_not_the_next_or_out_of_the_region() -> None:
    one = record(5)
    assert hop(one + record(7), 5, 7) == (5, 0)
    assert hop(record(6) + record(7), 5, 7) == (5, 0)
    assert hop(record(9) + record(6), 5, 7) == (5, 0)
    assert hop(one + struct.pack("<Q", 6), 5, 9) == (6, len(one))
    assert hop(one + struct.pack("<Q", 6)[:7], 5, 9) == (5, 0)
    assert hop(one[:20], 5, 9) == (5, 0)


def test_each_packing_gives_the_same_region() -> None:
    region = pack_record(17, *ONE) + pack_record(18, *TWO)
    block = pack_block(17, [ONE, TWO], after=19)
    for packing, body in ((STORED, region), (DEFLATED, zlib.compress(region)), (BLOCKS, block)):
        header = Header(gateway="g", epoch=EPOCH, number=0, first_offset=17, created_ms=0, packing=packing)
        assert region_of(pack_header(header) + body) == (header, region)
    torn = Header(gateway="g", epoch=EPOCH, number=0, first_offset=17, created_ms=0, packing=DEFLATED)
    with pytest.raises(StorageError, match="does not inflate"):
        region_of(pack_header(torn) + zlib.compress(region)[:-5])


def test_blocks_are_found_behind_one_another_and_behind_damage() -> None:
    first, second = pack_block(0, [ONE, TWO], after=9), pack_block(4, [TWO, ONE, ONE], after=9)
    both = b"head" + first + second
    found = [(b.position, b.end, b.first_offset, b.count, b.after, b.last_ms) for b in blocks(both, 4)]
    middle = 4 + len(first)
    assert found == [(4, middle, 0, 2, 9, 12), (middle, len(both), 4, 3, 9, 12)]
    for place in range(4, 4 + 48):
        damaged = bytearray(both)
        damaged[place] ^= 1
        assert [block.first_offset for block in blocks(bytes(damaged), 4)] == [4]
    assert [block.first_offset for block in blocks(both[:-1], 4)] == [0, 4], "its head is whole"
    assert [block.first_offset for block in blocks(both[: middle + 47], 4)] == [0]
    assert [block.first_offset for block in blocks(b"SLJB" + first, 0)] == [0]


def test_a_block_says_how_long_it_is_and_what_lies_within_one_is_none() -> None:
    inner = pack_block(0, [ONE, TWO], after=2)
    assert struct.unpack_from("<III", inner, 4) == (len(inner) - 48, len(zlib.decompress(inner[48:])), 2)
    outer = forged(inner, length=9, count=1)
    assert [(block.position, block.end) for block in blocks(b"?" + outer, 0)] == [(1, 1 + len(outer))]
    assert [block.end for block in blocks(forged(b"", length=0, count=0), 0)] == [48]


def test_a_head_of_another_kind_is_no_block() -> None:
    packed = bytearray(pack_block(0, [ONE], after=1))
    packed[:4] = b"SLJX"
    packed[44:48] = struct.pack("<I", zlib.crc32(packed[:44]))
    assert list(blocks(bytes(packed), 0)) == []


def forged(body: bytes, *, length: int, count: int) -> bytes:
    """A block whose check sums are right, whatever it says."""
    head = struct.pack("<4sIIIQQqI", b"SLJB", len(body), length, count, 0, 9, 0, zlib.crc32(body))
    return head + struct.pack("<I", zlib.crc32(head)) + body


def test_a_block_that_says_what_is_not_so_is_refused() -> None:
    plain = b"".join(arrange([ONE, TWO]))
    body = zlib.compress(plain)
    assert unpack_block(forged(body, length=len(plain), count=2)) == [ONE, TWO]
    assert unpack_block(forged(body, length=INFLATED_BYTES_MAX, count=2)) == [ONE, TWO]
    for wrong, why in (
        (forged(body, length=len(plain), count=3), "says 3 payloads and holds 2"),
        (forged(body, length=INFLATED_BYTES_MAX + 1, count=2), "damaged"),
        (forged(body, length=len(plain), count=2)[:-1], "damaged"),
        (forged(body, length=len(plain), count=2) + b"x", "damaged"),
        (forged(body, length=len(plain) - 2, count=2), "restored"),
        (forged(body, length=len(plain), count=2)[:-1] + b"?", "damaged"),
        (forged(b"no stream", length=len(plain), count=2), "does not inflate"),
    ):
        with pytest.raises(StorageError, match=why):
            unpack_block(wrong)


def test_an_arranged_block_that_is_shorter_or_longer_than_it_says_is_refused() -> None:
    plain = b"".join(arrange([ONE, TWO]))
    for cut in range(len(plain)):
        with pytest.raises(StorageError):
            restore(plain[:cut])
    with pytest.raises(StorageError, match="shorter than it says"):
        restore(plain[:-1])
    with pytest.raises(StorageError, match="longer than it says"):
        restore(plain + b"x")
