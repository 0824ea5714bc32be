"""Data payloads of one device from templates: the bytes that protobuf would write, with times and values put in by numpy.

A metric's bytes are made once; from then on only its time and its value change, in places that are known. Whatever does not fit
this (texts, times outside 1971 to 2109) is encoded by protobuf. It knows nothing of sessions and of the journal.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from domain.quality import Quality, Reason
from domain.sample import Value
from wire.sparkplug import DataType, Metric, Payload, encode

TIME_MS_MIN, TIME_MS_END = 2**35, 2**42
"""Times that protobuf writes in six bytes, like every one from February 1971 to May 2109."""
LAYOUTS_MAX = 4
"""Arrangements of rows that are remembered: those of the poll groups of a device."""

_TIME = 2**41
"""Stands where a time will stand: six bytes as well."""
_NO_TIME = bytes(6)
_NULL = b"\x38\x01"
_VALUES = {DataType.DOUBLE: b"\x69" + bytes(8), DataType.BOOLEAN: b"\x70\x00"}
"""Tag and place of a value."""
_CONTINUED = sum(0x80 << (8 * place) for place in range(5))
"""Every byte of a time but the last says that another follows."""
_TIMES, _NUMBERS = np.dtype("<u8"), np.dtype("<f8")

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Layout:
    """The metrics of some rows, and where their times and values stand."""

    data: bytes
    times: NDArray[np.intp]
    types: NDArray[np.uint64]
    """What follows each time (tag and number of the data type), in place above its six bytes."""
    numbers: NDArray[np.intp]
    number_at: NDArray[np.intp]
    """Which of the rows the numbers belong to."""
    flags: NDArray[np.intp]
    flag_at: NDArray[np.intp]


class PayloadTemplate:
    """The metrics of one device, by rows."""

    def __init__(
        self, names: Sequence[str], datatypes: Sequence[DataType], reasons: Sequence[Reason | None]
    ) -> None:
        """`datatypes` are DOUBLE, BOOLEAN or STRING; `reasons` is what the numbers of reasons mean."""
        self._names = tuple(names)
        self._datatypes = tuple(datatypes)
        self._reasons = tuple(reasons)
        sizes = np.array([len(name.encode()) for name in names], dtype=np.intp)
        self._time_at = 5 + sizes + (sizes > 127)
        """From the start of a metric's chunk to its time, if the length of the chunk takes one byte."""
        types = [(0x20 << 48) | (int(kind) << 56) | _CONTINUED for kind in datatypes]
        self._types = np.array(types, dtype=np.uint64)
        self._is_number = np.array([kind is DataType.DOUBLE for kind in datatypes], dtype=np.bool_)
        self._is_flag = np.array([kind is DataType.BOOLEAN for kind in datatypes], dtype=np.bool_)
        self._good: list[bytes | None] = [None] * len(self._names)
        """Chunks of good values."""
        self._good_bytes = np.zeros(len(self._names), dtype=np.intp)
        self._other: dict[tuple[int, int, int, bool], bytes] = {}
        self._layouts: dict[tuple[bytes, ...], _Layout] = {}
        self._trusts: dict[tuple[int, int], bytes] = {}

    def metrics(
        self,
        rows: Rows,
        values: NDArray[np.float64],
        quality: NDArray[np.int16],
        reason: NDArray[np.int8],
        time_ms: NDArray[np.int64],
        texts: Mapping[int, str],
    ) -> bytearray:
        """Return the metrics of `rows` as they stand in a payload; NaN is null, `texts` go by their place in `rows`."""
        if not len(rows):
            return bytearray()
        first, raw = int(time_ms[0]), time_ms.tobytes()
        is_one_time = raw == raw[:8] * len(rows)
        last = first if is_one_time else int(time_ms.max())
        if not is_one_time:
            first = int(time_ms.min())
        if first < TIME_MS_MIN or last >= TIME_MS_END:
            return bytearray(self._encoded(rows, values, quality, reason, time_ms, texts))
        layout = self._layout(rows, values, quality, reason, texts)
        data = bytearray(layout.data)
        # Views on the bytes that begin at each of them: one assignment puts eight bytes into each place.
        count = max(len(data) - 7, 0)
        times = np.ndarray((count,), _TIMES, data, 0, (1,))
        times[layout.times] = layout.types | (
            np.uint64(_spread(first)) if is_one_time else _spread_all(time_ms)
        )
        if len(layout.numbers):
            numbers = np.ndarray((count,), _NUMBERS, data, 0, (1,))
            numbers[layout.numbers] = values if len(layout.numbers) == len(rows) else values[layout.number_at]
        if len(layout.flags):
            np.frombuffer(data, dtype=np.uint8)[layout.flags] = values[layout.flag_at] == 1.0
        return data

    def _layout(
        self,
        rows: Rows,
        values: NDArray[np.float64],
        quality: NDArray[np.int16],
        reason: NDArray[np.int8],
        texts: Mapping[int, str],
    ) -> _Layout:
        is_null = np.isnan(values)
        if texts:
            return self._laid_out(rows, quality, reason, is_null, texts)
        key = (rows.tobytes(), quality.tobytes(), reason.tobytes(), is_null.tobytes())
        layout = self._layouts.get(key)
        if layout is None:
            layout = self._laid_out(rows, quality, reason, is_null, texts)
            if len(self._layouts) == LAYOUTS_MAX:
                del self._layouts[next(iter(self._layouts))]
            self._layouts[key] = layout
        return layout

    def _laid_out(
        self,
        rows: Rows,
        quality: NDArray[np.int16],
        reason: NDArray[np.int8],
        is_null: NDArray[np.bool_],
        texts: Mapping[int, str],
    ) -> _Layout:
        good = self._good
        chunks = [good[row] or self._make_good(row) for row in rows.tolist()]
        number_at, flag_at = np.flatnonzero(self._is_number[rows]), np.flatnonzero(self._is_flag[rows])
        lengths = self._good_bytes[rows]
        odd = np.flatnonzero(is_null | (quality != int(Quality.GOOD)))
        if len(odd) or texts:
            for place in {*odd.tolist(), *texts}:
                state = (int(quality[place]), int(reason[place]), bool(is_null[place]))
                chunks[place] = self._other_chunk(int(rows[place]), *state, texts.get(place))
                lengths[place] = len(chunks[place])
            number_at, flag_at = number_at[~is_null[number_at]], flag_at[~is_null[flag_at]]
        ends = np.cumsum(lengths)
        # Before a chunk's body stand its tag and its length: one byte up to 127, two up to 16,383, three beyond (texts).
        longer = (lengths > 127 + 2).astype(np.intp) + (lengths > 16_383 + 3)
        times = ends - lengths + self._time_at[rows] + longer
        return _Layout(
            data=b"".join(chunks),
            times=times,
            types=self._types[rows],
            numbers=ends[number_at] - 8,
            number_at=number_at,
            flags=ends[flag_at] - 1,
            flag_at=flag_at,
        )

    def _make_good(self, row: int) -> bytes:
        """Return the bytes of one metric that is good, without its time and value."""
        made = self._good[row] = self._made(row, int(Quality.GOOD), 0, None, is_null=False)
        self._good_bytes[row] = len(made)
        return made

    def _other_chunk(self, row: int, quality: int, reason: int, is_null: bool, text: str | None) -> bytes:  # noqa: FBT001
        if text is not None:
            return self._made(row, quality, reason, text, is_null=False)
        key = (row, quality, reason, is_null)
        made = self._other.get(key)
        if made is None:
            if len(self._other) > 2 * len(self._names):
                self._other.clear()
            made = self._other[key] = self._made(row, quality, reason, None, is_null=is_null)
        return made

    def _made(self, row: int, quality: int, reason: int, text: str | None, *, is_null: bool) -> bytes:
        """Return the bytes of one metric, noughts where time and value will stand."""
        kind = self._datatypes[row]
        if text is not None or kind not in _VALUES:
            return self._one(row, text, quality, reason, _TIME)
        name = self._names[row].encode()
        body = b"".join((
            b"\x0a", _varint(len(name)), name, b"\x18", _NO_TIME, b"\x20", _varint(kind),
            _NULL if is_null else b"", self._trust(quality, reason), b"" if is_null else _VALUES[kind],
        ))  # fmt: skip
        return b"".join((b"\x12", _varint(len(body)), body))

    def _trust(self, quality: int, reason: int) -> bytes:
        """Return the property set that says how far a value is to be trusted, as protobuf writes it; of a good one nothing."""
        found = self._trusts.get((quality, reason))
        if found is None:
            metric = Metric(
                name="x",
                value=None,
                datatype=DataType.DOUBLE,
                quality=Quality(quality),
                reason=self._reasons[reason],
            )
            plain = encode(Payload(timestamp_ms=None, metrics=(replace(metric, quality=Quality.GOOD),)))
            found = encode(Payload(timestamp_ms=None, metrics=(metric,)))[len(plain) :]
            self._trusts[quality, reason] = found
        return found

    def _encoded(
        self,
        rows: Rows,
        values: NDArray[np.float64],
        quality: NDArray[np.int16],
        reason: NDArray[np.int8],
        time_ms: NDArray[np.int64],
        texts: Mapping[int, str],
    ) -> bytes:
        """Return the same by protobuf."""
        numbers = values.tolist()
        return b"".join(
            self._one(
                row,
                self._value(row, numbers[place], texts.get(place)),
                int(quality[place]),
                int(reason[place]),
                int(time_ms[place]),
            )
            for place, row in enumerate(rows.tolist())
        )

    def _value(self, row: int, number: float, text: str | None) -> Value | None:
        kind = self._datatypes[row]
        if kind is DataType.STRING or number != number:  # noqa: PLR0124 # NaN
            return text
        return number == 1.0 if kind is DataType.BOOLEAN else number

    def _one(self, row: int, value: Value | None, quality: int, reason: int, time_ms: int) -> bytes:
        metric = Metric(
            name=self._names[row],
            value=value,
            datatype=self._datatypes[row],
            timestamp_ms=time_ms,
            quality=Quality(quality),
            reason=self._reasons[reason],
        )
        return encode(Payload(timestamp_ms=None, metrics=(metric,)))


def payload(metrics: bytes | bytearray, *, timestamp_ms: int, seq: int | None, uuid: str | None) -> bytes:
    """Return the whole payload around serialised `metrics`, as `wire.sparkplug.encode` would."""
    parts = [b"\x08", _time(timestamp_ms), metrics]
    if seq is not None:
        parts += (b"\x18", _varint(seq))
    if uuid is not None:
        name = uuid.encode()
        parts += (b"\x22", _varint(len(name)), name)
    return b"".join(parts)


def _time(time_ms: int) -> bytes:
    if TIME_MS_MIN <= time_ms < TIME_MS_END:
        return (_spread(time_ms) | _CONTINUED).to_bytes(6, "little")
    return _varint(time_ms)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _spread(time_ms: int) -> int:
    """Return a time with seven bits in each of six bytes."""
    low = time_ms & 0x7F | (time_ms & 0x3F80) << 1 | (time_ms & 0x1F_C000) << 2
    high = time_ms >> 21
    return low | (high & 0x7F | (high & 0x3F80) << 1 | (high & 0x1F_C000) << 2) << 24


def _spread_all(time_ms: NDArray[np.int64]) -> NDArray[np.uint64]:
    whole = time_ms.astype(np.uint64)
    spread = whole & np.uint64(0x7F)
    for place in range(1, 6):
        spread |= (whole & np.uint64(0x7F << (7 * place))) << np.uint64(place)
    return spread
