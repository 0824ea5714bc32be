"""The live image: what a reading is worth after births, gaps, deaths and silence (I15)."""

from dataclasses import replace

from control.live.image import Image
from control.live.pulse import SILENCE_S_MAX
from domain.ids import DeviceId, GatewayId
from domain.position import Position
from domain.quality import Quality, Reason
from domain.sample import NEVER_READ
from tests.unit.control.world import BEAT, GW, OUTLET, PARK, PLC, image, payload, ref
from wire.sparkplug import DataType, Metric, Payload
from wire.topics import Kind

NOW_S = 100.0
CLOSED = ref("hc_outlet/closed")


def test_what_was_born_and_heard_is_trusted() -> None:
    made = image()
    reading = made.reading(CLOSED, now_s=NOW_S)
    assert reading.is_trusted
    assert made.indication(PARK.actuators[OUTLET], now_s=NOW_S).position is Position.CLOSED


def test_nothing_is_known_of_what_was_never_said() -> None:
    assert not image().reading(ref("hc_outlet/nothing"), now_s=NOW_S).is_trusted


def test_silence_of_the_gateway_makes_every_position_unknown() -> None:
    made = image()
    late_s = NOW_S + SILENCE_S_MAX + 0.1
    assert not made.reading(CLOSED, now_s=late_s).fresh
    found = made.indication(PARK.actuators[OUTLET], now_s=late_s)
    assert (found.position, found.last_seen) == (Position.UNKNOWN, Position.CLOSED)


def test_a_gap_makes_uncertain_and_says_so() -> None:
    made = image()
    changed = made.take(Kind.DDATA, GW, PLC, payload(7, hc_outlet__cod=1.0))
    assert set(changed) == set(PARK.points), "every point behind the gateway is another now"
    reading = made.reading(CLOSED, now_s=NOW_S)
    assert (reading.quality, reading.reason) == (Quality.UNCERTAIN, Reason.GAP)
    assert made.reading(ref("hc_outlet/cod"), now_s=NOW_S).value == 20.0, (
        "what came after the gap is not used"
    )
    assert made.indication(PARK.actuators[OUTLET], now_s=NOW_S).position is Position.UNKNOWN


def test_a_dead_device_and_a_dead_gateway_are_not_believed() -> None:
    made = image()
    assert made.take(Kind.DDEATH, GW, PLC, Payload(timestamp_ms=1, seq=2))
    assert made.reading(CLOSED, now_s=NOW_S).reason is Reason.LINK
    made = image()
    assert made.take(Kind.NDEATH, GW, None, Payload(timestamp_ms=1))
    assert made.reading(CLOSED, now_s=NOW_S).reason is Reason.LINK


def test_data_changes_what_it_names_and_no_more() -> None:
    made = image()
    assert made.take(Kind.DDATA, GW, PLC, payload(2, hc_outlet__cod=55.0)) == ("hc_outlet/cod",)
    assert made.reading(ref("hc_outlet/cod"), now_s=NOW_S).value == 55.0


def test_a_birth_takes_back_a_value_from_the_future() -> None:
    made = image()
    ahead = Metric(name="hc_outlet/cod", value=0.0, datatype=DataType.DOUBLE, timestamp_ms=1 << 50)
    made.take(Kind.DDATA, GW, PLC, Payload(timestamp_ms=1, metrics=(ahead,), seq=2))
    assert made.take(Kind.DDATA, GW, PLC, payload(3, hc_outlet__cod=55.0)) == ()
    assert made.reading(ref("hc_outlet/cod"), now_s=NOW_S).value == 0.0
    made.take(Kind.NBIRTH, GW, None, Payload(timestamp_ms=1, seq=0))
    made.take(Kind.DBIRTH, GW, PLC, payload(1, hc_outlet__cod=55.0))
    assert made.reading(ref("hc_outlet/cod"), now_s=NOW_S).value == 55.0


def test_an_unknown_gateway_an_unknown_point_and_another_devices_point_change_nothing() -> None:
    made = image()
    assert made.take(Kind.NBIRTH, GW.__class__("stranger"), None, Payload(timestamp_ms=1, seq=0)) == ()
    assert made.take(Kind.DDATA, GW, PLC, payload(2, nobody__cod=1.0)) == ()


def test_a_device_speaks_for_its_own_points_only() -> None:
    """A second device behind the same gateway names a point of the first: nothing of it is believed."""
    other = DeviceId("plc_b")
    level = replace(PARK.points[CLOSED], name="level", device=other)
    made = Image(
        replace(
            PARK,
            devices={**PARK.devices, other: replace(PARK.devices[PLC], id=other)},
            points={**PARK.points, level.ref: level},
        )
    )
    made.take(Kind.NBIRTH, GW, None, Payload(timestamp_ms=1, seq=0))
    assert set(made.take(Kind.DBIRTH, GW, PLC, payload(1, hc_outlet__closed=True))) == set(PARK.points)
    assert made.reading(ref("hc_outlet/cod"), now_s=NOW_S) == NEVER_READ, "its birth did not name it"
    said = payload(2, hc_outlet__closed=False, hc_outlet__level=True)
    assert made.take(Kind.DBIRTH, GW, other, said) == (level.ref,)
    assert made.take(Kind.DDATA, GW, other, payload(3, hc_outlet__closed=False)) == ()
    made.hear(replace(BEAT, ages_ms={PLC: 1, other: 1}, stale_after_ms={PLC: 5, other: 5}), now_s=NOW_S)
    assert made.reading(CLOSED, now_s=NOW_S).value is True
    assert made.reading(level.ref, now_s=NOW_S).value is True
    assert made.take(Kind.DDEATH, GW, other, Payload(timestamp_ms=1, seq=4)) == (level.ref,)
    assert made.trust_of(PLC, now_s=NOW_S) == (True, None)
    assert made.trust_of(other, now_s=NOW_S) == (True, Reason.LINK)
    everything = {*PARK.points, level.ref}
    assert set(made.points_of(GW)) == everything
    assert set(made.take(Kind.DDATA, GW, PLC, payload(9, hc_outlet__cod=1.0))) == everything, "after a gap"


def test_a_value_s_own_doubt_is_told_before_that_of_its_link() -> None:
    made = image()
    metric = Metric(
        name=CLOSED, value=True, datatype=DataType.BOOLEAN, timestamp_ms=1003, quality=Quality.BAD, reason=Reason.SENSOR_FAULT
    )  # fmt: skip
    made.take(Kind.DDATA, GW, PLC, Payload(timestamp_ms=1003, metrics=(metric,), seq=2))
    made.doubt_all()
    found = made.reading(CLOSED, now_s=NOW_S)
    assert (found.quality, found.reason, found.observed_ms) == (Quality.BAD, Reason.SENSOR_FAULT, 1003)


def test_a_value_without_any_time_is_older_than_all_others_and_one_of_a_death_is_none() -> None:
    made = Image(PARK)
    cod = ref("hc_outlet/cod")
    made.take(Kind.NBIRTH, GW, None, Payload(timestamp_ms=1, seq=0))
    metric = Metric(name=cod, value=5.0, datatype=DataType.DOUBLE, timestamp_ms=None)
    assert made.take(Kind.DBIRTH, GW, PLC, Payload(timestamp_ms=None, metrics=(metric,), seq=1))
    found = made.reading(cod, now_s=NOW_S)
    assert (found.value, found.observed_ms) == (5.0, 0)
    made.take(Kind.DDEATH, GW, PLC, payload(2, hc_outlet__cod=77.0))
    assert made.reading(cod, now_s=NOW_S).value == 5.0


def test_a_text_and_a_null_are_kept_and_a_node_s_own_message_looks_at_every_point_again() -> None:
    made = image()
    told = [
        Metric(name="hc_outlet/cod", value="甲-7", datatype=DataType.STRING, timestamp_ms=2000),
        Metric(name=CLOSED, value=None, datatype=DataType.BOOLEAN, timestamp_ms=2000, quality=Quality.BAD),
    ]
    changed = made.take(Kind.DDATA, GW, PLC, Payload(timestamp_ms=2000, metrics=tuple(told), seq=2))
    assert changed == (ref("hc_outlet/cod"), CLOSED)
    assert made.reading(ref("hc_outlet/cod"), now_s=NOW_S).value == "甲-7"
    assert made.reading(CLOSED, now_s=NOW_S).value is None
    assert set(made.take(Kind.NDATA, GW, None, Payload(timestamp_ms=2000, seq=3))) == set(PARK.points)


def test_what_a_heartbeat_says_was_sent_and_did_not_come_is_a_gap_after_the_next_or_after_a_silence() -> None:
    told = [replace(BEAT, challenge=f"c{number}", sent_ms=number, born_ms=1, told=5) for number in (2, 3)]
    made = image()
    assert made.hear(told[0], now_s=NOW_S + 1)
    assert made.hold_of(GW, PLC) is None, "it may be on its way"
    assert made.hear(told[1], now_s=NOW_S + 2)
    assert made.hold_of(GW, PLC) is Reason.GAP
    silent = image()
    assert silent.hear(told[0], now_s=NOW_S + SILENCE_S_MAX + 0.1)
    assert silent.hold_of(GW, PLC) is Reason.GAP, "it had all the silence to come in"


def test_a_heartbeat_counts_once() -> None:
    made = image()
    assert not made.hear(BEAT, now_s=NOW_S + 1), "the same one again"
    assert made.pulses[GW].received_s == NOW_S


def test_after_our_own_link_was_away_nothing_is_believed() -> None:
    made = image()
    made.doubt_all()
    assert not made.reading(CLOSED, now_s=NOW_S).is_trusted


def test_a_device_s_death_changes_its_points_and_a_gateway_s_all_of_them() -> None:
    made = image()
    assert set(made.take(Kind.DDEATH, GW, PLC, Payload(timestamp_ms=2000, seq=2))) == set(PARK.points)
    assert made.take(Kind.DDEATH, GW, PLC, Payload(timestamp_ms=2000, seq=3)), (
        "said again, it is looked at again"
    )
    assert set(made.take(Kind.NDEATH, GW, None, Payload(timestamp_ms=2000))) == set(PARK.points)
    assert made.trust_of(PLC, now_s=NOW_S) == (True, Reason.LINK)
    assert image().trust_of(PLC, now_s=NOW_S) == (True, None)
    assert image().trust_of(PLC, now_s=NOW_S + SILENCE_S_MAX + 0.1)[0] is False


def test_units_and_places() -> None:
    made = image()
    assert (made.unit_of(CLOSED), made.unit_of(ref("hc_outlet/cod"))) == ("boolean", "mg_L")
    assert made.facility_of(CLOSED) == OUTLET


def test_a_number_that_is_none_is_bad_and_says_why() -> None:
    made = image()
    said = payload(2, hc_outlet__cod=float("nan"))
    assert made.take(Kind.DDATA, GW, PLC, said) == (ref("hc_outlet/cod"),)
    found = made.reading(ref("hc_outlet/cod"), now_s=NOW_S)
    assert (found.value, found.quality, found.reason) == (None, Quality.BAD, Reason.RANGE)
    metric = Metric(
        name="hc_outlet/cod", value=float("inf"), datatype=DataType.DOUBLE, timestamp_ms=1003, reason=Reason.SENSOR_FAULT
    )  # fmt: skip
    made.take(Kind.DDATA, GW, PLC, Payload(timestamp_ms=1003, metrics=(metric,), seq=3))
    assert made.reading(ref("hc_outlet/cod"), now_s=NOW_S).reason is Reason.SENSOR_FAULT


def test_a_value_is_as_old_as_it_says_or_as_its_message_and_the_later_of_two_at_once_counts() -> None:
    made = image()
    cod = ref("hc_outlet/cod")

    def say(value: float, seq: int, *, at_ms: int | None, sent_ms: int | None = 3000) -> None:
        metric = Metric(name=cod, value=value, datatype=DataType.DOUBLE, timestamp_ms=at_ms)
        made.take(Kind.DDATA, GW, PLC, Payload(timestamp_ms=sent_ms, metrics=(metric,), seq=seq))  # type: ignore[arg-type]

    for value, at_ms, kept, kept_ms in (
        (1.0, 2000, 1.0, 2000),
        (2.0, 2000, 2.0, 2000),
        (3.0, 1999, 2.0, 2000),
        (4.0, None, 4.0, 3000),
    ):
        say(value, {1.0: 2, 2.0: 3, 3.0: 4, 4.0: 5}[value], at_ms=at_ms)
        found = made.reading(cod, now_s=NOW_S)
        assert (found.value, found.observed_ms) == (kept, kept_ms)


def test_a_heartbeat_of_a_stranger_is_none() -> None:
    assert not image().hear(replace(BEAT, gateway=GatewayId("stranger")), now_s=NOW_S)
