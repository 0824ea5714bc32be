"""The data area of HJ 212: which parts it has, whose they are, and what is odd about them."""

import pytest

from wire.hj212 import Deviation
from wire.hj212_body import FIELDS, read_body, read_time, write_body, write_time

D = Deviation


@pytest.mark.parametrize(
    ("cp", "parameters", "factors", "deviations"),
    [
        ("", {}, {}, ()),
        ("PolId=w01018", {"PolId": "w01018"}, {}, ()),
        (";PolId=w01018;", {"PolId": "w01018"}, {}, ()),
        (",PolId=w01018", {"PolId": "w01018"}, {}, ()),
        ("PolId=X1;SN=XX2", {"PolId": "X1", "SN": "XX2"}, {}, ()),
        ("polid=w01018", {"PolId": "w01018"}, {}, (D.FIELD_CASE,)),
        ("Own=1;own=2", {"Own": "1", "own": "2"}, {}, ()),
        ("PolId=a;PolId=a", {"PolId": "a"}, {}, ()),
        ("PolId=a;PolId=b", {"PolId": "a"}, {}, (D.FIELD_TWICE,)),
        ("a-Rtd=1,a-Rtd=1", {}, {"a": {"Rtd": "1"}}, ()),
        ("a-Rtd=1;a-Rtd=2,b-Rtd=3", {}, {"a": {"Rtd": "1"}, "b": {"Rtd": "3"}}, (D.FIELD_TWICE,)),
        ("a-rtd=1", {}, {"a": {"Rtd": "1"}}, (D.FIELD_CASE,)),
        ("a-Own=1", {}, {"a": {"Own": "1"}}, ()),
        ("a-Rtd=1,5,a-Flag=N", {}, {"a": {"Rtd": "1,5", "Flag": "N"}}, (D.FIELD_BAD,)),
        ("PolId=a,b;SN=1", {"PolId": "a,b", "SN": "1"}, {}, (D.FIELD_BAD,)),
        ("5;SN=1", {"SN": "1"}, {}, (D.FIELD_BAD,)),
        (" a-Rtd = 1 ; SN = 2 ", {"SN": "2"}, {"a": {"Rtd": "1"}}, ()),
        ("a-Info=//x;y,z=1//;SN=1", {"SN": "1"}, {"a": {"Info": "//x;y,z=1//"}}, ()),
        ("a-Info=//x;y=1", {}, {"a": {"Info": "//x;y=1"}}, ()),
    ],
)
def test_each_part_is_read_as_whose_it_is(
    cp: str,
    parameters: dict[str, str],
    factors: dict[str, dict[str, str]],
    deviations: tuple[Deviation, ...],
) -> None:
    body = read_body(cp)
    assert (body.parameters, body.factors) == (parameters, factors)
    assert body.deviations == deviations


NAMES = "Rtd Min Avg Max Cou ZsRtd ZsMin ZsAvg ZsMax Flag EFlag SampleTime RS RT Info SN Ala UpValue LowValue Data DayData NightData"
PARAMETERS = "DataTime BeginTime EndTime PolId QnRtn ExeRtn SystemTime RtdInterval MinInterval OverTime ReCount RestartTime NewPW"
"""Table 8 of the standard, and 6.3.3: what may stand behind a factor's code, and what alone."""


def test_each_name_of_the_standard_is_known_however_it_is_written() -> None:
    assert set(NAMES.split()) == FIELDS
    for name in NAMES.split():
        loud = read_body(f"a-{name.upper()}=1")
        assert loud.factors == read_body(f"a-{name}=1").factors == {"a": {name: "1"}}
        assert read_body(f"a-{name}=1").deviations == ()
    for name in PARAMETERS.split():
        loud = read_body(f"{name.upper()}=1")
        assert loud.parameters == read_body(f"{name}=1").parameters == {name: "1"}
        assert (loud.deviations, read_body(f"{name}=1").deviations) == ((D.FIELD_CASE,), ())


def test_a_data_area_is_written_by_item() -> None:
    assert write_body({"DataTime": "1", "SN": "2"}) == "DataTime=1;SN=2"
    fields = {"a": {"Rtd": "1", "Flag": "N"}, "b": {"Rtd": "2"}}
    assert write_body({"DataTime": "1"}, fields) == "DataTime=1;a-Rtd=1,a-Flag=N;b-Rtd=2"


def test_a_time_has_fourteen_digits_or_seventeen() -> None:
    assert read_time("20261121080000") == read_time("20261121080000000") == 1_795_219_200_000
    assert read_time("20261121080000999") == 1_795_219_200_999
    for text in (
        "2026112108000",
        "202611210800001",
        "2026112108000012",
        "202611210800001234",
        "20261121080060",
        "2026 121080000",
        "20261121080000+07",
        "20261121080000abc",
    ):
        assert read_time(text) is None
    assert write_time(1_795_219_200_999) == "20261121080000"
    assert write_time(1_795_219_200_009, is_fine=True) == "20261121080000009"
