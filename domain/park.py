"""A park as its files describe it: facilities and how water flows between them, devices, points, actuators and rules."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from domain.alarm import AlarmRule
from domain.connection import Serial, Transport, Writes
from domain.cutoff import CutoffRule
from domain.drive import Drive, Table
from domain.ids import DeviceId, EnterpriseId, FacilityId, GatewayId, ParkId, PointRef, point_ref
from domain.interlock import Interlock
from domain.logger import Factor, Logger
from domain.order import OrderKind
from domain.plan import Plan
from domain.reopening import Reopening
from domain.words import Words


class Tier(StrEnum):
    """Tier of control: enterprise, park, river (企业/园区/河道)."""

    ENTERPRISE = "enterprise"
    PARK = "park"
    RIVER = "river"


class Risk(StrEnum):
    """Risk class of an enterprise: 重大, 较大, 一般."""

    MAJOR = "major"
    LARGER = "larger"
    GENERAL = "general"


class FacilityKind(StrEnum):
    """What a facility is."""

    RISK_UNIT = "risk_unit"
    BUND_VALVE = "bund_valve"
    FIRST_FLUSH_POOL = "first_flush_pool"
    RAIN_OUTLET = "rain_outlet"
    DIVERSION_VALVE = "diversion_valve"
    ACCIDENT_POOL = "accident_pool"
    SEWAGE_OUTLET = "sewage_outlet"
    ANALYSER = "analyser"
    FLOW_METER = "flow_meter"
    STORM_NODE = "storm_node"
    PARK_SLUICE = "park_sluice"
    LIFT_PUMP = "lift_pump"
    POOL_INLET = "pool_inlet"
    PUBLIC_POOL = "public_pool"
    BUFFER_POOL = "buffer_pool"
    RIVER_REACH = "river_reach"
    RIVER_SLUICE = "river_sluice"
    SENSITIVE_TARGET = "sensitive_target"
    RAIN_GAUGE = "rain_gauge"
    RIVER_STAGE = "river_stage"

    @property
    def is_pool(self) -> bool:
        """Whether it takes in water that is kept back."""
        return self in {
            FacilityKind.FIRST_FLUSH_POOL,
            FacilityKind.ACCIDENT_POOL,
            FacilityKind.PUBLIC_POOL,
            FacilityKind.BUFFER_POOL,
        }


class SafePosition(StrEnum):
    """Where an actuator keeps the pollutant inside; a pump that lifts to the river is safe when stopped = closed."""

    OPEN = "open"
    CLOSED = "closed"

    @property
    def kept_by(self) -> OrderKind:
        """The kind of order that keeps an actuator there."""
        return OrderKind.KEEP_CLOSED if self is SafePosition.CLOSED else OrderKind.KEEP_OPEN


class RegisterType(StrEnum):
    """How registers become a value."""

    BIT = "bit"
    INT16 = "int16"
    UINT16 = "uint16"
    INT32 = "int32"
    UINT32 = "uint32"
    FLOAT32 = "float32"
    INT64 = "int64"
    UINT64 = "uint64"
    FLOAT64 = "float64"
    BCD16 = "bcd16"
    BCD32 = "bcd32"
    STRING = "string"
    """Text, two characters a register."""


class WordOrder(StrEnum):
    """Order of the bytes of a value in two registers, most significant = A."""

    ABCD = "ABCD"
    CDAB = "CDAB"
    BADC = "BADC"
    DCBA = "DCBA"


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """Where a point is read in its device."""

    table: Table
    address: int
    """Zero-based."""
    type: RegisterType
    word_order: WordOrder = WordOrder.ABCD
    bit: int | None = None
    """Bit 0–15 in a 16-bit register, 0 least significant; None for coils, discretes and whole values."""
    scale: float = 1.0
    offset: float = 0.0
    """value = raw × scale + offset."""
    invalid: int | None = None
    """Raw code by which the device says "no value"; None: it has none."""
    length: int = 1
    """Registers of a STRING; other types have a width of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One measured or reported value."""

    facility: FacilityId
    name: str
    words: Words
    device: DeviceId
    register: Register
    unit: str
    """As in domain.units; empty for states."""
    range_min: float | None = None
    """Below it the value is bad (RANGE); None: no bound."""
    range_max: float | None = None
    group: str = "normal"
    """Poll group of the device's template."""
    dead_band: float = 0.0
    """In the point's unit; 0 reports every change."""
    silence_s_max: float = 60.0
    """A value is reported at least this often, model seconds."""
    rate_max: float | None = None
    """Fastest change that is believed, units per model second: above it the value is uncertain (RATE); None: any."""
    frozen_s: float | None = None
    """Model seconds after which a number that has not moved at all is uncertain (FROZEN); None: it may stand still."""
    factor: Factor | None = None
    """Where a data logger's reports have it; None: a PLC's register has it. With it, only the register's type counts."""

    @property
    def ref(self) -> PointRef:
        """`facility/point`."""
        return point_ref(self.facility, self.name)

    @property
    def is_boolean(self) -> bool:
        """Whether the value is a state, not a number."""
        return self.register.type is RegisterType.BIT

    @property
    def is_text(self) -> bool:
        """Whether the value is text."""
        return self.register.type is RegisterType.STRING


@dataclass(frozen=True, slots=True, kw_only=True)
class PollGroup:
    """Points of a device that are read together."""

    name: str
    period_s: float
    """Model seconds."""
    is_critical: bool = False
    """Polled before the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlcHeartbeat:
    """A register that the gateway counts up, so that the PLC knows that somebody is there; most devices have none."""

    word: int
    """Holding register, zero-based."""
    period_s: float
    """Model seconds between two counts."""
    fallback_after_s: float | None = None
    """The PLC moves its actuators to safe when the count has stood still for so long; None: it never does by itself."""
    guards_commands: bool = False
    """The PLC obeys a command only while the count goes on: what it reads late does nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One PLC."""

    id: DeviceId
    gateway: GatewayId
    words: Words
    host: str
    """Empty when it hangs on a serial line."""
    port: int
    transport: Transport = Transport.TCP
    serial: Serial | None = None
    """Its line, when the transport is RTU."""
    server_name: str | None = None
    """Name in its certificate, when the transport is TLS; None: the host."""
    unit_id: int
    """Modbus unit, 0–255."""
    template: str
    writes: Writes = Writes.SINGLE
    block_registers_max: int = 120
    """The most registers it answers in one read (≤ 125 by the Modbus specification)."""
    timeout_s: float = 1.0
    """Wall seconds until an unanswered request counts as lost."""
    groups: Mapping[str, PollGroup]
    heartbeat: PlcHeartbeat | None = None
    """None: it is told of nobody's being there, and falls back by itself never."""
    logger: Logger | None = None
    """The data logger that connects to the gateway and reports by HJ 212; None: a PLC that is polled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """One edge gateway."""

    id: GatewayId
    words: Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """Names of the actuator's own points; None: not reported."""

    opened: str
    closed: str
    remote: str
    moving: str | None = None
    fault: str | None = None
    over_torque: str | None = None
    power: str | None = None
    position: str | None = None
    local_switches: str | None = None
    """The PLC's count of switchings between local and remote; with `boots` it proves that nobody was at it meanwhile."""
    boots: str | None = None
    """The PLC's count of its starts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandCard:
    """What to do when a gate cannot be moved remotely (人工操作卡)."""

    who: str
    phone: str
    where: str
    how: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Actuator:
    """A gate, valve, sluice or pump that can be commanded."""

    facility: FacilityId
    device: DeviceId
    safe_position: SafePosition
    drive: Drive
    feedback: Feedback
    travel_time_s: float
    """Full travel, model seconds."""
    reversing_pause_s: float
    """Rest between two directions, model seconds."""
    permits: tuple[Interlock, ...] = ()
    """Away from safe: each must be known true."""
    inhibits: tuple[Interlock, ...] = ()
    """Toward safe: one known true on fresh good data blocks; points behind the same gateway only."""
    hand_card: HandCard
    commissioned_by: str | None = None
    """Who signed for this drive in the park's folder (联调); None: nobody. Another word is an order (domain.commissioning)."""
    commissioned_on: str | None = None
    """ISO date of that signature."""

    def point(self, name: str) -> PointRef:
        """Reference of one of its own points."""
        return point_ref(self.facility, name)

    @property
    def travel_timeout_s(self) -> float:
        """1.5 × the travel time, model seconds: not there by then means failed."""
        return 1.5 * self.travel_time_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Water goes from a facility to `to`."""

    to: FacilityId


@dataclass(frozen=True, slots=True, kw_only=True)
class Facility:
    """A thing in the park."""

    id: FacilityId
    words: Words
    kind: FacilityKind
    tier: Tier
    line: int | None = None
    """Line of defence inside the plant, 1–3 (一/二/三道防线); None outside plants."""
    enterprise: EnterpriseId | None = None
    flows_to: tuple[Flow, ...] = ()
    capacity_m3: float | None = None
    """Effective volume of a pool."""
    x: float = 0.0
    """Place in the mimic, 0–1000."""
    y: float = 0.0
    """Place in the mimic, 0–600."""
    camera: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Enterprise:
    """A plant in the park."""

    id: EnterpriseId
    words: Words
    risk: Risk
    substances: tuple[str, ...] = ()
    contact: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Park:
    """Everything that a park's files say; checked, so that every reference in it resolves."""

    id: ParkId
    words: Words
    enterprises: Mapping[EnterpriseId, Enterprise]
    facilities: Mapping[FacilityId, Facility]
    gateways: Mapping[GatewayId, Gateway]
    devices: Mapping[DeviceId, Device]
    points: Mapping[PointRef, Point]
    actuators: Mapping[FacilityId, Actuator]
    alarms: tuple[AlarmRule, ...] = ()
    cutoffs: tuple[CutoffRule, ...] = ()
    plans: Mapping[str, Plan] = field(default_factory=dict)
    reopenings: Mapping[str, Reopening] = field(default_factory=dict)
    _of_device: Mapping[DeviceId, Sequence[Point]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        found: dict[DeviceId, list[Point]] = {}
        for point in self.points.values():
            found.setdefault(point.device, []).append(point)
        object.__setattr__(self, "_of_device", found)

    def devices_of(self, gateway: GatewayId) -> Iterator[Device]:
        """Yield the devices behind `gateway` in file order."""
        return (device for device in self.devices.values() if device.gateway == gateway)

    def points_of(self, device: DeviceId) -> Iterator[Point]:
        """Yield the points of `device` in file order."""
        return iter(self._of_device.get(device, ()))

    def has_proven_expiry(self, actuator: FacilityId) -> bool:
        """Whether a command that the PLC of `actuator` reads late surely does nothing (I3)."""
        heartbeat = self.devices[self.actuators[actuator].device].heartbeat
        return heartbeat is not None and heartbeat.guards_commands

    def gateway_of(self, actuator: FacilityId) -> GatewayId:
        """Return the gateway that drives `actuator`."""
        return self.devices[self.actuators[actuator].device].gateway
