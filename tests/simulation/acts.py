"""What people do in the simulated world, one function each, and how often: whoever adds a thing adds a line to the table."""

from dataclasses import replace
from typing import Any

from control.api import devices as device_routes
from control.api import plans as plan_routes
from control.api import reopenings as reopening_routes
from control.api.models import NewApproval, NewConsent, NewReopening, NewRun, NewTag
from control.api.parts import Parts
from control.people.roles import Person, Role
from domain.drive import Setpoint
from domain.park import Tier
from tests.simulation.agreeing import agreed, end
from tests.simulation.people import STAFF, Act, Town, away_action, safe_action


async def secure(town: Town, name: str) -> None:
    """Move something toward safe; sometimes twice, with one key or with two."""
    actuator = town.pick_wisely(is_to_be_safe=True) or town.pick()
    key = town.key() if town.draw.random() < 0.5 else None
    reply = await town.operate(name, actuator.facility, safe_action(actuator), key=key)
    if key is not None and town.draw.random() < 0.2 and reply.code in {"accepted", "no-answer"}:
        await town.operate(name, actuator.facility, safe_action(actuator), key=key)


async def open_up(town: Town, name: str) -> None:
    """Have a colleague agree, select, think, and operate: mostly right, sometimes too late, with something else, or not at all."""
    actuator, percent = town.pick_wisely(is_to_be_safe=False), None
    if actuator is None:
        return
    action = away_action(actuator)
    if isinstance(actuator.drive, Setpoint) and town.draw.random() < 0.7:
        action, percent = "set", float(town.draw.choice((25, 50, 75, 100)))
    ticket = await agreed(town, name, actuator.facility, action, percent)
    if ticket is None:
        return
    how = town.draw.random()
    if how > 0.985:  # with another person's ticket, or for another move
        stranger = town.draw.choice([key for key in STAFF if key != name])
        await town.select(stranger, actuator.facility, action, percent, ticket=ticket)
        await town.select(name, town.pick().facility, action, percent, ticket=ticket)
    selected = await town.select(name, actuator.facility, action, percent, ticket=ticket)
    if selected.code != "accepted":
        await end(town, name, ticket)
        return
    select = str(selected.body["id"])
    await town.rest(town.draw.random() * (14.0 if how < 0.06 else 1.5))
    if how > 0.93:
        await town.cancel(name, actuator.facility, select)
        if (
            how > 0.96
            or (await town.select(name, actuator.facility, action, percent, ticket=ticket)).code == "accepted"
        ):
            await end(town, name, ticket)
        return
    if how > 0.90:
        other = "close" if action == "open" else "open"
        await town.operate(name, actuator.facility, other, select=select)
    if how > 0.87:
        stranger = town.draw.choice([key for key in STAFF if key != name])
        await town.operate(stranger, actuator.facility, action, percent=percent, select=select)
    key = town.key() if how < 0.4 else None
    reply = await town.operate(name, actuator.facility, action, percent=percent, select=select, key=key)
    if reply.code == "no-answer":
        await town.operate(name, actuator.facility, action, percent=percent, select=select, key=key)
    if how < 0.2:
        await town.operate(name, actuator.facility, action, percent=percent, select=select)
    if how < 0.03:  # once more under the ticket that is used up
        await town.select(name, actuator.facility, action, percent, ticket=ticket)


async def stop(town: Town, name: str) -> None:
    """Stop something."""
    await town.operate(name, town.pick().facility, "stop")


async def verify(town: Town, name: str) -> None:
    """Look at something."""
    await town.operate(name, town.pick().facility, "verify")


async def grab(town: Town, name: str) -> None:
    """Open without a select, which nobody may."""
    actuator = town.pick()
    await town.operate(name, actuator.facility, away_action(actuator))


async def run_plan(town: Town, name: str) -> None:
    """Look at a one-key plan, start it, and sometimes call it off."""
    plan = town.draw.choice(list(town.park.plans))

    async def look(parts: Parts, who: Person) -> Any:
        return await plan_routes.preview(plan, parts, who)

    shown = await town.ask(name, "preview", ("GET", "/plans/{plan}/preview"), look, plan=plan)
    if shown.code != "accepted":
        return
    content = str(shown.body["content_hash"])
    await town.rest(town.draw.random())

    async def start(parts: Parts, who: Person) -> Any:
        body = NewRun(content_hash=content, reason="spill", accept_warnings=True)
        return await plan_routes.start(plan, body, parts, who)

    begun = await town.ask(
        name, "run", ("POST", "/plans/{plan}/runs"), start, plan=plan, content_hash=content
    )
    if begun.code == "accepted" and town.draw.random() < 0.2:
        await town.rest(6 * town.draw.random())
        run = str(begun.body["id"])

        async def abort(parts: Parts, who: Person) -> Any:
            return await plan_routes.abort(run, parts, who)

        await town.ask(name, "abort", ("POST", "/runs/{run}/abort"), abort, run=run)


async def approve(town: Town, name: str) -> None:
    """Approve what waits for a second person, even one's own."""
    parts = town.centre.parts
    waiting = [run for run in parts.runner.runs.values() if not run.is_over] if parts is not None else []
    if not waiting:
        return
    run = town.draw.choice(waiting).id

    async def doing(parts: Parts, who: Person) -> Any:
        return await plan_routes.approve(run, NewApproval(dispatch_order="DD-7", clearance=True), parts, who)

    await town.ask(name, "approve", ("POST", "/runs/{run}/approve"), doing, run=run)


async def reopen(town: Town, name: str) -> None:
    """Look at a reopening and ask for it."""
    procedure = town.draw.choice(list(town.park.reopenings))

    async def look(parts: Parts, who: Person) -> Any:
        return await reopening_routes.preview(procedure, parts, who)

    shown = await town.ask(
        name, "look at a reopening", ("GET", "/reopenings/{reopening}/preview"), look, plan=procedure
    )
    if shown.code != "accepted":
        return
    content = str(shown.body["content_hash"])
    await town.rest(town.draw.random())

    async def start(parts: Parts, who: Person) -> Any:
        body = NewReopening(content_hash=content, reason="clean again")
        return await reopening_routes.start(procedure, body, parts, who)

    route = ("POST", "/reopenings/{reopening}/runs")
    await town.ask(name, "reopen", route, start, plan=procedure, content_hash=content)


async def consent(town: Town, name: str) -> None:
    """Consent to a reopening as the second person, or call it off."""
    parts = town.centre.parts
    waiting = [run for run in parts.reopener.runs.values() if run.is_open] if parts is not None else []
    if not waiting:
        return
    found = town.draw.choice(waiting)
    run, content = found.id, found.content_hash
    if town.draw.random() < 0.1:

        async def abort(parts: Parts, who: Person) -> Any:
            return await reopening_routes.abort(run, parts, who)

        await town.ask(name, "abort a reopening", ("POST", "/reopening-runs/{run}/abort"), abort, run=run)
        return
    needs_basis = any(
        town.park.facilities[opening.actuator].tier is Tier.RIVER
        for opening in town.park.reopenings[found.reopening].openings
    )
    basis = "DD-8" if needs_basis else None

    async def doing(parts: Parts, who: Person) -> Any:
        body = NewConsent(content_hash=content, dispatch_order=basis, clearance=True)
        return await reopening_routes.approve(run, body, parts, who)

    await town.ask(
        name, "consent", ("POST", "/reopening-runs/{run}/approve"), doing, run=run, content_hash=content
    )


async def tag(town: Town, name: str) -> None:
    """Hang a tag, and lift it some time later."""
    actuator = town.pick().facility

    async def hang(parts: Parts, who: Person) -> Any:
        return await device_routes.hang(NewTag(actuator=actuator, reason="检修"), parts, who)

    await town.ask(name, "tag", ("POST", "/tags"), hang, actuator=actuator)
    await town.rest(2 + 8 * town.draw.random())

    async def lift(parts: Parts, who: Person) -> Any:
        return await device_routes.take_down(actuator, parts, who)

    for _ in range(5):
        reply = await town.ask(name, "untag", ("DELETE", "/tags"), lift, actuator=actuator)
        if reply.code not in {"no-answer", "storage"}:
            return
        await town.rest(2.0)


_OPERATORS = (Role.OPERATOR, Role.SHIFT_CHIEF)
ACTS: tuple[Act, ...] = (
    Act(secure, 40),
    Act(open_up, 80, _OPERATORS),
    Act(stop, 9),
    Act(verify, 3),
    Act(grab, 3),
    Act(run_plan, 0.3, _OPERATORS),
    Act(approve, 1.5, _OPERATORS),
    Act(reopen, 2, _OPERATORS),
    Act(consent, 4, _OPERATORS),
    Act(tag, 40, (Role.ENGINEER,)),
)
"""What people do, how often, and who."""
_RARER = {secure: 0.15, stop: 0.2, tag: 0.1}
FAIR: tuple[Act, ...] = tuple(replace(act, weight=act.weight * _RARER.get(act.do, 1.0)) for act in ACTS)
"""On a quiet watch: gates are opened after rain, and seldom closed under those who open them."""
