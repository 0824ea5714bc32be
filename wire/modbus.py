"""Modbus registers as values: decodes one block of registers or bits into columns at once; knows no sockets."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from domain.drive import Table
from domain.park import Register, RegisterType, WordOrder

Words = NDArray[np.uint16]
"""Registers as they came, each a number 0–65535; of coils and discretes 0 or 1."""

REGISTERS_MAX = 125
"""Most registers in one read (Modbus Application Protocol V1.1b3, 6.3)."""
BITS_MAX = 2000
"""Most coils or discretes in one read (6.1)."""

BIT_TABLES = frozenset({Table.COIL, Table.DISCRETE})

_WIDTHS = {
    RegisterType.BIT: 1,
    RegisterType.INT16: 1,
    RegisterType.UINT16: 1,
    RegisterType.BCD16: 1,
    RegisterType.INT32: 2,
    RegisterType.UINT32: 2,
    RegisterType.FLOAT32: 2,
    RegisterType.BCD32: 2,
    RegisterType.INT64: 4,
    RegisterType.UINT64: 4,
    RegisterType.FLOAT64: 4,
}

_NUMBERS = {
    RegisterType.INT16: ">i2",
    RegisterType.UINT16: ">u2",
    RegisterType.INT32: ">i4",
    RegisterType.UINT32: ">u4",
    RegisterType.FLOAT32: ">f4",
    RegisterType.INT64: ">i8",
    RegisterType.UINT64: ">u8",
    RegisterType.FLOAT64: ">f8",
}
"""Big-endian once the words stand in the order ABCD; BCD and bits are decoded by hand."""


def width(register: Register) -> int:
    """Return how many addresses a value takes: registers, or 1 in a table of bits."""
    if register.type is RegisterType.STRING:
        return register.length
    return 1 if register.table in BIT_TABLES else _WIDTHS[register.type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Decoded values of one block, one row a register in the order given."""

    values: NDArray[np.float64]
    """Scaled; of bits 0.0 or 1.0. NaN where there is no number, and of texts."""
    is_invalid: NDArray[np.bool_]
    """The device said "no value", or sent what is no number (NaN, infinity, a BCD digit above 9)."""
    texts: Mapping[int, str] = field(default_factory=dict)
    """Row → text, of texts only."""


class BlockDecoder:
    """Decodes reads of the same addresses again and again; the gathering is planned once."""

    def __init__(self, registers: Sequence[Register], *, start: int) -> None:
        """`registers` all lie in the block that begins at `start`."""
        self._count = len(registers)
        self._scale = np.array([item.scale for item in registers], dtype=np.float64)
        self._offset = np.array([item.offset for item in registers], dtype=np.float64)
        kinds: dict[tuple[RegisterType, WordOrder], list[int]] = {}
        self._texts = [
            (row, item, slice(item.address - start, item.address - start + item.length))
            for row, item in enumerate(registers)
            if item.type is RegisterType.STRING
        ]
        for row, item in enumerate(registers):
            if item.type is RegisterType.STRING:
                continue
            kind = RegisterType.BIT if item.table in BIT_TABLES else item.type
            kinds.setdefault((kind, item.word_order), []).append(row)
        self._parts = [
            _Part(kind, order, np.array(rows), [registers[row] for row in rows], start)
            for (kind, order), rows in kinds.items()
        ]

    def decode(self, words: Words) -> Columns:
        """Return the values in `words`, the whole block."""
        values = np.zeros(self._count, dtype=np.float64)
        is_invalid = np.zeros(self._count, dtype=np.bool_)
        for part in self._parts:
            numbers, wrong = part.decode(words)
            values[part.rows] = numbers
            is_invalid[part.rows] = wrong
        np.multiply(values, self._scale, out=values)
        np.add(values, self._offset, out=values)
        is_number = np.isfinite(values)
        values[~is_number] = np.nan
        is_invalid |= ~is_number
        texts: dict[int, str] = {}
        for row, register, place in self._texts:
            text = _text(words[place], register.word_order)
            values[row], is_invalid[row] = np.nan, text is None
            if text is not None:
                texts[row] = text
        return Columns(values=values, is_invalid=is_invalid, texts=texts)


class _Part:
    """The registers of a block that have one type and one word order."""

    def __init__(
        self,
        kind: RegisterType,
        order: WordOrder,
        rows: NDArray[np.int64],
        registers: Sequence[Register],
        start: int,
    ) -> None:
        self.rows = rows
        self._kind = kind
        self._order = order
        self._wide = _WIDTHS[kind]
        self._places = np.array([item.address - start for item in registers])[:, None] + np.arange(self._wide)
        self._bits = np.array([item.bit or 0 for item in registers], dtype=np.uint16)
        mask = (1 << (16 * self._wide)) - 1
        self._has_invalid = np.array([item.invalid is not None for item in registers])
        self._invalid = np.array([(item.invalid or 0) & mask for item in registers], dtype=np.uint64)

    def decode(self, words: Words) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        taken = words[self._places]
        # The order is one of several registers: one alone, and a bit, is as Modbus says.
        if self._wide > 1 and self._order in {WordOrder.BADC, WordOrder.DCBA}:
            taken = taken.byteswap()
        if self._order in {WordOrder.CDAB, WordOrder.DCBA}:
            taken = taken[:, ::-1]
        raw = np.zeros(len(self.rows), dtype=np.uint64)
        for place in range(self._wide):
            raw = (raw << np.uint64(16)) | taken[:, place].astype(np.uint64)
        says_no = self._has_invalid & (raw == self._invalid)
        match self._kind:
            case RegisterType.BIT:
                bits = (taken[:, 0] >> self._bits) & 1
                return bits.astype(np.float64), says_no
            case RegisterType.BCD16 | RegisterType.BCD32:
                numbers, wrong = _bcd(raw, digits=4 * self._wide)
                return numbers, wrong | says_no
            case kind:
                data = np.ascontiguousarray(taken.astype(">u2"))
                return data.view(_NUMBERS[kind])[:, 0].astype(np.float64), says_no


def _text(words: Words, order: WordOrder) -> str | None:
    """Return the text in `words` up to its first NUL, without the spaces after it; None when it is none.

    It is UTF-8 or, as PLCs from here write it, GB 18030. Registers stand in the order of reading in every order; BADC and
    DCBA have the second character of a register first.
    """
    swapped = order in {WordOrder.BADC, WordOrder.DCBA}
    data = words.astype("<u2" if swapped else ">u2").tobytes().split(b"\0", 1)[0].rstrip()
    for encoding in ("utf-8", "gb18030"):
        with contextlib.suppress(UnicodeDecodeError):
            text = data.decode(encoding)
            return text if text.isprintable() else None
    return None


def _bcd(raw: NDArray[np.uint64], *, digits: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    numbers = np.zeros(len(raw), dtype=np.float64)
    wrong = np.zeros(len(raw), dtype=np.bool_)
    for place in reversed(range(digits)):
        digit = (raw >> np.uint64(4 * place)) & np.uint64(0xF)
        wrong |= digit > np.uint64(9)
        numbers = numbers * 10 + digit.astype(np.float64)
    return numbers, wrong
