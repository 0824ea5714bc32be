"""Registers as values: vectors written by hand, and agreement with the encoder of the simulated PLCs."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.drive import Table
from domain.park import Register, RegisterType, WordOrder
from simulators.plc.encoding import encode
from wire.modbus import NUMBER_MAX, BlockDecoder, Columns, run_of, width

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


def block(words: list[int], *registers: Register, start: int = 100) -> Columns:
    return BlockDecoder(registers, start=start).decode(np.array(words, dtype=np.uint16))


def at(address: int, kind: RegisterType, **other: object) -> Register:
    return Register(table=Table.HOLDING, address=address, type=kind, **other)  # type: ignore[arg-type]


def test_a_block_of_many_kinds_gives_each_register_its_own_value() -> None:
    """Rows in any order, with gaps, twice the same address, and each with its own scale and offset."""
    words = [7, 0x8001, 0, 0x0001, 0x0002, 0x3412, 0x7856, 0x0045]
    columns = block(
        words,
        at(103, T.UINT32),
        at(100, T.UINT16, scale=0.5),
        at(101, T.BIT, bit=15),
        at(101, T.BIT, bit=1),
        at(101, T.INT16, offset=1.0),
        at(107, T.BCD16, scale=2.0, offset=-1.0),
        at(100, T.UINT16),
        at(105, T.UINT32, word_order=WordOrder.BADC),
    )
    assert columns.values.tolist() == [0x10002, 3.5, 1.0, 0.0, -32766.0, 89.0, 7.0, 0x12345678]
    assert columns.is_sound
    assert not columns.is_invalid.any()
    with pytest.raises(ValueError, match="read-only"):
        columns.is_invalid[0] = True  # it is the same for every sound read


def test_registers_of_one_kind_each_stand_the_right_way_round() -> None:
    columns = block([0, 1, 0xFFFF, 2, 0, 3], at(100, T.UINT32), at(101, T.UINT32), at(104, T.UINT32))
    assert columns.values.tolist() == [1.0, 0x1FFFF, 3.0]


def test_a_scale_or_an_offset_that_all_share_is_applied() -> None:
    assert decode([3], type=T.UINT16, scale=2.0) == (6.0, False)
    assert decode([3], type=T.UINT16, offset=1.0) == (4.0, False)


def test_a_coil_is_a_bit_whatever_its_register_s_type() -> None:
    coils = [Register(table=Table.COIL, address=n, type=T.UINT32) for n in (100, 101)]
    assert [width(coil) for coil in coils] == [1, 1]
    assert block([1, 0], *coils).values.tolist() == [1.0, 0.0]


@pytest.mark.parametrize("order", list(WordOrder))
def test_one_register_alone_and_a_bit_are_as_modbus_says_whatever_the_order(order: WordOrder) -> None:
    assert decode([0x1234], type=T.UINT16, word_order=order) == (0x1234, False)
    assert decode([0x0002], type=T.BIT, bit=1, word_order=order) == (1.0, False)


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (WordOrder.ABCD, [0x0102, 0x0304, 0x0506, 0x0708]),
        (WordOrder.CDAB, [0x0708, 0x0506, 0x0304, 0x0102]),
        (WordOrder.BADC, [0x0201, 0x0403, 0x0605, 0x0807]),
        (WordOrder.DCBA, [0x0807, 0x0605, 0x0403, 0x0201]),
    ],
)
def test_word_orders_of_four_registers(order: WordOrder, words: list[int]) -> None:
    assert decode(words, type=T.INT64, word_order=order) == (float(0x0102030405060708), False)


def test_no_value_is_said_by_each_register_for_itself() -> None:
    columns = block(
        [0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0x0999, 0x0999],
        at(100, T.INT16, invalid=-1),
        at(101, T.INT16),
        at(102, T.UINT32, invalid=0xFFFFFFFF),
        at(104, T.BCD16, invalid=0x0999),
        at(105, T.BCD16, invalid=0x0998),
    )
    assert columns.is_invalid.tolist() == [True, False, True, True, False]
    assert columns.values.tolist()[1] == -1.0
    assert columns.values.tolist()[4] == 999.0
    assert not columns.is_sound
    assert decode([0], type=T.UINT16) == (0.0, False), "where nothing is said to be no value, 0 is one"
    assert decode([0xFFFF] * 4, type=T.INT64, invalid=-1)[1]
    assert decode([0], type=T.BIT, bit=3, invalid=0) == (0.0, True)
    assert decode([1], type=T.BIT, bit=0, invalid=0) == (1.0, False)


@pytest.mark.parametrize("place", range(8))
def test_each_digit_of_a_bcd_is_ten_at_most(place: int) -> None:
    for digit, is_invalid in ((9, False), (10, True)):
        raw = digit << (4 * place)
        value, found = decode([raw >> 16, raw & 0xFFFF], type=T.BCD32)
        assert found is is_invalid
        assert is_invalid or value == digit * 10**place


def test_the_greatest_number_and_a_factor_of_either_sign() -> None:
    assert decode([0, 1], type=T.UINT32, scale=NUMBER_MAX)[1]
    assert decode([0, 1], type=T.UINT32, scale=0.9 * NUMBER_MAX) == (0.9 * NUMBER_MAX, False)
    assert decode([0, 2], type=T.UINT32, scale=-NUMBER_MAX)[1]
    columns = block([0x7F80, 0, 0, 5], at(100, T.FLOAT32), at(102, T.UINT32))
    assert columns.is_invalid.tolist() == [True, False]
    assert (np.isnan(columns.values[0]), columns.values[1], columns.is_sound) == (True, 5.0, False)


def test_a_block_with_a_text_says_for_each_row_whether_there_is_a_value() -> None:
    name, serial = at(101, T.STRING, length=2), at(103, T.STRING, length=1)
    words = [0xFFFF, 0x4142, 0x4344, 0x0701, 4]
    columns = block(words, at(100, T.UINT16, invalid=0xFFFF), name, serial, at(104, T.UINT16))
    assert columns.texts == {1: "ABCD"}
    assert columns.is_invalid.tolist() == [True, False, True, False]
    assert np.isnan(columns.values[1:3]).all()
    assert columns.values[3] == 4.0


def test_how_many_addresses_a_value_takes() -> None:
    kinds = {
        T.BIT: 1,
        T.INT16: 1,
        T.BCD16: 1,
        T.INT32: 2,
        T.FLOAT32: 2,
        T.BCD32: 2,
        T.UINT64: 4,
        T.FLOAT64: 4,
    }
    assert {kind: width(at(0, kind)) for kind in kinds} == kinds
    assert width(at(0, T.STRING, length=7)) == 7
    assert width(Register(table=Table.DISCRETE, address=0, type=T.BIT)) == 1


def test_places_that_run_on_are_a_slice_and_others_stand_as_they_are() -> None:
    assert run_of([4, 5, 6]) == slice(4, 7)
    assert run_of([]) == slice(0, 0)
    for places in ([4, 6], [5, 4], [4, 4]):
        found = run_of(places)
        assert isinstance(found, np.ndarray)
        assert found.tolist() == places
