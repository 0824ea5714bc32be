"""Restores the payloads of a packed journal block as docs/protocols/journal.md says; shares no code with its writer."""

import struct
from collections.abc import Iterator

import numpy as np

_MARKERS = (b"\x20\x0a\x69", b"\x20\x0b\x70")


class _Stream:
    """The inflated bytes, read from front to back."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)

    def take(self, length: int) -> bytes:
        taken, self._data = self._data[:length], self._data[length:]
        return bytes(taken)

    def numbers(self, form: str) -> tuple[int, ...]:
        return struct.unpack(form, self.take(struct.calcsize(form)))

    def planes(self, width: int, count: int) -> list[int]:
        """Return `count` unsigned numbers of `width` bytes: all their lowest bytes first, and so on."""
        planes = [np.frombuffer(self.take(count), np.uint8) for _ in range(width)]
        total = np.zeros(count, np.uint64)
        for place, plane in enumerate(planes):
            total |= plane.astype(np.uint64) << np.uint64(8 * place)
        return [int(number) for number in total]

    def steps(self, width: int, count: int) -> list[int]:
        """Return `count` signed numbers."""
        return [-(number >> 1) - 1 if number & 1 else number >> 1 for number in self.planes(width, count)]

    def texts(self, lengths: list[int]) -> list[bytes]:
        return [self.take(length) for length in lengths]


def unarranged(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield (time of the append in ms, topic, payload) in the order of their offsets."""
    stream = _Stream(data)
    payloads, topic_count, stem_count, value_count = stream.numbers("<IHII")
    topics = [stream.take(stream.numbers("<H")[0]) for _ in range(topic_count)]
    topic_of = stream.planes(2, payloads)
    times = _running(stream.steps(8, payloads))
    counts = stream.planes(4, payloads)
    heads = _running(stream.steps(8, payloads))
    has_head = stream.take(payloads)
    tails = stream.texts(stream.planes(4, payloads))
    lengths = stream.planes(4, stem_count)
    kinds, forms = stream.take(stem_count), stream.take(stem_count)
    texts = stream.texts(lengths)
    stems = [stem + place for place, stem in enumerate(_running(stream.steps(4, value_count)))]
    read_at = _running(stream.steps(8, value_count))
    values = _values(stream, stems, kinds, forms)
    pieces = (
        texts[stem] + (at % 2**64).to_bytes(8, "little")[:6] + _MARKERS[kinds[stem]] + value
        for stem, at, value in zip(stems, read_at, values, strict=True)
    )
    for place, time_ms in enumerate(times):
        head = (heads[place] % 2**64).to_bytes(8, "little")[:7] if has_head[place] else b""
        body = b"".join(next(pieces) for _ in range(counts[place]))
        yield time_ms, topics[topic_of[place]], head + body + tails[place]


def _values(stream: _Stream, stems: list[int], kinds: bytes, forms: bytes) -> list[bytes]:
    """Return the value of each place: the file has those of one stem together, booleans first."""
    by_stem = sorted(range(len(stems)), key=lambda place: stems[place])
    found = [b""] * len(stems)
    booleans = [place for place in by_stem if kinds[stems[place]] == 1]
    for place, value in zip(booleans, stream.take(len(booleans)), strict=True):
        found[place] = bytes([value])
    doubles = [place for place in by_stem if kinds[stems[place]] == 0]
    number, stem = 0, -1
    for place, step in zip(doubles, stream.steps(8, len(doubles)), strict=True):
        number = _wrapped(number + step) if stems[place] == stem else step
        stem = stems[place]
        found[place] = _double(number, forms[stem])
    return found


def _running(steps: list[int]) -> list[int]:
    """Return the running sums, as signed numbers of 64 bits that wrap around."""
    sums, total = [], 0
    for step in steps:
        total = _wrapped(total + step)
        sums.append(total)
    return sums


def _wrapped(number: int) -> int:
    return (number + 2**63) % 2**64 - 2**63


def _double(number: int, form: int) -> bytes:
    """Return the eight bytes of the double that a whole number stands for."""
    if form == 0:
        return struct.pack("<q", number)
    if form <= 8:
        return struct.pack("<d", number / 10 ** (form - 1))
    if form <= 15:
        return struct.pack("<d", number * float(f"1e-{form - 8}"))
    return struct.pack("<d", struct.unpack("<f", struct.pack("<i", number))[0])
