"""The PLCs' own log of served reads: its bytes, written by the PLCs and read by the judge."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_READ = struct.Struct("<HIHHqd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One read that a PLC served."""

    plc: int
    count: int
    """The PLC's own number of the read, from 1."""
    address: int
    quantity: int
    wall_ms: int
    """By the machine's true time of day."""
    monotonic_s: float


def pack_read(plc: int, count: int, address: int, quantity: int, wall_ms: int, monotonic_s: float) -> bytes:
    """Return the record of one read."""
    return _READ.pack(plc, count, address, quantity, wall_ms, monotonic_s)


def read_served(path: Path) -> Iterator[Read]:
    """Yield every whole record in the file, in the order in which the reads were served."""
    data = path.read_bytes()
    for record in _READ.iter_unpack(data[: len(data) - len(data) % _READ.size]):
        plc, count, address, quantity, wall_ms, monotonic_s = record
        yield Read(
            plc=plc, count=count, address=address, quantity=quantity, wall_ms=wall_ms, monotonic_s=monotonic_s
        )
