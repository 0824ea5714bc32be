"""The edge's own hand under an order: what it remembers over a restart, when it moves, and what it tells of what it holds."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from domain.ids import PointRef
from domain.order import Order, OrderKind, OrderSet
from domain.park import Actuator, Park
from domain.quality import Quality
from domain.sample import NEVER_READ, Reading
from gateway.guard import Guard
from gateway.ledger import Ledger
from gateway.telling import Telling
from runtime.clock import ManualClock
from tests.fakes.memory_ledger import reopened
from tests.unit.control.world import OUTLET, PARK, RIVER
from wire.canonical import Json

FEEDBACK = replace(PARK.actuators[OUTLET].feedback, local_switches="local_switches", boots="boots")
COUNTED = replace(PARK.actuators[OUTLET], feedback=FEEDBACK)
ORDER = Order(id="0" * 32, kind=OrderKind.KEEP_CLOSED, actuator=OUTLET, by="zhao", reason="COD", since_ms=1)


class Edge:
    """One gate behind a gateway that may be killed."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.values: dict[str, bool | float | None] = {
            "opened": False, "closed": True, "remote": True, "fault": False, "local_switches": 2.0, "boots": 5.0,
        }  # fmt: skip
        self.park: Park = PARK
        self.records: list[tuple[str, dict[str, Json]]] = []
        self.moves: list[str] = []
        self.gateway = "gw"
        self.ledger = Ledger.open(Path(":memory:"))
        self.ledger.hold(OrderSet().with_orders(ORDER))
        self.start()

    def start(self) -> None:
        mine = cast("Any", self)
        self.guard = Guard(mine, mine, ledger=self.ledger, records=mine, clock=self.clock)

    def kill(self) -> None:
        self.ledger = reopened(self.ledger)
        self.start()

    def reading(self, ref: PointRef) -> Reading:
        value = self.values.get(ref.partition("/")[2])
        if value is None:
            return NEVER_READ
        return Reading(value=value, quality=Quality.GOOD, age_s=0.1, fresh=True)

    def was_just_moving(self, _: object) -> bool:
        return False

    def is_busy(self, _: object) -> bool:
        return False

    def make(self, kind: str, body: dict[str, Json], *, actuator: object = None) -> bytes:
        self.records.append((kind, body))
        return b""

    def look(self, after_s: float = 1.0, **values: bool | float | None) -> None:
        self.values.update(values)
        self.clock.advance(after_s)
        image = cast("Any", SimpleNamespace(stale_after_s=lambda *, speed: 2.0))

        def move(actuator: Actuator, author: str, reason: str) -> None:
            self.moves.append(author)

        self.guard.look(image, COUNTED, move)

    def acts(self) -> list[Json]:
        return [body["act"] for kind, body in self.records if kind == "reassert"]


@pytest.fixture
def edge() -> Edge:
    made = Edge()
    made.look()
    return made


def test_after_a_restart_it_brings_back_what_was_proved_and_untouched(edge: Edge) -> None:
    edge.kill()
    edge.look(opened=True, closed=False)
    assert (edge.acts(), edge.moves) == (["reassert"], ["edge:gw"])


def test_after_the_link_came_back_likewise(edge: Edge) -> None:
    edge.look(after_s=60.0, opened=True, closed=False)
    assert edge.acts() == ["reassert"]


@pytest.mark.parametrize("change", [{"local_switches": 3.0}, {"boots": 6.0}])
def test_a_counter_that_has_changed_asks_a_person(edge: Edge, change: dict[str, float]) -> None:
    edge.kill()
    edge.look(opened=True, closed=False, **change)
    edge.look()
    assert (edge.acts(), edge.moves) == (["confirm"], [])


def test_what_leaves_while_the_link_stands_asks_a_person(edge: Edge) -> None:
    edge.look(opened=True, closed=False)
    assert (edge.acts(), edge.moves) == (["confirm"], [])


def test_limits_read_before_the_counters_are_not_judged_without_them(edge: Edge) -> None:
    edge.kill()
    edge.look(opened=True, closed=False, boots=None)
    assert edge.acts() == []
    edge.look(boots=5.0)
    assert edge.acts() == ["reassert"]


def test_counters_that_stay_away_ask_a_person(edge: Edge) -> None:
    edge.kill()
    for _ in range(40):
        edge.look(opened=True, closed=False, boots=None)
    assert (edge.acts(), edge.moves) == (["confirm"], [])


def test_tries_are_counted_over_restarts(edge: Edge) -> None:
    for _ in range(5):
        edge.kill()
        edge.look(opened=True, closed=False)
    assert edge.acts() == ["reassert", "reassert", "reassert", "given_up"]


def test_a_released_order_brings_nothing_back(edge: Edge) -> None:
    edge.ledger.hold(edge.ledger.orders.with_tombstones([ORDER.id]))
    edge.kill()
    edge.look(opened=True, closed=False)
    assert (edge.acts(), edge.moves) == ([], [])


def test_what_the_centre_no_longer_holds_it_is_told_once_in_a_term() -> None:
    edge = Edge()
    dead = replace(ORDER, id="1" * 32)
    elsewhere = replace(ORDER, id="2" * 32, actuator=RIVER)
    edge.ledger.hold(edge.ledger.orders.with_orders(dead, elsewhere).with_tombstones([dead.id]))
    telling = Telling(edge.ledger, cast("Any", edge), {OUTLET: ()})
    for _ in range(4):
        telling.heard(OrderSet(), 3)
    said = sorted((body["order"]["id"], body["held"], body["released"]) for _, body in edge.records)  # type: ignore[index,call-overload]
    assert said == [(ORDER.id, True, False), (dead.id, True, True)]
    for _ in range(4):
        telling.heard(OrderSet(), 4)
    assert len(edge.records) == 4, "a new leader's database may be an old one"
    for _ in range(4):
        telling.heard(edge.ledger.orders, 5)
    assert len(edge.records) == 4
