"""What a gateway and the centre remember for interlocks that look back: over own points, through silence and a changed park."""

from dataclasses import replace

from control.live.memory import Memory as CentreMemory
from domain.ids import PointRef
from domain.interlock import BOOLEAN, Interlock, Truth, parse
from domain.park import Park
from domain.quality import Quality
from domain.sample import NEVER_READ, Reading
from domain.words import Words
from gateway.memory import GAP_S, Memory
from runtime.clock import ManualClock
from runtime.elapsed import Elapsed
from tests.unit.control.world import BEAT, GW, OUTLET, PARK, PLC, image, payload
from wire.topics import Kind

HELD = "held(hc_outlet.cod <= 100 * mg_L, 10 * s)"
RATE = "rate(hc_outlet.cod, 10 * s)"
COD = PointRef("hc_outlet/cod")


def park(*texts: str) -> Park:
    locks = tuple(
        Interlock(id=f"lock_{number}", expression=parse(text), words=Words("一", "one"))
        for number, text in enumerate(texts)
    )
    outlet = replace(PARK.actuators[OUTLET], permits=locks)
    return replace(PARK, actuators={**PARK.actuators, OUTLET: outlet})


LOOKING = park(HELD, f"{RATE} <= 1 * mg_L / s")


class Edge:
    """A memory, and one point that is read as a test says."""

    def __init__(self, *, speed: float = 1.0, own: bool = True) -> None:
        self.clock = ManualClock(speed=speed)
        self.reading: Reading = NEVER_READ
        self.memory = Memory(
            self.clock, lambda _: self.reading, lambda ref: BOOLEAN if ref != COD else "mg_L"
        )
        self.is_own = own
        self.memory.change(LOOKING, lambda _: self.is_own)

    def go(self, model_s: float, cod: float | None) -> None:
        self.clock.advance(model_s)
        self.reading = (
            NEVER_READ
            if cod is None
            else Reading(value=cod, quality=Quality.GOOD, observed_ms=1, age_s=0.0, fresh=True)
        )
        self.memory.polled(PLC)


def test_it_knows_nothing_until_enough_was_seen() -> None:
    edge = Edge()
    assert edge.memory.recall(HELD) is Truth.UNKNOWN
    for _ in range(11):
        edge.go(1.0, 20.0)
    assert edge.memory.recall(HELD) is Truth.TRUE
    assert edge.memory.recall(RATE) == 0.0
    edge.go(1.0, 400.0)
    assert edge.memory.recall(HELD) is Truth.FALSE
    assert edge.memory.recall("held(hc_outlet.fault, 10 * s)") is None


def test_model_time_counts_and_a_stalled_process_proves_nothing() -> None:
    edge = Edge(speed=10.0)
    for _ in range(3):
        edge.go(5.0, 20.0)
    assert edge.memory.recall(HELD) is Truth.TRUE
    edge.clock.advance(10.0 * GAP_S + 1.0)
    assert edge.memory.recall(HELD) is Truth.UNKNOWN
    assert edge.memory.recall(RATE) is None


def test_a_time_of_day_that_steps_changes_nothing() -> None:
    edge = Edge()
    edge.go(1.0, 20.0)
    edge.clock.step_wall(3_600_000)
    edge.go(1.0, 20.0)
    assert edge.memory.recall(HELD) is Truth.UNKNOWN
    passed = Elapsed(edge.clock)
    edge.clock.step_wall(-7_200_000)
    assert passed() == 0.0
    edge.clock.advance(2.0)
    assert passed() == 2.0


def test_silence_is_seen_between_polls() -> None:
    edge = Edge()
    for _ in range(11):
        edge.go(1.0, 20.0)
    edge.reading = NEVER_READ
    edge.clock.advance(0.5)
    edge.memory.look()
    edge.go(0.5, 20.0)
    assert edge.memory.recall(HELD) is Truth.UNKNOWN


def test_only_own_points_are_remembered() -> None:
    edge = Edge(own=False)
    assert not edge.memory.holds(HELD)
    assert edge.memory.recall(HELD) is None
    edge.memory.polled(PLC)


def test_a_changed_park_forgets_what_is_read_otherwise_now() -> None:
    edge = Edge()
    for _ in range(11):
        edge.go(1.0, 20.0)
    edge.memory.change(park(HELD), lambda _: True)
    assert edge.memory.recall(HELD) is Truth.TRUE
    assert not edge.memory.holds(RATE)
    other = replace(LOOKING.points[COD], factor=None, dead_band=5.0)
    edge.memory.change(replace(park(HELD), points={**LOOKING.points, COD: other}), lambda _: True)
    assert edge.memory.recall(HELD) is Truth.UNKNOWN


def test_the_centre_remembers_what_its_image_says_and_for_how_long() -> None:
    clock = ManualClock()
    live = image(now_s=clock.monotonic())
    live.park = LOOKING
    memory = CentreMemory(live, clock)
    for second in range(12):
        clock.advance(1.0)
        beat = replace(BEAT, sent_ms=2 + second, challenge=str(second))
        assert live.hear(beat, now_s=clock.monotonic())
        memory.see([COD])
    assert memory.recall(HELD) is Truth.TRUE
    assert memory.so_far_s(HELD) == 10.0
    assert memory.recall(RATE) == 0.0
    live.take(Kind.DDATA, GW, PLC, payload(2, hc_outlet__cod=400.0))
    memory.look()
    assert memory.recall(HELD) is Truth.FALSE
    assert memory.so_far_s(HELD) == 0.0
    clock.advance(4.0)
    assert memory.recall(RATE) is None, "the gateway is silent"
    assert memory.so_far_s("held(hc_outlet.fault, 10 * s)") is None
