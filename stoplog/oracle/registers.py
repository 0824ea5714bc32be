"""Turns served registers into values, by the Modbus and IEEE 754 conventions; shares no code with gateway or simulators."""

import math
import struct
from collections.abc import Sequence

from domain.park import Register, RegisterType, WordOrder

_FORMATS = {
    RegisterType.INT16: ">h",
    RegisterType.UINT16: ">H",
    RegisterType.INT32: ">i",
    RegisterType.UINT32: ">I",
    RegisterType.FLOAT32: ">f",
    RegisterType.INT64: ">q",
    RegisterType.UINT64: ">Q",
    RegisterType.FLOAT64: ">d",
}


def width(register: Register) -> int:
    """Return how many registers (or bits of a bit table) a value takes."""
    match register.type:
        case RegisterType.BIT | RegisterType.BCD16:
            return 1
        case RegisterType.BCD32:
            return 2
        case kind:
            return struct.calcsize(_FORMATS[kind]) // 2


def value_of(register: Register, words: Sequence[int]) -> float | bool | None:
    """Return the value in `words`; None when they hold the device's "no value" code or are no BCD."""
    if register.type is RegisterType.BIT:
        return bool(words[0] >> register.bit & 1) if register.bit is not None else bool(words[0])
    data = _bytes(register.word_order, words)
    if register.type in {RegisterType.BCD16, RegisterType.BCD32}:
        digits = data.hex()
        raw: float = int(digits) if digits.isdigit() else float("nan")
    else:
        raw = struct.unpack(_FORMATS[register.type], data)[0]
    if math.isnan(raw) or (register.invalid is not None and raw == register.invalid):
        return None
    return raw * register.scale + register.offset


def _bytes(order: WordOrder, words: Sequence[int]) -> bytes:
    """Return the bytes, most significant first; one register alone has no order."""
    if len(words) == 1:
        return words[0].to_bytes(2, "big")
    ordered = words if order in {WordOrder.ABCD, WordOrder.BADC} else [*reversed(words)]
    swapped = order in {WordOrder.BADC, WordOrder.DCBA}
    return b"".join(word.to_bytes(2, "little" if swapped else "big") for word in ordered)
