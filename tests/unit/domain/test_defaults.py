"""What holds of a thing in the park of which nothing more was said: nothing scaled, trusted, guarded, signed or begun by silence."""

from dataclasses import replace

from domain.admission import Situation, admit
from domain.alarm import Alarm, AlarmRule, AlarmState, Side
from domain.approval import Consent
from domain.command import Action
from domain.connection import Parity, Serial
from domain.drive import MomentaryCoils, Pulse, Repeat, Table, Write
from domain.explained import Effect, Kind, Node
from domain.ids import DeviceId, EnterpriseId, FacilityId, GatewayId, PointRef, RuleId
from domain.interlock import Truth, parse
from domain.logger import Edition, Logger, Mode
from domain.order import Order, OrderKind, OrderSet
from domain.park import (
    Device,
    Enterprise,
    Facility,
    FacilityKind,
    Point,
    PollGroup,
    Register,
    RegisterType,
    Risk,
    Tier,
)
from domain.refusal import Cause, Code, Refused
from domain.reopening import Opening
from domain.safety import SafetyProperty
from domain.words import Words
from tests.unit.domain.test_admission import GATE, Scene

W = Words("名", "name")


def test_a_register_is_taken_as_it_is_and_a_point_told_once_a_minute() -> None:
    register = Register(table=Table.HOLDING, address=0, type=RegisterType.UINT16)
    assert (register.scale, register.offset, register.length) == (1.0, 0.0, 1)
    point = Point(
        facility=FacilityId("gate"),
        name="level",
        words=W,
        device=DeviceId("plc"),
        register=register,
        unit="m",
    )
    assert (point.group, point.dead_band, point.silence_s_max) == ("normal", 0.0, 60.0)
    assert not PollGroup(name="normal", period_s=1.0).is_critical


def test_a_device_is_asked_for_120_registers_at_most_and_waited_for_a_second() -> None:
    device = Device(
        id=DeviceId("plc"), gateway=GatewayId("gw"), words=W, host="h", port=502, unit_id=1, template="t", groups={}
    )  # fmt: skip
    assert (device.block_registers_max, device.timeout_s) == (120, 1.0)
    line = Serial(path="/dev/ttyS0")
    assert (line.baud, line.parity, line.stop_bits) == (9600, Parity.EVEN, 1)


def test_a_logger_is_told_nothing_and_asked_for_nothing_unasked() -> None:
    logger = Logger(mn="1" * 24, password_file="p", edition=Edition.V2017, mode=Mode.STRICT)
    assert (logger.sets_clock, logger.history_s) == (False, 0.0)


def test_a_write_goes_out_at_once_and_a_pulse_lasts_half_a_second() -> None:
    assert Write(table=Table.COIL, address=1, value=1).after_s == 0.0
    coils = MomentaryCoils(open=1, close=2, stop=3, pulse=Pulse.GATEWAY_RESETS, repeat=Repeat.SAFE)
    assert coils.width_s == 0.5


def test_a_facility_stands_at_the_corner_and_a_plant_names_nobody() -> None:
    facility = Facility(id=FacilityId("pool"), words=W, kind=FacilityKind.ACCIDENT_POOL, tier=Tier.ENTERPRISE)
    assert (facility.x, facility.y) == (0.0, 0.0)
    assert Enterprise(id=EnterpriseId("hc"), words=W, risk=Risk.MAJOR).contact == ""


def test_an_opening_is_one_stage_that_is_not_waited_for() -> None:
    opening = Opening(id="o", actuator=FacilityId("gate"))
    assert (opening.stages, opening.observe_s) == ((100.0,), 0.0)


def test_a_safety_property_holds_also_where_its_premise_is_not_known() -> None:
    made = SafetyProperty(id="p", words=W, premise=parse("True"), never=parse("False"))
    assert (made.is_premise_known, made.has_way_back) == (False, True)


def test_an_alarm_has_never_been_raised_and_one_sample_raises_it() -> None:
    alarm = Alarm(rule=RuleId("high"))
    assert (alarm.state, alarm.occurrence, alarm.beyond) == (AlarmState.NORMAL, 0, 0)
    rule = AlarmRule(
        id=RuleId("high"), point=PointRef("p/cod"), side=Side.ABOVE, limit=1.0, hysteresis=0.0, severity=1, words=W
    )  # fmt: skip
    assert rule.samples == 1


def test_no_consent_is_an_emergency() -> None:
    assert not Consent(by="li", content_hash="h", at_ms=1, basis="调 9").is_emergency


def test_a_node_wants_its_truth_and_has_no_text() -> None:
    node = Node(kind=Kind.CHECK, words=W, truth=Truth.TRUE, effect=Effect.PASSES)
    assert (node.text, node.wanted) == ("", True)


def test_a_situation_is_in_no_doubt_and_names_nobody() -> None:
    calm = Scene().situation()
    situation = Situation(read=calm.read, unit_of=calm.unit_of, orders=OrderSet(), executing=Action.CLOSE)
    found = admit(GATE, Action.OPEN, situation)
    assert isinstance(found, Refused)
    assert [(cause.code, dict(cause.values)) for cause in found.reasons] == [(Code.BUSY, {})]
    assert Cause(code=Code.BUSY).detail == ""
    assert (situation.owner, situation.drive, situation.author) == ("", "", "")


def test_what_a_set_of_orders_has_sorted_out_is_no_part_of_it() -> None:
    order = Order(
        id="a", kind=OrderKind.TAG_OUT, actuator=FacilityId("gate"), by="op", reason="x", since_ms=1
    )
    asked, never_asked = OrderSet().with_orders(order), OrderSet().with_orders(order)
    shown = repr(asked)
    assert asked.standing(FacilityId("gate"), OrderKind.TAG_OUT) == (order,)
    assert (asked, repr(asked)) == (never_asked, shown)
    released = replace(asked, tombstones=frozenset({"a"}))
    assert released.standing(FacilityId("gate"), OrderKind.TAG_OUT) == ()
