"""Heartbeats: what is fresh, what is stale, and what is an old pulse said again (I15)."""

from dataclasses import replace

import pytest

from control.live.pulse import (
    EPOCHS_MAX,
    SKEW_MS_MAX,
    STEADY_S,
    WINDOW_S,
    Pulse,
)
from domain.ids import DeviceId, GatewayId, ParkId
from wire.heartbeat import Heartbeat

PLC = DeviceId("plc_a")
BEAT = Heartbeat(
    park=ParkId("p"), gateway=GatewayId("gw"), epoch="a" * 32, challenge="c1", term=1, sent_ms=1000,
    ages_ms={"plc_a": 400, "plc_b": None}, stale_after_ms={"plc_a": 500, "plc_b": 500}, journal_payloads=0,
    journal_full=False, records_pending=0, clock_offset_ms=0, definitions={}, orders="",
)  # fmt: skip


def test_without_a_heartbeat_nothing_is_fresh() -> None:
    pulse = Pulse()
    assert not pulse.is_fresh(PLC, now_s=0.0)
    assert pulse.age_s(PLC, now_s=0.0) is None
    assert not pulse.is_heard(now_s=0.0)
    assert not pulse.is_steady, "nothing has shown that it speaks"
    assert pulse.state(now_s=0.0) == "offline"


@pytest.mark.parametrize(
    ("after_s", "is_fresh", "state"),
    [
        (0.0, True, "online"),
        (3.0, True, "online"),
        (3.1, False, "stale"),
        (10.0, False, "stale"),
        (10.1, False, "offline"),
    ],
)
def test_silence_makes_stale(after_s: float, is_fresh: bool, state: str) -> None:
    pulse = Pulse()
    assert pulse.take(BEAT, now_s=100.0)
    assert pulse.is_fresh(PLC, now_s=100.0 + after_s) is is_fresh
    assert pulse.state(now_s=100.0 + after_s) == state
    assert pulse.age_s(PLC, now_s=100.0 + after_s) == pytest.approx(0.4 + after_s)


def test_the_heartbeat_says_which_device_is_stale() -> None:
    pulse = Pulse()
    pulse.take(replace(BEAT, ages_ms={"plc_a": 501}), now_s=0.0)
    assert not pulse.is_fresh(PLC, now_s=0.0)
    assert not pulse.is_fresh(DeviceId("plc_b"), now_s=0.0)


def beat(number: int, up_s: float) -> Heartbeat:
    return replace(BEAT, challenge=str(number), sent_ms=1000 * number, up_ms=round(1000 * up_s))


def test_a_pulse_that_lay_in_a_broken_connection_makes_nothing_fresh() -> None:
    pulse = Pulse()
    for number in range(5):
        assert pulse.take(beat(number, 7000.0 + number), now_s=100.0 + number + 0.02 * (number % 2))
        assert pulse.is_fresh(PLC, now_s=100.1 + number) is (number > 0)
    assert pulse.take(beat(5, 7005.0), now_s=111.0)
    assert not pulse.is_fresh(PLC, now_s=111.0), "it was said six seconds before"
    assert pulse.age_s(PLC, now_s=111.0) == pytest.approx(6.4)
    assert pulse.silence_s(now_s=111.0) == pytest.approx(6.0)
    assert pulse.state(now_s=111.0) == "stale"
    assert pulse.received_s == 111.0
    assert pulse.take(beat(6, 7011.5), now_s=111.5)
    assert pulse.is_fresh(PLC, now_s=111.5), "this one came directly"


def test_the_first_of_a_gateway_that_lay_in_a_broker_s_queue_make_nothing_fresh() -> None:
    pulse = Pulse()
    for number, up_s in enumerate((7000.0, 7001.0, 7001.1)):
        assert pulse.take(beat(number, up_s), now_s=111.0 + 0.001 * number), "a link was cut for ten seconds"
        assert not pulse.is_fresh(PLC, now_s=111.0 + 0.001 * number), "nobody knows when they were said"
    assert pulse.take(beat(3, 7012.0), now_s=112.0)
    assert not pulse.is_fresh(PLC, now_s=112.0), "it outran them all, and may have lain somewhere as well"
    assert pulse.take(beat(4, 7012.0 + STEADY_S), now_s=112.0 + STEADY_S)
    assert pulse.is_fresh(PLC, now_s=112.0 + STEADY_S), "two that came as they were said"
    assert pulse.take(beat(5, 7013.0 + STEADY_S), now_s=113.0)
    assert pulse.is_fresh(PLC, now_s=113.0), "half a second is what networks do"
    assert pulse.take(replace(beat(6, 3.0), epoch="b" * 32), now_s=114.0)
    assert not pulse.is_fresh(PLC, now_s=114.0), "a new life has said nothing before"


def test_a_gateway_whose_machine_slept_is_believed_again_in_minutes() -> None:
    pulse = Pulse()
    pulse.take(beat(0, 50.0), now_s=0.0)
    for number in range(1, 400):
        received_s = 100.0 + number  # its clock stood still for a hundred seconds
        pulse.take(beat(number, 50.0 + number), now_s=received_s)
        assert pulse.is_heard(now_s=received_s) is (received_s > WINDOW_S)


def test_a_restarted_gateway_begins_its_clock_anew() -> None:
    pulse = Pulse()
    pulse.take(beat(0, 900.0), now_s=100.0)
    pulse.take(replace(beat(1, 3.0), epoch="b" * 32), now_s=101.0)
    assert pulse.silence_s(now_s=101.0) == 0.0


def test_an_old_pulse_said_again_makes_nothing_fresh() -> None:
    pulse = Pulse()
    later = replace(BEAT, challenge="c2", sent_ms=2000)
    restarted = replace(BEAT, epoch="b" * 32, challenge="c3", sent_ms=1500)
    assert pulse.take(BEAT, now_s=0.0)
    assert not pulse.take(BEAT, now_s=1.0)
    assert pulse.take(later, now_s=2.0)
    assert not pulse.take(BEAT, now_s=3.0)
    assert pulse.take(restarted, now_s=4.0), "a restart may step the clock back"
    assert not pulse.take(later, now_s=5.0), "its epoch is over"
    assert pulse.received_s == 4.0


@pytest.mark.parametrize(
    ("theirs_ms", "skew_ms"),
    [
        (None, 0),
        (502_000, 0),
        (498_000, 0),
        (502_001, 2_001),
        (497_999, -2_001),
        (500_000 + 3_600_000, 3_600_000),
        (500_000 - 3_600_000, -3_600_000),
    ],
)
def test_a_gateway_whose_clock_is_wrong_is_allowed_for(theirs_ms: int | None, skew_ms: int) -> None:
    pulse = Pulse()
    assert pulse.skew_ms(now_ms=500_000, now_s=100.0, speed=1.0) == 0
    assert pulse.take(replace(BEAT, now_ms=theirs_ms), now_s=100.0)
    assert pulse.skew_ms(now_ms=500_000, now_s=100.0, speed=1.0) == skew_ms
    assert pulse.skew_ms(now_ms=502_500, now_s=102.5, speed=1.0) == skew_ms, "it was heard 2.5 s ago"


def test_in_scaled_time_the_same_delay_is_a_longer_one() -> None:
    pulse = Pulse()
    assert pulse.take(replace(BEAT, now_ms=500_000 + 60 * SKEW_MS_MAX), now_s=100.0)
    assert pulse.skew_ms(now_ms=500_000, now_s=100.0, speed=60.0) == 0
    assert pulse.skew_ms(now_ms=500_000, now_s=100.0, speed=30.0) == 60 * SKEW_MS_MAX


def test_a_value_as_old_as_it_may_be_is_fresh_and_one_without_a_bound_never_is() -> None:
    pulse = Pulse()
    pulse.take(replace(BEAT, ages_ms={"plc_a": 500, "plc_c": 1}), now_s=0.0)
    assert pulse.is_fresh(PLC, now_s=0.0)
    assert not pulse.is_fresh(DeviceId("plc_c"), now_s=0.0)
    assert pulse.age_s(DeviceId("plc_d"), now_s=0.0) is None


def test_two_pulses_of_one_millisecond_are_two_and_each_counts_once() -> None:
    pulse = Pulse()
    assert pulse.take(BEAT, now_s=0.0)
    assert pulse.take(replace(BEAT, challenge="c2"), now_s=1.0)
    assert not pulse.take(replace(BEAT, challenge="c3", sent_ms=999), now_s=2.0)
    assert not pulse.take(replace(BEAT, challenge="c2", sent_ms=2000), now_s=3.0), "its challenge was said"
    assert (pulse.received_s, pulse.silence_s(now_s=4.0)) == (1.0, 3.0)


def test_as_many_past_epochs_are_known_as_said_and_the_oldest_goes_first() -> None:
    pulse = Pulse()
    epochs = [f"{number:032x}" for number in range(EPOCHS_MAX + 2)]
    for number, epoch in enumerate(epochs):
        assert pulse.take(replace(BEAT, epoch=epoch), now_s=float(number))
    now_s = float(len(epochs))
    assert not pulse.take(replace(BEAT, epoch=epochs[1]), now_s=now_s)
    assert not pulse.take(replace(BEAT, epoch=epochs[-2]), now_s=now_s)
    assert pulse.take(replace(BEAT, epoch=epochs[0]), now_s=now_s), (
        "it would have to be replayed over too many"
    )


@pytest.mark.parametrize(
    ("received", "late"),
    [
        ((0.0, 102.0, 201.0, 302.0, 402.0, 502.0), (0.0, 2.0, 1.0, 1.0, 1.0, 0.0)),
        ((0.0, 102.0, 202.0, WINDOW_S), (0.0, 2.0, 2.0, 0.0)),
        ((1.0, 102.0, 202.0, 302.0 - 1.0), (0.0, 1.0, 1.0, 0.0)),
        ((0.0, 102.0, 202.0, WINDOW_S + 2.0), (0.0, 2.0, 2.0, 0.0)),
    ],
)
def test_the_delay_is_held_against_the_quickest_of_the_last_minutes(
    received: tuple[float, ...], late: tuple[float, ...]
) -> None:
    """A beat is said each 100 s; the quickest counts for as long as the window, and not longer."""
    pulse, found = Pulse(), []
    for number, now_s in enumerate(received):
        assert pulse.take(beat(number + 1, 50.0 + 100.0 * number), now_s=now_s)
        found.append(pulse.silence_s(now_s=now_s))
    assert tuple(found) == late


def test_the_quickest_still_counts_at_the_end_of_its_minutes() -> None:
    pulse = Pulse()
    pulse.take(beat(1, 50.0), now_s=0.0)
    pulse.take(beat(2, 50.0 + WINDOW_S - 2.0), now_s=WINDOW_S)
    assert pulse.silence_s(now_s=WINDOW_S) == 2.0


def test_a_beat_as_quick_as_the_quickest_takes_its_place() -> None:
    pulse = Pulse()
    for number, now_s in enumerate((0.0, 200.0, 401.0)):
        pulse.take(beat(number + 1, 50.0 + 200.0 * number), now_s=now_s)
    assert pulse.silence_s(now_s=401.0) == 1.0, "the one of 200 s ago came as quickly as the first"


def test_a_beat_without_its_clock_is_taken_as_just_said() -> None:
    pulse = Pulse()
    pulse.take(beat(1, 50.0), now_s=0.0)
    pulse.take(replace(BEAT, challenge="c9", sent_ms=9000), now_s=9.0)
    assert pulse.silence_s(now_s=9.5) == 0.5


def test_slower_than_the_wall_no_less_is_allowed_for_and_a_delay_is_counted_in_model_time() -> None:
    pulse = Pulse()
    assert pulse.take(replace(BEAT, now_ms=500_000 + SKEW_MS_MAX), now_s=100.0)
    assert pulse.skew_ms(now_ms=500_000, now_s=100.0, speed=0.1) == 0
    far = Pulse()
    assert far.take(replace(BEAT, now_ms=900_000), now_s=100.0)
    assert far.skew_ms(now_ms=560_000, now_s=102.0, speed=30.0) == 400_000, "two seconds are a minute"
