"""A small park of one outlet on one gateway, and the live image that says everything is well."""

from control.live.image import Image
from control.people.roles import Person, Role
from domain.definition import definition_hashes
from domain.drive import MomentaryCoils, Pulse, Repeat, Table
from domain.ids import DeviceId, EnterpriseId, FacilityId, GatewayId, ParkId, PointRef
from domain.interlock import Interlock, parse
from domain.park import (
    Actuator,
    Device,
    Enterprise,
    Facility,
    FacilityKind,
    Feedback,
    Gateway,
    HandCard,
    Park,
    Point,
    Register,
    RegisterType,
    Risk,
    SafePosition,
    Tier,
)
from domain.words import Words
from wire.heartbeat import Heartbeat
from wire.sparkplug import DataType, Metric, Payload
from wire.topics import Kind

GW = GatewayId("gw")
PLC = DeviceId("plc")
OUTLET, RIVER = FacilityId("hc_outlet"), FacilityId("river_sluice")
W = Words("排口", "outlet")


def park() -> Park:
    facilities = {
        OUTLET: Facility(
            id=OUTLET,
            words=W,
            kind=FacilityKind.RAIN_OUTLET,
            tier=Tier.ENTERPRISE,
            enterprise=EnterpriseId("hc"),
        ),
        RIVER: Facility(
            id=RIVER, words=Words("河闸", "river sluice"), kind=FacilityKind.RIVER_SLUICE, tier=Tier.RIVER
        ),
    }
    points = {}
    for number, (facility, name) in enumerate(
        [(key, name) for key in facilities for name in ("opened", "closed", "remote", "fault")]
        + [(OUTLET, "cod")]
    ):
        kind = RegisterType.FLOAT32 if name == "cod" else RegisterType.BIT
        point = Point(
            facility=facility,
            name=name,
            words=W,
            device=PLC,
            register=Register(table=Table.HOLDING, address=2 * number, type=kind),
            unit="mg_L" if name == "cod" else "",
        )
        points[point.ref] = point
    lock = Interlock(
        id="clean", expression=parse("hc_outlet.cod <= 100 * mg_L"), words=Words("合格", "clean")
    )
    actuators = {
        key: Actuator(
            facility=key,
            device=PLC,
            safe_position=SafePosition.CLOSED,
            drive=MomentaryCoils(open=0, close=1, stop=2, pulse=Pulse.PLC_RESETS, repeat=Repeat.SAFE),
            feedback=Feedback(opened="opened", closed="closed", remote="remote", fault="fault"),
            travel_time_s=30.0,
            reversing_pause_s=2.0,
            permits=(lock,) if key == OUTLET else (),
            hand_card=HandCard(who="a", phone="1", where="b", how=("c",)),
            commissioned_by="x",
        )
        for key in facilities
    }
    device = Device(id=PLC, gateway=GW, words=W, host="h", port=502, unit_id=1, template="t", groups={})
    return Park(
        id=ParkId("p"),
        words=W,
        enterprises={EnterpriseId("hc"): Enterprise(id=EnterpriseId("hc"), words=W, risk=Risk.MAJOR)},
        facilities=facilities,
        gateways={GW: Gateway(id=GW, words=W)},
        devices={PLC: device},
        points=points,
        actuators=actuators,
    )


PARK = park()
VALUES: dict[str, bool | float] = {
    "hc_outlet/opened": False, "hc_outlet/closed": True, "hc_outlet/remote": True, "hc_outlet/fault": False,
    "river_sluice/opened": True, "river_sluice/closed": False, "river_sluice/remote": True,
    "river_sluice/fault": False, "hc_outlet/cod": 20.0,
}  # fmt: skip

BEAT = Heartbeat(
    park=PARK.id, gateway=GW, epoch="a" * 32, challenge="c", term=1, sent_ms=1, ages_ms={PLC: 100},
    stale_after_ms={PLC: 500}, journal_payloads=0, journal_full=False, records_pending=0, clock_offset_ms=0,
    definitions={key: definition_hashes(PARK, item) for key, item in PARK.actuators.items()}, orders="",
)  # fmt: skip


def payload(seq: int, **values: bool | float) -> Payload:
    metrics = tuple(
        Metric(
            name=key.replace("__", "/"),
            value=value,
            datatype=DataType.BOOLEAN if isinstance(value, bool) else DataType.DOUBLE,
            timestamp_ms=1000 + seq,
        )
        for key, value in values.items()
    )
    return Payload(timestamp_ms=1000 + seq, metrics=metrics, seq=seq)


def image(*, now_s: float = 100.0, **values: bool | float) -> Image:
    """An image born and heard at `now_s`, with `values` (`facility__point`) instead of the calm ones."""
    made = Image(PARK)
    made.take(Kind.NBIRTH, GW, None, Payload(timestamp_ms=1, seq=0))
    said = {**VALUES, **{key.replace("__", "/"): value for key, value in values.items()}}
    made.take(Kind.DBIRTH, GW, PLC, payload(1, **said))
    assert made.hear(BEAT, now_s=now_s)
    return made


def ref(text: str) -> PointRef:
    return PointRef(text)


def person(*roles: Role, username: str = "zhao", enterprise: str | None = None) -> Person:
    found = EnterpriseId(enterprise) if enterprise is not None else None
    return Person(
        username=username, display_name=username, roles=frozenset(roles), enterprise=found, session="s"
    )
