"""A packed block gives every payload back bit for bit, to the journal and to the reader made from the format's description."""

import contextlib
import math
import struct
import zlib

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import StorageError
from runtime.journal_format import blocks, pack_block, unpack_block
from stoplog.oracle.blocks import unarranged
from wire.journal_planes import Kept
from wire.sparkplug import DataType, Metric, Payload, encode

TOPICS = st.sampled_from([b"spBv1.0/p/DDATA/gw/plc", b"stoplog/1/p/gw/history", "化工".encode(), b""])
TIMES = st.integers(0, 2**53 - 1)
VALUES = st.one_of(
    st.floats(),
    st.floats(width=32),
    st.integers(-32768, 65535).map(lambda raw: raw * 0.01),
    st.integers(-(10**6), 10**6).map(lambda raw: raw / 1000),
    st.sampled_from([0.0, -0.0, 5e-324, math.inf, 2.0**53, 2.0**63]),
)


@st.composite
def device(draw: st.DrawFn) -> list[bytes]:
    """Payloads of one device, poll after poll."""
    names = draw(st.lists(st.sampled_from([f"fac/point_{n}" for n in range(30)]), max_size=6, unique=True))
    kinds = draw(st.lists(st.booleans(), min_size=len(names), max_size=len(names)))
    polls = draw(st.lists(st.lists(VALUES, min_size=len(names), max_size=len(names)), max_size=12))
    return [
        encode(
            Payload(
                timestamp_ms=1_700_000_000_000 + 997 * number,
                seq=number % 256,
                uuid=f"{'ab' * 16}-{number}",
                metrics=tuple(
                    Metric(
                        name=name,
                        value=value > 0 if is_state else value,
                        datatype=DataType.BOOLEAN if is_state else DataType.DOUBLE,
                        timestamp_ms=1_700_000_000_000 + number,
                    )
                    for name, value, is_state in zip(names, values, kinds, strict=True)
                    if value != values[0] or number % 2
                ),
            )
        )
        for number, values in enumerate(polls)
    ]


MARKED = st.tuples(
    st.binary(max_size=12),
    st.sampled_from([b"\x20\x0a\x69", b"\x20\x0b\x70", b"\x08"]),
    st.binary(max_size=9),
).map(b"".join)
"""Bytes that only look like a value."""
PAYLOADS = st.one_of(
    device(),
    st.lists(st.binary(max_size=80), max_size=12),
    st.lists(st.lists(MARKED, max_size=4).map(b"".join), max_size=12),
    st.binary(max_size=40).map(lambda same: [same] * 9),
)
RECORDS = st.lists(st.tuples(TOPICS, TIMES, PAYLOADS), min_size=1, max_size=4).map(
    lambda parts: (
        [
            Kept(time_ms + n, topic, payload)
            for topic, time_ms, some in parts
            for n, payload in enumerate(some)
        ]
        or [Kept(0, b"t", b"")]
    )
)


@settings(max_examples=40)
@given(RECORDS)
def test_a_block_gives_its_payloads_back(records: list[Kept]) -> None:
    packed = pack_block(7, records, after=7 + len(records))
    assert unpack_block(packed) == records
    [block] = blocks(packed, 0)
    assert (block.position, block.end, block.first_offset, block.count) == (0, len(packed), 7, len(records))
    assert block.last_ms == max(record.time_ms for record in records)


@settings(max_examples=40)
@given(RECORDS)
def test_the_independent_reader_restores_the_same(records: list[Kept]) -> None:
    packed = pack_block(0, records, after=len(records))
    assert list(unarranged(zlib.decompress(packed[48:]))) == [tuple(record) for record in records]


@settings(max_examples=40)
@given(RECORDS, st.data())
def test_a_damaged_block_is_found_out(records: list[Kept], data: st.DataObject) -> None:
    packed = bytearray(pack_block(0, records, after=len(records)))
    packed[data.draw(st.integers(48, len(packed) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        restored = unpack_block(bytes(packed))
    except StorageError:
        return
    raise AssertionError(restored)


@settings(max_examples=40)
@given(RECORDS, st.data())
def test_a_forged_checksum_ends_in_a_storage_error_at_worst(records: list[Kept], data: st.DataObject) -> None:
    inflated = bytearray(zlib.decompress(pack_block(0, records, after=len(records))[48:]))
    for _ in range(data.draw(st.integers(1, 4))):
        inflated[data.draw(st.integers(0, min(len(inflated), 60) - 1))] = data.draw(st.integers(0, 255))
    body = zlib.compress(bytes(inflated))
    head = struct.pack(
        "<4sIIIQQqI", b"SLJB", len(body), len(inflated), len(records), 0, 9, 0, zlib.crc32(body)
    )
    packed = head + struct.pack("<I", zlib.crc32(head)) + body
    restored = None
    with contextlib.suppress(StorageError):
        restored = unpack_block(packed)
    assert restored is None or len(restored) == len(records)
