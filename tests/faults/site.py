"""Writes a site for a run: a park of counting PLCs, keys, and the settings of one gateway and one ingest worker."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from domain.ids import GatewayId, ParkId
from runtime.clock import set_offset
from stoplog.demo.ports import HOST, free_ports
from tests.faults.registers import Point
from wire.signing import Role, new_key, public_part

PARK = ParkId("faults")
GATEWAY = GatewayId("gw")
WORKERS = ("ingest", "ingest2")
"""Ingest workers; an embedded store has the first only, VictoriaMetrics both, and they share the load."""
_HEADER = (
    "slot,point,zh,en,address,type,bit,order,scale,offset,invalid,unit,min,max,group,dead_band,silence_s"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where everything of one run stands, and on which ports its parts speak."""

    folder: Path
    points: tuple[Point, ...]
    plc_ports: tuple[int, ...]
    broker_port: int
    victoria_port: int | None
    """None: the store is SQLite."""
    period_s: float
    timeout_s: float

    @property
    def workers(self) -> tuple[str, ...]:
        """The ingest workers that run."""
        return WORKERS[:1] if self.victoria_port is None else WORKERS

    @property
    def park(self) -> Path:
        return self.folder / "park"

    @property
    def journal(self) -> Path:
        return self.folder / "journal"

    @property
    def freed(self) -> Path:
        return self.folder / "freed"

    @property
    def served(self) -> Path:
        """The PLCs' own log."""
        return self.folder / "served.bin"

    @property
    def centre(self) -> Path:
        """What ingest writes: its own database, and the store when it is a file."""
        return self.folder / "centre"

    @property
    def store(self) -> Path:
        return self.centre / "store.sqlite"

    @property
    def store_settings(self) -> dict[str, str]:
        """The `[store]` block, for whoever writes and whoever reads."""
        if self.victoria_port is None:
            return {"kind": "sqlite", "path": str(self.store)}
        return {"kind": "victoriametrics", "url": f"http://{HOST}:{self.victoria_port}"}

    @property
    def own_database(self) -> Path:
        """Of all ingest workers: quarantine and texts."""
        return self.centre / "ingest.sqlite"

    def offset(self, part: str) -> Path:
        """The file that puts the time of day of `part` wrong."""
        return self.folder / f"{part}.offset"

    def settings(self, part: str) -> Path:
        return self.folder / f"{part}.toml"


def make_site(
    folder: Path,
    *,
    plcs: int,
    points: Sequence[Point],
    is_victoria: bool,
    period_s: float = 0.1,
    timeout_s: float = 1.0,
    clock: str = "offset",
) -> Site:
    """Write everything but the processes' own data; `clock` is the kind of the services' clock."""
    ports = free_ports(plcs + 2)
    site = Site(
        folder=folder,
        points=tuple(points),
        plc_ports=tuple(ports[:plcs]),
        broker_port=ports[plcs],
        victoria_port=ports[plcs + 1] if is_victoria else None,
        period_s=period_s,
        timeout_s=timeout_s,
    )
    for made in (site.park / "templates", site.journal, site.freed, site.centre):
        made.mkdir(parents=True, exist_ok=True)
    _write_park(site)
    _write_keys(site)
    for part in (GATEWAY, *site.workers):
        set_offset(site.offset(part), 0)
    journal: dict[str, object] = {
        "directory": str(site.journal), "keep_freed": str(site.freed), "segment_bytes": 200_000,
    }  # fmt: skip
    _write_settings(site, GATEWAY, clock, {"gateway": GATEWAY}, journal=journal)
    for worker in site.workers:
        plain = {"database": str(site.own_database), "worker": worker, "shared": is_victoria}
        _write_settings(site, worker, clock, plain, store=dict(site.store_settings))
    return site


def device(number: int) -> str:
    """Return the id of a PLC."""
    return f"plc{number}"


def facility(number: int) -> str:
    """Return the id of the facility of a PLC."""
    return f"f{number}"


def _write_park(site: Site) -> None:
    numbers = range(len(site.plc_ports))
    name = "{zh: 故障试验, en: fault run}"
    facilities = [
        f"  {facility(k)}: {{kind: rain_gauge, tier: park, name: {{zh: 雨量{k}, en: gauge {k}}}, at: [{k % 1000}, 0]}}"
        for k in numbers
    ]
    devices = [
        f"      {device(k)}: {{template: counting, host: {HOST}, port: {site.plc_ports[k]}, unit: 1,"
        f" name: {{zh: 计数{k}, en: counting {k}}}, slots: {{m: {facility(k)}}}}}"
        for k in numbers
    ]
    files = {
        "park.yaml": f"id: {PARK}\nname: {name}\n",
        "enterprises.yaml": "enterprises: {}\n",
        "facilities.yaml": "\n".join(["hand_procedures: {}", "facilities:", *facilities, ""]),
        "gateways.yaml": "\n".join(
            ["gateways:", f"  {GATEWAY}:", f"    name: {name}", "    devices:", *devices, ""]
        ),
        "interlocks.yaml": "interlocks: {}\n",
        "alarms.yaml": "alarms: {}\n",
        "cutoffs.yaml": "cutoffs: {}\n",
        "plans.yaml": "plans: {}\n",
        "templates/counting.yaml": (
            f"name: {name}\naddressing: zero_based\nword_order: ABCD\nblock_registers_max: 125\n"
            f"timeout_s: {site.timeout_s}\ngroups: {{all: {{period_s: {site.period_s}}}}}\nslots: {{m: {{}}}}\n"
        ),
        "templates/counting.csv": "\n".join([_HEADER, *_rows(site.points), ""]),
    }
    for path, text in files.items():
        (site.park / path).write_text(text, encoding="utf-8")


def _rows(points: Sequence[Point]) -> list[str]:
    rows, at = [], 0
    for point in points:
        bit = "" if point.bit is None else point.bit
        band = "" if point.is_text or point.type == "bit" else f"{point.dead_band:g}"
        rows.append(
            f"m,{point.name},点,{point.name},holding:{at},{point.type},{bit},,,,,,,,all,{band},{point.silence_s:g}"
        )
        at += point.words
    return rows


def _write_keys(site: Site) -> None:
    trusted = []
    roles = {GATEWAY: Role.GATEWAY, "control": Role.CONTROL, **dict.fromkeys(site.workers, Role.INGEST)}
    for identity, role in roles.items():
        key = new_key(kid=f"{identity}-1", role=role, identity=identity)
        (site.folder / f"{identity}.jwk").write_text(json.dumps(key), encoding="ascii")
        trusted.append(public_part(key))
    (site.folder / "trusted.jwks").write_text(json.dumps({"keys": trusted}), encoding="ascii")


def _write_settings(
    site: Site, part: str, clock: str, plain: Mapping[str, object], **tables: dict[str, object]
) -> None:
    clock_block: dict[str, object] = {"kind": clock}
    if clock == "offset":
        clock_block["page"] = str(site.offset(part))
    content: dict[str, dict[str, object]] = {
        "clock": clock_block,
        "broker": {"host": HOST, "port": site.broker_port},
        "keys": {"own": str(site.folder / f"{part}.jwk"), "trusted": str(site.folder / "trusted.jwks")},
        **tables,
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in {**plain, "park": str(site.park)}.items()]
    for table, items in content.items():
        lines += [f"[{table}]", *(f"{key} = {json.dumps(value)}" for key, value in items.items())]
    site.settings(part).write_text("\n".join(lines) + "\n", encoding="utf-8")
