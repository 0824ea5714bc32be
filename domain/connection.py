"""How a PLC is reached: over which wire, and by which functions it takes a value."""

from dataclasses import dataclass
from enum import StrEnum


class Transport(StrEnum):
    """What Modbus runs over."""

    TCP = "tcp"
    TLS = "tls"
    """TCP with TLS, as MODBUS/TCP Security has it; by custom on port 802."""
    RTU = "rtu"
    """A serial line, shared by the units on it."""
    RTU_OVER_TCP = "rtu_over_tcp"
    """Serial frames over TCP, as device servers pass them through."""


class Parity(StrEnum):
    """Parity bit of a serial line."""

    NONE = "none"
    EVEN = "even"
    ODD = "odd"


class Writes(StrEnum):
    """Functions by which a device takes one value."""

    SINGLE = "single"
    """5 and 6."""
    MULTIPLE = "multiple"
    """15 and 16 with one value: for devices that know no others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serial:
    """A serial line of the gateway's machine; 8 data bits."""

    path: str
    """E.g. /dev/ttyS0."""
    baud: int = 9600
    parity: Parity = Parity.EVEN
    """Even is the standard's default (MODBUS over Serial Line V1.02, 2.5.1)."""
    stop_bits: int = 1
