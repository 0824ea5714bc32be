"""The people of the simulated world: operators who press what they may and what they may not, at the same gates at once.

Each does one thing after the other, drawn from a table; whoever adds a thing that people can do adds a line to it. Everything
is asked through the functions of control's routes, after the same look at session and rule as before every route.
"""

import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, cast

from control.api import commands as routes
from control.api.models import (
    NewCommand,
    NewSelect,
    Parameters,
)
from control.api.parts import Parts
from control.api.problems import Problem
from control.people.roles import Person, Role
from domain.errors import StorageError
from domain.ids import FacilityId
from domain.park import Actuator, Park, SafePosition, Tier
from domain.position import Position
from tests.simulation.centre import Centre, NoAnswer
from tests.simulation.ground import Ground
from tests.simulation.loop import Sleep
from tests.simulation.trace import Answered, Asked

WISE = 0.9
"""How often somebody presses what can be pressed."""
THINK_S, IDLE_S = 0.4, 8.0
"""Virtual seconds on average between two things that one person does: who works at a position, and who passes by."""
STAFF: Mapping[str, tuple[Role, ...]] = {
    "wang": (Role.OPERATOR,),
    "li": (Role.OPERATOR,),
    "ma": (Role.OPERATOR,),
    "xu": (Role.OPERATOR,),
    "he": (Role.OPERATOR,),
    "lu": (Role.OPERATOR,),
    "du": (Role.OPERATOR,),
    "bo": (Role.OPERATOR,),
    "ye": (Role.OPERATOR,),
    "qi": (Role.OPERATOR,),
    "su": (Role.OPERATOR,),
    "an": (Role.OPERATOR,),
    "zhao": (Role.OPERATOR, Role.SHIFT_CHIEF),
    "chen": (Role.ENGINEER, Role.SHIFT_CHIEF),
    "guest": (Role.VIEWER,),
}


WORKING = frozenset(STAFF) - {"chen", "guest"}


@dataclass(slots=True)
class Reply:
    """What came back."""

    code: str
    """`accepted`, the code of a refusal, or `no-answer`."""
    body: Mapping[str, Any] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    """The warnings, each as it is accepted: its code and what it is about."""


class Town:
    """Everybody."""

    def __init__(self, ground: Ground, park: Park, centre: Centre) -> None:
        self.ground = ground
        self.park = park
        self.centre = centre
        self.draw: Random = ground.chance.people
        self.outcomes: dict[str, int] = {}
        """Answer → how often."""
        self.is_closing = False
        """Whether people have stopped asking."""
        self._requests = 0
        self._keys = 0
        self.actuators = tuple(park.actuators.values())

    async def live(self, name: str, acts: "Sequence[Act]") -> None:
        """Do one thing after the other until the world closes."""
        acts = [act for act in acts if not act.roles or not set(act.roles).isdisjoint(STAFF[name])]
        weights = [act.weight for act in acts]
        await self.rest(3.0 * self.draw.random())
        while not self.is_closing:
            if name not in self.centre.sessions:
                with contextlib.suppress(NoAnswer, StorageError):
                    await self.centre.sign_in(name, STAFF[name])
            await self.draw.choices(acts, weights)[0].do(self, name)
            await self.rest(self.draw.expovariate(1 / (THINK_S if name in WORKING else IDLE_S)))

    async def rest(self, seconds: float) -> None:
        """Do nothing for a while."""
        await Sleep(self.ground.loop, self.ground.loop.now_s + seconds)

    async def ask(
        self,
        name: str,
        what: str,
        route: tuple[str, str],
        doing: Callable[[Parts, Person], Awaitable[Any]],
        **said: Any,
    ) -> Reply:
        """Ask control for something; the trace has the question and the answer."""
        self._requests += 1
        number, ground, centre = self._requests, self.ground, self.centre
        ground.trace.put(
            Asked(
                at_s=ground.clock_s(),
                request=number,
                what=what,
                person=name,
                session=centre.sessions.get(name, ""),
                roles=tuple(sorted(STAFF[name])),
                **said,
            )
        )

        async def guarded(parts: Parts) -> Any:
            return await doing(parts, centre.who(name, *route))

        try:
            found = await centre.ask(guarded)
        except NoAnswer:
            self._count(what, "no-answer")
            return Reply("no-answer")
        except Problem as problem:
            reasons = tuple(str(item["code"]) for item in problem.reasons if isinstance(item, dict))
            shown = tuple(
                " ".join((str(item["code"]), *sorted(map(str, cast("Mapping[str, Any]", item["values"])))))
                for item in problem.reasons
                if isinstance(item, dict)
            )
            reply = Reply(problem.code, reasons=reasons, shown=shown)
            if problem.code == "not-signed-in":
                centre.sessions.pop(name, None)
        except StorageError:
            reply = Reply("storage")
        else:
            reply = Reply("accepted", found if isinstance(found, dict) else {})
        self._count(what, reply.code)
        command = reply.body.get("id")
        ground.trace.put(
            Answered(
                at_s=ground.clock_s(),
                request=number,
                code=reply.code,
                reasons=reply.reasons,
                command=command if isinstance(command, str) else None,
            )
        )
        return reply

    def pick_wisely(self, *, is_to_be_safe: bool) -> Actuator | None:
        """Return an actuator of which the screen says that it can be moved so, None when there is none; or any, as people err."""
        parts = self.centre.parts
        if parts is None or self.draw.random() > WISE:
            return self.draw.choice(self.actuators)
        now_s = self.centre.clock.monotonic()
        in_turn = self.draw.sample(self.actuators, len(self.actuators))
        return next(
            (item for item in in_turn if self._looks_free(parts, item, now_s, is_to_be_safe=is_to_be_safe)),
            None,
        )

    def _looks_free(self, parts: Parts, item: Actuator, now_s: float, *, is_to_be_safe: bool) -> bool:
        is_river = self.park.facilities[item.facility].tier is Tier.RIVER
        if is_river or parts.book.open_on(item.facility) or parts.tickets.open_on(item.facility):
            return False
        safe = Position.CLOSED if safe_action(item) == "close" else Position.OPEN
        is_safe = parts.image.indication(item, now_s=now_s).position is safe
        return not is_safe if is_to_be_safe else is_safe and not parts.orders.held.keeping(item.facility)

    def pick(self, actuators: Sequence[Actuator] | None = None) -> Actuator:
        """Return an actuator; some are pressed more than others."""
        found = actuators or self.actuators
        return (
            found[min(int(self.draw.expovariate(0.35)), len(found) - 1)]
            if self.draw.random() < 0.5
            else (self.draw.choice(found))
        )

    def key(self) -> str:
        """Return a new idempotency key."""
        self._keys += 1
        return f"key-{self._keys}"

    async def operate(
        self,
        name: str,
        actuator: FacilityId,
        action: str,
        *,
        percent: float | None = None,
        select: str | None = None,
        key: str | None = None,
    ) -> Reply:
        """Press, and confirm the warnings that are shown, as most people do."""
        accepted: tuple[str, ...] = ()
        reply = Reply("")
        for _ in range(2):
            said = accepted

            async def doing(parts: Parts, who: Person, accepted: tuple[str, ...] = said) -> Any:
                body = NewCommand(
                    actuator=actuator, action=action, parameters=Parameters(opening_percent=percent),
                    reason="", select=select, accept_warnings=list(accepted),
                )  # fmt: skip
                return await routes.operate(body, parts, who, idempotency_key=key)

            reply = await self.ask(
                name, "operate", ("POST", "/commands"), doing,
                actuator=actuator, action=action, opening_percent=percent, select=select, accepted=said,
            )  # fmt: skip
            if reply.code != "confirm-warnings" or self.draw.random() < 0.1:
                return reply
            accepted = reply.shown
            await self.rest(0.5 * self.draw.random())
        return reply

    async def select(
        self,
        name: str,
        actuator: FacilityId,
        action: str,
        percent: float | None = None,
        *,
        ticket: str | None = None,
    ) -> Reply:
        """Select for a move away from safe."""

        async def doing(parts: Parts, who: Person) -> Any:
            body = NewSelect(
                actuator=actuator,
                action=action,
                parameters=Parameters(opening_percent=percent),
                reason="",
                ticket=ticket,
            )
            return await routes.select(body, parts, who)

        return await self.ask(
            name,
            "select",
            ("POST", "/selects"),
            doing,
            actuator=actuator,
            action=action,
            opening_percent=percent,
        )

    async def cancel(self, name: str, actuator: FacilityId, select: str) -> Reply:
        """Take a select back."""

        async def doing(parts: Parts, who: Person) -> Any:
            await routes.cancel(select, parts, who)

        return await self.ask(
            name, "cancel", ("DELETE", "/selects/{select}"), doing, actuator=actuator, select=select
        )

    def _count(self, what: str, code: str) -> None:
        key = f"{what}: {code}"
        self.outcomes[key] = self.outcomes.get(key, 0) + 1


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that people do."""

    do: Callable[[Town, str], Awaitable[object]]
    weight: float
    roles: tuple[Role, ...] = ()
    """Who does it; empty: everybody tries."""


def safe_action(actuator: Actuator) -> str:
    """Return the action toward safe."""
    return "close" if actuator.safe_position is SafePosition.CLOSED else "open"


def away_action(actuator: Actuator) -> str:
    """Return the action away from safe."""
    return "open" if actuator.safe_position is SafePosition.CLOSED else "close"
