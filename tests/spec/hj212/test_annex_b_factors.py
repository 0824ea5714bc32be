"""HJ 212-2017, Annex B and HJ 524: factors with both codes and the units that trap the unwary; the vectors as samples."""

import json
from pathlib import Path

import pytest

from domain.drive import Table
from domain.ids import DeviceId, FacilityId
from domain.logger import FAULTY, Edition, Factor, Logger, Mode, ReportKind
from domain.park import Point, PollGroup, Register, RegisterType
from domain.quality import Quality
from domain.units import UNITS, ratio
from domain.words import Words
from gateway.hj212_tracker import Report, Tracker
from wire.hj212 import Deviation, Frame
from wire.hj212_body import read_body, read_time
from wire.hj212_factors import FACTORS, OLD_FACTORS, is_code, other_code, sent_unit
from wire.hj212_stream import FrameStream

VECTORS = {
    vector["id"]: vector["frame"]
    for line in (Path(__file__).parent / "vectors.jsonl").read_text("utf-8").splitlines()
    for vector in [json.loads(line)]
}


def test_every_factor_has_a_unit_that_we_know_and_one_code_an_edition() -> None:
    assert all(item.unit in UNITS for item in FACTORS.values())
    assert all(is_code(code) for code in (*FACTORS, *OLD_FACTORS, "SB1", "SB12", "e31101"))
    assert all(other_code(item.old_code or "") == code for code, item in FACTORS.items() if item.old_code)
    assert not any(is_code(text) for text in ("", "w0-1018", "化学", "w01018 ", "w" * 20))


@pytest.mark.parametrize(
    ("code", "old"),
    [
        ("w00000", "B01"),
        ("w01001", "001"),
        ("w01018", "011"),
        ("w21001", "065"),
        ("w21003", "060"),
        ("w21011", "101"),
    ],
)
def test_codes_of_both_editions(code: str, old: str) -> None:
    assert (other_code(code), other_code(old)) == (old, code)


@pytest.mark.parametrize("code", ["w20111", "w20115", "w20117", "w20119", "w20120"])
def test_metals_are_sent_in_micrograms(code: str) -> None:
    assert sent_unit(code, "Rtd") == "ug_L"
    assert ratio("ug_L", "mg_L") == pytest.approx(0.001)
    old = other_code(code)
    assert old is None or sent_unit(old, "Rtd") is None


def test_flow_is_sent_in_litres_a_second_and_its_total_in_cubic_metres() -> None:
    assert (sent_unit("w00000", "Rtd"), sent_unit("w00000", "Cou")) == ("L_s", "m3")
    assert (sent_unit("B01", "Avg"), sent_unit("B01", "Cou")) == ("L_s", "m3")
    assert ratio("L_s", "m3_h") == pytest.approx(3.6)
    assert (sent_unit("w01018", "Cou"), sent_unit("SB1", "RT"), sent_unit("SB1", "RS")) == ("kg", "h", "")
    assert (sent_unit("e31201", "Rtd"), sent_unit("e31101", "Rtd"), sent_unit("w99999", "Rtd")) == (
        "m",
        "",
        None,
    )
    assert ratio("L_s", "mg_L") is None


def points(kind: ReportKind, wanted: dict[str, str]) -> list[Point]:
    found = []
    for name, place in wanted.items():
        code, _, field = place.partition("-")
        is_state = field == FAULTY or name.startswith("is_")
        register = Register(
            table=Table.INPUT, address=0, type=RegisterType.BIT if is_state else RegisterType.FLOAT64
        )
        unit = sent_unit(code, field) or ""
        found.append(
            Point(
                facility=FacilityId("outlet"), name=name, words=Words("点", "point"), device=DeviceId("log"),
                register=register, unit=unit, factor=Factor(report=kind, code=code, field=field, unit=unit),
            )
        )  # fmt: skip
    return found


def taken(kind: ReportKind, wanted: dict[str, str], *vectors: str) -> tuple[list[Point], list[Report]]:
    rows = points(kind, wanted)
    logger = Logger(mn="x", password_file="x", edition=Edition.V2017, mode=Mode.STRICT)
    tracker = Tracker(rows, {"normal": PollGroup(name="normal", period_s=3600)}, logger)
    reports = []
    for name in vectors:
        (frame,) = FrameStream(Mode.STRICT).feed(VECTORS[name].encode())
        assert isinstance(frame, Frame)
        report = tracker.take(frame, read_body(frame.cp), now_ms=read_time("20261121090000") or 0)
        assert report is not None
        # What the park does not name is left, and said to be.
        assert set(report.deviations) <= {Deviation.FACTOR_UNKNOWN}
        reports.append(report)
    return rows, reports


def test_no_flag_but_n_gives_a_value_that_a_gate_may_rest_on() -> None:
    """D03 has one of each other flag; D, B, F and T are instruments without a measurement, which alarms may name."""
    codes = ("w01001", "w01018", "w21003", "w00000", "w21011", "w01014", "w21001")
    wanted = {code: f"{code}-Rtd" for code in codes} | {f"is_{code}": f"{code}-{FAULTY}" for code in codes}
    rows, (report,) = taken(ReportKind.REALTIME, wanted, "D03")
    shown = {rows[item.row].name: item for item in report.fresh}
    assert all(shown[code].quality is not Quality.GOOD for code in codes)
    assert [code for code in codes if shown[f"is_{code}"].value == 1.0] == [
        "w21003",
        "w00000",
        "w21011",
        "w01014",
    ]


def test_an_acid_spill_is_read_as_it_stands() -> None:
    rows, (calm, spill) = taken(ReportKind.REALTIME, {"ph": "w01001-Rtd", "cod": "w01018-Rtd"}, "D01", "D02")
    values = [
        {rows[item.row].name: (item.value, item.quality) for item in each.fresh} for each in (calm, spill)
    ]
    good = Quality.GOOD
    assert values == [{"ph": (7.21, good), "cod": (38.5, good)}, {"ph": (3.1, good), "cod": (286.0, good)}]


def test_the_packets_of_a_split_hour_are_one_hour() -> None:
    rows, reports = taken(ReportKind.HOUR, {"flow": "w00000-Cou", "cod": "w01018-Avg"}, "D04", "D05")
    shown = {rows[item.row].name: (item.value, item.observed_ms) for each in reports for item in each.fresh}
    hour_ms = read_time("20261121080000")
    assert shown == {"flow": (45.0, hour_ms), "cod": (38.2, hour_ms)}


def test_states_of_facilities_valves_and_tanks() -> None:
    rows, (states,) = taken(ReportKind.STATE, {"pump": "SB2-RS", "dosing": "SB3-RS"}, "D10")
    assert {rows[item.row].name: item.value for item in states.fresh} == {"pump": 1.0, "dosing": 4.0}
    rows, (process,) = taken(
        ReportKind.REALTIME, {"is_open": "e31101-Rtd", "is_other": "e31102-Rtd", "level": "e31201-Rtd"}, "D11"
    )
    assert {rows[item.row].name: item.value for item in process.fresh} == {
        "is_open": 1.0, "is_other": 0.0, "level": 2.35,
    }  # fmt: skip
