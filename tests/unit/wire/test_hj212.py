"""One frame of HJ 212: what is read from its data segment to the last character, and each departure by its own name."""

import pytest

from domain.errors import LocalProtocolError
from wire.hj212 import (
    SEGMENT_BYTES_LIMIT,
    SEGMENT_BYTES_MAX,
    Deviation,
    Frame,
    Refused,
    decode_segment,
    encode,
)

HEAD = "QN=20261121080000123;ST=32;CN=2011;PW=123456;MN=0001;"
SOUND = f"{HEAD}Flag=5;CP=&&w01018-Rtd=38.5&&"
D = Deviation


def read(text: str) -> Frame:
    return decode_segment(text.encode())


def refusal(text: str) -> str:
    with pytest.raises(Refused) as caught:
        read(text)
    assert str(caught.value).startswith(f"{caught.value.why.value}: ")
    return str(caught.value)


def test_a_sound_segment_is_read_field_by_field() -> None:
    frame = read(SOUND)
    assert frame == Frame(
        qn="20261121080000123", st="32", cn="2011", pw="123456", mn="0001", flag=5, cp="w01018-Rtd=38.5"
    )  # fmt: skip
    assert frame.deviations == ()


@pytest.mark.parametrize(
    ("area", "cp", "deviations"),
    [
        ("CP=&&a=1&&", "a=1", ()),
        ("CP=&&a=1&& ", "a=1", ()),
        ("CP=&&&&", "", ()),
        ("cp=&&a=1&&", "a=1", (D.FIELD_CASE,)),
        ("Cp=&&a=1&&", "a=1", (D.FIELD_CASE,)),
        ("CP=&&a=1", "a=1", (D.CP_UNENDED,)),
        ("CP=&&a=1&", "a=1&", (D.CP_UNENDED,)),
        ("CP=&&a=1&&b", "a=1", (D.CP_UNENDED,)),
        ("CP=a=1&&", "a=1", (D.CP_UNENDED,)),
        ("CP=a=1", "a=1", (D.CP_UNENDED,)),
        ("CP=&a=1&&", "&a=1", (D.CP_UNENDED,)),
        ("CP=", "", (D.CP_UNENDED,)),
    ],
)
def test_the_data_area_is_what_stands_between_its_gates(
    area: str, cp: str, deviations: tuple[Deviation, ...]
) -> None:
    frame = read(f"{HEAD}Flag=5;{area}")
    assert (frame.cp, frame.deviations) == (cp, deviations)


def test_what_is_missing_is_named() -> None:
    assert refusal(f"{HEAD}Flag=5") == "field-missing: no CP"
    assert refusal("CP=&&a=1&&") == "field-missing: no ST"
    assert refusal(SOUND.replace("MN=0001;", "")) == "field-missing: no MN"


@pytest.mark.parametrize(
    ("before", "after", "deviations"),
    [
        ("QN=", ";;QN=", ()),
        ("CN=", "XX=1;CN=", (D.FIELD_UNKNOWN,)),
        ("CN=", "CN;CN=", (D.FIELD_UNKNOWN,)),
        ("MN=", "mn=", (D.FIELD_CASE,)),
        ("MN=", " MN=", (D.FIELD_CASE,)),
        ("MN=0001", "MN=0001 ", (D.FIELD_BAD,)),
        ("ST=32;CN=2011", "CN=2011;ST=32", (D.FIELD_ORDER,)),
    ],
)
def test_an_odd_field_costs_none_of_the_others(
    before: str, after: str, deviations: tuple[Deviation, ...]
) -> None:
    frame = read(SOUND.replace(before, after, 1))
    assert frame == read(SOUND)
    assert frame.deviations == deviations


@pytest.mark.parametrize(
    ("fields", "width"),
    [("QN", 17), ("ST", 2), ("CN", 4), ("PW", 9), ("MN", 27), ("PNUM", 4), ("PNO", 4), ("Flag", 3)],
)
def test_a_value_is_as_wide_as_its_field_and_no_wider(fields: str, width: int) -> None:
    values = {"QN": "1", "ST": "1", "CN": "1", "PW": "1", "MN": "1", "Flag": "7", "PNUM": "9999", "PNO": "1"}
    longest = {**values, fields: "1" * width}
    wider = {**values, fields: "1" * (width + 1)}
    assert str(getattr(read(_written(longest)), fields.lower())) == "1" * width
    assert refusal(_written(wider)) == f"field-bad: {fields} of {width + 1} characters"


def _written(values: dict[str, str]) -> str:
    return "".join(f"{name}={value};" for name, value in values.items()) + "CP=&&&&"


@pytest.mark.parametrize("value", ["00\x0701", "00\N{ZERO WIDTH SPACE}01"])
def test_a_name_that_cannot_be_shown_is_refused(value: str) -> None:
    assert refusal(SOUND.replace("MN=0001", f"MN={value}")) == "field-bad: MN of 5 characters"


def test_a_data_area_among_the_fields_is_refused_however_short() -> None:
    assert refusal(SOUND.replace("Flag=5;", "Flag=5;CP =1;")) == "field-bad: CP of 1 characters"


def test_a_flag_is_one_byte_in_ascii_digits() -> None:
    assert read(SOUND.replace("Flag=5", "Flag=253")).flag == 253
    last = read(SOUND.replace("Flag=5", "Flag=255"))
    assert (last.flag, last.version, last.wants_answer) == (255, 63, True)
    for value in ("256", "", "x", "-1", "٣", "²"):
        assert refusal(SOUND.replace("Flag=5", f"Flag={value}")) == f"field-bad: Flag={value}"


def test_without_a_flag_it_is_of_the_oldest_edition_and_wants_no_answer() -> None:
    frame = read(SOUND.replace("Flag=5;", ""))
    assert (frame.flag, frame.version, frame.wants_answer) == (None, 0, False)
    assert frame.deviations == (D.FIELD_MISSING,)
    assert read(SOUND.replace("Flag=5", "Flag=3;PNUM=1;PNO=1")).version == 0
    assert read(SOUND.replace("Flag=5", "Flag=4")).version == 1


@pytest.mark.parametrize(
    ("flag", "numbers", "found", "is_odd"),
    [
        (7, "PNUM=1;PNO=1;", (1, 1), False),
        (7, "PNUM=2;PNO=1;", (2, 1), False),
        (7, "PNUM=2;PNO=2;", (2, 2), False),
        (7, "PNUM=9999;PNO=9999;", (9999, 9999), False),
        (5, "", (None, None), False),
        (5, "PNUM=2;PNO=1;", (2, 1), True),
        (5, "PNUM=2;PNO=2;", (2, 2), True),
        (7, "", (None, None), True),
        (7, "PNUM=2;", (2, None), True),
        (5, "PNUM=2;", (2, None), True),
        (5, "PNO=1;", (None, 1), True),
        (7, "PNUM=2;PNO=3;", (None, None), True),
        (7, "PNUM=2;PNO=0;", (None, None), True),
        (7, "PNUM=0;PNO=0;", (None, None), True),
    ],
)
def test_packets_are_numbered_from_one_to_as_many_as_there_are(
    flag: int, numbers: str, found: tuple[int | None, int | None], *, is_odd: bool
) -> None:
    frame = read(f"{HEAD}Flag={flag};{numbers}CP=&&a=1&&")
    assert (frame.pnum, frame.pno) == found
    assert frame.deviations == ((D.PACKET_NUMBER,) if is_odd else ())


def test_a_segment_has_as_many_bytes_as_the_standard_allows() -> None:
    def of(size: int) -> str:
        return SOUND.replace("38.5", "3" * (size - len(SOUND) + 4))

    assert SEGMENT_BYTES_MAX == 1024, "6.3.1"
    assert read(of(1024)).deviations == ()
    assert read(of(1025)).deviations == (D.SEGMENT_TOO_LONG,)


def test_a_frame_is_written_as_the_standard_has_it_up_to_four_digits_of_length() -> None:
    split = Frame(
        qn=None, st="91", cn="9014", pw="123456", mn="0001", flag=7, pnum=2, pno=1, cp="a=1",
        deviations=(D.FIELD_ORDER,),
    )  # fmt: skip
    assert encode(split) == b"##0062ST=91;CN=9014;PW=123456;MN=0001;Flag=7;PNUM=2;PNO=1;CP=&&a=1&&E401\r\n"
    plain = Frame(qn=None, st="91", cn="9014", pw="123456", mn="0001", flag=4)
    assert encode(plain).endswith(b";MN=0001;Flag=4;CP=&&&&" + encode(plain)[-6:])
    room = SEGMENT_BYTES_LIMIT - len(SOUND.replace("w01018-Rtd=38.5", ""))
    longest = encode(_with(room))
    assert longest.startswith(b"##9999QN=20261121080000123;ST=32;")
    with pytest.raises(LocalProtocolError, match="a data segment of 10000 bytes"):
        encode(_with(room + 1))


def _with(size: int) -> Frame:
    return Frame(
        qn="20261121080000123", st="32", cn="2011", pw="123456", mn="0001", flag=5, cp="x" * size
    )  # fmt: skip
