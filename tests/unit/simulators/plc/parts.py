"""A small park of one PLC for the tests of simulated PLCs."""

from domain.drive import Drive, MomentaryCoils, Pulse, Repeat, Table
from domain.ids import DeviceId, EnterpriseId, FacilityId, GatewayId, ParkId
from domain.park import (
    Actuator,
    Device,
    Facility,
    FacilityKind,
    Feedback,
    HandCard,
    Park,
    Point,
    Register,
    RegisterType,
    SafePosition,
    Tier,
    WordOrder,
)
from domain.words import Words

WORDS = Words("某", "some")
GATE = FacilityId("hc_outlet")
ANALYSER = FacilityId("hc_analyser")
FLOW = FacilityId("hc_flow")
PLC = DeviceId("plc_hc_outlet")
PULSES = MomentaryCoils(open=0, close=1, stop=2, pulse=Pulse.PLC_RESETS, repeat=Repeat.SAFE)


def point(facility: FacilityId, name: str, register: Register, unit: str = "", **ranges: float) -> Point:
    return Point(
        facility=facility, name=name, words=WORDS, device=PLC, register=register, unit=unit, **ranges  # type: ignore[arg-type]
    )  # fmt: skip


def bit(address: int) -> Register:
    return Register(table=Table.DISCRETE, address=address, type=RegisterType.BIT)


def number(address: int, kind: RegisterType = RegisterType.FLOAT32, **other: float) -> Register:
    return Register(
        table=Table.INPUT, address=address, type=kind, word_order=WordOrder.CDAB, **other  # type: ignore[arg-type]
    )  # fmt: skip


def small_park(drive: Drive = PULSES, *, port: int = 502) -> Park:
    states = ("opened", "closed", "moving", "remote", "fault", "over_torque", "power")
    points = [point(GATE, name, bit(16 + k)) for k, name in enumerate(states)]
    points += [
        point(GATE, "position", number(0, RegisterType.UINT16, scale=0.1), "percent"),
        point(
            ANALYSER,
            "cod",
            number(10, RegisterType.UINT16, scale=0.1, invalid=65535),
            "mg_L",
            range_max=1000.0,
        ),
        point(ANALYSER, "ph", number(12), "pH", range_max=14.0),
        point(ANALYSER, "calibrating", bit(30)),
        point(ANALYSER, "sensor_fault", bit(31)),
        point(FLOW, "flow", number(20), "L_s"),
    ]
    device = Device(
        id=PLC, gateway=GatewayId("gw_east"), words=WORDS, host="127.0.0.1", port=port, unit_id=1,
        template="outlet", block_registers_max=60, groups={},
    )  # fmt: skip
    actuator = Actuator(
        facility=GATE, device=PLC, safe_position=SafePosition.CLOSED, drive=drive,
        feedback=Feedback(
            opened="opened", closed="closed", remote="remote", moving="moving", fault="fault",
            over_torque="over_torque", power="power", position="position",
        ),
        travel_time_s=40, reversing_pause_s=3, hand_card=HandCard(who="", phone="", where="", how=()),
    )  # fmt: skip
    facilities = {
        name: Facility(id=name, words=WORDS, kind=kind, tier=Tier.ENTERPRISE, enterprise=EnterpriseId("hc"))
        for name, kind in {
            GATE: FacilityKind.RAIN_OUTLET, ANALYSER: FacilityKind.ANALYSER, FLOW: FacilityKind.FLOW_METER,
        }.items()
    }  # fmt: skip
    return Park(
        id=ParkId("small"), words=WORDS, enterprises={}, facilities=facilities, gateways={},
        devices={PLC: device}, points={p.ref: p for p in points}, actuators={GATE: actuator},
    )  # fmt: skip
