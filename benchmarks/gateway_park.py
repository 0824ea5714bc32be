"""Writes the park of a gateway benchmark: PLCs that are all alike, their points, keys and settings; starts nothing."""

import json
from dataclasses import dataclass
from pathlib import Path

from wire.signing import Role, new_key, public_part

GATEWAY = "gw"
PARK = "bench"
_HEADER = (
    "slot,point,zh,en,address,type,bit,order,scale,offset,invalid,unit,min,max,group,dead_band,silence_s"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How much a gateway is given to do."""

    name: str
    plcs: int
    points: int
    """Of each PLC: 16-bit holding registers from address 0 on."""
    period_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where everything listens."""

    broker: int
    plcs: list[int]


def write_park(folder: Path, load: Load, ports: Ports) -> Path:
    """Write everything that the gateway needs into `folder`; return its settings."""
    park = folder / "park"
    (park / "templates").mkdir(parents=True)
    names = [f"d{number:04d}" for number in range(load.plcs)]
    _write(park / "park.yaml", f"id: {PARK}\nname: {{zh: 测试园区, en: bench park}}\n")
    _write(park / "enterprises.yaml", "enterprises: {}\n")
    facility = "{kind: rain_gauge, tier: park, name: {zh: 测点, en: station}, at: [1, 1]}"
    _write(
        park / "facilities.yaml",
        "hand_procedures: {}\nfacilities:\n" + "".join(f"  {name}: {facility}\n" for name in names),
    )
    devices = "".join(
        f"      plc_{name}: {{template: t, host: 127.0.0.1, port: {port}, unit: 1, name: {{zh: 柜, en: box}}, slots: {{s: {name}}}}}\n"
        for name, port in zip(names, ports.plcs, strict=True)
    )
    _write(
        park / "gateways.yaml",
        f"gateways:\n  {GATEWAY}:\n    name: {{zh: 网关, en: gateway}}\n    devices:\n{devices}",
    )
    _write(
        park / "templates" / "t.yaml",
        "name: {zh: 柜, en: box}\naddressing: zero_based\nblock_registers_max: 125\ntimeout_s: 2\n"
        f"groups:\n  normal: {{period_s: {load.period_s:g}}}\nslots:\n  s: {{}}\n",
    )
    rows = "".join(
        f"s,r{n},点,point,holding:{n},uint16,,,,,,m3_h,0,65535,normal,0,\n" for n in range(load.points)
    )
    _write(park / "templates" / "t.csv", f"{_HEADER}\n{rows}")
    for name in ("interlocks", "alarms", "cutoffs", "plans"):
        _write(park / f"{name}.yaml", f"{name}: {{}}\n")
    return _settings(folder, park, ports)


def write_mosquitto(folder: Path, port: int) -> Path:
    """Write the broker's configuration: no limit of its own, nothing on disk."""
    path = folder / "mosquitto.conf"
    _write(
        path,
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nset_tcp_nodelay true\n"
        "max_queued_messages 0\nmax_queued_bytes 200000000\nlog_type error\n",
    )
    return path


def _settings(folder: Path, park: Path, ports: Ports) -> Path:
    public = []
    for who, role in ((GATEWAY, Role.GATEWAY), ("control", Role.CONTROL), ("ingest", Role.INGEST)):
        key = new_key(kid=f"{who}-1", role=role, identity=who)
        _write(folder / f"{who}.jwk", json.dumps(key))
        public.append(public_part(key))
    _write(folder / "trusted.jwks", json.dumps({"keys": public}))
    path = folder / "gateway.toml"
    _write(
        path,
        f"""gateway = "{GATEWAY}"
park = "{park}"
[broker]
port = {ports.broker}
[keys]
own = "{folder / f"{GATEWAY}.jwk"}"
trusted = "{folder / "trusted.jwks"}"
[journal]
directory = "{folder / "journal"}"
[floors]
poll_s = 0.001
""",
    )
    return path


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
