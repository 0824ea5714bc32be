"""network.yaml: the park's own is whole; each fault is named with its line, all in one run."""

from itertools import pairwise
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from domain.errors import ConfigurationError
from domain.ids import FacilityId
from simulators.water import inp
from simulators.water.network import Role, load_network

NETWORK = Path(__file__).parents[4] / "parks" / "lingang" / "network" / "network.yaml"
ENTERPRISES = ("hc", "ly", "qs", "bh", "jt", "yx", "dc", "ml")
OF_EACH = ("unit", "bund", "firstflush", "outlet", "diversion", "pool", "sewage", "analyser", "flow")
PUBLIC = {
    *(f"net_n{k}" for k in range(1, 7)), "net_sluice_1", "net_sluice_2", "net_pump", "public_inlet", "public_pool",
    *(f"buffer_{k}" for k in range(1, 5)), "buffer_inlet", *(f"river_sluice_{k}" for k in range(1, 5)),
    "intake", "section", "rain_gauge", "river_stage",
}  # fmt: skip


def test_every_facility_of_the_park_is_in_the_water() -> None:
    network = load_network(NETWORK)
    assert set(network.facilities) == PUBLIC | {f"{e}_{part}" for e in ENTERPRISES for part in OF_EACH}
    assert {f"{e}_yard" for e in ENTERPRISES} < network.spill_places.keys()


def test_at_the_start_rain_may_run_off_and_pools_are_shut() -> None:
    open_at_start = {name for name, place in load_network(NETWORK).facilities.items() if place.normal == 1}
    assert open_at_start == {
        *(f"{e}_{part}" for e in ENTERPRISES for part in ("outlet", "sewage")), "net_sluice_1", "net_sluice_2",
        "net_pump", *(f"river_sluice_{k}" for k in range(1, 5)),
    }  # fmt: skip


def test_every_way_out_has_its_score_line() -> None:
    facilities = load_network(NETWORK).facilities
    lines = {
        line: {n for n, p in facilities.items() if p.line == line} for line in ("plant", "park", "river")
    }
    assert lines["plant"] == {f"{e}_{part}" for e in ENTERPRISES for part in ("outlet", "sewage")}
    assert lines["park"] == {"net_sluice_1", "net_sluice_2", "net_pump"}
    assert lines["river"] == {f"river_sluice_{k}" for k in range(1, 5)}


def test_pools_hold_what_the_park_says() -> None:
    facilities = load_network(NETWORK).facilities
    assert facilities[FacilityId("public_pool")].full_depth_m == 5.0
    assert facilities[FacilityId("buffer_1")].role is Role.POOL


FAULTS = [
    ("role: stage, node: M_2", "role: stage, node: M_9", "facilities.river_stage.node"),
    ("role: stage, node: M_2", "role: stages, node: M_2", "facilities.river_stage.role"),
    ("role: stage, node: M_2", "role: stage", "facilities.river_stage.node"),
    ("role: stage, node: M_2", "role: stage, node: M_2, normal: 1", "facilities.river_stage.normal"),
    ("link: O_public_inlet, normal: 0", "link: O_public, normal: 0", "facilities.public_inlet.link"),
    ("link: O_public_inlet, normal: 0", "link: O_public_inlet, normal: 2", "facilities.public_inlet.normal"),
    (
        "link: O_public_inlet, normal: 0",
        "link: O_public_inlet, normal: shut",
        "facilities.public_inlet.normal",
    ),
    (
        "link: O_public_inlet, normal: 0",
        "link: O_public_inlet, normal: 0, line: sea",
        "facilities.public_inlet.line",
    ),
    (
        "node: P_public, full_depth_m: 5.0",
        "node: P_public, full_depth_m: 0",
        "facilities.public_pool.full_depth_m",
    ),
    ("hc_yard: J_hc", "hc_yard: J_xx", "places.hc_yard"),
    ("rain_gage: RG", "rain_gage: R2", "rain_gage"),
    ("river_stage:", "River-Stage:", "facilities.River-Stage"),
]


@pytest.mark.parametrize(("good", "bad", "field"), FAULTS)
def test_a_fault_is_named_with_its_line(tmp_path: Path, good: str, bad: str, field: str) -> None:
    path = copied(tmp_path, good, bad)
    with pytest.raises(ConfigurationError) as refused:
        load_network(path)
    (fault,) = refused.value.faults
    line = 1 + path.read_text(encoding="utf-8").split("\n").index(
        next(text for text in path.read_text(encoding="utf-8").split("\n") if bad in text)
    )
    assert (fault.file, fault.line, fault.field) == (str(path), line, field)
    assert fault.remedy


def test_all_faults_come_in_one_run(tmp_path: Path) -> None:
    path = copied(tmp_path, "node: M_2", "node: M_9")
    path.write_text(path.read_text(encoding="utf-8").replace("J_hc", "J_xx"), encoding="utf-8")
    with pytest.raises(ConfigurationError) as refused:
        load_network(path)
    assert len(refused.value.faults) == 2


@pytest.mark.parametrize(
    "text", ["network: nowhere.inp\n", "- a list\n", "", "a: [1\n", "network: x\nnetwork: y\n"]
)
def test_what_is_no_network_is_refused_once(tmp_path: Path, text: str) -> None:
    path = tmp_path / "network.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as refused:
        load_network(path)
    assert len(refused.value.faults) == 1


def copied(folder: Path, good: str, bad: str) -> Path:
    text = NETWORK.read_text(encoding="utf-8")
    assert good in text
    (folder / "lingang.inp").write_bytes((NETWORK.parent / "lingang.inp").read_bytes())
    path = folder / "network.yaml"
    path.write_text(text.replace(good, bad, 1), encoding="utf-8")
    return path


def test_pools_hold_in_the_water_what_the_parks_files_say() -> None:
    told = YAML(typ="safe").load((NETWORK.parents[1] / "facilities.yaml").read_text(encoding="utf-8"))[
        "facilities"
    ]
    sections = inp._rows((NETWORK.parent / "lingang.inp").read_text(encoding="utf-8"))
    curve_of = {row[0]: row[5] for row in sections["STORAGE"]}
    curves: dict[str, list[tuple[float, float]]] = {}
    for row in sections["CURVES"]:
        curves.setdefault(row[0], []).append((float(row[-2]), float(row[-1])))
    pools = [(n, p) for n, p in load_network(NETWORK).facilities.items() if p.role is Role.POOL]
    assert len(pools) == 2 * len(ENTERPRISES) + 5
    for name, place in pools:
        points = [point for point in curves[curve_of[str(place.node)]] if point[0] <= place.full_depth_m]
        volume_m3 = sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in pairwise(points))
        assert points[-1][0] == place.full_depth_m
        assert volume_m3 == pytest.approx(told[name]["capacity_m3"]), name
