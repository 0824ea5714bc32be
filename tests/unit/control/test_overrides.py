"""Overrides and tags at the centre: two persons, ends that come by themselves, and one record of every change."""

import asyncio
from dataclasses import replace
from typing import cast

import pytest

from control.alarms.conditions import tag_overdue
from control.alarms.service import Alarms
from control.alarms.watch import Watch
from control.bell import Bell
from control.commands.orders import WAITING_MAX, Orders
from control.commands.overrides import Overrides
from control.commands.pending import Pending
from control.commands.tags import AHEAD_MS_MAX, Tags
from control.database.change import Change
from control.database.recorder import Recorder
from control.people.roles import Person, Role
from domain.alarm import AlarmState
from domain.approval import VALID_MS
from domain.errors import StorageError
from domain.ids import FacilityId
from domain.order import Order, OrderKind
from domain.override import LIFE_MS_MAX
from domain.refusal import Cause, Code
from runtime.clock import ManualClock
from tests.unit.control.world import OUTLET, PARK, RIVER, image, person

CHIEF = replace(person(Role.SHIFT_CHIEF, username="qian"), session="s1")
ENGINEER = replace(person(Role.ENGINEER, username="sun"), session="s2")
OTHER_CHIEF = replace(person(Role.SHIFT_CHIEF, username="li"), session="s3")
GATE = PARK.actuators[OUTLET]
HOUR_MS = 3_600_000


class Kept:
    """A recorder that remembers, and may be gone."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.is_available = True

    async def commit(self, change: Change) -> None:
        await asyncio.sleep(0)
        if not self.is_available:
            raise StorageError("gone")
        self.changes.append(change)

    async def keep(self, change: Change) -> None:
        self.changes.append(change)

    @property
    def kinds(self) -> list[str]:
        return [entry.kind for change in self.changes for entry in change.entries]


class Desk:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.kept = Kept()
        self.orders = Orders(PARK)
        self.overrides = Overrides(PARK, self.orders, cast("Recorder", self.kept), self.clock)
        self.tags = Tags(PARK, self.orders, cast("Recorder", self.kept), self.clock)

    async def ask(self, who: Person = CHIEF, **more: object) -> Pending | Cause:
        asked = {"reason": "分析仪校准", "until_ms": self.clock.now_ms() + HOUR_MS, **more}
        interlock = str(asked.pop("interlock", "clean"))
        actuator = PARK.actuators[asked.pop("actuator", OUTLET)]  # type: ignore[index]
        return await self.overrides.ask(actuator, interlock, who, **asked)  # type: ignore[arg-type]

    async def wish(self) -> Pending:
        made = await self.ask()
        assert isinstance(made, Pending)
        return made

    async def given(self) -> Order:
        wish = await self.wish()
        made = await self.overrides.approve(wish, ENGINEER, content_hash=wish.content_hash)
        assert isinstance(made, Order)
        return made

    async def hung(self, by: str = "wang", until_ms: int | None = None) -> Order:
        made = await self.tags.hang(OUTLET, by=by, reason="换密封", until_ms=until_ms)
        assert isinstance(made, Order)
        return made


async def test_two_persons_give_an_override_and_it_ends_by_itself() -> None:
    desk = Desk()
    wish = await desk.wish()
    assert desk.overrides.of(OUTLET) == (), "asking overrides nothing"
    given = await desk.overrides.approve(wish, ENGINEER, content_hash=wish.content_hash)
    assert isinstance(given, Order)
    assert (given.by, given.second, given.interlock) == ("qian", "sun", "clean")
    assert given.condition == GATE.permits[0].expression.text
    assert desk.overrides.of(OUTLET) == (given,)
    assert desk.orders.waiting == {}
    desk.clock.advance(3599)
    await desk.overrides.look()
    assert desk.overrides.of(OUTLET) == (given,)
    desk.clock.advance(1)
    await desk.overrides.look()
    await desk.overrides.look()
    assert desk.overrides.of(OUTLET) == ()
    assert given.id in desk.orders.held.tombstones
    assert desk.kept.kinds == ["override.asked", "override.given", "override.ended"]
    row = desk.kept.changes[1].writes[0].row
    assert (row["interlock"], row["second"], row["until_ms"]) == ("clean", "sun", given.until_ms)
    assert desk.kept.changes[2].entries[0].actor == "system"


@pytest.mark.parametrize(
    ("who", "code"),
    [
        (CHIEF, Code.APPROVAL),
        (replace(CHIEF, session="s9"), Code.APPROVAL),
        (replace(ENGINEER, session="s1"), Code.APPROVAL),
    ],
)
async def test_the_second_person_is_another_identity_in_another_session(who: Person, code: Code) -> None:
    desk = Desk()
    wish = await desk.wish()
    refused = await desk.overrides.approve(wish, who, content_hash=wish.content_hash)
    assert isinstance(refused, Cause)
    assert refused.code is code
    assert desk.overrides.of(OUTLET) == ()
    assert wish.id in desk.orders.waiting


async def test_the_second_person_agrees_to_what_was_shown_and_in_time() -> None:
    desk = Desk()
    wish = await desk.wish()
    other = await desk.overrides.approve(wish, ENGINEER, content_hash="0" * 64)
    assert isinstance(other, Cause)
    desk.clock.advance(VALID_MS / 1000)
    late = await desk.overrides.approve(wish, ENGINEER, content_hash=wish.content_hash)
    assert isinstance(late, Cause)
    assert late.code is Code.TIME_LIMIT
    await desk.overrides.look()
    assert desk.orders.waiting == {}
    assert desk.kept.kinds == ["override.asked", "override.lapsed"]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"actuator": RIVER}, Code.MODE),
        ({"interlock": "no_such"}, Code.MALFORMED),
        ({"until_ms": ManualClock().now_ms()}, Code.MALFORMED),
        ({"until_ms": ManualClock().now_ms() + LIFE_MS_MAX + 1}, Code.MALFORMED),
    ],
)
async def test_what_cannot_be_overridden_is_refused(asked: dict[str, object], code: Code) -> None:
    desk = Desk()
    refused = await desk.ask(**asked)
    assert isinstance(refused, Cause)
    assert refused.code is code
    assert desk.kept.changes == []


async def test_one_interlock_is_overridden_once() -> None:
    desk = Desk()
    wish = await desk.wish()
    assert isinstance(await desk.ask(OTHER_CHIEF), Cause)
    await desk.overrides.approve(wish, ENGINEER, content_hash=wish.content_hash)
    assert isinstance(await desk.ask(OTHER_CHIEF), Cause)


async def test_it_is_lifted_early_even_without_the_database() -> None:
    desk = Desk()
    given = await desk.given()
    desk.kept.is_available = False
    await desk.overrides.lift(given, by="zhao")
    assert desk.overrides.all() == ()
    assert desk.kept.kinds[-1] == "override.lifted"
    assert desk.kept.changes[-1].entries[0].actor == "zhao"


async def test_without_the_log_nobody_asks_and_nobody_agrees() -> None:
    desk = Desk()
    wish = await desk.wish()
    desk.kept.is_available = False
    with pytest.raises(StorageError):
        await desk.overrides.approve(wish, ENGINEER, content_hash=wish.content_hash)
    assert desk.overrides.all() == ()
    assert wish.id in desk.orders.waiting
    nobody = Desk()
    nobody.kept.is_available = False
    with pytest.raises(StorageError):
        await nobody.ask()
    assert nobody.orders.waiting == {}


async def test_a_wish_is_taken_back_and_too_many_are_refused() -> None:
    desk = Desk()
    wish = await desk.wish()
    await desk.overrides.take_back(wish, by="qian")
    await desk.overrides.take_back(wish, by="qian")
    assert desk.kept.kinds == ["override.asked", "override.withdrawn"]
    desk.orders.waiting.update({str(number): replace(wish, id=str(number)) for number in range(WAITING_MAX)})
    assert isinstance(await desk.ask(), Cause)


async def test_what_is_ended_while_the_disk_takes_its_time_is_not_ended_again() -> None:
    desk = Desk()
    wish = await desk.wish()
    given = replace(wish.order, second="sun")
    desk.orders.waiting["again"] = replace(wish, id="again")
    for name in ("one", "two"):
        desk.orders.add(replace(given, id=name))
    keep = desk.kept.keep

    async def slow(change: Change) -> None:
        desk.kept.keep = keep  # type: ignore[method-assign]
        await desk.overrides.take_back(desk.orders.waiting["again"], by="qian")
        await desk.overrides.lift(replace(given, id="two"), by="qian")
        await keep(change)

    desk.clock.advance(HOUR_MS / 1000)
    desk.kept.keep = slow  # type: ignore[method-assign]
    await desk.overrides.look()
    assert desk.kept.kinds[1:] == [
        "override.withdrawn",
        "override.lifted",
        "override.lapsed",
        "override.ended",
    ]
    await desk.overrides.lift(replace(given, id="one"), by="qian")
    assert len(desk.kept.kinds) == 5, "what has ended is not lifted"


async def test_who_hung_a_tag_lifts_it_and_nobody_else_does_alone() -> None:
    desk = Desk()
    tag = await desk.hung()
    for who in ("qian", "sun"):
        refused = await desk.tags.take_down(OUTLET, by=who)
        assert refused is not None
        assert refused.values == {"by": "wang"}
    assert desk.tags.on(OUTLET) == (tag,)
    operator = replace(person(Role.OPERATOR, username="zhao"), session="s4")
    assert isinstance(await desk.tags.ask(tag, operator, reason="x"), Cause)
    assert await desk.tags.take_down(OUTLET, by="wang") is None
    assert desk.tags.on(OUTLET) == ()
    assert desk.kept.kinds == ["tag.hung", "tag.lifted"]
    assert await desk.tags.take_down(OUTLET, by="wang") is None, "nothing hangs"


async def test_two_who_lift_a_tag_at_once_lift_it_once() -> None:
    desk = Desk()
    tag = await desk.hung()
    wish = await desk.tags.ask(tag, CHIEF, reason="本人已离厂")
    assert isinstance(wish, Pending)
    own, again, late = await asyncio.gather(
        desk.tags.take_down(OUTLET, by="wang"),
        desk.tags.take_down(OUTLET, by="wang"),
        desk.tags.approve(wish, ENGINEER, content_hash=wish.content_hash),
    )
    assert own is again is None
    assert isinstance(late, Cause), "who agrees to what is lifted already is told so"
    assert desk.kept.kinds == ["tag.hung", "tag.lift_asked", "tag.lifted"]
    assert desk.orders.waiting == {}


async def test_two_who_ask_for_the_same_at_once_ask_once() -> None:
    desk = Desk()
    tag = await desk.hung()
    made = await asyncio.gather(desk.ask(), desk.ask(OTHER_CHIEF))
    made += await asyncio.gather(*(desk.tags.ask(tag, who, reason="x") for who in (CHIEF, ENGINEER)))
    assert [type(item) for item in made] == [Pending, Cause, Pending, Cause]
    assert desk.kept.kinds == ["tag.hung", "override.asked", "tag.lift_asked"]


async def test_each_lifts_their_own_tag_of_several() -> None:
    desk = Desk()
    await desk.hung("wang")
    second = await desk.hung("li")
    assert await desk.tags.take_down(OUTLET, by="wang") is None
    assert desk.tags.on(OUTLET) == (second,)
    assert desk.tags.find(second.id) == second
    assert desk.tags.find("0") is None


async def test_a_shift_chief_and_an_engineer_lift_together_what_neither_hung() -> None:
    desk = Desk()
    tag = await desk.hung()
    wish = await desk.tags.ask(tag, CHIEF, reason="本人已离厂")
    assert isinstance(wish, Pending)
    assert isinstance(await desk.tags.ask(tag, ENGINEER, reason="x"), Cause), "it is asked for already"
    two_chiefs = await desk.tags.approve(wish, OTHER_CHIEF, content_hash=wish.content_hash)
    assert two_chiefs is not None
    assert two_chiefs.code is Code.APPROVAL
    assert await desk.tags.approve(wish, ENGINEER, content_hash=wish.content_hash) is None
    assert desk.tags.on(OUTLET) == ()
    assert desk.orders.waiting == {}
    said = desk.kept.changes[-1].entries[0]
    assert (said.kind, said.actor, said.body["asked_by"], said.body["hung_by"]) == (
        "tag.lifted",
        "sun",
        "qian",
        "wang",
    )
    gone = await desk.tags.approve(wish, ENGINEER, content_hash=wish.content_hash)
    assert gone is not None


async def test_a_tag_stands_beyond_its_announced_end_and_is_alarmed_until_it_is_lifted() -> None:
    desk = Desk()
    tag = await desk.hung(until_ms=desk.clock.now_ms() + HOUR_MS)
    alarms = Alarms(Watch(()), image(), cast("Recorder", desk.kept), desk.clock, Bell(), orders=desk.orders)
    rule = tag_overdue(PARK, OUTLET).id
    alarms._look()
    assert alarms.watch.of(rule).state is AlarmState.NORMAL
    desk.clock.advance(3600)
    alarms._look()
    assert desk.tags.on(OUTLET) == (tag,)
    assert alarms.watch.of(rule).state is AlarmState.ACTIVE_UNACK
    await desk.tags.take_down(OUTLET, by="wang")
    alarms._look()
    assert alarms.watch.of(rule).state is AlarmState.CLEARED_UNACK
    assert alarms.watch.of(rule).occurrence == 1


@pytest.mark.parametrize("ahead_ms", [0, -1, AHEAD_MS_MAX + 1])
async def test_an_announced_end_lies_ahead_and_within_a_month(ahead_ms: int) -> None:
    desk = Desk()
    refused = await desk.tags.hang(OUTLET, by="wang", reason="x", until_ms=desk.clock.now_ms() + ahead_ms)
    assert isinstance(refused, Cause)
    assert desk.tags.on(OUTLET) == ()


async def test_an_override_and_a_tag_are_different_orders() -> None:
    desk = Desk()
    given, tag = await desk.given(), await desk.hung()
    assert {order.kind for order in desk.orders.all_standing()} == {OrderKind.OVERRIDE, OrderKind.TAG_OUT}
    assert desk.overrides.all() == (given,)
    assert desk.tags.on(OUTLET) == (tag,)


async def test_an_override_of_what_the_park_no_longer_has_ends_as_any_other() -> None:
    desk = Desk()
    desk.orders.add(
        Order(
            id="ab" * 16, kind=OrderKind.OVERRIDE, actuator=FacilityId("taken_away"), by="qian", reason="r", since_ms=0,
            until_ms=desk.clock.now_ms(), interlock="clean", condition="x", second="sun",
        )
    )  # fmt: skip
    await desk.overrides.look()
    assert desk.overrides.all() == ()
    (entry,) = desk.kept.changes[-1].entries
    assert (entry.kind, entry.object) == ("override.ended", "taken_away")
