"""HJ 212-2017, Annex A: the check sum, on the standard's own example and on what its 8 bits are worth."""

from hypothesis import given
from hypothesis import strategies as st

from wire.hj212 import Frame, crc, encode
from wire.hj212_stream import FrameStream

EXAMPLE = (
    b"QN=20160801085857223;ST=32;CN=1062;PW=100000;MN=010000A8900016F000169DC0;Flag=5;CP=&&RtdInterval=30&&"
)
"""The standard's own example; its prose misprints the sum as 1C08."""


def modbus_crc(data: bytes) -> int:
    register = 0xFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = (register >> 1) ^ 0xA001 if register & 1 else register >> 1
    return register


def by_the_letter(data: bytes) -> int:
    """Annex A as its flow chart has it, one bit at a time."""
    register = 0xFFFF
    for byte in data:
        register = (register >> 8) ^ byte
        for _ in range(8):
            last = register & 1
            register >>= 1
            if last:
                register ^= 0xA001
    return register


def test_the_standards_own_example() -> None:
    assert crc(EXAMPLE) == 0x1C80
    frame = b"##0101" + EXAMPLE + b"1C80\r\n"
    (found,) = FrameStream().feed(frame)
    assert isinstance(found, Frame)
    assert (found.cn, found.cp, found.deviations) == ("1062", "RtdInterval=30", ())
    assert encode(found) == frame


def test_it_is_not_that_of_modbus() -> None:
    assert modbus_crc(EXAMPLE) != crc(EXAMPLE)


@given(st.binary(max_size=300))
def test_the_table_is_the_flow_chart(data: bytes) -> None:
    assert crc(data) == by_the_letter(data)


def test_only_256_sums_exist() -> None:
    sums = {crc(bytes((a, b))) for a in range(256) for b in range(256)}
    assert len(sums) == 256
    assert {value & 0xFF for value in sums} == {0x00, 0x01, 0x40, 0x41, 0x80, 0x81, 0xC0, 0xC1}


@given(st.integers(0, len(EXAMPLE) - 1), st.integers(1, 255))
def test_one_wrong_byte_is_always_found(place: int, change: int) -> None:
    wrong = bytearray(EXAMPLE)
    wrong[place] ^= change
    assert crc(bytes(wrong)) != 0x1C80
