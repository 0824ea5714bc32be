"""HJ 212-2017, 6.3: frames as they are built, on vectors each of which says why it is there."""

import json
from pathlib import Path

import pytest

from domain.logger import Mode
from wire.hj212 import Deviation, Frame, encode
from wire.hj212_body import CHINA, read_body, read_time, write_body, write_time
from wire.hj212_stream import FrameStream

VECTORS = [
    json.loads(line) for line in (Path(__file__).parent / "vectors.jsonl").read_text("utf-8").splitlines()
]
BY_ID = {vector["id"]: vector["frame"] for vector in VECTORS}


def only(text: str, mode: Mode = Mode.STRICT) -> Frame:
    (found,) = FrameStream(mode).feed(text.encode())
    assert isinstance(found, Frame)
    return found


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("vector", VECTORS, ids=[vector["id"] for vector in VECTORS])
def test_a_valid_frame_is_taken_and_written_again(vector: dict[str, str], mode: Mode) -> None:
    assert vector["expect"] == "valid"
    frame = only(vector["frame"], mode)
    assert encode(frame).lower() == vector["frame"].encode().lower()
    assert set(frame.deviations) <= {Deviation.CRC_LOWER_CASE}


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["id"] for vector in VECTORS])
def test_a_data_area_is_read_and_written_again(vector: dict[str, str]) -> None:
    frame = only(vector["frame"])
    body = read_body(frame.cp)
    assert body.deviations == ()
    assert read_body(write_body(body.parameters, body.factors)) == body


def test_flag_says_what_is_wanted_and_by_which_edition() -> None:
    data, split, answer, beat = (only(BY_ID[key]) for key in ("D01", "D04", "D06", "D13"))
    assert (data.wants_answer, data.version, data.pnum) == (True, 1, None)
    assert (split.wants_answer, split.pnum, split.pno) == (True, 2, 1)
    assert not answer.wants_answer
    assert (beat.cn, beat.version) == ("9015", 2)


def test_the_fields_of_a_factor_belong_together() -> None:
    factors = read_body(only(BY_ID["D04"]).cp).factors
    assert factors == {"w00000": {"Cou": "45.0", "Min": "11.9", "Avg": "12.5", "Max": "13.2", "Flag": "N"}}


def test_text_may_hold_separators_and_chinese() -> None:
    assert read_body(only(BY_ID["D12"]).cp).factors["i11001"] == {"Info": "//清洗管路//"}
    assert read_body("i11001-Info=//a;b,c=d//;PolId=w01018").parameters == {"PolId": "w01018"}


def test_a_sum_of_zero_is_a_sum() -> None:
    assert only(BY_ID["D14-0000"]).cn == "2011"
    missing = BY_ID["D14-0000"].replace("&&0000\r\n", "&&\r\n").encode()
    assert not any(isinstance(item, Frame) for item in FrameStream().feed(missing))


def test_times_are_china_standard_time() -> None:
    at_ms = read_time("20261121080000")
    assert at_ms == 1_795_219_200_000
    assert write_time(at_ms) == "20261121080000"
    assert read_time("20261121080000123") == at_ms + 123
    assert write_time(at_ms + 7, is_fine=True) == "20261121080000007"
    assert CHINA.utcoffset(None).total_seconds() == 8 * 3600


@pytest.mark.parametrize(
    "text", ["20261321080000", "2026112108000", "", "2026112108000x", "２０２６1121080000", "20260230000000"]
)
def test_what_is_no_time_is_none(text: str) -> None:
    assert read_time(text) is None


def test_a_length_in_characters_is_accepted_and_noted() -> None:
    """The standard counts ASCII characters; of Chinese text some count characters and some bytes."""
    frame = BY_ID["D12"]
    characters = len(frame) - len("##0000") - len("6240\r\n")
    for mode in Mode:
        found = only(f"##{characters:04d}{frame[6:]}", mode)
        assert found.deviations == (Deviation.LENGTH_IN_CHARACTERS,)
        assert found.cp == only(frame).cp
