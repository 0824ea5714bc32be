"""How a simulated PLC writes a value into its registers, and what a reader of its log finds there again.

Shares nothing with the gateway's decoder, so that each is a test of the other.
"""

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from domain.park import Register, RegisterType, WordOrder


@dataclass(frozen=True, slots=True)
class _Shape:
    """How a type lies in registers."""

    words: int
    packing: str
    """struct code, big-endian; empty for BCD."""
    lowest: int
    highest: int


_SHAPES: Mapping[RegisterType, _Shape] = {
    RegisterType.INT16: _Shape(1, ">h", -(2**15), 2**15 - 1),
    RegisterType.UINT16: _Shape(1, ">H", 0, 2**16 - 1),
    RegisterType.INT32: _Shape(2, ">i", -(2**31), 2**31 - 1),
    RegisterType.UINT32: _Shape(2, ">I", 0, 2**32 - 1),
    RegisterType.FLOAT32: _Shape(2, ">f", 0, 0),
    RegisterType.INT64: _Shape(4, ">q", -(2**63), 2**63 - 1),
    RegisterType.UINT64: _Shape(4, ">Q", 0, 2**64 - 1),
    RegisterType.FLOAT64: _Shape(4, ">d", 0, 0),
    RegisterType.BCD16: _Shape(1, "", 0, 9_999),
    RegisterType.BCD32: _Shape(2, "", 0, 99_999_999),
}
_FLOATS = frozenset({RegisterType.FLOAT32, RegisterType.FLOAT64})


def words_of(register: Register) -> int:
    """Return how many 16-bit registers a value takes; 1 for a bit."""
    return 1 if register.type is RegisterType.BIT else _SHAPES[register.type].words


def can_say_nothing(register: Register) -> bool:
    """Whether the register has a way to say "no value": a code of its own, or not-a-number."""
    return register.invalid is not None or register.type in _FLOATS


def encode(register: Register, value: float | None) -> tuple[int, ...]:
    """Return the registers for `value` in the point's unit; not for bits.

    None is the "no value" code. A value out of the type's range is held at its end, beside the code for "no value".
    """
    shape = _SHAPES[register.type]
    if register.type in _FLOATS:
        return _ordered(_float(register, shape, value), register.word_order)
    raw = _raw(register, shape, value)
    if shape.packing:
        return _ordered(struct.pack(shape.packing, raw), register.word_order)
    return _ordered(bytes.fromhex(f"{raw:0{shape.words * 4}d}"), register.word_order)


def decode(register: Register, words: Sequence[int]) -> float | None:
    """Return the value that `words` say, None for "no value"; not for bits. The inverse of `encode`."""
    shape = _SHAPES[register.type]
    data = _unordered(words, register.word_order)
    if register.type in _FLOATS and int.from_bytes(data, "big") == register.invalid:
        return None
    raw = float(struct.unpack(shape.packing, data)[0]) if shape.packing else _bcd(data)
    if math.isnan(raw) or (register.type not in _FLOATS and raw == _no_value(register, shape)):
        return None
    return raw * register.scale + register.offset


def _float(register: Register, shape: _Shape, value: float | None) -> bytes:
    if value is None and register.invalid is not None:
        return register.invalid.to_bytes(2 * shape.words, "big")
    raw = math.nan if value is None else (value - register.offset) / register.scale
    return struct.pack(shape.packing, raw)


def _raw(register: Register, shape: _Shape, value: float | None) -> int:
    nothing = _no_value(register, shape)
    if value is None:
        assert nothing is not None, "a caller asks can_say_nothing first"
        return nothing
    raw = round((value - register.offset) / register.scale)
    raw = min(max(raw, shape.lowest), shape.highest)
    if raw != nothing:
        return raw
    return raw - 1 if raw > shape.lowest else raw + 1


def _no_value(register: Register, shape: _Shape) -> int | None:
    """Return the code for "no value" as a whole number of the type: 0x8000 in an int16 is -32768."""
    code = register.invalid
    if code is None or register.type in _FLOATS or code <= shape.highest or shape.lowest == 0:
        return code
    return code - (1 << 16 * shape.words)


def _ordered(data: bytes, order: WordOrder) -> tuple[int, ...]:
    """Return the words in the device's order; one word alone has none."""
    words = list(struct.unpack(f">{len(data) // 2}H", data))
    if len(words) == 1:
        return tuple(words)
    if order in (WordOrder.CDAB, WordOrder.DCBA):
        words.reverse()
    if order in (WordOrder.BADC, WordOrder.DCBA):
        words = [(word & 0xFF) << 8 | word >> 8 for word in words]
    return tuple(words)


def _unordered(words: Sequence[int], order: WordOrder) -> bytes:
    # Each order is its own inverse.
    packed = struct.pack(f">{len(words)}H", *words)
    return struct.pack(f">{len(words)}H", *_ordered(packed, order))


def _bcd(data: bytes) -> float:
    digits = data.hex()
    return float(digits) if digits.isdecimal() else math.nan
