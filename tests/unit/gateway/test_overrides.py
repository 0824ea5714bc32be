"""Overrides at the edge: they end by themselves, without control and whatever the time of day does (I8)."""

import sqlite3
from dataclasses import replace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.order import Order, OrderKind, OrderSet
from domain.override import LIFE_MS_MAX
from gateway.field import Field
from gateway.ledger import Ledger
from gateway.overrides import Overrides
from gateway.records import Records
from runtime.clock import ManualClock
from tests.unit.control.world import OUTLET, PARK, RIVER

LOCK = PARK.actuators[OUTLET].permits[0]
HOUR_S = 3600


class Said:
    """The records that were made."""

    def __init__(self) -> None:
        self.made: list[tuple[str, object, object]] = []

    def make(self, kind: str, body: dict[str, object], *, actuator: str | None = None) -> None:
        self.made.append((kind, body["state"], actuator))


class Edge:
    """A gateway's overrides, as one run of it holds them."""

    def __init__(self, clock: ManualClock, ledger: Ledger | None = None) -> None:
        self.clock = clock
        self.ledger = ledger or Ledger.on(sqlite3.connect(":memory:", isolation_level=None))
        self.said = Said()
        self.is_off = False
        field = Field(PARK, [], clock)
        field.actuators = PARK.actuators
        self.overrides = Overrides(field, self.ledger, cast("Records", self.said), clock, lambda: self.is_off)

    def given(self, *, hours: float = 1.0, **more: object) -> Order:
        now_ms = self.clock.now_ms()
        order = Order(
            id="0" * 32,
            kind=OrderKind.OVERRIDE,
            actuator=OUTLET,
            by="qian",
            reason="校准",
            since_ms=now_ms,
            until_ms=now_ms + round(hours * HOUR_S * 1000),
            interlock=LOCK.id,
            condition=LOCK.expression.text,
            second="sun",
        )
        order = replace(order, **more)  # type: ignore[arg-type]
        self.ledger.hold(self.ledger.orders.merged(OrderSet().with_orders(order)))
        return order

    def stands(self) -> bool:
        self.overrides.look()
        return LOCK.id in self.overrides.of(OUTLET)


@pytest.fixture
def edge() -> Edge:
    return Edge(ManualClock())


def test_it_stands_until_its_end_and_then_the_interlock_is_back(edge: Edge) -> None:
    edge.given()
    assert edge.stands()
    edge.clock.advance(HOUR_S - 1)
    assert edge.stands()
    edge.clock.advance(1)
    assert not edge.stands()
    assert edge.said.made == [("override", "standing", OUTLET), ("override", "ended", OUTLET)]


def test_a_time_of_day_that_goes_back_prolongs_nothing(edge: Edge) -> None:
    edge.given()
    assert edge.stands()
    edge.clock.advance(1800)
    edge.clock.step_wall(-1000 * 1800)
    assert edge.stands()
    edge.clock.advance(1800)
    assert edge.clock.now_ms() < (edge.ledger.orders.orders["0" * 32].until_ms or 0)
    assert not edge.stands(), "an hour has passed by the monotonic clock"
    edge.clock.step_wall(-1000 * 600)
    assert not edge.stands(), "what has ended stays so"


def test_a_time_of_day_that_jumps_ahead_ends_it_for_good(edge: Edge) -> None:
    edge.given()
    assert edge.stands()
    edge.clock.step_wall(2 * HOUR_S * 1000)
    assert not edge.stands()
    edge.clock.step_wall(-2 * HOUR_S * 1000)
    assert not edge.stands()


def test_while_the_time_of_day_is_in_doubt_it_does_not_count(edge: Edge) -> None:
    edge.given()
    assert edge.stands()
    edge.is_off = True
    assert not edge.stands()
    edge.is_off = False
    assert edge.stands()
    assert [state for _, state, _ in edge.said.made] == ["standing", "void", "standing"]


def test_after_a_restart_it_stands_for_what_is_left_of_its_time(edge: Edge) -> None:
    edge.given()
    assert edge.stands()
    edge.clock.advance(1800)
    again = Edge(edge.clock, edge.ledger)
    assert again.stands()
    edge.clock.advance(1800)
    assert not again.stands()


def test_after_a_restart_with_a_clock_far_behind_it_does_not_count(edge: Edge) -> None:
    edge.given()
    edge.clock.step_wall(-10 * HOUR_S * 1000)
    assert not Edge(edge.clock, edge.ledger).stands()


def test_a_release_lifts_it_at_once(edge: Edge) -> None:
    order = edge.given()
    assert edge.stands()
    edge.ledger.hold(edge.ledger.orders.with_tombstones([order.id]))
    assert not edge.stands()
    assert edge.said.made[-1] == ("override", "lifted", OUTLET)


@pytest.mark.parametrize(
    "wrong",
    [
        {"second": "qian"},
        {"second": None},
        {"condition": "True"},
        {"interlock": "other"},
        {"actuator": RIVER},
    ],
    ids=str,
)
def test_the_edge_believes_no_override_that_is_not_as_it_must_be(
    edge: Edge, wrong: dict[str, object]
) -> None:
    edge.given(**wrong)
    assert not edge.stands()
    assert edge.overrides.of(RIVER) == {}
    assert edge.said.made == []


MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("advance"), st.floats(0.5, 1500)),
        st.tuples(st.just("step"), st.floats(-4000, 4000)),
        st.tuples(st.just("doubt"), st.just(0.0)),
        st.tuples(st.just("trust"), st.just(0.0)),
    ),
    max_size=30,
)


@given(MOVES)
def test_no_time_of_day_makes_it_last_longer_and_none_brings_it_back(moves: list[tuple[str, float]]) -> None:
    edge = Edge(ManualClock())
    edge.given()
    assert edge.stands()
    passed_s, has_ended = 0.0, False
    for what, amount in moves:
        match what:
            case "advance":
                edge.clock.advance(amount)
                passed_s += amount
            case "step":
                edge.clock.step_wall(round(amount * 1000))
            case _:
                edge.is_off = what == "doubt"
        stands = edge.stands()
        has_ended = has_ended or passed_s >= HOUR_S
        assert not (stands and (has_ended or edge.is_off))
        if edge.clock.now_ms() >= (edge.ledger.orders.orders["0" * 32].until_ms or 0):
            has_ended = True
            assert not stands


def test_one_longer_than_a_shift_counts_for_nothing(edge: Edge) -> None:
    edge.given(hours=LIFE_MS_MAX / 3_600_000 + 0.01)
    assert not edge.stands()
    assert edge.overrides.of("no_such") == {}  # type: ignore[arg-type]
