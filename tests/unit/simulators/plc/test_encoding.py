"""What a simulated PLC writes into registers is what its log's reader, and the gateway's decoder, find there."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.drive import Table
from domain.park import Register, RegisterType, WordOrder
from simulators.plc.encoding import can_say_nothing, decode, encode, words_of
from wire.modbus import BlockDecoder

NUMBERS = [kind for kind in RegisterType if kind not in {RegisterType.BIT, RegisterType.STRING}]
FLOATS = {RegisterType.FLOAT32, RegisterType.FLOAT64}
REACH = {RegisterType.INT16: 300.0, RegisterType.UINT16: 300.0, RegisterType.BCD16: 90.0}


def register(kind: RegisterType, order: WordOrder = WordOrder.ABCD, **other: float | None) -> Register:
    fields = {"scale": 0.01, "offset": 0.0, "invalid": None, **other}
    return Register(table=Table.INPUT, address=0, type=kind, word_order=order, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("order", WordOrder)
@pytest.mark.parametrize("kind", NUMBERS)
@given(share=st.floats(0, 1))
def test_both_decoders_find_what_was_written(kind: RegisterType, order: WordOrder, share: float) -> None:
    where = register(kind, order)
    value = share * REACH.get(kind, 10_000.0)
    words = encode(where, value)
    assert len(words) == words_of(where)
    assert decode(where, words) == pytest.approx(value, abs=0.006, rel=1e-6)
    columns = BlockDecoder([where], start=0).decode(np.array(words, dtype=np.uint16))
    assert columns.values[0] == pytest.approx(value, abs=0.006, rel=1e-6)
    assert not columns.is_invalid[0]


def test_how_many_registers_each_type_takes() -> None:
    of_two = {RegisterType.INT32, RegisterType.UINT32, RegisterType.FLOAT32, RegisterType.BCD32}
    of_four = {RegisterType.INT64, RegisterType.UINT64, RegisterType.FLOAT64}
    for kind in (RegisterType.BIT, *NUMBERS):
        assert words_of(register(kind)) == (2 if kind in of_two else 4 if kind in of_four else 1), kind


def test_word_orders_of_one_number() -> None:
    words = {
        order: encode(register(RegisterType.UINT32, order, scale=1.0), 0x01020304) for order in WordOrder
    }
    assert words == {
        WordOrder.ABCD: (0x0102, 0x0304),
        WordOrder.CDAB: (0x0304, 0x0102),
        WordOrder.BADC: (0x0201, 0x0403),
        WordOrder.DCBA: (0x0403, 0x0201),
    }


@pytest.mark.parametrize("order", WordOrder)
def test_one_register_alone_has_no_word_order(order: WordOrder) -> None:
    assert encode(register(RegisterType.UINT16, order, scale=1.0), 0x0102) == (0x0102,)
    assert encode(register(RegisterType.BCD16, order, scale=1.0), 1234) == (0x1234,)


@pytest.mark.parametrize(
    ("kind", "invalid"),
    [
        (RegisterType.UINT16, 0xFFFF),
        (RegisterType.INT16, 0x8000),
        (RegisterType.INT16, -32768),
        (RegisterType.INT32, 0x7FFFFFFF),
        (RegisterType.BCD16, 9999),
        (RegisterType.FLOAT32, 0x7F7FFFFF),
    ],
)
def test_no_value_is_said_and_never_by_chance(kind: RegisterType, invalid: int) -> None:
    where = register(kind, WordOrder.CDAB, invalid=invalid)
    assert decode(where, encode(where, None)) is None
    if kind not in FLOATS:
        for extreme in (-1e12, 1e12):
            assert decode(where, encode(where, extreme)) is not None
    if kind is not RegisterType.BCD16 and invalid >= 0:
        columns = BlockDecoder([where], start=0).decode(np.array(encode(where, None), dtype=np.uint16))
        assert columns.is_invalid[0]


@pytest.mark.parametrize(
    ("kind", "invalid", "words"),
    [
        (RegisterType.FLOAT32, 0x7F7FFFFF, (0x7F7F, 0xFFFF)),
        (RegisterType.FLOAT64, 0xFFF0_0000_0000_0001, (0xFFF0, 0, 0, 1)),
        (RegisterType.FLOAT32, 100, (0, 100)),
    ],
)
def test_a_floats_code_for_no_value_is_its_bits_and_no_number(
    kind: RegisterType, invalid: int, words: tuple[int, ...]
) -> None:
    where = register(kind, scale=1.0, invalid=invalid)
    assert encode(where, None) == words
    assert decode(where, words) is None
    assert [decode(where, encode(where, value)) for value in (0.0, 2.5, 100.0)] == [0.0, 2.5, 100.0]


def test_what_can_say_nothing() -> None:
    assert can_say_nothing(register(RegisterType.FLOAT32))
    assert decode(register(RegisterType.FLOAT32), encode(register(RegisterType.FLOAT32), None)) is None
    assert not can_say_nothing(register(RegisterType.UINT16))


@pytest.mark.parametrize(
    ("kind", "lowest", "highest"),
    [
        (RegisterType.INT16, (0x8000,), (0x7FFF,)),
        (RegisterType.UINT16, (0,), (0xFFFF,)),
        (RegisterType.INT32, (0x8000, 0), (0x7FFF, 0xFFFF)),
        (RegisterType.UINT32, (0, 0), (0xFFFF, 0xFFFF)),
        (RegisterType.INT64, (0x8000, 0, 0, 0), (0x7FFF, 0xFFFF, 0xFFFF, 0xFFFF)),
        (RegisterType.UINT64, (0, 0, 0, 0), (0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF)),
        (RegisterType.BCD16, (0,), (0x9999,)),
        (RegisterType.BCD32, (0, 0), (0x9999, 0x9999)),
    ],
)
def test_each_type_ends_where_its_registers_are_full(
    kind: RegisterType, lowest: tuple[int, ...], highest: tuple[int, ...]
) -> None:
    where = register(kind, scale=1.0)
    assert (encode(where, -1e30), encode(where, 1e30)) == (lowest, highest)


def test_out_of_range_is_held_at_the_end() -> None:
    assert decode(register(RegisterType.UINT16), encode(register(RegisterType.UINT16), -5)) == 0
    assert decode(register(RegisterType.BCD16), encode(register(RegisterType.BCD16), 1e9)) == pytest.approx(
        99.99
    )
    assert math.isclose(
        decode(
            register(RegisterType.INT16, offset=-50.0),
            encode(register(RegisterType.INT16, offset=-50.0), -20),
        )
        or 0,
        -20,
    )


@pytest.mark.parametrize("kind", [RegisterType.FLOAT32, RegisterType.INT32, RegisterType.BCD32])
def test_an_offset_is_taken_off_before_and_put_on_after(kind: RegisterType) -> None:
    where = register(kind, scale=0.5, offset=5.0)
    assert decode(where, encode(where, 25.0)) == 25.0
    assert encode(where, 25.0) == encode(register(kind, scale=1.0), 40.0)


def test_beside_the_code_for_no_value_stands_the_nearest_number() -> None:
    for invalid, value, shown in ((0xFFFF, 70_000.0, 0xFFFE), (7, 7.0, 6), (0, -3.0, 1)):
        assert encode(register(RegisterType.UINT16, scale=1.0, invalid=invalid), value) == (shown,)


def test_a_digit_above_nine_is_no_number() -> None:
    where = register(RegisterType.BCD16, scale=1.0)
    assert [decode(where, (word,)) for word in (0x1234, 0x12A4, 0x1E24)] == [1234.0, None, None]
