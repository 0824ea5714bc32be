"""The stream: frames are found whatever stands between them, departures are named, and nothing grows."""

import pytest

from domain.logger import Mode
from wire.hj212 import Deviation, Frame, crc, encode
from wire.hj212_stream import FRAME_BYTES_MAX, Found, FrameStream, Rubbish

FRAME = Frame(
    qn="20261121080000123", st="32", cn="2011", pw="123456", mn="320684000100A00000000001", flag=5,
    cp="DataTime=20261121080000;w01018-Rtd=38.5,w01018-Flag=N",
)  # fmt: skip
WIRE = encode(FRAME)


def framed(segment: bytes, *, length: int | None = None, tail: bytes = b"\r\n") -> bytes:
    size = len(segment) if length is None else length
    return b"##%04d%s%04X%s" % (size, segment, crc(segment), tail)


def all_of(data: bytes, mode: Mode = Mode.LENIENT, *, flush: bool = False) -> list[Found]:
    stream = FrameStream(mode)
    found = stream.feed(data)
    return [*found, *stream.flush()] if flush else found


def whys(found: list[Found]) -> list[Deviation]:
    return [item.why for item in found if isinstance(item, Rubbish)]


def deviations(segment: bytes) -> set[Deviation]:
    (found,) = all_of(framed(segment))
    assert isinstance(found, Frame)
    return set(found.deviations)


@pytest.mark.parametrize("size", [1, 2, 7, 50, 1000])
def test_a_frame_may_come_in_any_pieces(size: int) -> None:
    stream = FrameStream()
    data = WIRE * 3
    found = [item for at in range(0, len(data), size) for item in stream.feed(data[at : at + size])]
    assert found == [FRAME] * 3
    assert stream.waiting == 0


@pytest.mark.parametrize(
    "rubbish",
    [b"garbage", b"##", b"##00", b"##9999", b"#" * 40, b"\r\n", b"##0101short\r\n", bytes(range(256))],
)
def test_the_frame_after_rubbish_is_found(rubbish: bytes) -> None:
    frames = [item for item in all_of(rubbish + WIRE) if isinstance(item, Frame)]
    assert frames == [FRAME]


def test_a_torn_frame_costs_itself_only() -> None:
    found = all_of(WIRE[: len(WIRE) // 2] + WIRE)
    assert [item for item in found if isinstance(item, Frame)] == [FRAME]
    assert len(whys(found)) == 1


def test_a_wrong_sum_is_named() -> None:
    wrong = bytearray(WIRE)
    wrong[20] ^= 1
    assert whys(all_of(bytes(wrong) + WIRE)) == [Deviation.CRC_WRONG]


def test_a_wrong_length_is_used_leniently_and_refused_strictly() -> None:
    segment = WIRE[6:-6]
    wrong = framed(segment, length=len(segment) + 3)
    (lenient,) = all_of(wrong)
    assert isinstance(lenient, Frame)
    assert lenient.deviations == (Deviation.LENGTH_WRONG,)
    assert whys(all_of(wrong, Mode.STRICT)) == [Deviation.LENGTH_WRONG]


def test_frames_without_tails_are_told_apart() -> None:
    bare = WIRE[:-2]
    found = all_of(bare + bare + WIRE)
    assert [item for item in found if isinstance(item, Frame)] == [FRAME] * 3
    assert all_of(bare) == []
    (last,) = all_of(bare, flush=True)
    assert isinstance(last, Frame)
    assert last.deviations == (Deviation.TAIL_MISSING,)


def test_a_part_of_a_frame_goes_on_waiting() -> None:
    stream = FrameStream()
    assert stream.feed(WIRE[:30]) == []
    assert stream.flush() == []
    assert stream.feed(WIRE[30:]) == [FRAME]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (b"ST=32;CN=2011", b"CN=2011;ST=32", Deviation.FIELD_ORDER),
        (b"Flag=5", b"flag=5", Deviation.FIELD_CASE),
        (b"QN=20261121080000123;", b"", Deviation.FIELD_MISSING),
        (b"Flag=5;", b"", Deviation.FIELD_MISSING),
        (b"Flag=5", b"Flag=5;XX=1", Deviation.FIELD_UNKNOWN),
        (b"Flag=5", b"Flag=7", Deviation.PACKET_NUMBER),
        (b"Flag=5", b"Flag=5;PNUM=2;PNO=1", Deviation.PACKET_NUMBER),
        (b"Flag=5", b"Flag=7;PNUM=2;PNO=3", Deviation.PACKET_NUMBER),
        (b"-Flag=N&&", b"-Flag=N", Deviation.CP_UNENDED),
        (b"w01018", "化学".encode("gb18030"), Deviation.ENCODING),
        (b"w01018", b"w01018" + b"x" * 1100, Deviation.SEGMENT_TOO_LONG),
        (b"ST=32", b"ST= 32", None),
    ],
)
def test_departures_are_listed(before: bytes, after: bytes, expected: Deviation | None) -> None:
    segment = WIRE[6:-6].replace(before, after, 1)
    if expected is None:
        assert whys(all_of(framed(segment))) == [Deviation.FIELD_BAD]
    else:
        assert expected in deviations(segment)
        assert whys(all_of(framed(segment), Mode.STRICT)) != []


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        (b"MN=320684000100A00000000001;", b"", Deviation.FIELD_MISSING),
        (b"ST=32", b"ST=32;ST=31", Deviation.FIELD_TWICE),
        (b"Flag=5", b"Flag=x", Deviation.FIELD_BAD),
        (b"Flag=5", b"Flag=999", Deviation.FIELD_BAD),
        (b"MN=3", b"MN=3" + b"3" * 40, Deviation.FIELD_BAD),
        (b"CP=&&", b"", Deviation.FIELD_MISSING),
        (b"w01018", b"\xff\xff\xff", Deviation.ENCODING),
    ],
)
def test_what_has_no_plain_meaning_is_refused_in_either_mode(
    before: bytes, after: bytes, why: Deviation
) -> None:
    segment = WIRE[6:-6].replace(before, after, 1)
    for mode in Mode:
        assert whys(all_of(framed(segment) + WIRE, mode)) == [why]


def test_an_endless_line_is_dropped_and_the_next_frame_found() -> None:
    stream = FrameStream()
    found: list[Found] = []
    for _ in range(100):
        found += stream.feed(b"x" * 1000)
        assert stream.waiting <= FRAME_BYTES_MAX
    assert set(whys(found)) == {Deviation.OVERSIZED}
    assert stream.feed(b"\r\n" + WIRE)[-1] == FRAME


def test_a_line_full_of_heads_costs_few_sums() -> None:
    (found,) = all_of(b"##0000" * 1600 + b"\r\n")
    assert isinstance(found, Rubbish)
    assert found.count == 9600


TORN = b"##0002ab0000"
"""A whole frame but for its sum, when another head follows."""


def test_the_two_bytes_of_an_end_may_come_one_by_one() -> None:
    stream = FrameStream()
    for piece, waiting in ((b"\r", 1), (b"\n", 0), (b"\r\n", 0), (b"\n\r", 2), (b"\n", 0)):
        stream.feed(piece)
        assert stream.waiting == waiting
    assert stream.feed(WIRE) == [FRAME]


def test_what_is_rubbish_around_frames_is_counted_where_it_stands() -> None:
    bare = WIRE[:-2]
    assert all_of(b"#" + WIRE) == [Rubbish(why=Deviation.GARBAGE, count=1), FRAME]
    assert all_of(WIRE[:30] + WIRE) == [Rubbish(why=Deviation.GARBAGE, count=30), FRAME]
    assert all_of(bare + b"##12" + WIRE) == [FRAME, Rubbish(why=Deviation.GARBAGE, count=4), FRAME]
    assert all_of(bare + b"##12\r\n") == [FRAME, Rubbish(why=Deviation.GARBAGE, count=4)]
    assert all_of(b"##0012ab\r\n") == [Rubbish(why=Deviation.GARBAGE, count=8)]
    (plain,) = all_of(b"x\r\n")
    assert isinstance(plain, Rubbish)
    assert plain.detail == ""


def test_a_frame_without_meaning_is_counted_with_its_head_and_sum_and_told_why() -> None:
    wire = framed(WIRE[6:-6].replace(b"MN=320684000100A00000000001;", b""))
    assert all_of(b"xy" + wire) == [
        Rubbish(why=Deviation.GARBAGE, count=2),
        Rubbish(why=Deviation.FIELD_MISSING, count=len(wire) - 2, detail="field-missing: no MN"),
    ]
    assert all_of(b"##0000FFFF\r\n") == [
        Rubbish(why=Deviation.FIELD_MISSING, count=10, detail="field-missing: no CP")
    ]


def test_a_wrong_sum_is_told_with_the_first_forty_bytes_whatever_they_are() -> None:
    wrong = b"##0050QN=\xff" + WIRE[10:56] + b"0000"
    said = "##0050QN=\N{REPLACEMENT CHARACTER}" + WIRE[10:40].decode()
    assert all_of(b"ab" + wrong + b"\r\n") == [
        Rubbish(why=Deviation.CRC_WRONG, count=len(wrong) + 2, detail=said)
    ]


def test_a_line_has_eight_attempts() -> None:
    *_, rubbish, frame = all_of(TORN * 7 + WIRE)
    assert rubbish == Rubbish(why=Deviation.CRC_WRONG, count=84, detail=(TORN + WIRE)[:40].decode())
    assert frame == FRAME
    assert all_of(TORN * 8 + WIRE) == [
        Rubbish(why=Deviation.GARBAGE, count=94 + len(WIRE), detail="too many heads in one line")
    ]


def test_a_wrong_length_behind_rubbish_is_as_tolerable_as_one_alone() -> None:
    segment = WIRE[6:-6]
    rubbish, frame = all_of(b"xy" + framed(segment, length=len(segment) + 3))
    assert rubbish == Rubbish(why=Deviation.GARBAGE, count=2)
    assert isinstance(frame, Frame)
    assert frame.deviations == (Deviation.LENGTH_WRONG,)


def test_a_length_in_characters_of_gb_18030_is_known_too() -> None:
    segment = WIRE[6:-6].replace(b"Flag=N", "Flag=正常".encode("gb18030"))
    (frame,) = all_of(framed(segment, length=len(segment) - 2))
    assert isinstance(frame, Frame)
    assert frame.deviations == (Deviation.LENGTH_IN_CHARACTERS, Deviation.ENCODING)


@pytest.mark.parametrize("written", [b"+A00", b" A00", b"A_00", b"A00 ", b"0B00"])
def test_a_sum_that_begins_with_a_nought_is_written_with_it(written: bytes) -> None:
    segment = b"QN=20261121080000123;ST=32;CN=2011;PW=123456;MN=0001;Flag=5;CP=&&a=1&&"
    (frame,) = all_of(b"##0070" + segment + b"0A00\r\n")
    assert isinstance(frame, Frame)
    assert whys(all_of(b"##0070" + segment + written + b"\r\n")) == [Deviation.CRC_WRONG]


@pytest.mark.parametrize("mode", Mode)
def test_a_sum_in_small_letters_is_noted_and_no_reason_to_refuse(mode: Mode) -> None:
    assert WIRE.endswith(b"3E80\r\n")
    small, plain = all_of(WIRE.replace(b"3E80", b"3e80") + WIRE, mode)
    assert isinstance(small, Frame)
    assert isinstance(plain, Frame)
    assert (small.deviations, plain.deviations) == ((Deviation.CRC_LOWER_CASE,), ())


@pytest.mark.parametrize("data", [WIRE[:-3], b"ab" + WIRE[:-3], b"x0001" + b"x" * 40, b"##0000FFFF"])
def test_what_lacks_one_byte_of_its_sum_or_is_shorter_than_any_frame_goes_on_waiting(data: bytes) -> None:
    stream = FrameStream()
    assert (stream.feed(data), stream.flush(), stream.waiting) == ([], [], len(data))


def test_the_shortest_line_that_a_flush_takes_has_twelve_bytes() -> None:
    stream = FrameStream()
    assert stream.feed(b"##0002ab5780") == []
    assert whys(stream.flush()) == [Deviation.FIELD_MISSING]
    assert stream.waiting == 0


def test_a_line_without_a_length_waits_until_it_is_too_long() -> None:
    stream = FrameStream()
    assert stream.feed(b"##12a4" + b"x" * 10_005) == []
    assert (stream.flush(), stream.waiting) == ([], 10_011)
    assert stream.feed(b"x") == [Rubbish(why=Deviation.OVERSIZED, count=10_012)]


def test_of_an_overlong_line_what_may_still_become_a_frame_is_kept_and_no_more() -> None:
    second = FrameStream()
    assert second.feed(b"x##9999" + b"1" * 10_005) == [Rubbish(why=Deviation.OVERSIZED, count=1)]
    assert second.waiting == 10_011
    long = FrameStream()
    assert long.feed(b"x##0000" + b"y" * 20_000) == [Rubbish(why=Deviation.OVERSIZED, count=20_007)]
    assert long.waiting == 0


def test_a_frame_in_an_overlong_line_waits_for_its_end_behind_a_head_that_promises_more() -> None:
    stream, before = FrameStream(), b"y" * 200 + b"##9999" + b"z" * 9700
    assert stream.feed(before + WIRE[:-2]) == [Rubbish(why=Deviation.OVERSIZED, count=9906)]
    (frame,) = stream.feed(b"\r\n")
    assert isinstance(frame, Frame)
    assert (frame, frame.deviations) == (FRAME, ())


def test_a_frame_at_the_end_of_an_overlong_line_lacks_its_tail() -> None:
    *_, frame = FrameStream().feed(b"y" * FRAME_BYTES_MAX + WIRE[:-2])
    assert isinstance(frame, Frame)
    assert frame.deviations == (Deviation.TAIL_MISSING,)
