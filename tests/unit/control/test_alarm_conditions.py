"""The alarms of the system itself: a cabinet that does not answer while its gateway is heard."""

from dataclasses import replace
from typing import cast

from control.alarms.conditions import every, unreached
from control.alarms.service import UNREACHED_S, Alarms
from control.alarms.watch import Watch
from control.bell import Bell
from control.database.recorder import Recorder
from domain.alarm import AlarmState
from domain.words import Words
from runtime.clock import ManualClock
from tests.unit.control.world import BEAT, OUTLET, PARK, PLC, image

RULE = unreached(PARK, PLC)


class Database:
    """One that is there."""

    is_available = True


class Bench:
    """A gateway that is heard every second, and whose PLC answers or not."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.image = image(now_s=self.clock.monotonic())
        self.alarms = Alarms(Watch(()), self.image, cast("Recorder", Database()), self.clock, Bell())
        self.beats = 1

    def look(self, seconds: float, *, answers: bool, is_heard: bool = True) -> AlarmState:
        for _ in range(round(seconds)):
            self.clock.advance(1.0)
            if is_heard:
                self.beats += 1
                beat = replace(
                    BEAT,
                    sent_ms=self.beats,
                    challenge=str(self.beats),
                    ages_ms={PLC: 100 if answers else 60_000},
                )
                assert self.image.hear(beat, now_s=self.clock.monotonic())
            self.alarms._look()
        return self.alarms.watch.of(RULE.id).state


def test_a_cabinet_that_does_not_answer_is_alarmed_until_it_does() -> None:
    bench = Bench()
    assert bench.look(5, answers=True) is AlarmState.NORMAL
    assert bench.look(UNREACHED_S, answers=False) is AlarmState.NORMAL, "it may be slow, or restart"
    assert bench.look(2, answers=False) is AlarmState.ACTIVE_UNACK
    assert bench.look(60, answers=False) is AlarmState.ACTIVE_UNACK
    assert bench.look(1, answers=True) is AlarmState.CLEARED_UNACK
    assert bench.alarms.watch.of(RULE.id).occurrence == 1


def test_of_a_cabinet_behind_a_silent_gateway_nothing_new_is_said() -> None:
    bench = Bench()
    assert bench.look(60, answers=True, is_heard=False) is AlarmState.NORMAL
    assert bench.look(12, answers=False) is AlarmState.ACTIVE_UNACK
    assert bench.look(60, answers=True, is_heard=False) is AlarmState.ACTIVE_UNACK


def test_its_words_name_the_cabinet_and_survive_a_restart() -> None:
    assert RULE.words == Words(
        "排口无应答,其设备不能遥控", "outlet does not answer: nothing of it can be commanded"
    )
    assert RULE.facility is None, "it serves more than one"
    assert RULE in list(every(PARK))


def test_a_cabinet_that_serves_one_place_is_alarmed_there() -> None:
    own = {ref: point for ref, point in PARK.points.items() if point.facility == OUTLET}
    assert unreached(replace(PARK, points=own), PLC).facility == OUTLET
    assert unreached(replace(PARK, points={}), PLC).facility is None
