"""The arrangement of a journal block: where each byte of its payloads goes, and which blocks can be none."""

import struct
from collections.abc import Sequence

import pytest

from domain.errors import StorageError
from wire.journal_planes import Kept, arrange, restore

DOUBLE, BOOLEAN = b"\x20\x0a\x69", b"\x20\x0b\x70"
EARLY, LATE = b"\x11\0\0\0\0\0", b"\x12\0\0\0\0\0"


def planes(numbers: Sequence[int], width: int) -> bytes:
    return b"".join(bytes(number >> 8 * place & 0xFF for number in numbers) for place in range(width))


def double(value: float) -> bytes:
    return struct.pack("<d", value)


def test_each_byte_of_a_payload_has_its_place() -> None:
    """A value may begin right behind the head and end with the payload; what is almost one is none."""
    head = b"\x08" + bytes(6)
    full = head + EARLY + DOUBLE + double(1) + b"st" + EARLY + BOOLEAN + b"\1" + LATE + DOUBLE + double(3)
    odd = b"\x09" + (EARLY + b"\x20\x0a\x70" + EARLY + b"\x20\x0b\x69" + EARLY + b"\x21\x0a\x69") * 2 + EARLY
    records = [Kept(5, b"t", full), Kept(3, b"u", head), Kept(3, b"t", odd)]
    sections = arrange(records)
    assert sections == [
        struct.pack("<IHII", 3, 2, 2, 3)
        + b"\1\0t\1\0u"
        + planes([0, 1, 0], 2)
        + planes([10, 3, 0], 8)
        + planes([3, 0, 0], 4)
        + planes([16, 15, 0], 8)
        + b"\1\0\0",
        planes([0, 7, len(odd)], 4) + head + odd,
        planes([0, 2], 4) + b"\0\1" + b"\1\0" + b"st",
        planes([0, 0, 3], 4),
        planes([34, 0, 2], 8),
        b"\1",
        b"\2\4",
        *[b"\0\0"] * 7,
    ]
    assert restore(b"".join(sections)) == records


def test_a_head_is_each_payload_s_own() -> None:
    records = [Kept(0, b"", b"\x09" + bytes(9)), Kept(0, b"", b"\x08" + bytes(9)), Kept(0, b"", b"")]
    [first, tails, *_] = arrange(records)
    assert first.endswith(b"\0\1\0")
    assert tails == planes([10, 3, 0], 4) + records[0].payload + bytes(3)
    assert restore(b"".join(arrange(records))) == records


def test_of_values_that_overlap_the_first_counts_and_the_next_may_follow_at_once() -> None:
    within = DOUBLE + bytes(5)
    for before in (b"", b"ab"):
        record = Kept(0, b"t", before + EARLY + DOUBLE + within + LATE + DOUBLE + double(2))
        sections = arrange([record])
        assert struct.unpack_from("<IHII", sections[0]) == (1, 1, 1 + bool(before), 2)
        assert restore(b"".join(sections)) == [record]


@pytest.mark.parametrize(
    "payloads",
    [
        [],
        [b""],
        [b"x", b""],
        [b"", b"x", b""],
        [b"\x20\x0a", b"\x69"],
        [DOUBLE],
        [EARLY + DOUBLE],
        [EARLY + DOUBLE + bytes(7), b"x"],
        [EARLY[1:] + DOUBLE + bytes(8)],
        [EARLY + BOOLEAN + b"\1", EARLY + DOUBLE + double(0.5), b""],
        [b"a" + EARLY + BOOLEAN + b"\1" + b"a" + EARLY + DOUBLE + double(0.5)],
    ],
)
def test_the_smallest_payloads_come_back(payloads: list[bytes]) -> None:
    records = [Kept(number, b"t", payload) for number, payload in enumerate(payloads)]
    assert restore(b"".join(arrange(records))) == records


def block(
    *,
    stems: Sequence[int] = (0, 0),
    kinds: bytes = b"\0\0",
    forms: bytes = b"\1\1",
    counts: Sequence[int] = (1, 1),
    text: bytes = b"stem",
    tail: bytes = b"",
) -> bytes:
    """A block of noughts that says this of itself; only the first stem has a text, and the first payload a tail."""
    many, steps = (
        len(counts),
        [now - before - 1 for now, before in zip(stems, (-1, *stems[:-1]), strict=True)],
    )
    return b"".join((
        struct.pack("<IHII", many, 1, len(kinds), len(stems)), b"\1\0t", bytes(10 * many),
        planes(counts, 4), bytes(9 * many),
        planes([len(tail), *[0] * (many - 1)], 4), tail,
        planes([len(text), *[0] * (len(kinds) - 1)], 4), kinds, forms, text,
        planes([2 * step if step >= 0 else -2 * step - 1 for step in steps], 4), bytes(16 * len(stems)),
    ))  # fmt: skip


def test_a_block_of_noughts() -> None:
    value = bytes(6) + DOUBLE + bytes(8)
    assert restore(block()) == [Kept(0, b"t", b"stem" + value)] * 2
    assert restore(block(stems=(0, 1))) == [Kept(0, b"t", b"stem" + value), Kept(0, b"t", value)]
    assert restore(block(forms=b"\x10\0")) == restore(block())


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"stems": (-1, 0)}, "a value has no stem"),
        ({"stems": (0, -1)}, "a value has no stem"),
        ({"stems": (0, 2)}, "a value has no stem"),
        ({"stems": (0, 3)}, "a value has no stem"),
        ({"kinds": b"\0\2"}, "a kind or a form is not known"),
        ({"forms": b"\1\x11"}, "a kind or a form is not known"),
        ({"forms": b"\xff\1"}, "a kind or a form is not known"),
        ({"counts": (1, 0)}, "not as many values as it says"),
        ({"counts": (1, 2)}, "not as many values as it says"),
        ({"counts": (1, 1), "stems": (0,)}, "not as many values as it says"),
    ],
)
def test_a_block_whose_values_cannot_be_is_refused(said: dict[str, Sequence[int]], why: str) -> None:
    with pytest.raises(StorageError, match=why):
        restore(block(**said))  # type: ignore[arg-type]


def test_a_block_of_more_than_sixteen_million_bytes_is_refused() -> None:
    said = block(stems=(0,) * 100, counts=(50, 50), text=bytes(160_000 - 17), tail=b"x")
    with pytest.raises(StorageError, match="longer than a block's"):
        restore(said)
