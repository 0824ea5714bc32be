"""Signatures hold for one drive; a heartbeat is off unless it is written, and never moves the river."""

import shutil
from pathlib import Path

import pytest

from domain.definition import definition_hashes
from domain.ids import DeviceId, FacilityId
from domain.park import PlcHeartbeat
from runtime.parkfiles import check_park, load_park
from runtime.parkfiles.commissioning import FILE, seal, void_in

PARK = Path(__file__).parents[4] / "parks" / "lingang"
OUTLET = FacilityId("hc_outlet")


@pytest.fixture
def park(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PARK, tmp_path / "park", ignore=shutil.ignore_patterns("network", "storms")))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def test_the_demonstration_park_starts_commissioned() -> None:
    found = load_park(PARK)
    assert [key for key, item in found.actuators.items() if item.commissioned_by is None] == []
    assert list(void_in(PARK, found)) == []


def test_an_edit_of_a_drive_voids_the_signatures_of_what_it_drives_and_no_others(park: Path) -> None:
    edit(park / "templates" / "plant_outlet.yaml", "open: 00001, close: 00002", "open: 00002, close: 00001")
    found = load_park(park)
    void = {key for key, _ in void_in(park, found)}
    driven = {
        key for key, item in found.actuators.items() if found.devices[item.device].template == "plant_outlet"
    }
    assert void == driven != set()
    assert {key for key, item in found.actuators.items() if item.commissioned_by is None} == void
    seal(park, found, {OUTLET: ("王工", "2026-11-01")})
    again = load_park(park).actuators[OUTLET]
    assert (again.commissioned_by, again.commissioned_on) == ("王工", "2026-11-01")


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("hc_outlet:", "hc_nothing:", "unknown-reference"),
        ("date: 2026-08-10", "date: tomorrow", "wrong-type"),
        ("drive: '", "drive: 'x", "wrong-type"),
    ],
)
def test_a_line_that_is_none_is_a_fault_with_its_place(park: Path, old: str, new: str, kind: str) -> None:
    path = park / FILE
    text = path.read_text("utf-8")
    path.write_text(text.replace(old, new, 1), "utf-8")
    faults = check_park(park)
    assert [fault.kind for fault in faults] == [kind]
    assert faults[0].file == path.as_posix()
    assert faults[0].line == text[: text.index(old)].count("\n") + 1


def test_a_park_without_signatures_commands_nothing(park: Path) -> None:
    (park / FILE).unlink()
    assert check_park(park) == []
    assert {item.commissioned_by for item in load_park(park).actuators.values()} == {None}


def test_a_heartbeat_is_off_unless_it_is_written(park: Path) -> None:
    before = load_park(park)
    assert {device.heartbeat for device in before.devices.values()} == {None}
    assert not any(before.has_proven_expiry(key) for key in before.actuators)
    edit(
        park / "templates" / "plant_outlet.yaml",
        "groups:\n",
        "heartbeat: {word: 40900, guards_commands: true}\ngroups:\n",
    )
    after = load_park(park)
    device = after.devices[DeviceId("plc_hc_outlet")]
    assert device.heartbeat == PlcHeartbeat(word=899, period_s=1.0, guards_commands=True)
    assert after.has_proven_expiry(OUTLET)
    actuator = after.actuators[OUTLET]
    assert definition_hashes(after, actuator)[0] != definition_hashes(before, before.actuators[OUTLET])[0]


def test_no_plc_falls_back_on_the_river_or_hastily(park: Path) -> None:
    path = park / "templates" / "river_station.yaml"
    edit(path, "groups:\n", "heartbeat: {word: 40900, fallback_after_s: 60}\ngroups:\n")
    assert {fault.kind for fault in check_park(park)} == {"river-fallback"}
    edit(path, "fallback_after_s: 60", "fallback_after_s: 5")
    assert "out-of-range" in {fault.kind for fault in check_park(park)}


def test_a_heartbeat_lies_on_nothing_else(park: Path) -> None:
    edit(
        park / "templates" / "plant_outlet_word.yaml",
        "groups:\n",
        'heartbeat: {word: "holding:0"}\ngroups:\n',
    )
    assert "register-overlap" in {fault.kind for fault in check_park(park)}
