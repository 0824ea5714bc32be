"""Recognises payloads that are laid out as our gateways lay them out, and reads their numbers at once by numpy.

What it reads is what protobuf would read; what it does not recognise it leaves alone, and protobuf reads that. It keeps, for each
layout that it has seen, the bytes that do not change and the places of those that do.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.errors import RemoteProtocolError
from domain.ids import PointRef
from domain.quality import Quality, Reason
from wire.sparkplug import DataType, Metric, Payload, decode, encode

LAYOUTS_MAX = 2048
"""Remembered in all, some 15 KB each for a hundred points; beyond, the one made first is forgotten and made anew if need be."""
ALIKE_MAX = 4
"""Remembered of one topic and length."""
UUID_MAX = 52
"""Letters of epoch, dash and offset."""

_HEAD = 7
"""Bytes of a payload's own time: a tag and six."""
_CONTINUED = sum(0x80 << (8 * place) for place in range(5))
"""Every byte of a six-byte time but the last says that another follows."""
_TIME_BITS = np.uint64(sum(0x7F << (8 * place) for place in range(6)))
_AROUND = ~_TIME_BITS
_WORD = np.dtype("<u8")
_TYPES = {
    int(kind): np.uint64(_CONTINUED | 0x20 << 48 | int(kind) << 56)
    for kind in (DataType.DOUBLE, DataType.BOOLEAN)
}
"""What surrounds a time and follows it: continuation bits, then tag and number of the data type."""

Fit = Callable[[str, bool], PointRef | None]
"""Says which point a metric of this name is, given whether its value is a state; None: it is not fit to be stored."""
CodeOf = Callable[[Quality, Reason | None], int]


class Recognised(NamedTuple):
    """A payload's content."""

    uuid: str
    points: tuple[PointRef, ...]
    times_ms: NDArray[np.int64]
    values: NDArray[np.float64]
    """NaN: null."""
    codes: NDArray[np.uint8]


class _Chunk(NamedTuple):
    """One metric as it lies in a payload."""

    start: int
    end: int
    time_at: int
    metric: Metric | None
    """None: it is good, and its value is the last eight bytes, or the last one of a state."""


@dataclass(frozen=True, slots=True)
class _Layout:
    fixed: bytes
    """0 where a byte may change."""
    mask: NDArray[np.uint8]
    """255 where a byte is fixed, 0 where it may change."""
    times: NDArray[np.intp]
    types: bytes
    numbers: NDArray[np.intp]
    number_at: NDArray[np.intp]
    """Which of the points the numbers belong to."""
    flags: NDArray[np.intp]
    flag_at: NDArray[np.intp]
    points: tuple[PointRef, ...]
    codes: NDArray[np.uint8]

    def read(self, data: bytes, uuid: str, end: int) -> Recognised | None:
        """Return the content of `data`, whose metrics end at `end`; None when it is laid out otherwise."""
        whole = np.frombuffer(data, np.uint8, end)
        if (whole & self.mask).tobytes() != self.fixed:
            return None
        # A view that begins at each byte: one question takes eight bytes from each place.
        words = np.ndarray((len(data) - 7,), _WORD, data, 0, (1,))
        times = words[self.times]
        if (times & _AROUND).tobytes() != self.types:
            return None
        values = numbers = words[self.numbers].view(np.float64)
        # A sum is finite only if each number is, and nearly always if each is.
        if not math.isfinite(numbers.sum()) and not np.isfinite(numbers).all():
            return None
        if len(numbers) < len(self.points):
            flags = whole[self.flags]
            if len(flags) and flags.max() > 1:
                return None
            values = np.full(len(self.points), np.nan)
            values[self.number_at] = numbers
            values[self.flag_at] = flags
        return Recognised(uuid, self.points, _gathered(times), values, self.codes)


class Layouts:
    """What was learnt from the payloads of one park, by topic and length."""

    def __init__(self, code_of: CodeOf) -> None:
        self._code_of = code_of
        self._known: dict[tuple[str, int], tuple[_Layout, ...]] = {}

    def read(self, topic: str, data: bytes, fit: Fit) -> Recognised | None:
        """Return the content of a payload all of whose metrics are fit; None when protobuf is to read it."""
        found = _frame(data)
        if found is None:
            return None
        end, uuid = found
        alike = self._known.get((topic, end), ())
        for layout in alike:
            if (recognised := layout.read(data, uuid, end)) is not None:
                return recognised
        made = self._made(data, end, fit)
        if made is None:
            return None
        while len(self._known) >= LAYOUTS_MAX:
            del self._known[next(iter(self._known))]
        self._known[topic, end] = (made, *alike[: ALIKE_MAX - 1])
        return made.read(data, uuid, end)

    def _made(self, data: bytes, end: int, fit: Fit) -> _Layout | None:
        chunks = _chunks(data, end)
        if chunks is None:
            return None
        points: list[PointRef] = []
        numbers: list[tuple[int, int]] = []
        flags: list[tuple[int, int]] = []
        codes = bytearray(len(chunks))
        for place, chunk in enumerate(chunks):
            is_state = data[chunk.time_at + 7] == DataType.BOOLEAN
            metric = chunk.metric
            name = _name(data, chunk) if metric is None else metric.name
            point = None if name is None else fit(name, is_state)
            if point is None:
                return None
            points.append(point)
            if metric is not None:
                codes[place] = self._code_of(metric.quality, metric.reason)
            if metric is None or metric.value is not None:
                (flags if is_state else numbers).append((place, chunk.end - (1 if is_state else 8)))
        times = np.array([chunk.time_at for chunk in chunks], np.intp)
        number_at, number_places = _pairs(numbers)
        flag_at, flag_places = _pairs(flags)
        mask = np.full(end, 255, np.uint8)
        mask[1:_HEAD] = 0
        mask[np.add.outer(times, np.arange(6)).ravel()] = 0
        mask[np.add.outer(number_places, np.arange(8)).ravel()] = 0
        mask[flag_places] = 0
        return _Layout(
            fixed=(np.frombuffer(data, np.uint8, end) & mask).tobytes(),
            mask=mask,
            times=times,
            types=np.array([_TYPES[data[chunk.time_at + 7]] for chunk in chunks], np.uint64).tobytes(),
            numbers=number_places,
            number_at=number_at,
            flags=flag_places,
            flag_at=flag_at,
            points=tuple(points),
            codes=np.frombuffer(bytes(codes), np.uint8),
        )


def _frame(data: bytes) -> tuple[int, str] | None:
    """Return where the metrics end, and the uuid; None when the payload does not begin and end as ours do."""
    if len(data) < _HEAD + 40 or data[0] != 0x08 or data[6] > 0x7F or min(data[1:6]) < 0x80:
        return None
    # The uuid comes last, and holds no quotation mark, which is its tag; of 34 letters, its length is one too.
    at = data.rfind(b'"', -UUID_MAX - 2)
    if at > 0 and data[at - 1] == 0x22 and len(data) - at - 1 == 0x22:
        at -= 1
    if at < _HEAD or data[at + 1 : at + 2] != bytes([len(data) - at - 2 & 0xFF]):
        return None
    try:
        uuid = data[at + 2 :].decode("ascii")
    except UnicodeDecodeError:
        return None
    if data[at - 2] == 0x18 and data[at - 1] < 0x80:
        return at - 2, uuid
    if data[at - 3] == 0x18 and data[at - 2] > 0x7F and data[at - 1] == 1:
        return at - 3, uuid
    return at, uuid


def _chunks(data: bytes, end: int) -> list[_Chunk] | None:
    """Return the metrics; None when one of them is not as we write it."""
    chunks: list[_Chunk] = []
    start = _HEAD
    while start < end:
        if end - start < 4 or data[start] != 0x12:
            return None
        size, body = data[start + 1], start + 2
        if size > 0x7F:
            if not 0 < data[body] < 0x80:
                return None
            size, body = size & 0x7F | data[body] << 7, body + 1
        stop = body + size
        if stop > end or size < 13 or data[body] != 0x0A:
            return None
        # Tag and length of the name, the name, tag of the time, six bytes of time, tag and number of the data type.
        time_at = body + 3 + data[body + 1]
        if data[body + 1] > 0x7F or time_at + 8 > stop or data[time_at - 1] != 0x18:
            return None
        kind, value_at = data[time_at + 7], time_at + 8
        if data[time_at + 6] != 0x20 or kind not in _TYPES:
            return None
        tag, width = (0x69, 9) if kind == DataType.DOUBLE else (0x70, 2)
        is_good = stop == value_at + width and data[value_at] == tag
        metric = None if is_good else _odd(data[start:stop])
        if not is_good and metric is None:
            return None
        chunks.append(_Chunk(start, stop, time_at, metric))
        start = stop
    return chunks


def _odd(chunk: bytes) -> Metric | None:
    """Return a metric that is null or not good, if we would write it with the same bytes."""
    try:
        payload = decode(chunk)
    except RemoteProtocolError:
        return None
    if len(payload.metrics) != 1 or payload.unreadable:
        return None
    (metric,) = payload.metrics
    if metric.quality is Quality.GOOD or encode(Payload(timestamp_ms=None, metrics=(metric,))) != chunk:
        return None
    return metric


def _name(data: bytes, chunk: _Chunk) -> str | None:
    size = data[chunk.start + 3 if data[chunk.start + 1] < 0x80 else chunk.start + 4]
    try:
        return data[chunk.time_at - 1 - size : chunk.time_at - 1].decode("ascii")
    except UnicodeDecodeError:
        return None


def _pairs(pairs: list[tuple[int, int]]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    both = np.array(pairs, np.intp).reshape(-1, 2)
    return np.ascontiguousarray(both[:, 0]), np.ascontiguousarray(both[:, 1])


def _gathered(words: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return the times that stand with seven bits in each of six bytes."""
    if len(words) and (words & _TIME_BITS == words[0] & _TIME_BITS).all():
        # One read of a device.
        word = int(words[0])
        one = sum((word >> place & 0x7F) << (7 * place // 8) for place in range(0, 48, 8))
        return np.full(len(words), one, np.int64)
    times = words & np.uint64(0x7F)
    for place in range(1, 6):
        times |= (words >> np.uint64(place)) & np.uint64(0x7F << (7 * place))
    return times.view(np.int64)
