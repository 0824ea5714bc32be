"""The edges of what comes over a connection: torn, overlong and numbered frames of HJ 212, of Modbus, and names of payloads."""

import pytest

from domain.errors import RemoteProtocolError
from tests.unit.wire.test_hj212_stream import FRAME, WIRE, all_of, framed, whys
from tests.unit.wire.test_modbus_frames import READ, SOUND, asked, line, rtu, tcp
from wire.hj212 import Deviation, Frame, crc, encode
from wire.hj212_stream import FRAME_BYTES_MAX, FrameStream, Rubbish
from wire.modbus_frames import PDU_BYTES_MAX, TcpFrames
from wire.sparkplug import parse_uuid, payload_uuid


def test_every_byte_belongs_to_a_frame_or_is_counted_as_rubbish() -> None:
    for before, between, after in [
        (b"", b"", b""),
        (b"xy", b"", b""),
        (b"", b"abc", b""),
        (b"a", b"bc", b"def"),
    ]:
        data = before + WIRE[:-2] + between + WIRE[:-2] + after + b"\r\n"
        found = all_of(data)
        rubbish = sum(item.count for item in found if isinstance(item, Rubbish))
        frames = sum(isinstance(item, Frame) for item in found)
        assert rubbish + frames * (len(WIRE) - 2) + 2 == len(data), (before, between, after)


def test_a_frame_after_a_torn_one_in_the_same_line_is_found_and_the_torn_one_counted() -> None:
    torn = WIRE[:30]
    (rubbish, frame) = all_of(torn + WIRE)
    assert isinstance(rubbish, Rubbish)
    assert (rubbish.count, frame) == (30, FRAME)


def test_a_frame_without_its_tail_is_taken_at_a_flush_and_once() -> None:
    stream = FrameStream()
    assert stream.feed(WIRE[:-2]) == []
    (found,) = stream.flush()
    assert found == FRAME
    assert isinstance(found, Frame)
    assert Deviation.TAIL_MISSING in found.deviations
    assert (stream.flush(), stream.waiting) == ([], 0)
    (short,) = stream.feed(b"x\r\n")
    assert short == Rubbish(why=Deviation.GARBAGE, count=1), "what was seen is forgotten with what was taken"


@pytest.mark.parametrize("data", [b"", b"##", b"##12", b"##0101QN=1", b"x" * 40, b"##12a4" + b"x" * 40])
def test_what_is_no_whole_frame_goes_on_waiting_at_a_flush(data: bytes) -> None:
    stream = FrameStream()
    assert stream.feed(data) == []
    assert stream.flush() == []
    assert stream.waiting == len(data)


def test_a_line_may_be_as_long_as_the_longest_frame() -> None:
    stream = FrameStream()
    assert stream.feed(b"x" * FRAME_BYTES_MAX) == []
    assert stream.waiting == FRAME_BYTES_MAX
    (over,) = stream.feed(b"x")
    assert over == Rubbish(why=Deviation.OVERSIZED, count=FRAME_BYTES_MAX + 1)
    assert stream.waiting == 0


def test_of_an_overlong_line_the_last_head_is_kept() -> None:
    stream, rest = FrameStream(), WIRE[:50]
    (over,) = stream.feed(b"##9x" * 3000 + rest)
    assert over == Rubbish(why=Deviation.OVERSIZED, count=12_000)
    assert stream.waiting == 50
    assert stream.feed(WIRE[50:]) == [FRAME]


def test_an_overlong_line_that_ends_in_a_whole_frame_gives_it() -> None:
    stream = FrameStream()
    found = stream.feed(b"y" * FRAME_BYTES_MAX + WIRE[:-2])
    assert found == [Rubbish(why=Deviation.GARBAGE, count=FRAME_BYTES_MAX), FRAME]
    assert stream.waiting == 0
    assert stream.feed(b"\r\n" + WIRE)[-1] == FRAME


def test_a_check_sum_is_four_hexadecimal_digits() -> None:
    segment = WIRE[6:-6]
    right = b"%04X" % crc(segment)
    for written, is_taken in [
        (right, True),
        (right.lower(), True),
        (b"+" + right[1:], False),
        (b"zzzz", False),
    ]:
        found = all_of(b"##%04d%s%s\r\n" % (len(segment), segment, written))
        assert any(isinstance(item, Frame) for item in found) is is_taken
    assert whys(all_of(b"##%04d%s0000\r\n" % (len(segment), segment))) == [Deviation.CRC_WRONG]


def test_a_length_in_characters_is_told_from_a_wrong_one() -> None:
    segment = encode(FRAME)[6:-6].replace(b"Flag=N", "Flag=正".encode())
    for length, expected in [
        (len(segment), set()),
        (len(segment) - 2, {Deviation.LENGTH_IN_CHARACTERS}),
        (len(segment) - 1, {Deviation.LENGTH_WRONG}),
        (len(segment) + 1, {Deviation.LENGTH_WRONG}),
    ]:
        (found,) = all_of(framed(segment, length=length))
        assert isinstance(found, Frame)
        assert set(found.deviations) == expected


def test_the_first_request_of_a_connection_has_the_number_one() -> None:
    assert TcpFrames().wrap(1, READ)[:2] == b"\0\1"


def test_a_header_may_announce_as_much_as_a_frame_holds() -> None:
    longest = tcp(6, 17, bytes(PDU_BYTES_MAX))
    assert asked().feed(longest + tcp(7, 17, SOUND)) == SOUND
    shortest = tcp(6, 17, b"\x83\x02")
    assert asked().feed(shortest) is None
    for size in (2, PDU_BYTES_MAX + 2):
        with pytest.raises(RemoteProtocolError, match="no Modbus header"):
            asked().feed(tcp(6, 17, bytes(PDU_BYTES_MAX), size=size))


@pytest.mark.parametrize("function", [1, 2, 3, 4, 5, 6, 15, 16])
def test_sound_frames_of_other_units_are_passed_over_whatever_they_answer(function: int) -> None:
    body = bytes((function, 2, 1, 2)) if function <= 4 else bytes((function, 0, 1, 0, 3))
    assert line().feed(rtu(16, body) + rtu(17, SOUND)) == SOUND
    assert line().feed(rtu(16, bytes((function | 0x80, 2))) + rtu(17, SOUND)) == SOUND


@pytest.mark.parametrize("function", [0, 7, 14, 17, 43])
def test_functions_that_are_never_asked_are_no_answer(function: int) -> None:
    with pytest.raises(RemoteProtocolError):
        line().feed(rtu(16, bytes((function, 2, 1, 2, 3))))


EPOCH = "0123456789abcdef" * 2


@pytest.mark.parametrize("offset", [0, 7, 10**18 - 1])
def test_a_payload_s_name_is_read_back(offset: int) -> None:
    assert parse_uuid(payload_uuid(EPOCH, offset)) == (EPOCH, offset)


@pytest.mark.parametrize(
    "uuid",
    [
        None, "", EPOCH, f"{EPOCH}-", f"{EPOCH}7", f"{EPOCH}-x", f"{EPOCH}-٣", f"{EPOCH}-{10**18}", f"{EPOCH[:-1]}-7",
        f"{EPOCH[:-1]}g-7", f"{EPOCH.upper()}-7", f"{EPOCH}0-7", f"{EPOCH}-7-8", f"{EPOCH}--7",
    ],
)  # fmt: skip
def test_what_is_no_payload_s_name(uuid: str | None) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_uuid(uuid)


def test_a_password_is_its_very_letters_and_what_else_stands_between_spaces_is_noted() -> None:
    def read(segment: bytes) -> Frame:
        (found,) = all_of(framed(segment))
        assert isinstance(found, Frame)
        return found

    head, data = b"QN=20261121080000123;ST=32;CN=2011;PW=%s;MN=%s;Flag=5;CP=&&", b"DataTime=20261121080000&&"
    spaced = read(head % (b" 1234 ", b"3206840001") + data)
    assert (spaced.pw, Deviation.FIELD_BAD in spaced.deviations) == (" 1234 ", False)
    other = read(head % (b"123456", b" 3206840001") + data)
    assert (other.mn, Deviation.FIELD_BAD in other.deviations) == ("3206840001", True)
