"""Arranges the payloads of a journal block so that they deflate well, and restores them bit for bit; opens no file.

A payload is cut at the values that look like those of Sparkplug metrics. What stands before a value and its time, its stem,
names the point: it is kept once, and the values of one stem stand together as steps from one to the next, decimals as whole
numbers. Nothing depends on what a payload means: what only looks like a value is restored all the same
(docs/protocols/journal.md).
"""

import struct
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.errors import StorageError
from wire.decimals import FORMS, doubles_of, whole_numbers

Bytes = NDArray[np.uint8]
Places = NDArray[np.int64]
Signed = NDArray[np.int64]
Words = NDArray[np.uint64]

DOUBLE, BOOLEAN = 0, 1
"""Kinds of values."""
MARKERS = (b"\x20\x0a\x69", b"\x20\x0b\x70")
"""What stands before a value in a Sparkplug metric: its data type, then the tag of double_value or boolean_value."""
WIDTHS = (8, 1)
TIME_BYTES = 6
"""Of a time between 2004 and 2109 in milliseconds, as protobuf writes it."""
HEAD_BYTES = 7
"""The tag and the time at the beginning of a Sparkplug payload."""
HEAD_TAG = 0x08
RESTORED_BYTES_MAX = 16_000_000
"""A block whose payloads would be longer together is damaged."""

_COUNTS = struct.Struct("<IHII")
_LENGTH = struct.Struct("<H")


class Kept(NamedTuple):
    """One payload of a block."""

    time_ms: int
    topic: bytes
    payload: bytes


def arrange(records: Sequence[Kept]) -> list[bytes]:
    """Return the block before deflation, in sections that are unlike each other; `restore` gives `records` back."""
    topics: dict[bytes, int] = {}
    for record in records:
        topics.setdefault(record.topic, len(topics))
    cut = _cut([record.payload for record in records])
    doubles, forms = _doubles(cut)
    flags = cut.stems[cut.kinds[cut.stems] == BOOLEAN]
    return [
        _COUNTS.pack(len(records), len(topics), len(cut.texts), len(cut.stems))
        + b"".join(_LENGTH.pack(len(topic)) + topic for topic in topics)
        + _planes(np.array([topics[record.topic] for record in records], dtype=np.uint64), 2)
        + _planes(_unsigned(_steps(np.array([record.time_ms for record in records], dtype=np.int64))), 8)
        + _planes(cut.counts.astype(np.uint64), 4)
        + _planes(_unsigned(_steps(_numbers(cut.heads))), 8)
        + cut.has_head.tobytes(),
        _planes(np.array([len(tail) for tail in cut.tails], dtype=np.uint64), 4) + b"".join(cut.tails),
        _planes(np.array([len(text) for text in cut.texts], dtype=np.uint64), 4)
        + cut.kinds.tobytes()
        + forms.tobytes()
        + b"".join(cut.texts),
        _planes(_unsigned(np.diff(cut.stems, prepend=np.int64(-1)) - 1), 4),
        _planes(_unsigned(_steps(_numbers(cut.times))), 8),
        cut.booleans[np.argsort(flags, kind="stable")].tobytes(),
        *doubles,
    ]


def restore(data: bytes) -> list[Kept]:
    """Return what was arranged. Raises StorageError when `data` is not of that form."""
    try:
        return _Reader(data).records()
    except (struct.error, ValueError, IndexError, OverflowError) as error:
        message = f"a block of the segment cannot be restored: {error}"
        raise StorageError(message) from error


class _Cut(NamedTuple):
    """Payloads cut at their values: heads, stems with times and values, tails."""

    texts: list[bytes]
    """Of each stem."""
    kinds: Bytes
    """Of each stem."""
    stems: Places
    """Of each value, in order."""
    times: Bytes
    doubles: Words
    booleans: Bytes
    counts: Places
    """Values of each payload."""
    heads: Bytes
    has_head: NDArray[np.bool_]
    tails: list[bytes]


def _cut(payloads: list[bytes]) -> _Cut:
    flat = b"".join(payloads)
    data = np.frombuffer(flat, dtype=np.uint8)
    lengths = np.array([len(payload) for payload in payloads], dtype=np.int64)
    ends = np.cumsum(lengths)
    begins = ends - lengths
    first = (
        data[np.minimum(begins, max(len(data) - 1, 0))]
        if len(data)
        else np.zeros(len(begins), dtype=np.uint8)
    )
    has_head = (lengths > HEAD_BYTES) & (first == HEAD_TAG)
    bodies = begins + HEAD_BYTES * has_head
    starts, kinds = _values(data, bodies, ends)
    owner = np.searchsorted(ends, starts, side="right")
    counts = np.bincount(owner, minlength=len(payloads))
    after = starts + np.array(WIDTHS)[kinds]
    # What stands before a value begins behind the one before, or behind the head.
    is_first = np.diff(owner, prepend=-1) != 0
    texts_at = np.where(is_first, bodies[owner], np.concatenate(([0], after[:-1])) if len(after) else after)
    times_at = starts - 3 - TIME_BYTES
    # A boolean's stem ends in a byte more, so that no double has the same.
    known: dict[bytes, int] = {}
    pairs = zip(texts_at.tolist(), times_at.tolist(), kinds.tolist(), strict=True)
    stems = np.array(
        [
            known.setdefault(flat[begin:end] + b"b" if kind else flat[begin:end], len(known))
            for begin, end, kind in pairs
        ],
        dtype=np.int64,
    )
    texts = list(known)
    kind_of = np.zeros(len(texts), dtype=np.uint8)
    kind_of[stems] = kinds
    lasts = np.where(counts > 0, after[np.maximum(np.cumsum(counts) - 1, 0)] if len(after) else 0, bodies)
    return _Cut(
        texts=[text[:-1] if kind else text for text, kind in zip(texts, kind_of.tolist(), strict=True)],
        kinds=kind_of,
        stems=stems,
        times=data[times_at[:, None] + np.arange(TIME_BYTES)],
        doubles=data[starts[kinds == DOUBLE][:, None] + np.arange(8)].copy().view("<u8")[:, 0],
        booleans=data[starts[kinds == BOOLEAN]],
        counts=counts,
        heads=data[np.where(has_head, begins, 0)[:, None] + np.arange(HEAD_BYTES)] * has_head[:, None]
        if has_head.any()
        else np.zeros((len(payloads), HEAD_BYTES), dtype=np.uint8),
        has_head=has_head,
        tails=[flat[begin:end] for begin, end in zip(lasts.tolist(), ends.tolist(), strict=True)],
    )


def _values(data: Bytes, bodies: Places, ends: Places) -> tuple[Places, Places]:
    """Return where what looks like a value begins, and its kind; each has room for a time before it and lies in one payload."""
    found: list[Places] = []
    for marker in MARKERS:
        is_one = np.zeros(max(len(data) - 2, 0), dtype=np.bool_)
        if len(is_one):
            is_one = data[:-2] == marker[0]
            is_one &= data[1:-1] == marker[1]
            is_one &= data[2:] == marker[2]
        found.append(np.flatnonzero(is_one).astype(np.int64) + 3)
    starts = np.concatenate(found)
    kinds = np.repeat(np.arange(len(MARKERS)), [len(some) for some in found])
    order = np.argsort(starts, kind="stable")
    starts, kinds = starts[order], kinds[order]
    owner = np.searchsorted(ends, starts, side="right")
    room = starts - 3 - TIME_BYTES
    inside = owner < len(ends)
    inside[inside] &= room[inside] >= bodies[owner[inside]]
    inside[inside] &= (starts + np.array(WIDTHS)[kinds])[inside] <= ends[owner[inside]]
    starts, kinds = starts[inside], kinds[inside]
    return _apart(starts, kinds)


def _apart(starts: Places, kinds: Places) -> tuple[Places, Places]:
    """Leave out what overlaps the value before it."""
    after = starts + np.array(WIDTHS)[kinds]
    if (starts[1:] - 3 - TIME_BYTES >= after[:-1]).all():
        return starts, kinds
    kept, taken = [], -1
    for number, (start, end) in enumerate(zip(starts.tolist(), after.tolist(), strict=True)):
        if start - 3 - TIME_BYTES >= taken:
            kept.append(number)
            taken = end
    return starts[kept], kinds[kept]


def _doubles(cut: _Cut) -> tuple[list[bytes], Bytes]:
    """Return the planes of the doubles, those of one stem together, and the form of each stem."""
    stems = cut.stems[cut.kinds[cut.stems] == DOUBLE]
    by_stem = np.argsort(stems, kind="stable")
    stems, values = stems[by_stem], cut.doubles[by_stem]
    whole, forms = whole_numbers(values, stems, len(cut.texts))
    planes = np.ascontiguousarray(_unsigned(_steps_within(whole, stems))).view(np.uint8).reshape(-1, 8)
    return [planes[:, place].tobytes() for place in range(8)], forms


def _numbers(pieces: Bytes) -> Signed:
    """Return the rows of a matrix of bytes as little-endian numbers."""
    wide = np.zeros((len(pieces), 8), dtype=np.uint8)
    wide[:, : pieces.shape[1]] = pieces
    return wide.view("<i8")[:, 0]


def _steps(numbers: Signed) -> Signed:
    """Return each number's difference from the one before, the first from 0."""
    return np.diff(numbers, prepend=np.int64(0))


def _steps_within(numbers: Signed, stems: Places) -> Signed:
    """Return each number's difference from the one before of the same stem, the first from 0; stems ascend."""
    steps = _steps(numbers)
    firsts = np.diff(stems, prepend=np.int64(-1)) != 0
    steps[firsts] = numbers[firsts]
    return steps


def _unsigned(numbers: Signed) -> Words:
    """Return small numbers of either sign as small numbers: 0, −1, 1, −2 as 0, 1, 2, 3."""
    return ((numbers << 1) ^ (numbers >> 63)).view(np.uint64)


def _signed(numbers: Words) -> Signed:
    return (numbers >> np.uint64(1)).view(np.int64) ^ -(numbers & np.uint64(1)).view(np.int64)


def _planes(numbers: Words, width: int) -> bytes:
    """Return the lowest bytes of all numbers, then the second lowest and so on, `width` bytes of each."""
    return np.ascontiguousarray(numbers).view(np.uint8).reshape(-1, 8)[:, :width].T.tobytes()


class _Reader:
    """Takes an arranged block apart."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def records(self) -> list[Kept]:
        payloads, topic_count, stem_count, values = _COUNTS.unpack(self._take(_COUNTS.size))
        topics = [self._take(_LENGTH.unpack(self._take(2))[0]) for _ in range(topic_count)]
        topic_of = self._planes(payloads, 2).tolist()
        times = self._sums(payloads).tolist()
        counts = self._planes(payloads, 4).astype(np.int64)
        heads = _bytes_of(self._sums(payloads), HEAD_BYTES)
        has_head = np.frombuffer(self._take(payloads), dtype=np.uint8) > 0
        tail_lengths = self._planes(payloads, 4).astype(np.int64)
        tails = self._take(int(tail_lengths.sum()))
        text_lengths = self._planes(stem_count, 4).astype(np.int64)
        kinds = np.frombuffer(self._take(stem_count), dtype=np.uint8)
        forms = np.frombuffer(self._take(stem_count), dtype=np.uint8)
        texts = self._take(int(text_lengths.sum()))
        stems = np.cumsum(_signed(self._planes(values, 4)) + 1, dtype=np.int64) - 1
        _check(stems, kinds, forms, counts)
        value_times = _bytes_of(self._sums(values), TIME_BYTES)
        kind_of = kinds[stems]
        flags, doubles = np.flatnonzero(kind_of == BOOLEAN), np.flatnonzero(kind_of == DOUBLE)
        flags = flags[np.argsort(stems[flags], kind="stable")]
        doubles = doubles[np.argsort(stems[doubles], kind="stable")]
        booleans = np.frombuffer(self._take(len(flags)), dtype=np.uint8)
        floats = self._floats(stems[doubles], forms)
        if self._at != len(self._data):
            message = "it is longer than it says"
            raise ValueError(message)

        # Where everything goes, in the payloads joined.
        stem_lengths = text_lengths[stems]
        sizes = stem_lengths + TIME_BYTES + 3 + np.array(WIDTHS)[kind_of]
        before = np.concatenate(([0], np.cumsum(sizes)))
        firsts = np.concatenate(([0], np.cumsum(counts)))
        head_lengths = HEAD_BYTES * has_head
        lengths = head_lengths + before[firsts[1:]] - before[firsts[:-1]] + tail_lengths
        ends = np.cumsum(lengths)
        if payloads and int(ends[-1]) > RESTORED_BYTES_MAX:
            message = "its payloads are longer than a block's"
            raise ValueError(message)
        bodies = ends - lengths + head_lengths
        at = before[:-1] + np.repeat(bodies - before[firsts[:-1]], counts)
        out = np.empty(int(ends[-1]) if payloads else 0, dtype=np.uint8)
        out[(bodies - HEAD_BYTES)[has_head][:, None] + np.arange(HEAD_BYTES)] = heads[has_head]
        _place(out, at, texts, (np.cumsum(text_lengths) - text_lengths)[stems], stem_lengths)
        at = at + stem_lengths
        out[at[:, None] + np.arange(TIME_BYTES)] = value_times
        out[(at + TIME_BYTES)[:, None] + np.arange(3)] = _MARKERS[kind_of]
        at = at + TIME_BYTES + 3
        out[at[flags]] = booleans
        out[at[doubles][:, None] + np.arange(8)] = floats.view(np.uint8).reshape(-1, 8)
        _place(out, ends - tail_lengths, tails, np.cumsum(tail_lengths) - tail_lengths, tail_lengths)
        flat = out.tobytes()
        return [
            Kept(time_ms, topics[topic], flat[begin:end])
            for time_ms, topic, (begin, end) in zip(
                times, topic_of, pairwise(accumulate(lengths.tolist(), initial=0)), strict=True
            )
        ]

    def _sums(self, count: int) -> Signed:
        return np.cumsum(_signed(self._planes(count, 8)), dtype=np.int64)

    def _floats(self, stems: Places, forms: Bytes) -> NDArray[np.float64]:
        """Return the doubles, those of one stem together."""
        sums = np.cumsum(_signed(self._planes(len(stems), 8)), dtype=np.int64)
        starts = np.flatnonzero(np.diff(stems, prepend=np.int64(-1)) != 0)
        before = np.where(starts > 0, sums[starts - 1], 0) if len(starts) else sums
        whole = sums - np.repeat(before, np.diff(starts, append=len(stems)))
        return doubles_of(whole, forms[stems])

    def _planes(self, count: int, width: int) -> Words:
        planes = np.frombuffer(self._take(count * width), dtype=np.uint8).reshape(width, count)
        wide = np.zeros((count, 8), dtype=np.uint8)
        wide[:, :width] = planes.T
        return wide.view("<u8")[:, 0]

    def _take(self, length: int) -> bytes:
        data = self._data[self._at : self._at + length]
        if length < 0 or len(data) != length:
            message = "it is shorter than it says"
            raise ValueError(message)
        self._at += length
        return data


_MARKERS = np.frombuffer(b"".join(MARKERS), dtype=np.uint8).reshape(-1, 3)


def _check(stems: Places, kinds: Bytes, forms: Bytes, counts: Places) -> None:
    """Raise ValueError when what a block says of its values cannot be."""
    if len(stems) and (int(stems.min()) < 0 or int(stems.max()) >= len(kinds)):
        message = "a value has no stem"
        raise ValueError(message)
    if len(kinds) and (int(kinds.max()) > BOOLEAN or int(forms.max()) >= FORMS):
        message = "a kind or a form is not known"
        raise ValueError(message)
    if int(counts.sum()) != len(stems):
        message = "its payloads have not as many values as it says"
        raise ValueError(message)


def _bytes_of(numbers: Signed, width: int) -> Bytes:
    """Return the lowest bytes of numbers as the rows of a matrix."""
    return np.ascontiguousarray(numbers).view(np.uint8).reshape(-1, 8)[:, :width]


def _place(out: Bytes, at: Places, data: bytes, sources: Places, lengths: Places) -> None:
    """Copy pieces of `data` to where they belong: number i, `lengths[i]` bytes from `sources[i]`, to `at[i]`."""
    before = np.cumsum(lengths) - lengths
    # 32 bits are enough for places in a block, and halve the memory.
    run = np.arange(int(lengths.sum()), dtype=np.int32)
    target = np.repeat((at - before).astype(np.int32), lengths)
    target += run
    run += np.repeat((sources - before).astype(np.int32), lengths)
    out[target] = np.frombuffer(data, dtype=np.uint8)[run]
