"""One edit of the demonstration park, one fault: its file, line, field and kind, and nothing else."""

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from runtime.parkfiles import check_park

PARK = Path(__file__).parents[4] / "parks" / "lingang"


class Edit(NamedTuple):
    file: str
    old: str
    new: str
    field: str
    kind: str
    at: str = ""
    """What the faulty line holds; by default the line of the edit."""
    blames: str = ""
    """The file at fault, when it is not the edited one."""


EDITS = {
    # The text itself
    "unbalanced bracket": Edit("facilities.yaml", "kind: rain_outlet,", "kind: rain_outlet],", "", "syntax"),
    "tab as indentation": Edit("plans.yaml", "    enterprise: hc", "\t    enterprise: hc", "", "syntax"),
    "key twice": Edit(
        "alarms.yaml", "  hc_ph_low:", "  hc_ph_high:", "alarms.hc_ph_high", "duplicate-key", at="above: 9 pH"
    ),
    "facility twice": Edit("facilities.yaml", "  ly_unit:", "  hc_pool:", "facilities.hc_pool", "duplicate-key"),
    "on as a boolean": Edit(
        "cutoffs.yaml", "enabled: true", "enabled: on", "cutoffs.hc_conductivity.enabled", "yaml11-word"
    ),
    "yes as a boolean": Edit(
        "templates/plant_outlet.yaml", "critical: true", "critical: yes", "groups.critical.critical", "yaml11-word"
    ),
    "off as a choice": Edit(
        "facilities.yaml", "tier: park", "tier: off", "facilities.net_n1.tier", "yaml11-word"
    ),
    "anchor": Edit("park.yaml", "id: lingang", "id: &park lingang", "", "anchor"),
    # Fields
    "unknown field": Edit(
        "enterprises.yaml", "risk: larger", "risk: larger, colour: red", "enterprises.bh.colour", "unknown-key"
    ),
    "mistyped field": Edit(
        "facilities.yaml",
        "actuator: {safe_position: closed, travel_time_s: 45",
        "actuator: {safe_positon: closed, travel_time_s: 45",
        "facilities.hc_outlet.actuator.safe_positon",
        "unknown-key",
    ),
    "missing field": Edit(
        "enterprises.yaml", "risk: larger, sub", "sub", "enterprises.bh.risk", "missing-key"
    ),
    "words cut by a comma": Edit(
        "facilities.yaml", "zh: 恒川雨水排口,", "zh: 恒川,雨水排口,", "facilities.hc_outlet.name.雨水排口", "unknown-key"
    ),
    "pool without capacity": Edit(
        "facilities.yaml", ", capacity_m3: 10000", "", "facilities.public_pool.capacity_m3", "missing-key"
    ),
    "wrong choice": Edit("enterprises.yaml", "risk: larger", "risk: big", "enterprises.bh.risk", "wrong-choice"),
    "wrong type": Edit(
        "facilities.yaml",
        "travel_time_s: 360",
        "travel_time_s: six minutes",
        "facilities.net_sluice_1.actuator.travel_time_s",
        "wrong-type",
    ),
    "number for text": Edit(
        "facilities.yaml", '"8201"', "8201", "facilities.net_sluice_1.actuator.hand_card.phone", "wrong-type"
    ),
    "travel time of nothing": Edit(
        "facilities.yaml",
        "travel_time_s: 360",
        "travel_time_s: 0",
        "facilities.net_sluice_1.actuator.travel_time_s",
        "out-of-range",
    ),
    "bad id": Edit("facilities.yaml", "  rain_gauge:", "  Rain-Gauge:", "facilities.Rain-Gauge", "bad-id"),
    "bad park id": Edit("park.yaml", "id: lingang", "id: Lingang", "id", "bad-id"),
    # Actuators
    "no safe position": Edit(
        "facilities.yaml",
        "safe_position: closed, travel_time_s: 45",
        "travel_time_s: 45",
        "facilities.hc_outlet.actuator.safe_position",
        "no-safe-position",
    ),
    "no hand card": Edit(
        "facilities.yaml",
        'reversing_pause_s: 5,\n       hand_card: {who: 管网巡查班, phone: "8201", where: 西干线提升泵房, how: pump}',
        "reversing_pause_s: 5",
        "facilities.net_pump.actuator.hand_card",
        "no-hand-card",
    ),
    "a stop that opens the drain": Edit(
        "templates/pools.yaml",
        "{kind: momentary_coils, open: 00001, close: 00002, stop: 00003, pulse: plc_resets, repeat: safe}",
        "{kind: maintained_coil, coil: 00001}",
        "facilities.public_inlet.actuator",
        "unsafe-stop",
        at="safe_position: open, travel_time_s: 80",
        blames="facilities.yaml",
    ),
    "a stop that says what the opening says": Edit(
        "templates/plant_outlet_word.yaml",
        "open: 1, close: 2, stop: 4",
        "open: 1, close: 2, stop: 1",
        "slots.outlet.drive.stop",
        "same-code",
    ),
    # References
    "unknown facility downstream": Edit(
        "facilities.yaml",
        "flows_to: [ly_pool]",
        "flows_to: [ly_poool]",
        "facilities.ly_diversion.flows_to[0]",
        "unknown-reference",
    ),
    "unknown enterprise": Edit(
        "facilities.yaml", "enterprise: qs, tier", "enterprise: qx, tier", "facilities.qs_unit.enterprise", "unknown-reference"
    ),
    "unknown hand procedure": Edit(
        "facilities.yaml", "how: pump", "how: bucket", "facilities.net_pump.actuator.hand_card.how", "unknown-reference"
    ),
    "unknown template": Edit(
        "gateways.yaml",
        "template: pools",
        "template: pool",
        "gateways.gw_east.devices.plc_pools.template",
        "unknown-reference",
    ),
    "unknown facility of a slot": Edit(
        "gateways.yaml",
        "outlet: hc_outlet",
        "outlet: hc_outlets",
        "gateways.gw_east.devices.plc_hc_outlet.slots.outlet",
        "unknown-reference",
    ),
    "unknown slot": Edit(
        "gateways.yaml",
        "outlet: hc_outlet",
        "outlett: hc_outlet",
        "gateways.gw_east.devices.plc_hc_outlet.slots.outlett",
        "unknown-reference",
    ),
    "slot without facility": Edit(
        "gateways.yaml",
        ", flow: hc_flow",
        "",
        "gateways.gw_east.devices.plc_hc_outlet.slots.flow",
        "missing-key",
    ),
    "alarm on a point that is none": Edit(
        "alarms.yaml",
        "hc_analyser/conductivity",
        "hc_analyser/conductivty",
        "alarms.hc_conductivity_high.point",
        "unknown-reference",
    ),
    # PLCs and registers
    "two PLCs at one address": Edit(
        "gateways.yaml",
        "host: 192.0.2.12",
        "host: 192.0.2.11",
        "gateways.gw_east.devices.plc_hc_plant.host",
        "duplicate-address",
    ),
    "one id for two PLCs": Edit(
        "gateways.yaml", "      plc_net_b:", "      plc_net_a:", "gateways.gw_west.devices.plc_net_a", "duplicate-id"
    ),
    "port out of range": Edit(
        "gateways.yaml", "port: 502", "port: 70000", "gateways.gw_east.devices.plc_hc_outlet.port", "out-of-range"
    ),
    "registers on each other": Edit(
        "templates/plant_outlet.csv", "NH3-N,30013", "NH3-N,30012", "analyser.nh3n.address", "register-overlap"
    ),
    "state in a command coil": Edit(
        "templates/plant_outlet.csv", "open limit,10001", "open limit,00001", "outlet.opened.address", "register-overlap"
    ),
    "two commands in one coil": Edit(
        "templates/plant_valves.yaml", "open: 00002", "open: 00001", "slots.diversion.drive.open", "register-overlap"
    ),
    "address in the other notation": Edit(
        "templates/plant_outlet.csv", "COD,30011", "COD,input:10", "analyser.cod.address", "bad-address"
    ),
    "address beyond the table": Edit(
        "templates/plant_outlet_word.csv", "COD,holding:20", "COD,holding:65536", "analyser.cod.address", "bad-address"
    ),
    "command in the wrong table": Edit(
        "templates/plant_outlet.yaml", "open: 00001", "open: 40001", "slots.outlet.drive.open", "bad-address"
    ),
    "unknown unit": Edit("templates/plant_outlet.csv", "mg_L,0,5000", "mg/L,0,5000", "analyser.cod.unit", "unknown-unit"),
    "range upside down": Edit(
        "templates/plant_outlet.csv", "mg_L,0,5000", "mg_L,5000,0", "analyser.cod.min", "bad-range"
    ),
    "unknown poll group": Edit(
        "templates/plant_outlet.csv", "mg_L,0,5000,normal", "mg_L,0,5000,quick", "analyser.cod.group", "unknown-reference"
    ),
    "point twice": Edit(
        "templates/plant_outlet.csv",
        "outlet,over_torque",
        "outlet,fault",
        "outlet.fault.point",
        "duplicate-point",
    ),
    "limit switch missing": Edit(
        "templates/plant_outlet.csv",
        "outlet,closed,",
        "outlet,shut,",
        "slots.outlet.drive",
        "missing-feedback",
        at="kind: momentary_coils",
        blames="templates/plant_outlet.yaml",
    ),
    "other columns": Edit("templates/pools.csv", "slot,point,zh", "slot,name,zh", "point", "csv-header"),
    "slot without points": Edit(
        "templates/plant_outlet.yaml", "  flow: {}", "  flow: {}\n  spare: {}", "slots.spare", "empty-slot", at="spare:"
    ),
    "no actuator behind a drive": Edit(
        "gateways.yaml",
        "public_inlet: public_inlet",
        "public_inlet: rain_gauge",
        "gateways.gw_east.devices.plc_pools.slots.public_inlet",
        "no-actuator",
    ),
    # The ways of the water
    "facility without water": Edit(
        "facilities.yaml",
        "flows_to: [ly_pool]",
        "flows_to: [public_inlet]",
        "facilities.ly_pool",
        "unreachable",
        at="  ly_pool:",
    ),
    "outlet that leads nowhere": Edit(
        "facilities.yaml",
        ", flows_to: [net_sluice_1, public_inlet, buffer_inlet]",
        "",
        "facilities.net_n3.flows_to",
        "no-path",
    ),
    "inlet that leads to no pool": Edit(
        "facilities.yaml",
        "flows_to: [public_pool]",
        "flows_to: [river_reach_a]",
        "facilities.public_inlet.flows_to",
        "no-path",
        at="  public_inlet:",
    ),
    # Alarms and cut-offs
    "limit in another unit": Edit(
        "alarms.yaml", "1200 uS_cm", "1200 mg_L", "alarms.hc_conductivity_high.above", "unit-mismatch"
    ),
    "limit without unit": Edit(
        "alarms.yaml", "1200 uS_cm", "1200", "alarms.hc_conductivity_high.above", "wrong-type"
    ),
    "limit that is never passed": Edit(
        "alarms.yaml", "1200 uS_cm", "20000 uS_cm", "alarms.hc_conductivity_high.above", "out-of-range"
    ),
    "severity four": Edit(
        "alarms.yaml", "severity: 1", "severity: 4", "alarms.hc_conductivity_high.severity", "out-of-range"
    ),
    "cut-off of a river sluice": Edit(
        "cutoffs.yaml",
        "[hc_outlet, hc_diversion]",
        "[hc_outlet, river_sluice_1]",
        "cutoffs.hc_conductivity.actuators[1]",
        "river-tier",
    ),
    "cut-off behind another gateway": Edit(
        "cutoffs.yaml",
        "[hc_outlet, hc_diversion]",
        "[hc_outlet, jt_diversion]",
        "cutoffs.hc_conductivity.actuators[1]",
        "other-gateway",
    ),
    "cut-off that never happens": Edit(
        "cutoffs.yaml", "beyond: 3, of: 5", "beyond: 6, of: 5", "cutoffs.hc_conductivity.beyond", "out-of-range"
    ),
    # Plans
    "step toward the river": Edit(
        "plans.yaml", "hc_bund, action: close", "hc_bund, action: open", "plans.close_hc.steps[2].action", "away-from-safe"
    ),
    "plan in a circle": Edit(
        "plans.yaml",
        "actuator: net_sluice_1, action: close",
        "actuator: net_sluice_1, action: close, after: [outlet]",
        "plans.close_hc.steps[0].id",
        "plan-cycle",
        at="{id: outlet,",
    ),
    "unknown alternative": Edit(
        "plans.yaml", "alternative: trunk", "alternative: trunks", "plans.close_hc.steps[0].alternative", "unknown-reference"
    ),
    "unknown actuator of a step": Edit(
        "plans.yaml", "actuator: hc_diversion", "actuator: hc_diverson", "plans.close_hc.steps[1].actuator", "unknown-reference"
    ),
    "step twice": Edit("plans.yaml", "id: diversion", "id: outlet", "plans.close_hc.steps[1].id", "duplicate-id"),
    "actuator twice": Edit(
        "plans.yaml",
        "actuator: river_sluice_2",
        "actuator: river_sluice_1",
        "plans.close_park.steps[14].actuator",
        "duplicate-step",
    ),
    "water into no pool": Edit(
        "plans.yaml", "receiving: [hc_pool]", "receiving: [hc_unit]", "plans.close_hc.receiving[0]", "no-pool"
    ),
    # Reopenings
    "samples of another quantity": Edit(
        "reopenings.yaml", "hc_analyser.cod <= 100 * mg_L", "hc_analyser.cod <= 100 * m", "reopenings.reopen_hc.passing.when", "interlock-unit"
    ),
    "samples that look back": Edit(
        "reopenings.yaml",
        "intake.cod <= 40 * mg_L and",
        "held(intake.cod <= 40 * mg_L, 7200 * s) and",
        "reopenings.reopen_north.passing.when",
        "wrong-condition",
    ),
    "one sample is none": Edit(
        "reopenings.yaml", "samples: 3", "samples: 1", "reopenings.reopen_hc.passing.samples", "out-of-range"
    ),
    "a part of a gate that knows none": Edit(
        "reopenings.yaml",
        "actuator: hc_outlet, observe_s: 300",
        "actuator: hc_outlet, first_percent: 20, observe_s: 300",
        "reopenings.reopen_hc.openings[1].first_percent",
        "wrong-stages",
    ),
    "reopened twice": Edit(
        "reopenings.yaml",
        "actuator: ly_outlet",
        "actuator: hc_outlet",
        "reopenings.reopen_ly.openings[1].actuator",
        "duplicate-step",
    ),
}  # fmt: skip


@pytest.fixture
def park(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PARK, tmp_path / "park", ignore=shutil.ignore_patterns("network", "storms")))


@pytest.mark.parametrize("name", EDITS)
def test_one_edit_gives_one_fault(name: str, park: Path) -> None:
    one_fault(EDITS[name], park)


def one_fault(edit: Edit, park: Path) -> None:
    path = park / edit.file
    text = path.read_text("utf-8")
    assert edit.old in text
    start = text.index(edit.old)
    text = text.replace(edit.old, edit.new, 1)
    path.write_text(text, "utf-8")
    blamed = park / (edit.blames or edit.file)
    content = blamed.read_text("utf-8")
    line = content.count("\n", 0, content.index(edit.at) if edit.at else start) + 1
    found = [(fault.file, fault.line, fault.field, fault.kind) for fault in check_park(park)]
    assert found == [(blamed.as_posix(), line, edit.field, edit.kind)]


def test_edits_are_of_many_kinds() -> None:
    assert len({edit.kind for edit in EDITS.values()}) >= 25
