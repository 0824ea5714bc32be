"""Reads how a PLC is reached: over TCP, TLS or a serial line, and refuses two PLCs in one place."""

from dataclasses import dataclass, field

from domain.connection import Parity, Serial, Transport
from domain.ids import DeviceId, GatewayId
from runtime.parkfiles.entry import Entry

PORT = 502
TLS_PORT = 802
"""mbap and mbap-s in IANA's registry."""
BAUDS = (1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800, 921_600)
"""Bits a second that a serial line may have."""
UNIT_MAX = 247
"""On a serial line, where 0 speaks to all and 248 to 255 are reserved (MODBUS over Serial Line V1.02, 2.2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """The way to one PLC."""

    transport: Transport
    host: str = ""
    port: int = 0
    serial: Serial | None = None
    server_name: str | None = None
    unit_id: int

    @property
    def place(self) -> str:
        """What it shares with nothing but other units, for people."""
        return self.serial.path if self.serial is not None else f"{self.host}:{self.port}"


@dataclass(slots=True)
class Wires:
    """The PLCs that were read so far, by where they are."""

    units: dict[tuple[str, str, int], DeviceId] = field(default_factory=dict)
    serial: dict[tuple[str, str], tuple[Serial, DeviceId]] = field(default_factory=dict)


def read_reach(key: DeviceId, gateway: GatewayId, entry: Entry, wires: Wires) -> Reach:
    """Return how the PLC of `entry` is reached; notes a fault where another PLC is there already."""
    was_sound = entry.is_sound
    transport = entry.choice_or("transport", Transport.TCP)
    if was_sound and not entry.is_sound:
        # Of an unknown wire nothing can be said to be missing or too much.
        entry.may_have("host", "port", "server_name", "serial", "unit")
        return Reach(transport=transport, unit_id=0)
    if transport is Transport.RTU:
        reach = _serial(entry)
    else:
        is_tls = transport is Transport.TLS
        reach = Reach(
            transport=transport,
            host=entry.text("host", "write the PLC's address"),
            port=entry.integer_or("port", TLS_PORT if is_tls else PORT, least=1, most=65_535),
            server_name=entry.text_or("server_name", "") or None if is_tls else None,
            unit_id=entry.integer_or("unit", 1, least=0, most=255),
        )
    _refuse_same_place(key, gateway, reach, entry, wires)
    return reach


def _serial(entry: Entry) -> Reach:
    unit_id = entry.integer("unit", least=1, most=UNIT_MAX)
    inner = entry.entry("serial", "write {port: /dev/ttyS0, baud: 9600, parity: even, stop_bits: 1}")
    serial = None if inner is None else _line(inner)
    if inner is not None:
        entry.is_sound &= inner.is_sound
    return Reach(transport=Transport.RTU, serial=serial, unit_id=unit_id)


def _line(entry: Entry) -> Serial:
    path = entry.text("port", "write the serial device, /dev/ttyS0")
    if path and not path.startswith("/dev/"):
        entry.fault("port", f"`{path}` is no device", remedy="write a path below /dev/", kind="bad-serial")
    baud = entry.integer_or("baud", 9600, least=BAUDS[0], most=BAUDS[-1])
    if baud not in BAUDS and entry.is_sound:
        known = ", ".join(map(str, BAUDS))
        entry.fault(
            "baud", f"{baud} is no speed of a line", remedy=f"write one of {known}", kind="bad-serial"
        )
    serial = Serial(
        path=path,
        baud=baud,
        parity=entry.choice_or("parity", Parity.EVEN),
        stop_bits=entry.integer_or("stop_bits", 1, least=1, most=2),
    )
    entry.done()
    return serial


def _refuse_same_place(key: DeviceId, gateway: GatewayId, reach: Reach, entry: Entry, wires: Wires) -> None:
    if not reach.host and reach.serial is None:
        return
    # A PLC on the network is one for all gateways; a serial device belongs to the machine of its own.
    field_name, machine = ("unit", gateway) if reach.serial is not None else ("host", "")
    other = wires.units.setdefault((machine, reach.place, reach.unit_id), key)
    if other != key:
        message = f"{reach.place} unit {reach.unit_id} is {other} already"
        entry.fault(field_name, message, remedy="give each PLC its own address", kind="duplicate-address")
    if reach.serial is not None and reach.serial.path:
        line, first = wires.serial.setdefault((gateway, reach.serial.path), (reach.serial, key))
        if line != reach.serial:
            message = f"{first} on the same line says {line.baud} baud, parity {line.parity}, {line.stop_bits} stop bit"
            entry.fault("serial", message, remedy="give all units of a line the same", kind="bad-serial")
