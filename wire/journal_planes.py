"""Arranges the payloads of a journal block so that they deflate well, and restores them bit for bit; opens no file.

Payloads of one topic and one layout stand in columns, each byte as its difference from the payload before; the others follow
one another. The doubles among them are taken out, as whole numbers where they are decimals. Nothing depends on what a payload
means: bytes that only look like a double are restored all the same (docs/protocols/journal.md).
"""

import struct
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.errors import StorageError

Bytes = NDArray[np.uint8]
Places = NDArray[np.int64]
Signed = NDArray[np.int64]
Words = NDArray[np.uint64]

COLUMNS, LOOSE = 0, 1
"""Kinds of groups."""
ROWS_MIN = 4
"""Fewer payloads of one length are left loose: what describes their columns would cost more than it saves."""
UNLIKE = 0.4
"""Payloads of one length that differ from the one before in more than this part of their bytes are left loose."""
EXACT_MAX = 2**53
"""Beyond it a double is no exact whole number."""
FORMS = 17
"""0: the bits of the double; 1–8: a whole number / 10^(form − 1); 9–15: a whole number × 10^−(form − 8); 16: the bits of
the single that it was."""
_SINGLE = 16
_TRIED = (1, 9, 2, 10, 3, 11, 4, 12, 5, 13, _SINGLE)
"""The forms that are tried, in this order."""
_MARKER = (0x20, 0x0A, 0x69)
"""What stands before a double in a Sparkplug metric: data type 10, then the tag of double_value."""

_COUNTS = struct.Struct("<IHI")
_GROUP = struct.Struct("<HBIII")
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
    places = np.empty(len(records), dtype="<u2")
    heads: list[bytes] = []
    sections: list[bytes] = []
    for kind, members in _grouped(records):
        places[members] = len(heads)
        payloads = [records[at].payload for at in members]
        head, body = _in_columns(payloads) if kind == COLUMNS else _loose(payloads)
        heads.append(_GROUP.pack(topics[records[members[0]].topic], kind, len(members), *head))
        sections += body
    times = np.array([record.time_ms for record in records], dtype=np.int64)
    parts = [
        _COUNTS.pack(len(records), len(topics), len(heads)),
        *(_LENGTH.pack(len(topic)) + topic for topic in topics),
        *heads,
        *_planes(_unsigned(_steps(times[:, None]))),
        places.view(np.uint8).reshape(-1, 2).T.tobytes(),
    ]
    return [b"".join(parts), *sections]


def restore(data: bytes) -> list[Kept]:
    """Return what was arranged. Raises StorageError when `data` is not of that form."""
    try:
        return _Reader(data).records()
    except (struct.error, ValueError, IndexError, OverflowError) as error:
        message = f"a block of the segment cannot be restored: {error}"
        raise StorageError(message) from error


def _grouped(records: Sequence[Kept]) -> Iterator[tuple[int, list[int]]]:
    """Yield the kind of each group and which records are in it."""
    lengths: dict[tuple[bytes, int], list[int]] = {}
    loose: dict[bytes, list[int]] = {}
    for at, record in enumerate(records):
        lengths.setdefault((record.topic, len(record.payload)), []).append(at)
    for (topic, length), members in lengths.items():
        if length and len(members) >= ROWS_MIN and _are_alike([records[at].payload for at in members]):
            yield COLUMNS, members
        else:
            loose.setdefault(topic, []).extend(members)
    for members in loose.values():
        yield LOOSE, sorted(members)


def _are_alike(payloads: list[bytes]) -> bool:
    matrix = _matrix(payloads)
    return bool(np.count_nonzero(matrix[1:] != matrix[:-1]) <= UNLIKE * matrix.size)


def _in_columns(payloads: list[bytes]) -> tuple[tuple[int, int], list[bytes]]:
    matrix = _matrix(payloads)
    at = _doubles(matrix[0])
    spans = at[:, None] + np.arange(8)
    values = np.ascontiguousarray(matrix[:, spans]).view("<u8")[:, :, 0]
    whole, forms = _whole(values)
    rest = np.delete(matrix, spans.ravel(), axis=1)
    steps = rest[1:] - rest[:-1]
    sections = [
        at.astype("<u4").tobytes() + forms.tobytes() + rest[0].tobytes(),
        steps.T.tobytes(),
        *_planes(_unsigned(_steps(whole))),
    ]
    return (matrix.shape[1], len(at)), sections


def _loose(payloads: list[bytes]) -> tuple[tuple[int, int], list[bytes]]:
    flat = np.frombuffer(b"".join(payloads), dtype=np.uint8)
    at = _doubles(flat)
    spans = at[:, None] + np.arange(8)
    # Each value is a column of its own: neighbours are other points.
    whole, forms = _whole(np.ascontiguousarray(flat[spans]).view("<u8").reshape(1, -1))
    lengths = np.array([len(payload) for payload in payloads], dtype="<u4")
    sections = [
        lengths.view(np.uint8).reshape(-1, 4).T.tobytes(),
        *_planes(_unsigned(_steps(at[:, None])))[:4],
        forms.tobytes(),
        np.delete(flat, spans.ravel()).tobytes(),
        *_planes(_unsigned(whole)),
    ]
    return (len(flat), len(at)), sections


def _matrix(payloads: list[bytes]) -> Bytes:
    return np.frombuffer(b"".join(payloads), dtype=np.uint8).reshape(len(payloads), -1)


def _doubles(data: Bytes) -> Places:
    """Return where what looks like a double begins; none overlaps another."""
    ends = len(data) - 8
    first, second, third = (data[place : max(ends + place - 2, place)] for place in range(3))
    if ends < 3:
        return np.zeros(0, dtype=np.int64)
    found = np.flatnonzero((first == _MARKER[0]) & (second == _MARKER[1]) & (third == _MARKER[2])) + 3
    while len(found) > 1 and (is_near := np.diff(found) < 8).any():
        found = np.delete(found, np.flatnonzero(is_near)[0] + 1)
    return found.astype(np.int64)


def _whole(values: Words) -> tuple[Signed, Bytes]:
    """Return the whole numbers that stand for a matrix of doubles, and the form of each column."""
    whole = values.view(np.int64).copy()
    forms = np.zeros(values.shape[1], dtype=np.uint8)
    for form in _TRIED:
        _try(form, values, whole, forms)
    return whole, forms


def _try(form: int, values: Words, whole: Signed, forms: Bytes) -> None:
    """Take the columns as whole numbers where `form` gives every one of their values back bit for bit."""
    left = np.flatnonzero(forms == 0)
    # A few rows first: most forms fail at once.
    left, _ = _fitting(form, values[:4], left)
    if len(left):
        left, counted = _fitting(form, values, left)
        whole[:, left] = counted
        forms[left] = form


def _fitting(form: int, values: Words, columns: Places) -> tuple[Places, Signed]:
    """Return which of `columns` are given back by `form`, and their whole numbers."""
    with np.errstate(all="ignore"):
        counted = _counted(form, values.view(np.float64)[:, columns])
        fits = (_valued(form, counted).view(np.uint64) == values[:, columns]).all(axis=0)
    return columns[fits], counted[:, fits]


def _counted(form: int, floats: NDArray[np.float64]) -> Signed:
    """Return the whole number that is nearest to each value; 0 where there is none."""
    if form == _SINGLE:
        return floats.astype(np.float32).view(np.int32).astype(np.int64)
    counted = np.rint(floats * float(10 ** _decimals(form)))
    return np.where(np.abs(counted) < EXACT_MAX, counted, 0.0).astype(np.int64)


def _valued(form: int, counted: Signed) -> NDArray[np.float64]:
    """Return the doubles that the whole numbers stand for."""
    if form == _SINGLE:
        return counted.astype(np.int32).view(np.float32).astype(np.float64)
    if form <= 8:
        return counted.astype(np.float64) / float(10 ** _decimals(form))
    return counted.astype(np.float64) * float(f"1e-{_decimals(form)}")


def _decimals(form: int) -> int:
    return form - 1 if form <= 8 else form - 8


def _steps(columns: Signed) -> Signed:
    """Return each number's difference from the one before in its column."""
    return np.diff(columns, axis=0, prepend=np.int64(0))


def _unsigned(numbers: Signed) -> Words:
    """Return small numbers of either sign as small numbers: 0, −1, 1, −2 as 0, 1, 2, 3."""
    return ((numbers << 1) ^ (numbers >> 63)).view(np.uint64)


def _signed(numbers: Words) -> Signed:
    return (numbers >> np.uint64(1)).view(np.int64) ^ -(numbers & np.uint64(1)).view(np.int64)


def _planes(numbers: Words) -> list[bytes]:
    """Return the lowest bytes of all numbers, column by column, then the second lowest and so on."""
    planes = np.ascontiguousarray(numbers.T).view(np.uint8).reshape(-1, 8)
    return [planes[:, place].tobytes() for place in range(8)]


class _Reader:
    """Takes an arranged block apart."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def records(self) -> list[Kept]:
        count, topic_count, group_count = _COUNTS.unpack(self._take(_COUNTS.size))
        topics = [self._take(_LENGTH.unpack(self._take(2))[0]) for _ in range(topic_count)]
        heads = [_GROUP.unpack(self._take(_GROUP.size)) for _ in range(group_count)]
        times = self._sums(1, count)[:, 0].tolist()
        places = self._bytes(2, count).T.copy().view("<u2")[:, 0].tolist()
        kinds = (self._columns, self._loose)
        payloads = [iter(kinds[kind](*numbers)) for _, kind, *numbers in heads]
        if self._at != len(self._data):
            message = "it is longer than it says"
            raise ValueError(message)
        names = [topics[head[0]] for head in heads]
        try:
            return [
                Kept(time_ms, names[place], next(payloads[place]))
                for time_ms, place in zip(times, places, strict=True)
            ]
        except StopIteration as error:
            message = "it has fewer payloads than it says"
            raise ValueError(message) from error

    def _columns(self, rows: int, length: int, count: int) -> list[bytes]:
        at = np.frombuffer(self._take(4 * count), dtype="<u4").astype(np.int64)
        forms = np.frombuffer(self._take(count), dtype=np.uint8)
        spans, is_rest = _places(at, forms, length)
        width = length - spans.size
        first, steps = self._bytes(1, width), self._bytes(width, rows - 1)
        values = _floats(self._sums(count, rows), forms)
        matrix = np.empty((rows, length), dtype=np.uint8)
        matrix[:, is_rest] = np.cumsum(np.vstack((first, steps.T)), axis=0, dtype=np.uint8)
        matrix[:, spans] = values.view(np.uint8).reshape(rows, count, 8)
        return _cut(matrix.tobytes(), [length] * rows)

    def _loose(self, rows: int, length: int, count: int) -> list[bytes]:
        lengths = self._bytes(4, rows).T.copy().view("<u4")[:, 0].tolist()
        low = np.zeros((8, count), dtype=np.uint8)
        low[:4] = self._bytes(4, count)
        at = np.cumsum(_signed(np.ascontiguousarray(low.T).view("<u8")[:, 0]), dtype=np.int64)
        forms = np.frombuffer(self._take(count), dtype=np.uint8)
        spans, is_rest = _places(at, forms, length)
        flat = np.empty(length, dtype=np.uint8)
        flat[is_rest] = self._bytes(1, length - spans.size)[0]
        values = _floats(_signed(self._planes(count, 1)), forms)
        flat[spans] = values.view(np.uint8).reshape(count, 8)
        if sum(lengths) != length:
            message = "its payloads are not as long as it says"
            raise ValueError(message)
        return _cut(flat.tobytes(), lengths)

    def _sums(self, columns: int, rows: int) -> Signed:
        return np.cumsum(_signed(self._planes(columns, rows)), axis=0, dtype=np.int64)

    def _planes(self, columns: int, rows: int) -> Words:
        """Return the numbers as a matrix of `rows` and `columns`."""
        planes = self._bytes(8, columns * rows)
        return np.ascontiguousarray(planes.T).view("<u8").reshape(columns, rows).T

    def _bytes(self, rows: int, columns: int) -> Bytes:
        if min(rows, columns) < 0:
            message = "it has more doubles than bytes"
            raise ValueError(message)
        return np.frombuffer(self._take(rows * columns), dtype=np.uint8).reshape(rows, columns)

    def _take(self, length: int) -> bytes:
        data = self._data[self._at : self._at + length]
        if len(data) != length:
            message = "it is shorter than it says"
            raise ValueError(message)
        self._at += length
        return data


def _places(at: Places, forms: Bytes, length: int) -> tuple[Places, NDArray[np.bool_]]:
    """Return where the bytes of the doubles lie, and of every byte whether it is none of theirs."""
    spans = at[:, None] + np.arange(8)
    is_rest = np.ones(length, dtype=np.bool_)
    if len(at):
        if int(at.min()) < 0 or int(spans.max()) >= length or int(forms.max()) >= FORMS:
            message = "a double lies outside its payload"
            raise ValueError(message)
        is_rest[spans.ravel()] = False
    return spans, is_rest


def _floats(whole: Signed, forms: Bytes) -> NDArray[np.float64]:
    values = np.ascontiguousarray(whole).view(np.float64).copy()
    for form in np.unique(forms[forms > 0]).tolist():
        values[:, forms == form] = _valued(form, whole[:, forms == form])
    return values


def _cut(flat: bytes, lengths: list[int]) -> list[bytes]:
    return [flat[start:end] for start, end in pairwise(accumulate(lengths, initial=0))]
