"""Data loggers in park files: what is read, and every mistake with its place and its remedy."""

from pathlib import Path

import pytest

from domain.ids import DeviceId, PointRef
from domain.logger import Edition, Factor, Logger, Mode, ReportKind
from domain.park import PollGroup
from runtime.parkfiles.loading import check_park, load_park
from tests.service.gateway.logger_park import MN, write_park


def test_a_logger_its_points_and_their_units(tmp_path: Path) -> None:
    park = load_park(write_park(tmp_path))
    device = park.devices[DeviceId("log_hc")]
    assert device.logger == Logger(
        mn=MN, password_file="log_hc", edition=Edition.V2017, mode=Mode.LENIENT, history_s=7200.0
    )
    assert device.groups["tens"] == PollGroup(name="tens", period_s=600)
    assert park.devices[DeviceId("plc_hc")].logger is None
    mercury = park.points[PointRef("hc_analyser/mercury")]
    assert mercury.factor == Factor(report=ReportKind.REALTIME, code="w20111", field="Rtd", unit="ug_L")
    assert (mercury.words.zh, mercury.unit, mercury.is_boolean) == ("总汞", "mg_L", False)
    assert park.points[PointRef("hc_analyser/cod_faulty")].is_boolean


FILE, CSV, TEMPLATE = "gateways_yaml", "templates_rain_logger_csv", "templates_rain_logger_yaml"


@pytest.mark.parametrize(
    ("file", "old", "new", "kind", "field"),
    [
        (FILE, f'mn: "{MN}"', 'mn: "no number"', "bad-mn", "mn"),
        (FILE, f'mn: "{MN}", ', "", "missing-key", "mn"),
        (FILE, f'"{MN}"', '"320684000100A00000000002"', "duplicate-address", "mn"),
        (FILE, "password_file: log_hc", "password_file: ../../etc/shadow", "bad-id", "password_file"),
        (FILE, "mode: strict", "mode: severe", "wrong-choice", "mode"),
        (FILE, "history_s: 7200", "host: 192.0.2.1", "unknown-key", "host"),
        (FILE, "kind: hj212, mn", "kind: modbus, mn", "wrong-choice", "kind"),
        (
            FILE,
            "template: rain_logger, history",
            "template: rain_loger, history",
            "unknown-reference",
            "template",
        ),
        (FILE, "{quality: hc_analyser}", "{qualty: hc_analyser}", "unknown-reference", "qualty"),
        (TEMPLATE, "report: minute", "report: weekly", "wrong-choice", "report"),
        (TEMPLATE, "period_s: 600", "period_s: 0", "out-of-range", "period_s"),
        (TEMPLATE, "slots: {quality: {}}", "slots: {quality: {}, empty: {}}", "empty-slot", "empty"),
        (CSV, "slot,point", "slot,punkt", "csv-header", ""),
        (CSV, "w01014,,,,uS_cm", "w0-1014,,,,uS_cm", "bad-factor", "factor"),
        (CSV, "w01014,,,,uS_cm", "w01014,Rtdx,,,uS_cm", "wrong-choice", "field"),
        (CSV, "w01014,,,,uS_cm", "w01014,,text,,uS_cm", "wrong-choice", "type"),
        (CSV, "w01014,,,,uS_cm", "w01014,,,,mg_L", "unit-mismatch", "unit"),
        (CSV, "w01014,,,,uS_cm", "w01014,,,furlong,uS_cm", "unknown-unit", "sent_in"),
        (CSV, "w01014,,,,uS_cm", "w99999,,,,uS_cm", "unknown-unit", "sent_in"),
        (CSV, "w20111,,,,mg_L", "022,,,,mg_L", "unknown-unit", "sent_in"),
        (CSV, "w01014,,,,uS_cm", "w01014,,state,,uS_cm", "unknown-unit", "unit"),
        (CSV, "uS_cm,0,20000,probes", "uS_cm,20000,0,probes", "bad-range", "min"),
        (CSV, "uS_cm,0,20000,probes", "uS_cm,0,20000,probs", "unknown-reference", "group"),
        (CSV, "uS_cm,0,20000,probes", "uS_cm,zero,20000,probes", "wrong-type", "min"),
        (CSV, "probes,,60\nquality,ph", "probes,,60,x\nquality,ph", "csv-cells", "silence_s"),
        (CSV, "quality,ph", "quality,conductivity", "duplicate-point", "point"),
        (CSV, "quality,ph", "quality,pH", "bad-id", "point"),
        (CSV, "quality,ph", "quantity,ph", "unknown-reference", "slot"),
    ],
)
def test_a_mistake_is_named_with_its_place(
    tmp_path: Path, file: str, old: str, new: str, kind: str, field: str
) -> None:
    faults = check_park(write_park(tmp_path, **{file: (old, new)}))
    (fault,) = [fault for fault in faults if fault.kind == kind and fault.field.endswith(field)]
    assert fault.line > 0
    assert fault.remedy
    # A slot too many is bound by neither of the two loggers.
    assert len(faults) == (3 if kind == "empty-slot" else 1), faults


def test_jumps_and_standing_still_may_be_suspected(tmp_path: Path) -> None:
    folder = write_park(tmp_path)
    path = folder / "templates" / "rain_logger.csv"
    header, *rows = path.read_text("utf-8").splitlines()
    rows = [f"{row},0.5,7200" if ",cod," in row else row for row in rows]
    path.write_text("\n".join((f"{header},rate_max,frozen_s", *rows)), encoding="utf-8")
    cod = load_park(folder).points[PointRef("hc_analyser/cod")]
    assert (cod.rate_max, cod.frozen_s) == (0.5, 7200.0)
    rows = [f"{row},,60" if "Faulty" in row else row for row in rows]
    path.write_text("\n".join((f"{header},rate_max,frozen_s", *rows)), encoding="utf-8")
    (fault,) = check_park(folder)
    assert (fault.kind, fault.field) == ("wrong-type", "quality.cod_faulty.frozen_s")


def test_a_site_may_say_in_which_unit_its_logger_sends(tmp_path: Path) -> None:
    park = load_park(write_park(tmp_path, **{CSV: ("w20111,,,,mg_L", "022,,,ug_L,mg_L")}))
    factor = park.points[PointRef("hc_analyser/mercury")].factor
    assert factor == Factor(report=ReportKind.REALTIME, code="022", field="Rtd", unit="ug_L")
