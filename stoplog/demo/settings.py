"""Writes what the parts of the demonstration need before they start: keys, passwords, and a settings file each."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from domain.errors import LinkError
from domain.park import Park
from stoplog.demo.ports import HOST, free_ports
from wire.signing import Role, new_key, public_part

TomlValue = str | int | float | bool
Toml = Mapping[str, "TomlValue | Toml"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """The MQTT broker to use."""

    host: str
    port: int
    is_embedded: bool
    """False: it is the user's, and holds the users that the demonstration's secrets name."""


def parse_broker(url: str) -> Broker:
    """Return the broker at `mqtt://host[:port]`. Raises LinkError when `url` is of another form."""
    parts = urlsplit(url)
    try:
        port = parts.port or 1883
    except ValueError:
        port = 0
    if parts.scheme != "mqtt" or not parts.hostname or not port:
        raise LinkError(f"--broker {url}: not a broker's address — write mqtt://host:port")
    return Broker(host=parts.hostname, port=port, is_embedded=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where everything of one demonstration stands, and on which ports its parts speak."""

    state: Path
    park_folder: Path
    broker: Broker
    console_port: int
    control_metrics_port: int
    ingest_metrics_port: int
    gateway_metrics_ports: Mapping[str, int]
    simulator_port: int
    """The simulators' control socket."""
    simulator_metrics_port: int
    journal_bytes_max: int

    @property
    def settings(self) -> Path:
        """Folder of the settings files."""
        return self.state / "settings"

    @property
    def users(self) -> Path:
        """Users of the embedded broker."""
        return self.state / "secrets" / "users.json"

    @property
    def link_token(self) -> Path:
        """The one-time sign-in link's secret."""
        return self.state / "secrets" / "link-token"

    @property
    def console(self) -> str:
        """Address of the console."""
        return f"http://{HOST}:{self.console_port}"

    @property
    def writes_log(self) -> Path:
        """The PLCs' log of writes received."""
        return self.state / "simulator" / "writes.jsonl"

    @property
    def reads_log(self) -> Path:
        """Folder of the PLCs' log of reads served."""
        return self.state / "simulator" / "served"

    @property
    def faults_log(self) -> Path:
        """What was played: spills, faults, hands."""
        return self.state / "simulator" / "happenings.jsonl"

    def journal(self, gateway: str) -> Path:
        """Folder of a gateway's journals."""
        return self.state / "journal" / gateway

    def freed(self, gateway: str) -> Path:
        """Folder where a gateway's freed segments are kept."""
        return self.state / "freed" / gateway


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one start of the demonstration asks for beyond the layout."""

    speed: float
    scenario: Path | None
    seed: int | None
    """None: the scenario's own."""
    keep_freed: bool
    """Keep what is needed to judge the run: freed journal segments and the log of served reads."""
    with_link: bool
    """Make a one-time sign-in link."""


def make_layout(
    state: Path,
    park_folder: Path,
    park: Park,
    broker: Broker | None,
    *,
    console_port: int,
    journal_bytes_max: int,
) -> Layout:
    """Choose free ports for everything that the user does not name."""
    ports = iter(free_ports(5 + len(park.gateways)))
    return Layout(
        state=state,
        park_folder=park_folder.resolve(),
        console_port=console_port,
        broker=broker or Broker(host=HOST, port=next(ports), is_embedded=True),
        control_metrics_port=next(ports),
        ingest_metrics_port=next(ports),
        simulator_port=next(ports),
        simulator_metrics_port=next(ports),
        gateway_metrics_ports={gateway: next(ports) for gateway in [*park.gateways][: len(park.gateways)]},
        journal_bytes_max=journal_bytes_max,
    )


def write_all(layout: Layout, park: Park, run: Run) -> None:
    """Write secrets that are missing, and every settings file anew."""
    for folder in (
        "secrets",
        "keys",
        "settings",
        "logs",
        "journal",
        "freed",
        "simulator",
        "control",
        "ingest",
    ):
        (layout.state / folder).mkdir(parents=True, exist_ok=True)
    roles: dict[str, Role] = dict.fromkeys(park.gateways, Role.GATEWAY)
    roles |= {"control": Role.CONTROL, "ingest": Role.INGEST}
    _write_secrets(layout, park, roles)
    _write_devices(layout, park)
    if run.with_link:
        _write_secret(layout.link_token, secrets.token_urlsafe(32))
    else:
        layout.link_token.unlink(missing_ok=True)
    for gateway in park.gateways:
        _write_toml(layout.settings / f"{gateway}.toml", _gateway(layout, gateway, run))
    _write_toml(layout.settings / "ingest.toml", _ingest(layout))
    _write_toml(layout.settings / "control.toml", _control(layout, run))
    _write_toml(layout.settings / "simulator.toml", _simulator(layout, run))


def _write_secrets(layout: Layout, park: Park, roles: Mapping[str, Role]) -> None:
    users: dict[str, dict[str, str]] = {}
    keys: list[dict[str, str]] = []
    for identity, role in roles.items():
        password = layout.state / "secrets" / f"{identity}.password"
        if not password.exists():
            _write_secret(password, secrets.token_urlsafe(24))
        users[identity] = {"password": password.read_text(encoding="utf-8").strip(), "role": role.value}
        key = layout.state / "keys" / f"{identity}.jwk"
        if not key.exists():
            kid = f"{identity}-{secrets.token_hex(4)}"
            _write_secret(key, json.dumps(new_key(kid=kid, role=role, identity=identity)))
        keys.append(public_part(json.loads(key.read_text(encoding="utf-8"))))
    _write_secret(layout.users, json.dumps({"park": park.id, "users": users}))
    (layout.state / "keys" / "trusted.jwks").write_text(json.dumps({"keys": keys}), encoding="utf-8")


def _write_devices(layout: Layout, park: Park) -> None:
    """Give every PLC a loopback port; ports once given stay, so that a restart finds the same PLCs."""
    file = layout.state / "devices.json"
    known: dict[str, dict[str, str | int]] = (
        json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    )
    missing = [device for device in park.devices if device not in known]
    for device, port in zip(missing, free_ports(len(missing)), strict=True):
        known[device] = {"host": HOST, "port": port}
    file.write_text(
        json.dumps({device: known[device] for device in park.devices}, indent=1), encoding="utf-8"
    )


def _common(layout: Layout, identity: str, metrics_port: int) -> dict[str, TomlValue | Toml]:
    keys, secret = layout.state / "keys", layout.state / "secrets" / f"{identity}.password"
    return {
        "park": str(layout.park_folder),
        "clock": {"kind": "page", "page": str(layout.state / "clock.page")},
        "broker": {
            "host": layout.broker.host,
            "port": layout.broker.port,
            "username": identity,
            "password_file": str(secret),
        },
        "keys": {"own": str(keys / f"{identity}.jwk"), "trusted": str(keys / "trusted.jwks")},
        "log": {"level": "info"},
        "metrics": {"host": HOST, "port": metrics_port},
    }


def _gateway(layout: Layout, gateway: str, run: Run) -> Toml:
    journal: dict[str, TomlValue] = {
        "directory": str(layout.journal(gateway)),
        "bytes_max": layout.journal_bytes_max,
    }
    if run.keep_freed:
        journal["keep_freed"] = str(layout.freed(gateway))
    return {
        "gateway": gateway,
        "device_overrides": str(layout.state / "devices.json"),
        **_common(layout, gateway, layout.gateway_metrics_ports[gateway]),
        "journal": journal,
    }


def _ingest(layout: Layout) -> Toml:
    return {
        "database": str(layout.state / "ingest" / "ingest.sqlite"),
        **_common(layout, "ingest", layout.ingest_metrics_port),
        "store": {"kind": "sqlite", "path": str(layout.state / "store.sqlite")},
    }


def _control(layout: Layout, run: Run) -> Toml:
    settings: dict[str, TomlValue | Toml] = {
        "state": str(layout.state / "control"),
        **_common(layout, "control", layout.control_metrics_port),
        "database": {"url": f"sqlite:///{layout.state / 'control' / 'control.sqlite'}"},
        "store": {"kind": "sqlite", "path": str(layout.state / "store.sqlite")},
        # Who is in it was made a minute ago, and a whole park shares the machine's cores.
        "people": {"password_cost": "owasp"},
        "api": {"host": HOST, "port": layout.console_port},
    }
    if run.with_link:
        settings["demo"] = {"link_token_file": str(layout.link_token)}
    return settings


def _simulator(layout: Layout, run: Run) -> Toml:
    folder = layout.state / "simulator"
    settings: dict[str, TomlValue | Toml] = {
        "park": str(layout.park_folder),
        "device_overrides": str(layout.state / "devices.json"),
        "state": str(folder),
        "host": HOST,
        "control_port": layout.simulator_port,
        "metrics": {"port": layout.simulator_metrics_port},
        "speed": run.speed,
        "writes_log": str(layout.writes_log),
        "faults_log": str(layout.faults_log),
        "clock": {"kind": "page", "page": str(layout.state / "clock.page")},
    }
    if run.keep_freed:
        settings["reads_log"] = str(layout.reads_log)
    if run.seed is not None:
        settings["seed"] = run.seed
    if run.scenario is not None:
        settings["scenario"] = str(run.scenario.resolve())
    return settings


def _write_secret(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")


def _write_toml(path: Path, content: Toml) -> None:
    path.write_text(_toml(content), encoding="utf-8")


def _toml(content: Toml) -> str:
    """TOML of plain values and one level of tables; JSON's strings, numbers and booleans are TOML's."""
    plain = [
        f"{key} = {json.dumps(value)}" for key, value in content.items() if not isinstance(value, Mapping)
    ]
    tables = [
        "\n".join((f"\n[{key}]", *(f"{name} = {json.dumps(item)}" for name, item in value.items())))
        for key, value in content.items()
        if isinstance(value, Mapping)
    ]
    return "\n".join((*plain, *tables)) + "\n"
