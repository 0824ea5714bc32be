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

NUMBER_MAX = 1e300
"""What is greater is no measurement; and the difference of two numbers is one still."""
SCALE_SURE = 1e280
"""With factors up to it no whole number comes to that."""

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
    RegisterType.INT16: "<i2",
    RegisterType.INT32: "<i4",
    RegisterType.FLOAT32: "<f4",
    RegisterType.INT64: "<i8",
    RegisterType.FLOAT64: "<f8",
}
"""The types that are no plain unsigned number, once the words stand with the least significant byte first."""
_UNSIGNED = {1: "<u2", 2: "<u4", 4: "<u8"}
"""By width."""
_FLOATS = frozenset({RegisterType.FLOAT32, RegisterType.FLOAT64})
_SWAPPED = frozenset({WordOrder.BADC, WordOrder.DCBA})
_LOW_FIRST = frozenset({WordOrder.CDAB, WordOrder.DCBA})


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
    """The device said "no value", or sent what is no number (NaN, infinity, beyond 1e300, a BCD digit above 9)."""
    is_sound: bool = False
    """Nothing is invalid, and nobody need look."""
    texts: Mapping[int, str] = field(default_factory=dict)
    """Row → text, of texts only."""


class BlockDecoder:
    """Decodes reads of the same addresses again and again; the gathering is planned once."""

    def __init__(self, registers: Sequence[Register], *, start: int) -> None:
        """`registers` all lie in the block that begins at `start`."""
        self._count = len(registers)
        scale = np.array([item.scale for item in registers], dtype=np.float64)
        offset = np.array([item.offset for item in registers], dtype=np.float64)
        self._scale = None if (scale == 1.0).all() else scale
        self._offset = None if (offset == 0.0).all() else offset
        self._may_be_none = any(item.type in _FLOATS or abs(item.scale) > SCALE_SURE for item in registers)
        """Whether a result may be no finite number."""
        self._texts = [
            (row, item, slice(item.address - start, item.address - start + item.length))
            for row, item in enumerate(registers)
            if item.type is RegisterType.STRING
        ]
        self._none_invalid = np.zeros(self._count, dtype=np.bool_)
        self._none_invalid.flags.writeable = False
        kinds: dict[tuple[RegisterType, WordOrder], list[int]] = {}
        for row, item in enumerate(registers):
            if item.type is not RegisterType.STRING:
                kind = RegisterType.BIT if item.table in BIT_TABLES else item.type
                kinds.setdefault((kind, item.word_order), []).append(row)
        self._parts = [
            _Part(kind, order, rows, [registers[row] for row in rows], start)
            for (kind, order), rows in kinds.items()
        ]

    def decode(self, words: Words) -> Columns:
        """Return the values in `words`, the whole block."""
        if not self._may_be_none:
            return self._decode(words)
        # A NaN that signals, or a product beyond all numbers, is found below.
        with np.errstate(invalid="ignore", over="ignore"):
            return self._decode(words)

    def _decode(self, words: Words) -> Columns:
        values = np.empty(self._count, dtype=np.float64)
        is_invalid: NDArray[np.bool_] | None = None
        for part in self._parts:
            numbers, wrong = part.decode(words)
            values[part.rows] = numbers
            if wrong is not None and wrong.any():
                is_invalid = self._some_invalid(is_invalid)
                is_invalid[part.rows] = wrong
        texts = self._read_texts(words, values)
        if self._scale is not None:
            np.multiply(values, self._scale, out=values)
        if self._offset is not None:
            np.add(values, self._offset, out=values)
        if self._may_be_none and not (is_number := np.abs(values) < NUMBER_MAX).all():
            values[~is_number] = np.nan
            is_invalid = self._some_invalid(is_invalid)
            is_invalid |= ~is_number
        if self._texts:
            is_invalid = self._some_invalid(is_invalid)
            for row, _, _ in self._texts:
                is_invalid[row] = row not in texts
        if is_invalid is None:
            return Columns(values=values, is_invalid=self._none_invalid, is_sound=True)
        return Columns(values=values, is_invalid=is_invalid, texts=texts)

    def _read_texts(self, words: Words, values: NDArray[np.float64]) -> dict[int, str]:
        texts: dict[int, str] = {}
        for row, register, place in self._texts:
            values[row] = np.nan
            text = _text(words[place], register.word_order)
            if text is not None:
                texts[row] = text
        return texts

    def _some_invalid(self, known: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
        return np.zeros(self._count, dtype=np.bool_) if known is None else known


class _Part:
    """The registers of a block that have one type and one word order."""

    def __init__(
        self, kind: RegisterType, order: WordOrder, rows: list[int], registers: Sequence[Register], start: int
    ) -> None:
        self.rows = run_of(rows)
        self._kind = kind
        self._wide = _WIDTHS[kind]
        # The order is one of several registers: one alone, and a bit, is as Modbus says.
        self._is_swapped = self._wide > 1 and order in _SWAPPED
        self._is_reversed = self._wide > 1 and order not in _LOW_FIRST
        addresses = [item.address - start for item in registers]
        places = [address + word for address in addresses for word in range(self._wide)]
        self._places = run_of(places)
        self._bits = np.array([item.bit or 0 for item in registers], dtype=np.uint16)
        mask = (1 << (16 * self._wide)) - 1
        has_invalid = np.array([item.invalid is not None for item in registers])
        self._has_invalid = has_invalid if has_invalid.any() else None
        invalid = [(item.invalid or 0) & mask for item in registers]
        self._invalid = np.array(invalid, dtype=np.uint64).astype(_UNSIGNED[self._wide])

    def decode(self, words: Words) -> tuple[NDArray[np.float64], NDArray[np.bool_] | None]:
        """Return the numbers, and which are none; None: all are."""
        taken = words[self._places].astype("<u2", copy=False)
        if self._is_swapped:
            taken = taken.byteswap()
        if self._is_reversed:
            taken = np.ascontiguousarray(taken.reshape(-1, self._wide)[:, ::-1]).reshape(-1)
        raw = taken.view(_UNSIGNED[self._wide])
        says_no = None if self._has_invalid is None else self._has_invalid & (raw == self._invalid)
        if self._kind in _NUMBERS:
            return taken.view(_NUMBERS[self._kind]).astype(np.float64), says_no
        match self._kind:
            case RegisterType.BIT:
                return ((raw >> self._bits) & 1).astype(np.float64), says_no
            case RegisterType.BCD16 | RegisterType.BCD32:
                numbers, wrong = _bcd(raw.astype(np.uint64), digits=4 * self._wide)
                return numbers, wrong if says_no is None else wrong | says_no
            case _:
                return raw.astype(np.float64), says_no


def run_of(places: Sequence[int]) -> slice | NDArray[np.int64]:
    """Return `places` as what is quickest to index with: a slice where they run on without a gap, else as they are."""
    first = places[0] if len(places) else 0
    if list(places) == list(range(first, first + len(places))):
        return slice(first, first + len(places))
    return np.array(places, dtype=np.int64)


def _text(words: Words, order: WordOrder) -> str | None:
    """Return the text in `words` up to its first NUL, without the spaces after it; None when it is none.

    It is UTF-8 or, as PLCs from here write it, GB 18030. Registers stand in the order of reading in every order; BADC and
    DCBA have the second character of a register first.
    """
    data = words.astype("<u2" if order in _SWAPPED else ">u2").tobytes().split(b"\0", 1)[0].rstrip()
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
