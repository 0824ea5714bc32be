"""A park is checked whole: missing files, other encodings, and many faults at once."""

import shutil
from pathlib import Path

import pytest

from runtime.parkfiles import check_park

PARK = Path(__file__).parents[4] / "parks" / "lingang"


@pytest.fixture
def park(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PARK, tmp_path / "park", ignore=shutil.ignore_patterns("network", "storms")))


@pytest.mark.parametrize(
    "name",
    sorted(
        path.relative_to(PARK).as_posix()
        for pattern in ("*.yaml", "templates/*")
        for path in PARK.glob(pattern)
        if path.name
        not in {
            "properties.yaml",
            "reopenings.yaml",
            "commissioning.yaml",
        }  # a park may promise nothing, reopen nothing remotely, and have nobody's signature on paper
    ),
)
def test_a_missing_file_is_one_fault(name: str, park: Path) -> None:
    (park / name).unlink()
    faults = check_park(park)
    assert {fault.kind for fault in faults} <= {"file-missing", "unknown-reference"}
    assert len({(fault.kind, fault.message) for fault in faults}) == 1


def test_every_fault_is_found_in_one_run(park: Path) -> None:
    edits = [
        ("park.yaml", "id: lingang", "id: Lingang", "bad-id"),
        ("enterprises.yaml", "risk: larger", "risk: big", "wrong-choice"),
        ("facilities.yaml", "travel_time_s: 360", "travel_time_s: 0", "out-of-range"),
        ("templates/plant_outlet.csv", "mg_L,0,5000", "mg/L,0,5000", "unknown-unit"),
        ("interlocks.yaml", "net_n6.level >= 0.3 * m", "net_n6.level >= 0.3", "interlock-unit"),
        ("cutoffs.yaml", "beyond: 3, of: 5", "beyond: 6, of: 5", "out-of-range"),
        ("plans.yaml", "hc_bund, action: close", "hc_bund, action: open", "away-from-safe"),
    ]
    for file, old, new, _ in edits:
        path = park / file
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), "utf-8")
    assert sorted(fault.kind for fault in check_park(park)) == sorted(kind for *_, kind in edits)


def test_text_in_another_encoding(park: Path) -> None:
    path = park / "enterprises.yaml"
    text = path.read_text("utf-8")
    path.write_bytes(text.encode("gb18030"))
    (fault,) = check_park(park)
    assert (fault.line, fault.kind) == (1, "encoding")


def test_excel_writes_a_mark_and_other_line_ends(park: Path) -> None:
    path = park / "templates" / "pools.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert check_park(park) == []


def test_no_folder(tmp_path: Path) -> None:
    (fault,) = check_park(tmp_path / "nowhere")
    assert fault.kind == "file-missing"
    assert str(fault) == f"{tmp_path}/nowhere: is no folder — name the folder of a park [file-missing]"
