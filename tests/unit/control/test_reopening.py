"""Reopening: n passing samples, a second person, stages that are each verified, and an end at the first that is not (I9, I10)."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, cast

import pytest

from control.bell import Bell
from control.commands.book import Book
from control.commands.desk import Accepted, Declined, Outcome
from control.commands.gate import Request
from control.commands.orders import Orders
from control.commands.tracked import Tracked, Transition
from control.database.change import Change
from control.live.image import Image
from control.people.roles import Person, Role
from control.plans.passing import PassingSamples
from control.plans.reopener import RELEASE_S_MAX, Reopener
from control.plans.reopening import ReopeningRun, StageState, State, stages_of
from control.plans.reopening_entries import body, run_of
from domain.approval import VALID_MS
from domain.command import Action, Command, Phase
from domain.command import State as CommandState
from domain.drive import Setpoint
from domain.errors import StorageError
from domain.ids import CommandId, PointRef
from domain.interlock import Truth, parse
from domain.order import Order, OrderKind
from domain.park import Park
from domain.reopening import Opening, Passing, Reopening
from domain.words import Words
from runtime.clock import ManualClock
from tests.unit.control.world import BEAT, GW, OUTLET, PARK, PLC, VALUES, payload, person
from wire.canonical import Json
from wire.sparkplug import Payload
from wire.topics import Kind

COD = PointRef("hc_outlet/cod")
PASSING = Passing(condition=parse("hc_outlet.cod <= 100 * mg_L"), samples=3, every_s=60.0)
PROCEDURE = Reopening(
    id="reopen_hc",
    words=Words("恢复开启恒川", "reopen Hengchuan"),
    enterprise=None,
    passing=PASSING,
    openings=(Opening(id="outlet", actuator=OUTLET, stages=(20.0, 100.0), observe_s=30.0),),
)
SITE: Park = replace(
    PARK,
    actuators={**PARK.actuators, OUTLET: replace(PARK.actuators[OUTLET], drive=Setpoint(word=0, stop=1))},
    reopenings={PROCEDURE.id: PROCEDURE},
)
ZHAO, QIAN = person(Role.OPERATOR), replace(person(Role.SHIFT_CHIEF, username="qian"), session="s2")
OLD = Order(id="0" * 32, kind=OrderKind.KEEP_CLOSED, actuator=OUTLET, by="zhao", reason="COD", since_ms=1)
T, F, U = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN


class House:
    """A centre with one gate, an edge that takes orders when it is told to, and a desk that takes what it is asked for."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.book, self.orders = Book(), Orders(SITE)
        self.orders.add(OLD)
        self.kept: list[Change] = []
        self.is_gone = False
        self.gone: set[str] = set()
        self.asked: list[Request] = []
        self.answer: Callable[[Request], Outcome | None] = lambda _: None
        self.image = Image(SITE)
        self.image.take(Kind.NBIRTH, GW, None, Payload(timestamp_ms=1, seq=0))
        self.image.take(Kind.DBIRTH, GW, PLC, payload(1, **VALUES))
        self.seq, self.beats = 1, 0
        self.begin()
        self.hear()

    def begin(self) -> None:
        """Start the centre."""
        self.samples = PassingSamples(SITE, self.image, self.clock)
        mine = cast("Any", self)
        self.reopener = Reopener(
            SITE, self.image, mine, self.book, self.orders, mine, self.clock, Bell(), samples=self.samples,
            is_gone=self.gone.__contains__,
        )  # fmt: skip

    def hear(self, *, takes_orders: bool = True) -> None:
        self.beats += 1
        said = self.orders.of(GW).hash() if takes_orders else "other"
        beat = replace(BEAT, orders=said, sent_ms=self.clock.now_ms() + self.beats, challenge=str(self.beats))
        assert self.image.hear(beat, now_s=self.clock.monotonic())

    def water(self, cod: float) -> None:
        self.clock.advance(60)
        self.seq += 1
        told = replace(payload(self.seq, **{COD: cod}), seq=self.seq)
        metrics = tuple(replace(item, timestamp_ms=self.clock.now_ms()) for item in told.metrics)
        self.image.take(Kind.DDATA, GW, PLC, replace(told, metrics=metrics))
        self.hear()
        self.samples.see([COD])

    async def select(self, request: Request, person: Person) -> Outcome:
        self.asked.append(request)
        return self.answer(request) or Accepted(tracked=self._made(request, person, CommandState.SELECTED))

    async def operate(
        self, request: Request, person: Person, *, select: CommandId | None = None, run: str | None = None
    ) -> Outcome:
        if select is None:
            self.asked.append(request)
        made = self._made(request, person, CommandState.OPERATING)
        self.book.put(made, now_s=self.clock.monotonic())
        return Accepted(tracked=made)

    def ends(self, state: CommandState) -> None:
        """Let the newest command come out."""
        newest = self.book.newest(OUTLET)
        assert newest is not None
        entered = Transition(state=state, at_ms=self.clock.now_ms(), evidence={"x": 1})
        self.book.put(newest.reported(Phase.OPERATE, entered), now_s=self.clock.monotonic())

    async def keep(self, change: Change) -> None:
        self.kept.append(change)

    async def commit(self, change: Change) -> None:
        if self.is_gone:
            message = "gone"
            raise StorageError(message)
        self.kept.append(change)

    def kinds(self) -> list[str]:
        return [entry.kind for change in self.kept for entry in change.entries]

    async def running(self) -> ReopeningRun:
        """Three passing samples, asked for by one person, agreed to by another."""
        for _ in range(3):
            self.water(20.0)
        assert self.samples.passes(PROCEDURE)
        run = await self.reopener.start(PROCEDURE, ZHAO, reason="合格")
        return await self.reopener.approve(run, QIAN, dispatch_order=None, emergency=None)

    async def turn(self, run: ReopeningRun) -> ReopeningRun:
        await self.reopener.advance(run.id)
        return self.reopener.runs[run.id]

    def _made(self, request: Request, person: Person, state: CommandState) -> Tracked:
        key = CommandId(f"{len(self.asked):032x}")
        command = Command(
            id=key, actuator=request.actuator, action=request.action, parameters=request.parameters,
            author=person.username, reason="", state=state, changed_ms=self.clock.now_ms(),
        )  # fmt: skip
        now_ms = self.clock.now_ms()
        return Tracked(
            command=command, gateway=GW, created_ms=now_ms, expires_ms=now_ms + 60_000, is_away=True,
            wanted=Phase.OPERATE, messages={Phase.OPERATE: "t"}, sent=frozenset({Phase.OPERATE}),
        )  # fmt: skip


def play(scene: Callable[[House], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(scene(House()))


def states(run: ReopeningRun) -> list[str]:
    return [stage.state.value for stage in run.stages.values()]


def test_it_opens_in_stages_and_buries_exactly_the_orders_that_it_named() -> None:
    async def scene(house: House) -> None:
        run = await house.running()
        run = await house.turn(run)
        assert house.orders.held.keeping(OUTLET) == ()
        assert house.orders.held.tombstones == {OLD.id}
        assert states(run) == ["running", "waiting", "waiting"]
        house.hear()
        run = await house.turn(run)
        run = await house.turn(run)
        assert [(item.action, dict(item.parameters)) for item in house.asked] == [
            (Action.SET, {"opening_percent": 20.0})
        ]
        assert house.asked[0].consent is not None
        assert house.asked[0].consent.by == "qian"
        run = await house.turn(run)
        assert states(run)[1] == "running", "it waits for the proof"
        house.ends(CommandState.CONFIRMED)
        run = await house.turn(run)
        assert states(run)[1] == "observing"
        run = await house.turn(run)
        assert states(run)[1] == "observing", "and watches the water before it goes on"
        house.water(20.0)
        run = await house.turn(await house.turn(run))
        assert house.asked[-1].action is Action.OPEN
        house.ends(CommandState.CONFIRMED)
        run = await house.turn(run)
        house.water(20.0)
        run = await house.turn(await house.turn(run))
        assert run.state is State.DONE
        released = [
            entry for change in house.kept for entry in change.entries if entry.kind == "order.released"
        ]
        assert [entry.body["orders"] for entry in released] == [[OLD.id]]
        assert house.kinds()[0] == "reopening.asked"
        assert house.kinds()[-1] == "reopening.done"

    play(scene)


@pytest.mark.parametrize("outcome", [CommandState.FAILED, CommandState.UNKNOWN])
def test_it_stops_at_the_first_stage_that_is_not_verified(outcome: CommandState) -> None:
    async def scene(house: House) -> None:
        run = await house.turn(await house.running())
        house.hear()
        run = await house.turn(await house.turn(run))
        house.ends(outcome)
        run = await house.turn(run)
        assert run.state is State.STOPPED
        assert states(run) == ["confirmed", "failed", "skipped"]
        count = len(house.asked)
        await house.turn(run)
        assert len(house.asked) == count

    play(scene)


def test_a_select_that_is_refused_ends_it_with_its_reasons() -> None:
    async def scene(house: House) -> None:
        reason: Json = {"code": "blocked-by-interlocking"}
        house.answer = lambda _: Declined(code="blocked-by-interlocking", reasons=(reason,))
        run = await house.turn(await house.running())
        house.hear()
        run = await house.turn(await house.turn(run))
        assert (run.state, run.stages["outlet_1"].reasons) == (State.STOPPED, (reason,))

    play(scene)


def test_an_order_that_came_meanwhile_voids_it_and_is_not_buried() -> None:
    async def scene(house: House) -> None:
        run = await house.running()
        house.orders.add(replace(OLD, id="1" * 32))
        run = await house.turn(run)
        assert run.state is State.VOIDED
        assert not house.orders.held.tombstones
        assert house.asked == []

    play(scene)


def test_an_order_that_comes_after_the_release_voids_it_too() -> None:
    async def scene(house: House) -> None:
        run = await house.turn(await house.running())
        house.hear()
        run = await house.turn(run)
        house.orders.add(replace(OLD, id="1" * 32))
        run = await house.turn(run)
        assert run.state is State.VOIDED
        assert house.asked == []

    play(scene)


def test_without_a_second_person_or_with_an_old_word_nothing_is_released() -> None:
    async def scene(house: House) -> None:
        for _ in range(3):
            house.water(20.0)
        run = await house.reopener.start(PROCEDURE, ZHAO, reason="合格")
        assert (await house.turn(run)).state is State.WAITING_APPROVAL
        run = await house.reopener.approve(run, QIAN, dispatch_order=None, emergency=None)
        house.clock.advance(VALID_MS / 1000 + 1)
        run = await house.turn(run)
        assert run.state is State.WAITING_APPROVAL
        own = await house.reopener.approve(run, ZHAO, dispatch_order=None, emergency=None)
        assert (await house.turn(own)).state is State.WAITING_APPROVAL, "never by who asked for it"
        assert house.orders.held.keeping(OUTLET) == (OLD,)

    play(scene)


def test_an_edge_that_does_not_take_the_release_keeps_the_gate_shut() -> None:
    async def scene(house: House) -> None:
        run = await house.turn(await house.running())
        house.hear(takes_orders=False)
        run = await house.turn(run)
        assert run.state is State.RUNNING
        house.clock.advance(RELEASE_S_MAX + 1)
        run = await house.turn(run)
        assert run.state is State.STOPPED
        assert house.asked == []

    play(scene)


def test_without_the_database_nothing_is_released() -> None:
    async def scene(house: House) -> None:
        run = await house.running()
        house.is_gone = True
        run = await house.turn(run)
        assert run.state is State.STOPPED
        assert house.orders.held.keeping(OUTLET) == (OLD,)

    play(scene)


def test_water_that_fails_while_it_opens_closes_the_gate_again_and_keeps_it_closed() -> None:
    async def scene(house: House) -> None:
        run = await house.turn(await house.running())
        house.hear()
        run = await house.turn(await house.turn(run))
        house.ends(CommandState.CONFIRMED)
        run = await house.turn(run)
        house.water(400.0)
        run = await house.turn(run)
        assert run.state is State.STOPPED
        assert house.asked[-1].action is Action.CLOSE
        assert len(house.orders.held.keeping(OUTLET)) == 1

    play(scene)


def test_after_a_restart_nothing_opens_by_itself() -> None:
    async def scene(house: House) -> None:
        run = await house.turn(await house.running())
        house.begin()
        await house.reopener.take(run_of(body(run)))
        after = house.reopener.runs[run.id]
        assert after.state is State.STOPPED
        assert run_of(body(after)) == after
        await house.turn(after)
        assert house.asked == []
        assert house.samples.of(PROCEDURE) == (), "and the water has to be shown anew"

    play(scene)


def test_an_abort_begins_nothing_more() -> None:
    async def scene(house: House) -> None:
        run = await house.turn(await house.running())
        run = await house.reopener.abort(run, QIAN)
        assert (await house.turn(run)).state is State.ABORTED
        assert run.stages["outlet_1"].state is StageState.SKIPPED

    play(scene)


def test_each_actuator_is_let_go_only_when_its_turn_has_come() -> None:
    both = replace(PROCEDURE, openings=(*PROCEDURE.openings, Opening(id="b", actuator=OUTLET, stages=())))
    assert [stage.id for stage in stages_of(both, SITE)] == [
        "outlet_release",
        "outlet_1",
        "outlet_2",
        "b_release",
    ]


@pytest.mark.parametrize("who", ["zhao", "qian"])
def test_who_was_shut_out_opens_nothing_any_more(who: str) -> None:
    async def scene(house: House) -> None:
        run = await house.running()
        house.gone.add(who)
        run = await house.turn(run)
        assert run.state is State.VOIDED
        assert house.orders.held.keeping(OUTLET) == (OLD,)

    play(scene)
