"""Registers as values: vectors written by hand, and agreement with the encoder of the simulated PLCs."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.drive import Table
from domain.park import Register, RegisterType, WordOrder
from simulators.plc.encoding import encode
from wire.modbus import BlockDecoder

T = RegisterType


def decode(words: list[int], **register: object) -> tuple[float, bool]:
    made = Register(table=Table.INPUT, address=10, **register)  # type: ignore[arg-type]
    columns = BlockDecoder([made], start=10).decode(np.array(words, dtype=np.uint16))
    return float(columns.values[0]), bool(columns.is_invalid[0])


@pytest.mark.parametrize(
    ("kind", "words", "value"),
    [
        (T.UINT16, [0xFFFE], 65534),
        (T.INT16, [0xFFFE], -2),
        (T.UINT32, [0x0001, 0x0002], 0x10002),
        (T.INT32, [0xFFFF, 0xFFFE], -2),
        (T.FLOAT32, [0x42F6, 0xE979], pytest.approx(123.456)),
        (T.UINT64, [0, 0, 1, 2], 0x10002),
        (T.INT64, [0xFFFF, 0xFFFF, 0xFFFF, 0xFFFE], -2),
        (T.FLOAT64, list(struct.unpack(">4H", struct.pack(">d", 0.1))), 0.1),
        (T.BCD16, [0x1234], 1234),
        (T.BCD32, [0x1234, 0x5678], 12345678),
    ],
)
def test_big_endian(kind: RegisterType, words: list[int], value: float) -> None:
    assert decode(words, type=kind) == (value, False)


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (WordOrder.ABCD, [0x1122, 0x3344]),
        (WordOrder.CDAB, [0x3344, 0x1122]),
        (WordOrder.BADC, [0x2211, 0x4433]),
        (WordOrder.DCBA, [0x4433, 0x2211]),
    ],
)
def test_word_orders(order: WordOrder, words: list[int]) -> None:
    assert decode(words, type=T.UINT32, word_order=order) == (0x11223344, False)


@pytest.mark.parametrize("bit", range(16))
def test_bits_of_a_register(bit: int) -> None:
    assert decode([1 << bit], type=T.BIT, bit=bit) == (1.0, False)
    assert decode([0xFFFF & ~(1 << bit)], type=T.BIT, bit=bit) == (0.0, False)


def test_coils_are_one_bit_each() -> None:
    registers = [Register(table=Table.COIL, address=n, type=T.BIT) for n in (3, 5)]
    columns = BlockDecoder(registers, start=3).decode(np.array([1, 0, 0], dtype=np.uint16))
    assert columns.values.tolist() == [1.0, 0.0]


def test_scale_and_offset() -> None:
    assert decode([250], type=T.UINT16, scale=0.1, offset=-5.0) == (pytest.approx(20.0), False)


def test_what_is_no_number_is_invalid() -> None:
    assert decode([0xFFFF], type=T.INT16, invalid=0xFFFF)[1]
    assert decode([0x7FFF], type=T.INT16, invalid=0xFFFF) == (32767, False)
    assert decode([0x12A4], type=T.BCD16)[1]
    value, is_invalid = decode([0x7FC0, 0], type=T.FLOAT32)
    assert np.isnan(value)
    assert is_invalid


def text(data: bytes, order: WordOrder = WordOrder.ABCD) -> tuple[str | None, bool]:
    words = np.frombuffer(data.ljust(8, b"\0"), dtype=">u2").astype(np.uint16)
    register = Register(table=Table.HOLDING, address=10, type=T.STRING, length=4, word_order=order)
    columns = BlockDecoder([register], start=10).decode(words)
    assert np.isnan(columns.values[0])
    return columns.texts.get(0), bool(columns.is_invalid[0])


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"LOT-7", "LOT-7"),
        (b"LOT-7   ", "LOT-7"),
        (b"A\0B", "A"),
        (b"", ""),
        ("甲罐".encode(), "甲罐"),
        ("甲罐".encode("gb18030"), "甲罐"),
    ],
)
def test_texts(data: bytes, said: str) -> None:
    assert text(data) == (said, False)


def test_a_text_with_its_characters_swapped() -> None:
    assert text(b"OL-T7\0"[0:4] + b"\x007", WordOrder.BADC) == ("LOT-7", False)


@pytest.mark.parametrize("data", [b"\xff\xff\xff\xff", b"A\x07B"])
def test_what_is_no_text_is_invalid(data: bytes) -> None:
    assert text(data) == (None, True)


@given(
    st.sampled_from([t for t in T if t not in {T.BIT, T.BCD16, T.BCD32, T.STRING}]),
    st.sampled_from(list(WordOrder)),
    st.integers(0, 30000),
)
def test_what_a_simulated_plc_shows_is_what_is_read(kind: RegisterType, order: WordOrder, value: int) -> None:
    register = Register(table=Table.INPUT, address=0, type=kind, word_order=order)
    columns = BlockDecoder([register], start=0).decode(
        np.array(encode(register, float(value)), dtype=np.uint16)
    )
    assert columns.values[0] == value


def test_a_factor_beyond_all_numbers_makes_none() -> None:
    value, is_invalid = decode([0x7FFF, 0, 0, 0], type=T.INT64, scale=1e300)
    assert np.isnan(value)
    assert is_invalid
