"""How PLCs are reached and what makes their values doubtful: what is read, and every mistake with its place."""

import json
from pathlib import Path

import pytest

from domain.connection import Parity, Serial, Transport, Writes
from domain.ids import DeviceId, PointRef
from domain.park import RegisterType
from runtime.parkfiles.loading import check_park, load_park
from tests.service.gateway.wires_park import write_park

SERIAL = Serial(path="/dev/ttyS7", baud=19_200, parity=Parity.NONE, stop_bits=2)


def test_every_kind_of_wire(tmp_path: Path) -> None:
    devices = load_park(write_park(tmp_path)).devices
    outlet, flow = devices[DeviceId("plc_outlet")], devices[DeviceId("plc_flow")]
    assert (outlet.transport, outlet.serial, outlet.host, outlet.unit_id) == (Transport.RTU, SERIAL, "", 1)
    assert outlet.writes is Writes.MULTIPLE
    assert (flow.transport, flow.port, flow.server_name) == (Transport.TLS, 802, "plc.example")
    section = devices[DeviceId("plc_section")]
    assert (section.transport, section.port, section.writes) == (Transport.RTU_OVER_TCP, 4001, Writes.SINGLE)


def test_texts_and_suspicions(tmp_path: Path) -> None:
    points = load_park(write_park(tmp_path)).points
    batch, cod, ph = (points[PointRef(f"hc_analyser/{name}")] for name in ("batch", "cod", "ph"))
    assert (batch.register.type, batch.register.length, batch.is_text) == (RegisterType.STRING, 4, True)
    assert (cod.rate_max, cod.frozen_s) == (50.0, 600.0)
    assert (ph.rate_max, ph.frozen_s) == (None, None)


def test_a_serial_line_may_be_another_one(tmp_path: Path) -> None:
    overrides = tmp_path / "devices.json"
    overrides.write_text(json.dumps({"plc_outlet": {"serial": "/dev/pts/3"}}))
    device = load_park(write_park(tmp_path / "park"), overrides).devices[DeviceId("plc_outlet")]
    assert device.serial is not None
    assert (device.serial.path, device.serial.baud) == ("/dev/pts/3", 19_200)


GATEWAYS, LIST, TEMPLATE = "gateways.yaml", "templates/analyser.csv", "templates/outlet.yaml"


@pytest.mark.parametrize(
    ("file", "old", "new", "kind", "field"),
    [
        (GATEWAYS, "transport: rtu,", "transport: rs485,", "wrong-choice", "transport"),
        (GATEWAYS, "unit: 1,", "unit: 248,", "out-of-range", "unit"),
        (GATEWAYS, "unit: 1,", "", "missing-key", "unit"),
        (GATEWAYS, "unit: 2,", "unit: 1,", "duplicate-address", "unit"),
        (GATEWAYS, "port: /dev/ttyS7", "port: COM1", "bad-serial", "port"),
        (GATEWAYS, "baud: 19200", "baud: 19000", "bad-serial", "baud"),
        (GATEWAYS, "baud: 19200", "baud: 9600", "bad-serial", "serial"),
        (GATEWAYS, "parity: none", "parity: mark", "wrong-choice", "parity"),
        (GATEWAYS, "stop_bits: 2", "stop_bits: 3", "out-of-range", "stop_bits"),
        (GATEWAYS, "host: 192.0.2.11", "serial: {port: /dev/ttyS1}", "missing-key", "host"),
        (GATEWAYS, "port: 4001", "server_name: x", "unknown-key", "server_name"),
        (TEMPLATE, "writes: multiple", "writes: many", "wrong-choice", "writes"),
        (LIST, "string:4", "string", "wrong-type", "type"),
        (LIST, "string:4", "string:0", "wrong-type", "type"),
        (LIST, "string:4", "string:121", "wrong-type", "type"),
        (LIST, "string:4,,,,,,,", "string:4,,,,,,mg_L,", "unknown-unit", "unit"),
        (LIST, "string:4,,,,,,,", "string:4,,,10,,,,", "wrong-type", "scale"),
        (LIST, "holding:10,", "holding:18,", "register-overlap", "address"),
        (LIST, "1,60,50,600", "1,60,0,600", "out-of-range", "rate_max"),
        (LIST, "1,60,50,600", "1,60,50,0.5", "out-of-range", "frozen_s"),
        (
            LIST,
            "holding:20,bit,3,,,,,,,,normal,,60,,",
            "holding:20,bit,3,,,,,,,,normal,,60,,5",
            "wrong-type",
            "frozen_s",
        ),
        (LIST, "rate_max,frozen_s", "rate,frozen_s", "csv-header", "rate_max"),
        (
            "alarms.yaml",
            "{}",
            "{a: {point: hc_analyser/batch, above: 1 mg_L, hysteresis: 1, samples: 1, severity: 2, words: {zh: 甲, en: a}}}",
            "wrong-type",
            "point",
        ),
    ],
)
def test_a_mistake_is_named_with_its_place(
    file: str, old: str, new: str, kind: str, field: str, tmp_path: Path
) -> None:
    faults = check_park(write_park(tmp_path, file, old, new))
    assert (faults[0].kind, faults[0].field.rpartition(".")[2]) == (kind, field)
    assert faults[0].remedy
    assert faults[0].line > 0
