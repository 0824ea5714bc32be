"""Scenes in which a planted bug matters soon: which faults come often, what people do, and what else goes on beside them."""

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from control.api import devices, plans
from control.api.models import Agreement, NewApproval, NewOverride, NewRun
from control.api.parts import Parts
from control.people.roles import Person, Role
from domain.ids import PointRef
from domain.park import Actuator, Tier
from tests.simulation.agreeing import agreed
from tests.simulation.checker_story import read
from tests.simulation.pens import CheapSigner
from tests.simulation.people import Act, Town, away_action
from tests.simulation.trace import Fault, Said
from tests.simulation.world import World

OVERRIDE_S = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What the world is like."""

    faults: Mapping[str, float] = field(default_factory=dict)
    """Kind → weight; empty: every fault as always; a kind left out does not come."""
    acts: Mapping[str, float] = field(default_factory=dict)
    """What people do → weight, in the same way."""
    more: tuple[Act, ...] = ()
    """What they do besides."""
    calm_s: float = 3.0
    think_s: float | None = None
    """Virtual seconds on average between two things that one person does; None: as always."""
    beside: Callable[[World], Awaitable[None]] | None = None
    """Goes on beside the people, from the moment they have signed in."""


async def borrow(town: Town, name: str) -> None:
    """Operate with the select of a colleague."""
    actuator = _not_of_the_river(town)
    action = away_action(actuator)
    colleague = "li" if name != "li" else "wang"
    ticket = await agreed(town, colleague, actuator.facility, action, None)
    selected = await town.select(colleague, actuator.facility, action, ticket=ticket)
    if selected.code == "accepted":
        await town.operate(name, actuator.facility, action, select=str(selected.body["id"]))


async def stretch(town: Town, name: str) -> None:
    """Have a colleague agree to one opening, and make another of it: that of another gate."""
    one, other = _not_of_the_river(town), _not_of_the_river(town)
    ticket = await agreed(town, name, one.facility, away_action(one), None)
    action = away_action(other)
    selected = await town.select(name, other.facility, action, ticket=ticket)
    if selected.code == "accepted":
        await town.operate(name, other.facility, action, select=str(selected.body["id"]))


async def ask_override(town: Town, name: str) -> None:
    """Ask to override an interlock for some seconds; whoever asked tries to agree as well, and then a colleague does."""
    actuator = _not_of_the_river(town)
    locks = [lock.id for lock in actuator.permits]
    lock = town.draw.choice(locks)
    until_ms = town.centre.clock.now_ms() + round(OVERRIDE_S * 1000)

    async def wish(parts: Parts, who: Person) -> Any:
        body = NewOverride(actuator=actuator.facility, interlock=lock, reason="仪表检修", until_ms=until_ms)
        return await devices.ask(body, parts, who)

    asked = await town.ask(
        name, "override", ("POST", "/overrides"), wish, actuator=actuator.facility, detail=lock
    )
    if asked.code != "accepted":
        return
    key, content = str(asked.body["id"]), str(asked.body["content_hash"])

    async def agree(parts: Parts, who: Person) -> Any:
        return await devices.approve(key, Agreement(content_hash=content), parts, who)

    for person in (name, "chen" if name == "zhao" else "zhao"):
        route = ("POST", "/overrides/{override}/approve")
        await town.ask(person, "agree", route, agree, actuator=actuator.facility, detail=key)


async def approve_alone(town: Town, name: str) -> None:
    """Press the key for the whole park, try to be one's own second person, and call it off."""

    async def look(parts: Parts, who: Person) -> Any:
        return await plans.preview("close_park", parts, who)

    shown = await town.ask(name, "preview", ("GET", "/plans/{plan}/preview"), look, plan="close_park")
    if shown.code != "accepted":
        return
    content = str(shown.body["content_hash"])

    async def start(parts: Parts, who: Person) -> Any:
        body = NewRun(content_hash=content, reason="spill", accept_warnings=True)
        return await plans.start("close_park", body, parts, who)

    said = {"plan": "close_park", "content_hash": content}
    begun = await town.ask(name, "run", ("POST", "/plans/{plan}/runs"), start, **said)
    if begun.code != "accepted":
        return
    run = str(begun.body["id"])

    async def approve(parts: Parts, who: Person) -> Any:
        return await plans.approve(run, NewApproval(dispatch_order="DD-7", clearance=True), parts, who)

    async def abort(parts: Parts, who: Person) -> Any:
        return await plans.abort(run, parts, who)

    await town.rest(1.0)
    await town.ask(name, "approve", ("POST", "/runs/{run}/approve"), approve, run=run)
    await town.ask(name, "abort", ("POST", "/runs/{run}/abort"), abort, run=run)


async def drills(world: World) -> None:
    """Somebody practises with a pen of their own, which no gateway trusts, on what control has just sent."""
    pen, done = CheapSigner(hashlib.sha256(b"drill").digest(), kid="drill"), 0
    ground, events = world.ground, world.trace.events
    while True:
        await world.town.rest(0.7)
        fresh = [item for item in events[done:] if isinstance(item, Said) and item.topic.endswith("/command")]
        done = len(events)
        for item in fresh[-1:]:
            body = {**read(item.payload)}
            body |= {"id": hashlib.sha256(item.payload).hexdigest()[:32], "reason": "drill"}
            token, number = pen.sign(json.loads(json.dumps(body))), ground.broker._next()
            ground.trace.put(
                Said(
                    at_s=ground.clock_s(),
                    message=number,
                    client="drill",
                    life=1,
                    topic=item.topic,
                    payload=token,
                )
            )
            ground.broker._spread(number, item.topic, token, is_retained=False)


def _not_of_the_river(town: Town) -> Actuator:
    tiers = {key: item.tier for key, item in town.park.facilities.items()}
    return town.draw.choice([item for item in town.actuators if tiers[item.facility] is not Tier.RIVER])


def water(value: float, bad_s: float, good_s: float) -> Callable[[World], Awaitable[None]]:
    """Let the conductivity at an outlet be bad and good again by turns."""

    async def turn(world: World) -> None:
        ref = PointRef("hc_analyser/conductivity")
        plc = world.ground.plant.of_point(ref)
        while True:
            plc.put(ref, value)
            await world.town.rest(bad_s)
            plc.put(ref, 500.0)
            await world.town.rest(good_s)

    return turn


async def edits(world: World) -> None:
    """An engineer changes interlocks at one edge, and back again; its heartbeats tell a moment later."""
    edge, is_on = world.edges[0], False
    while True:
        await world.town.rest(1.3)
        if not edge.is_alive or edge.core is None:
            continue
        is_on = not is_on
        held = edge.core.field.definitions
        for key, (drive, whole) in list(held.items()):
            held[key] = (drive, whole[::-1])
        said = {key: list(pair) for key, pair in held.items()}
        world.trace.put(
            Fault(
                at_s=world.ground.clock_s(),
                kind="edit",
                where=edge.gateway,
                is_on=True,
                detail=json.dumps(said),
            )
        )


OVERRIDING = Scene(
    acts={"open_up": 30.0, "secure": 30.0},
    faults={"storm": 1.0},
    more=(Act(ask_override, 60.0, (Role.SHIFT_CHIEF,)),),
)
BORROWING = Scene(
    acts={"secure": 40.0}, faults={"storm": 1.0}, think_s=2.0, more=(Act(borrow, 40.0, (Role.OPERATOR,)),)
)
STRETCHING = Scene(
    acts={"secure": 40.0}, faults={"storm": 1.0}, think_s=2.0, more=(Act(stretch, 40.0, (Role.OPERATOR,)),)
)
TICKETS = Scene(acts={"secure": 30.0, "open_up": 60.0}, faults={"storm": 1.0}, think_s=2.0)
ALONE = Scene(
    acts={"secure": 10.0},
    faults={"storm": 1.0},
    think_s=3.0,
    more=(Act(approve_alone, 20.0, (Role.OPERATOR,)),),
)
DRILL = Scene(faults={"storm": 1.0}, beside=drills)
POISON = Scene(faults={"storm": 1.0}, think_s=3.0, beside=water(2600.0, 25.0, 10.0))
"""Bad enough that the edge cuts the outlet off."""
MURKY = Scene(
    acts={"open_up": 60.0, "secure": 20.0},
    faults={"storm": 1.0},
    think_s=3.0,
    beside=water(1200.0, 30.0, 3.0),
)
"""Too bad to open anything, not bad enough for a cut-off."""
EDITS = Scene(acts={"open_up": 50.0, "secure": 20.0}, faults={"storm": 1.0}, think_s=2.0, beside=edits)
