"""Restores the payloads of a packed journal block as docs/protocols/journal.md says; shares no code with its writer."""

import struct
from collections.abc import Iterator

import numpy as np


class _Stream:
    """The inflated bytes, read from front to back."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)

    def bytes(self, length: int) -> bytes:
        taken, self._data = self._data[:length], self._data[length:]
        return bytes(taken)

    def numbers(self, form: str) -> tuple[int, ...]:
        return struct.unpack(form, self.bytes(struct.calcsize(form)))

    def planes(self, width: int, count: int) -> list[int]:
        """Return `count` unsigned numbers of `width` bytes: all their lowest bytes first, and so on."""
        planes = [np.frombuffer(self.bytes(count), np.uint8) for _ in range(width)]
        total = np.zeros(count, np.uint64)
        for place, plane in enumerate(planes):
            total |= plane.astype(np.uint64) << np.uint64(8 * place)
        return [int(number) for number in total]


def unarranged(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield (time of the append in ms, topic, payload) in the order of their offsets."""
    stream = _Stream(data)
    count, topic_count, group_count = stream.numbers("<IHI")
    topics = [stream.bytes(stream.numbers("<H")[0]) for _ in range(topic_count)]
    groups = [stream.numbers("<HBIII") for _ in range(group_count)]
    times = _running([_zigzag(number) for number in stream.planes(8, count)])
    membership = stream.planes(2, count)
    queues = []
    for topic, kind, rows, length, doubles in groups:
        payloads = (_columns if kind == 0 else _loose)(stream, rows, length, doubles)
        queues.append((topics[topic], iter(payloads)))
    for time_ms, group in zip(times, membership, strict=True):
        topic_bytes, queue = queues[group]
        yield time_ms, topic_bytes, next(queue)


def _columns(stream: _Stream, rows: int, length: int, doubles: int) -> list[bytes]:
    places = stream.numbers(f"<{doubles}I")
    forms = stream.bytes(doubles)
    taken = {place + byte for place in places for byte in range(8)}
    rest = [place for place in range(length) if place not in taken]
    payloads = np.zeros((rows, length), np.uint8)
    payloads[0, rest] = np.frombuffer(stream.bytes(len(rest)), np.uint8)
    steps = np.frombuffer(stream.bytes(len(rest) * (rows - 1)), np.uint8).reshape(len(rest), rows - 1)
    for row in range(1, rows):
        payloads[row, rest] = payloads[row - 1, rest] + steps[:, row - 1]
    numbers = stream.planes(8, doubles * rows)
    for at, (place, form) in enumerate(zip(places, forms, strict=True)):
        column = _running([_zigzag(number) for number in numbers[at * rows : (at + 1) * rows]])
        raw = b"".join(_double(number, form) for number in column)
        payloads[:, place : place + 8] = np.frombuffer(raw, np.uint8).reshape(rows, 8)
    return [payloads[row].tobytes() for row in range(rows)]


def _loose(stream: _Stream, rows: int, length: int, doubles: int) -> list[bytes]:
    lengths = stream.planes(4, rows)
    places = _running([_zigzag(number) for number in stream.planes(4, doubles)])
    forms = stream.bytes(doubles)
    rest = stream.bytes(length - 8 * doubles)
    values = [
        _double(_zigzag(number), form) for number, form in zip(stream.planes(8, doubles), forms, strict=True)
    ]
    parts, done = [], 0
    for number, (place, value) in enumerate(zip(places, values, strict=True)):
        parts += [rest[done : place - 8 * number], value]
        done = place - 8 * number
    flat = b"".join([*parts, rest[done:]])
    ends = _running(lengths)
    return [flat[end - size : end] for end, size in zip(ends, lengths, strict=True)]


def _zigzag(number: int) -> int:
    return -(number >> 1) - 1 if number & 1 else number >> 1


def _running(steps: list[int]) -> list[int]:
    """Return the running sums, as signed numbers of 64 bits that wrap around."""
    sums, total = [], 0
    for step in steps:
        total = (total + step + 2**63) % 2**64 - 2**63
        sums.append(total)
    return sums


def _double(number: int, form: int) -> bytes:
    """Return the eight bytes of the double that a whole number stands for."""
    if form == 0:
        return struct.pack("<q", number)
    if form <= 8:
        return struct.pack("<d", number / 10 ** (form - 1))
    if form <= 15:
        return struct.pack("<d", number * float(f"1e-{form - 8}"))
    return struct.pack("<d", struct.unpack("<f", struct.pack("<i", number))[0])
