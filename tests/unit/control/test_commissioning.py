"""A commissioning check from its beginning to the signature: who may command meanwhile, and what is written of it (I7, I13)."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import cast

from control.bell import Bell
from control.commands.gate import Clear, Link, Request, Verdict, consider
from control.commands.orders import Orders
from control.commissioning.entries import Held, body, held_of
from control.commissioning.service import Commissioning
from control.commissioning.travels import Travels
from control.database.change import Change
from control.database.recorder import Recorder
from control.people.roles import Person, Role
from domain.admission import Situation
from domain.command import Action
from domain.commissioning import Part
from domain.definition import definition_hashes
from domain.refusal import Cause, Code, Refused
from runtime.clock import ManualClock
from tests.unit.control.world import GW, OUTLET, PARK, image, payload, person
from wire.canonical import Json
from wire.messages import Record
from wire.topics import Kind

BARE = replace(
    PARK, actuators={**PARK.actuators, OUTLET: replace(PARK.actuators[OUTLET], commissioned_by=None)}
)
ENGINEER = person(Role.ENGINEER, username="zhou")
OTHERS = (person(Role.OPERATOR), person(Role.ENGINEER, username="wu"))


class Kept:
    """A recorder that remembers."""

    is_available = True

    def __init__(self) -> None:
        self.changes: list[Change] = []

    async def keep(self, change: Change) -> None:
        self.changes.append(change)

    async def commit(self, change: Change) -> None:
        self.changes.append(change)

    @property
    def kinds(self) -> list[str]:
        return [entry.kind for change in self.changes for entry in change.entries]


class World:
    """The centre of a park whose outlet nobody has signed for."""

    def __init__(self) -> None:
        self.kept, self.orders, self.clock = Kept(), Orders(BARE), ManualClock()
        self.image = image(now_s=self.clock.monotonic())
        self.seq = 1
        self.travels = Travels(self.orders)
        self.checks = Commissioning(
            BARE, self.image, self.orders, cast("Recorder", self.kept), self.clock, Bell()
        )

    def show(self, **values: bool | float) -> None:
        named = {f"{OUTLET}/{name}": value for name, value in values.items()}
        self.seq += 1
        refs = self.image.take(Kind.DDATA, GW, PARK.actuators[OUTLET].device, payload(self.seq, **named))
        self.checks.see(refs)

    def proof(self, action: Action, *, author: str = "zhou", travel_ms: int | None = None) -> None:
        execution: dict[str, Json] = {} if travel_ms is None else {"travel_ms": travel_ms}
        said: dict[str, Json] = {
            "id": "c" * 32, "author": author, "state": "confirmed", "action": action.value, "execution": execution
        }  # fmt: skip
        record = Record(
            park=BARE.id, gateway=GW, epoch="e", offset=1, at_ms=self.clock.now_ms(), kind="command",
            actuator=OUTLET, body=said,
        )  # fmt: skip
        parts: list[Callable[[], Change] | None] = [self.checks.hear(record), self.travels.hear(record)]
        self.kept.changes += [part() for part in parts if part is not None]

    def ask(self, who: Person, action: Action = Action.CLOSE) -> Verdict:
        own = definition_hashes(BARE, BARE.actuators[OUTLET])
        situation = Situation(
            read=lambda ref: self.image.reading(ref, now_s=self.clock.monotonic()), unit_of=self.image.unit_of,
            orders=self.orders.held, drive=own[0],
        )  # fmt: skip
        link = Link(is_heard=True, definition=own)
        return consider(
            Request(actuator=OUTLET, action=action), who, BARE, situation, link=link, definition=own,
            is_recordable=True,
        )  # fmt: skip


def codes(verdict: Verdict) -> set[Code]:
    return {cause.code for cause in verdict.reasons} if isinstance(verdict, Refused) else set()


async def complete(world: World, held: Held) -> Held:
    for value in (True, False, True):
        world.show(opened=value, closed=not value, remote=value, fault=not value)
    world.show(fault=False, remote=True)
    world.proof(Action.OPEN, travel_ms=31_000)
    world.proof(Action.CLOSE, travel_ms=29_000)
    world.proof(Action.STOP)
    for item in held.check.items:
        if item.part is Part.SITE:
            found = await world.checks.confirm(held, item.id, ENGINEER, note="看到了")
            assert isinstance(found, Held)
    running = world.checks.running(OUTLET)
    assert running is not None
    return running


async def begun(world: World) -> Held:
    held = await world.checks.begin(OUTLET, ENGINEER)
    assert isinstance(held, Held)
    return held


def test_from_the_first_point_to_the_signature() -> None:
    async def life() -> None:
        world = World()
        assert all(codes(world.ask(who)) >= {Code.NOT_COMMISSIONED} for who in (ENGINEER, *OTHERS))
        held = await begun(world)
        assert isinstance(world.ask(ENGINEER), Clear)
        assert isinstance(world.ask(ENGINEER, Action.OPEN), Clear)
        assert all(Code.NOT_COMMISSIONED in codes(world.ask(who)) for who in OTHERS)
        early = await world.checks.sign(held, ENGINEER, witness="老李", note="")
        assert isinstance(early, Cause)
        assert set(early.values) == {item.id for item in held.check.missing}
        held = await complete(world, held)
        assert held.check.missing == ()
        assert isinstance(await world.checks.sign(held, OTHERS[1], witness="老李", note=""), Cause)
        signed = await world.checks.sign(held, ENGINEER, witness="老李", note="")
        assert isinstance(signed, Held)
        assert world.orders.is_commissioned(OUTLET)
        assert isinstance(world.ask(OTHERS[0]), Clear)
        assert codes(world.ask(ENGINEER)) == {Code.NO_AUTHORITY}
        order = world.orders.signed(OUTLET)
        assert order is not None
        assert (order.by, order.second, order.condition) == ("zhou", "老李", world.orders.drives[OUTLET])
        assert world.kept.kinds[0] == "commissioning.begun"
        assert world.kept.kinds[-1] == "commissioning.signed"
        assert set(world.kept.kinds) == {
            f"commissioning.{kind}" for kind in ("begun", "seen", "confirmed", "signed")
        }
        assert all(len(change.entries) == 1 for change in world.kept.changes if change.entries)
        again = held_of(body(signed), BARE)
        assert again == signed
        await world.checks.void(OUTLET, OTHERS[1], reason="换了执行器")
        assert not world.orders.is_commissioned(OUTLET)
        assert Code.NOT_COMMISSIONED in codes(world.ask(OTHERS[0]))

    asyncio.run(life())


def test_only_what_the_engineer_commanded_in_this_check_counts() -> None:
    async def life() -> None:
        world = World()
        world.proof(Action.OPEN, travel_ms=30_000)
        await begun(world)
        world.proof(Action.OPEN, author="zhao", travel_ms=30_000)
        held = world.checks.running(OUTLET)
        assert held is not None
        assert not any(key.startswith(("action:", "travel:")) for key in held.check.seen)
        another = await world.checks.begin(OUTLET, OTHERS[1])
        assert isinstance(another, Cause)
        assert another.values == {"by": "zhou"}
        await world.checks.abandon(held, "zhou", reason="下雨")
        assert Code.NOT_COMMISSIONED in codes(world.ask(ENGINEER))

    asyncio.run(life())


def test_the_centre_shows_what_a_travel_is_reckoned_with() -> None:
    world = World()
    for travel_ms in (20_000, 22_000, 21_000):
        world.proof(Action.CLOSE, travel_ms=travel_ms)
    shown = world.travels.view(BARE.actuators[OUTLET])
    assert shown["close"] == {
        "declared_s": 30.0, "reckoned_s": 22.0, "timeout_s": 33.0, "is_learned": True, "count": 3, "last_s": 21.0
    }  # fmt: skip
    assert shown["open"] == {
        "declared_s": 30.0, "reckoned_s": 30.0, "timeout_s": 45.0, "is_learned": False, "count": 0, "last_s": None
    }  # fmt: skip
    assert [write.table for change in world.kept.changes for write in change.writes] == ["travels"] * 3
