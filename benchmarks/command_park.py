"""Writes the park of the command benchmarks: PLCs with one gate each behind gateways, their keys and settings; starts nothing."""

import json
from dataclasses import dataclass
from pathlib import Path

from benchmarks.command_plcs import CALM
from runtime.parkfiles import load_park
from runtime.parkfiles.commissioning import seal
from wire.signing import Role, new_key, public_part

PARK = "bench"
PLAN = "close_all"
STATE_POINTS = ("opened", "closed", "remote")
_HEADER = (
    "slot,point,zh,en,address,type,bit,order,scale,offset,invalid,unit,min,max,group,dead_band,silence_s"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How many gates there are, and how much is polled beside them."""

    name: str
    gateways: int
    plcs: int
    """Of each gateway; each drives one gate."""
    points: int
    """Of each PLC, the three states of its gate among them."""
    period_s: float

    @property
    def gates(self) -> int:
        """Of all gateways."""
        return self.gateways * self.plcs

    @property
    def registers(self) -> int:
        """Of each PLC: the states share the first."""
        return self.points - len(STATE_POINTS) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where everything listens."""

    broker: int
    api: int
    plcs: list[int]


def gateway_name(number: int) -> str:
    """Return the id of a gateway."""
    return f"gw{number:02d}"


def gate_name(number: int) -> str:
    """Return the id of a gate."""
    return f"g{number:04d}"


def write_command_park(folder: Path, load: Load, ports: Ports) -> None:
    """Write everything that gateways, ingest and control need into `folder`: `NAME.toml` for each of them."""
    park = folder / "park"
    (park / "templates").mkdir(parents=True)
    gates = [gate_name(number) for number in range(load.gates)]
    _write(park / "park.yaml", f"id: {PARK}\nname: {{zh: 测试园区, en: bench park}}\n")
    _write(park / "enterprises.yaml", "enterprises: {e: {risk: general, name: {zh: 厂, en: plant}}}\n")
    card = "{who: 值班员, phone: '1', where: 闸房, how: hoist}"
    actuator = f"{{safe_position: closed, travel_time_s: 30, reversing_pause_s: 1, hand_card: {card}}}"
    facility = (
        f"{{kind: park_sluice, tier: park, name: {{zh: 闸, en: gate}}, at: [1, 1], flows_to: [river],"
        f" actuator: {actuator}}}"
    )
    _write(
        park / "facilities.yaml",
        "hand_procedures: {hoist: [关闭 close it]}\nfacilities:\n"
        "  unit: {kind: risk_unit, enterprise: e, tier: enterprise, line: 1, name: {zh: 源, en: source}, at: [1, 0],"
        f" flows_to: [{', '.join(gates)}]}}\n"
        "  river: {kind: river_reach, tier: river, name: {zh: 河, en: river}, at: [1, 2]}\n"
        + "".join(f"  {gate}: {facility}\n" for gate in gates),
    )
    _write(park / "gateways.yaml", "gateways:\n" + "".join(_gateways(load, ports, gates)))
    _write(
        park / "templates" / "t.yaml",
        "name: {zh: 柜, en: box}\naddressing: zero_based\nblock_registers_max: 125\ntimeout_s: 2\n"
        f"groups:\n  normal: {{period_s: {load.period_s:g}, critical: true}}\nslots:\n  s:\n"
        "    drive: {kind: momentary_coils, open: 'coil:0', close: 'coil:1', stop: 'coil:2', pulse: plc_resets, repeat: safe}\n",
    )
    _write(park / "templates" / "t.csv", f"{_HEADER}\n" + "".join(_points(load)))
    permits = "".join(
        f"  {gate}:\n    permits:\n      - {{id: calm, when: '{gate}.r1 <= {10 * CALM} * m3_h', words: {{zh: 水平静, en: calm}}}}\n"
        for gate in gates
    )
    _write(park / "interlocks.yaml", f"interlocks:\n{permits}")
    _write(park / "alarms.yaml", "alarms: {}\n")
    _write(
        park / "cutoffs.yaml",
        "cutoffs:\n"
        + "".join(
            f"  cut_{gate}: {{point: {gate}/r1, above: {100 * CALM} m3_h, beyond: 1, of: 1, actuators: [{gate}], enabled: true,"
            " words: {zh: 切断, en: cut-off}}\n"
            for gate in gates
        ),
    )
    steps = "".join(f"      - {{id: {gate}, actuator: {gate}, action: close}}\n" for gate in gates)
    _write(
        park / "plans.yaml", f"plans:\n  {PLAN}:\n    name: {{zh: 全关, en: close all}}\n    steps:\n{steps}"
    )
    read = load_park(park)
    seal(park, read, dict.fromkeys(read.actuators, ("测试", "2026-08-01")))
    _settings(folder, park, load, ports)


def _gateways(load: Load, ports: Ports, gates: list[str]) -> list[str]:
    lines = []
    for number in range(load.gateways):
        lines.append(f"  {gateway_name(number)}:\n    name: {{zh: 网关, en: gateway}}\n    devices:\n")
        lines += [
            f"      plc_{gates[place]}: {{template: t, host: 127.0.0.1, port: {ports.plcs[place]}, unit: 1,"
            f" name: {{zh: 柜, en: box}}, slots: {{s: {gates[place]}}}}}\n"
            for place in range(number * load.plcs, (number + 1) * load.plcs)
        ]
    return lines


def _points(load: Load) -> list[str]:
    states = [
        f"s,{name},状态,state,holding:0,bit,{bit},,,,,,,,normal,,\n" for bit, name in enumerate(STATE_POINTS)
    ]
    values = [
        f"s,r{n},点,point,holding:{n},uint16,,,,,,m3_h,0,65535,normal,0,\n" for n in range(1, load.registers)
    ]
    return states + values


def _settings(folder: Path, park: Path, load: Load, ports: Ports) -> None:
    names = [gateway_name(number) for number in range(load.gateways)]
    public = []
    for who, role in (
        *((name, Role.GATEWAY) for name in names),
        ("control", Role.CONTROL),
        ("ingest", Role.INGEST),
    ):
        key = new_key(kid=f"{who}-1", role=role, identity=who)
        _write(folder / f"{who}.jwk", json.dumps(key))
        public.append(public_part(key))
    _write(folder / "trusted.jwks", json.dumps({"keys": public}))
    for who in (*names, "control", "ingest"):
        common = (
            f'park = "{park}"\n[broker]\nport = {ports.broker}\n[keys]\nown = "{folder / f"{who}.jwk"}"\n'
            f'trusted = "{folder / "trusted.jwks"}"\n[log]\nlevel = "warning"\n'
        )
        _write(folder / f"{who}.toml", _own(who, folder, ports) % {"common": common})


def _own(who: str, folder: Path, ports: Ports) -> str:
    match who:
        case "control":
            return (
                f'state = "{folder / "control"}"\n%(common)s[database]\nurl = "sqlite:///{folder / "control" / "control.sqlite"}"\n'
                f"[api]\nport = {ports.api}\n"
            )
        case "ingest":
            return (
                f'database = "{folder / "ingest.sqlite"}"\n%(common)s[store]\nkind = "sqlite"\n'
                f'path = "{folder / "store.sqlite"}"\n'
            )
        case _:
            return f'gateway = "{who}"\n%(common)s[journal]\ndirectory = "{folder / f"journal-{who}"}"\n'


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
