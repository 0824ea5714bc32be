"""Writes down what every PLC served, compactly, and reads it back: an accepted sample must be found here.

A folder of segments `served-NNNNNN.bin`, each a file of SEGMENT_BYTES that is mapped into memory, so that a record is with
the kernel as soon as it is made and outlives a killed process. Little-endian. A segment begins with MAGIC; then come
records until a zero byte or the end:

    device name   kind 1 (u8), device number (u16), length (u8), UTF-8 bytes
    read answered kind 2 (u8), device number (u16), Modbus function (u8), address (u16), count (u16),
                  model time in ms (i64), CLOCK_MONOTONIC in s (f64), then for functions 1 and 2 ⌈count ÷ 8⌉ bytes, lowest
                  bit first, and for 3 and 4 `count` registers (u16)

Each segment names the devices that it uses. Full means: the oldest segment goes when all are more than `bytes_max`.
"""

import mmap
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from domain.errors import StorageError

MAGIC = b"stoplog served 1\n"
SEGMENT_BYTES = 8 * 1024 * 1024
"""Minutes of a busy park; small enough that deleting one loses little."""
_NAME = struct.Struct("<BHB")
_READ = struct.Struct("<BHBHHqd")
_BITS = frozenset({1, 2})


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One read as it was answered."""

    device: str
    function: int
    """Modbus function: 1 coils, 2 discretes, 3 holding, 4 input registers."""
    address: int
    """Zero-based, of the first."""
    values: tuple[int, ...]
    """Registers, or bits as 0 and 1."""
    model_ms: int
    monotonic_s: float


class ServedLog:
    """The log of one simulator; a restart begins a new segment."""

    def __init__(self, folder: Path, *, bytes_max: int) -> None:
        """Open a new segment in `folder`. Raises StorageError."""
        self._folder = folder
        self._segments_max = max(2, bytes_max // SEGMENT_BYTES)
        self._numbers: dict[str, int] = {}
        self._at = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"{folder}: {error.strerror}") from error
        self._page = self._next_segment()

    def append(
        self,
        device: str,
        function: int,
        address: int,
        values: Sequence[int],
        *,
        model_ms: int,
        monotonic_s: float,
    ) -> None:
        """Write down one answer. Raises StorageError when no segment can be made."""
        if function in _BITS:
            bits = sum(1 << k for k, value in enumerate(values) if value)
            body = bits.to_bytes((len(values) + 7) // 8, "little")
        else:
            body = struct.pack(f"<{len(values)}H", *values)
        if self._at + _READ.size + len(body) + 300 > SEGMENT_BYTES:
            self._page.close()
            self._page = self._next_segment()
        number = self._numbers.get(device)
        if number is None:
            number = self._name(device)
        head = _READ.pack(2, number, function, address, len(values), model_ms, monotonic_s)
        self._put(head + body)

    def close(self) -> None:
        """Close the segment."""
        self._page.close()

    def _name(self, device: str) -> int:
        number = self._numbers[device] = len(self._numbers)
        name = device.encode()
        self._put(_NAME.pack(1, number, len(name)) + name)
        return number

    def _put(self, record: bytes) -> None:
        # The kind goes last: a record that a kill cut short is no record.
        page, at = self._page, self._at
        page[at + 1 : at + len(record)] = record[1:]
        page[at] = record[0]
        self._at = at + len(record)

    def _next_segment(self) -> mmap.mmap:
        segments = _segments(self._folder)
        number = int(segments[-1].stem.rpartition("-")[2]) + 1 if segments else 1
        path = self._folder / f"served-{number:06d}.bin"
        try:
            with path.open("xb+") as file:
                file.write(MAGIC)
                file.truncate(SEGMENT_BYTES)
                page = mmap.mmap(file.fileno(), SEGMENT_BYTES)
            for old in segments[: max(0, len(segments) + 1 - self._segments_max)]:
                old.unlink()
        except OSError as error:
            raise StorageError(f"{path}: {error.strerror}") from error
        self._at = len(MAGIC)
        self._numbers = {}
        return page


def read_served(folder: Path) -> Iterator[Served]:
    """Yield what was served, in the order it was, from every segment in `folder`."""
    for path in _segments(folder):
        yield from _read_segment(path.read_bytes())


def _read_segment(data: bytes) -> Iterator[Served]:
    if not data.startswith(MAGIC):
        return
    names: dict[int, str] = {}
    at = len(MAGIC)
    while at < len(data) and data[at]:
        if data[at] == 1:
            _, number, length = _NAME.unpack_from(data, at)
            at += _NAME.size + length
            names[number] = data[at - length : at].decode()
            continue
        _, number, function, address, count, model_ms, monotonic_s = _READ.unpack_from(data, at)
        at += _READ.size
        size = (count + 7) // 8 if function in _BITS else 2 * count
        body = data[at : at + size]
        at += size
        yield Served(
            device=names[number], function=function, address=address, values=_values(function, count, body),
            model_ms=model_ms, monotonic_s=monotonic_s,
        )  # fmt: skip


def _values(function: int, count: int, body: bytes) -> tuple[int, ...]:
    if function not in _BITS:
        return struct.unpack(f"<{count}H", body)
    bits = int.from_bytes(body, "little")
    return tuple(bits >> k & 1 for k in range(count))


def _segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("served-*.bin"))
