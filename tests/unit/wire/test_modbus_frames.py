"""Frames and answers: the standard's own examples, and every lie that a PLC was seen or can be made to tell."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.drive import Table
from domain.errors import ProtocolError, RemoteProtocolError
from wire.modbus_frames import (
    FRAME_BYTES_MAX,
    DeviceRefused,
    Frames,
    Request,
    RtuFrames,
    TcpFrames,
    crc,
    open_answer,
    read_request,
    write_request,
)


@pytest.mark.parametrize(
    ("table", "start", "count", "sent", "answer", "data"),
    [
        # Modbus Application Protocol V1.1b3, the example of each clause.
        (Table.COIL, 0x13, 19, "01 00 13 00 13", "01 03 CD 6B 05", "CD 6B 05"),  # 6.1
        (Table.DISCRETE, 0xC4, 22, "02 00 C4 00 16", "02 03 AC DB 35", "AC DB 35"),  # 6.2
        (Table.HOLDING, 0x6B, 3, "03 00 6B 00 03", "03 06 02 2B 00 00 00 64", "02 2B 00 00 00 64"),  # 6.3
        (Table.INPUT, 8, 1, "04 00 08 00 01", "04 02 00 0A", "00 0A"),  # 6.4
    ],
)
def test_reads_of_the_standard(
    table: Table, start: int, count: int, sent: str, answer: str, data: str
) -> None:
    asked_for = read_request(table, start, count)
    assert asked_for.pdu == bytes.fromhex(sent)
    assert open_answer(asked_for, bytes.fromhex(answer)) == bytes.fromhex(data)


@pytest.mark.parametrize(
    ("table", "start", "values", "as_many", "sent", "answer"),
    [
        (Table.COIL, 0xAC, [1], False, "05 00 AC FF 00", "05 00 AC FF 00"),  # 6.5
        (Table.COIL, 0xAC, [0], False, "05 00 AC 00 00", "05 00 AC 00 00"),  # 6.5, switched off
        (Table.HOLDING, 1, [3], False, "06 00 01 00 03", "06 00 01 00 03"),  # 6.6
        (
            Table.COIL, 0x13, [1, 0, 1, 1, 0, 0, 1, 1, 1, 0], False, "0F 00 13 00 0A 02 CD 01", "0F 00 13 00 0A",
        ),  # 6.11
        (Table.HOLDING, 1, [0x0A, 0x0102], False, "10 00 01 00 02 04 00 0A 01 02", "10 00 01 00 02"),  # 6.12
        (Table.HOLDING, 1, [3], True, "10 00 01 00 01 02 00 03", "10 00 01 00 01"),
    ],
)  # fmt: skip
def test_writes_of_the_standard(
    table: Table, start: int, values: Sequence[int], *, as_many: bool, sent: str, answer: str
) -> None:
    asked_for = write_request(table, start, values, as_many=as_many)
    assert asked_for.pdu == bytes.fromhex(sent)
    assert open_answer(asked_for, bytes.fromhex(answer)) == b""


@pytest.mark.parametrize(("bits", "size"), [(1, 1), (8, 1), (9, 2), (16, 2)])
def test_eight_bits_take_one_byte_and_the_ninth_a_second(bits: int, size: int) -> None:
    read = read_request(Table.COIL, 0, bits)
    assert open_answer(read, bytes((1, size)) + b"\xff" * size) == b"\xff" * size
    written = write_request(Table.COIL, 0, [1] * bits, as_many=True)
    assert (written.pdu[5], len(written.pdu)) == (size, 6 + size)


def test_a_refusal_carries_its_code() -> None:
    with pytest.raises(DeviceRefused) as caught:
        open_answer(read_request(Table.COIL, 0x04A1, 1), bytes.fromhex("81 02"))
    assert caught.value.code == 2


READ = read_request(Table.HOLDING, 0x6B, 3)
SOUND = bytes.fromhex("03 06 02 2B 00 00 00 64")


@pytest.mark.parametrize(
    ("pdu", "word"),
    [
        ("04 06 02 2B 00 00 00 64", "function 4"),
        ("03 06 02 2B 00 00 00", "7 bytes"),
        ("03 06 02 2B 00 00 00 64 00", "9 bytes"),
        ("03 05 02 2B 00 00 00 64", "another request"),
        ("84 02", "function 132"),
        ("83", "1 bytes"),
        ("", "0 bytes"),
    ],
)
def test_what_is_no_answer_to_the_request(pdu: str, word: str) -> None:
    with pytest.raises(RemoteProtocolError, match=word):
        open_answer(READ, bytes.fromhex(pdu))


def test_a_write_is_answered_by_its_own_echo() -> None:
    with pytest.raises(RemoteProtocolError, match="another request"):
        open_answer(write_request(Table.COIL, 0xAC, [1]), bytes.fromhex("05 00 AC 00 00"))


def tcp(number: int, unit: int, pdu: bytes, *, protocol: int = 0, size: int | None = None) -> bytes:
    length = len(pdu) + 1 if size is None else size
    return b"".join(part.to_bytes(2, "big") for part in (number, protocol, length)) + bytes((unit,)) + pdu


def asked(*, unit: int = 17) -> TcpFrames:
    frames = TcpFrames(first=6)
    assert frames.wrap(unit, READ) == tcp(7, unit, READ.pdu)
    return frames


def test_an_answer_over_tcp_in_one_piece_and_in_drips() -> None:
    whole = tcp(7, 17, SOUND)
    assert asked().feed(whole) == SOUND
    frames = asked()
    assert [frames.feed(whole[n : n + 1]) for n in range(len(whole))] == [None] * (len(whole) - 1) + [SOUND]


def test_an_answer_of_another_transaction_is_passed_over() -> None:
    assert asked().feed(tcp(6, 17, SOUND)) is None
    assert asked().feed(tcp(6, 17, b"\x83\x02") + tcp(7, 17, SOUND)) == SOUND


@pytest.mark.parametrize(
    "data",
    [
        tcp(7, 18, SOUND),
        tcp(7, 17, SOUND, protocol=1),
        tcp(7, 17, SOUND, size=2),
        tcp(7, 17, SOUND, size=255),
        tcp(7, 17, SOUND) + b"\0",
        b"HTTP/1.1 400 Bad Request\r\n",
    ],
)
def test_what_is_no_answer_over_tcp(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        asked().feed(data)


def test_a_header_is_judged_as_soon_as_the_function_is_there() -> None:
    frames = asked()
    assert frames.feed(b"HTTP/1.") is None
    with pytest.raises(RemoteProtocolError, match="no Modbus header: 48 54 54 50 2f 31 2e 31"):
        frames.feed(b"1")


def test_an_answer_in_pieces_leaves_nothing_to_the_next() -> None:
    frames = asked()
    for number in (7, 8, 9):
        whole = tcp(number, 17, SOUND)
        assert frames.feed(whole[:10]) is None
        assert frames.feed(whole[10:]) == SOUND
        frames.wrap(17, READ)


def test_what_a_device_says_before_it_was_asked_is_no_answer() -> None:
    with pytest.raises(RemoteProtocolError, match="an answer of unit 1 for unit 0"):
        TcpFrames().feed(tcp(0, 1, SOUND))
    frames = RtuFrames()
    assert frames.feed(rtu(17, SOUND) + rtu(1, bytes.fromhex("01 01 00"))) is None
    assert frames.feed(b"\x11") is None
    frames.wrap(17, READ)
    assert frames.feed(rtu(17, SOUND)) == SOUND


def test_what_a_device_says_after_its_answer_stands_alone() -> None:
    frames, whole = line(), rtu(17, SOUND)
    assert frames.feed(whole[:7]) is None
    assert frames.feed(whole[7:]) == SOUND
    assert frames.feed(rtu(16, SOUND)) is None


def test_the_rest_of_an_answer_given_up_does_not_spoil_the_next() -> None:
    frames, late = asked(), tcp(7, 17, SOUND)
    assert frames.feed(late[:-2]) is None
    frames.wrap(17, READ)
    assert frames.feed(late[-2:] + tcp(8, 17, SOUND)) == SOUND


def test_the_longest_frame_is_taken_and_none_longer() -> None:
    longest = tcp(7, 17, b"\3" * 253)
    assert len(longest) == FRAME_BYTES_MAX
    assert asked().feed(longest) == b"\3" * 253
    with pytest.raises(RemoteProtocolError, match="no Modbus header"):
        asked().feed(tcp(7, 17, b"\3" * 254))


def test_only_an_answer_over_tcp_says_which_request_it_answers() -> None:
    frames: TcpFrames | RtuFrames
    for frames, late in ((asked(), tcp(7, 17, SOUND)), (line(), rtu(17, SOUND))):
        frames.wrap(17, READ)
        assert (frames.feed(late) is None) is frames.is_numbered


def test_the_number_goes_round() -> None:
    frames = TcpFrames(first=0xFFFF)
    assert frames.wrap(1, READ)[:2] == b"\0\0"


def test_crc_of_the_serial_line() -> None:
    # MODBUS over Serial Line V1.02, 6.2.2: CRC of 02 07 is 41 12.
    assert crc(bytes.fromhex("02 07")) == bytes.fromhex("41 12")


def rtu(unit: int, pdu: bytes) -> bytes:
    body = bytes((unit,)) + pdu
    return body + crc(body)


def line() -> RtuFrames:
    frames = RtuFrames()
    assert frames.wrap(17, READ) == rtu(17, READ.pdu)
    return frames


def test_an_answer_over_a_line_in_one_piece_and_in_drips() -> None:
    whole = rtu(17, SOUND)
    assert line().feed(whole) == SOUND
    frames = line()
    assert [frames.feed(whole[n : n + 1]) for n in range(len(whole))] == [None] * (len(whole) - 1) + [SOUND]
    assert line().feed(rtu(17, b"\x83\x02")) == b"\x83\x02"


def test_a_frame_of_another_unit_or_function_is_passed_over() -> None:
    assert line().feed(rtu(17, bytes.fromhex("06 00 01 00 03")) + rtu(17, SOUND)) == SOUND
    assert line().feed(rtu(16, SOUND) + rtu(17, SOUND)) == SOUND
    assert line().feed(rtu(16, bytes.fromhex("06 00 01 00 03")) + rtu(17, SOUND)) == SOUND


@pytest.mark.parametrize(
    "data",
    [rtu(17, SOUND)[:-1] + b"\0", rtu(17, b"\x2b\x0e\x01"), b"\0" + rtu(17, SOUND), rtu(17, SOUND) + b"\0"],
)
def test_what_is_no_answer_over_a_line(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        line().feed(data)


_REQUESTS = (
    READ,
    read_request(Table.COIL, 0, 2000),
    read_request(Table.INPUT, 0, 125),
    write_request(Table.COIL, 5, [1]),
    write_request(Table.HOLDING, 5, [1, 2, 3]),
)
_REPLIES = st.one_of(
    st.binary(max_size=600),
    st.builds(
        tcp,
        st.integers(5, 9),
        st.integers(0, 255),
        st.binary(max_size=300),
        size=st.none() | st.integers(0, 400),
    ),
    st.builds(rtu, st.sampled_from([16, 17]), st.binary(max_size=300)),
    st.just(tcp(7, 17, SOUND)),
    st.just(rtu(17, SOUND)),
)


def _listen(frames: Frames, request: Request, pieces: Sequence[bytes]) -> bytes | None:
    """Do as a link does: feed what comes until there is an answer, or none to be hoped for."""
    frames.wrap(17, request)
    for piece in pieces:
        pdu = frames.feed(piece)
        if pdu is not None:
            return open_answer(request, pdu)
    return None


@given(
    st.sampled_from(["tcp", "rtu"]),
    st.sampled_from(_REQUESTS),
    st.lists(_REPLIES, max_size=6),
    st.integers(1, 300),
)
def test_whatever_comes_is_an_answer_of_the_right_length_a_refusal_or_a_fault(
    kind: str, request_: Request, replies: list[bytes], cut: int
) -> None:
    stream = b"".join(replies)
    pieces = [stream[n : n + cut] for n in range(0, len(stream), cut)]
    frames: Frames = TcpFrames(first=6) if kind == "tcp" else RtuFrames()
    try:
        data = _listen(frames, request_, pieces)
    except ProtocolError:
        data = None
    assert data is None or len(data) == request_.answer_bytes - len(request_.echo)


@given(st.sampled_from(["tcp", "rtu"]), st.lists(st.binary(min_size=1, max_size=100), max_size=60))
def test_little_is_held_of_what_is_no_answer(kind: str, pieces: list[bytes]) -> None:
    frames: TcpFrames | RtuFrames = TcpFrames(first=6) if kind == "tcp" else RtuFrames()
    frames.wrap(17, READ)
    for piece in pieces:
        try:
            frames.feed(piece)
        except RemoteProtocolError:
            break
        assert len(frames._held) <= FRAME_BYTES_MAX
