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
