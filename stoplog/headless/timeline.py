"""Follows one run through the public API: the first alarm, the answer to it, the proofs; remembers when each came."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from runtime.clock import Clock
from simulators.scenario import Response
from stoplog.headless.operator import Body, Person, approve_when_asked, close_by_plan

LOOK_S = 0.3
"""Wall seconds between two looks at the alarms."""
FINAL = frozenset({"confirmed", "failed", "unknown", "refused", "skipped"})


@dataclass(slots=True, kw_only=True)
class Timeline:
    """Model times in UTC ms; None: it did not happen."""

    alarm: str | None = None
    """Rule and facility of the alarm that was answered."""
    alarm_ms: int | None = None
    enterprise_closed_ms: int | None = None
    """Last proof of the enterprise's plan, when every step of it was proved."""
    park_closed_ms: int | None = None
    failures: tuple[str, ...] = ()
    """Steps that were not proved, with their reasons."""


async def first_alarm(operator: Person, *, severity_max: int, enterprise: str | None) -> Body:
    """Wait for an alarm of `enterprise` (None: of any) that is at least as severe as `severity_max` and return it."""
    while True:
        alarms = await operator.list("/alarms")
        wanted = [
            alarm
            for alarm in alarms
            if alarm["enterprise"] == (enterprise or alarm["enterprise"]) is not None
            and cast("int", alarm["severity"]) <= severity_max
            and str(alarm["state"]).startswith("active")
        ]
        if wanted:
            return min(wanted, key=lambda alarm: cast("int", alarm["raised_ms"]))
        await asyncio.sleep(LOOK_S)


async def answer(
    timeline: Timeline, *, operator: Person, chief: Person, clock: Clock, response: Response
) -> None:
    """Answer the first alarm as a control room does: the plant's key, then the park's, the chief for the river steps."""
    alarm = await first_alarm(operator, severity_max=2, enterprise=response.alarm_of)
    timeline.alarm = f"{alarm['rule']} ({alarm['facility']})"
    timeline.alarm_ms = cast("int", alarm["raised_ms"])
    seen = {"occurrence": alarm["occurrence"], "severity": alarm["severity"]}
    await operator.post(f"/alarms/{alarm['id']}/acknowledge", seen)
    await clock.sleep(response.delay_s)
    reason = cast("Mapping[str, str]", alarm["words"])["zh"]
    runs = [(plan, await close_by_plan(operator, plan, reason=reason)) for plan in response.plans]
    follow = (
        _follow(timeline, operator, run, is_enterprise=plan == f"close_{alarm['enterprise']}")
        for plan, run in runs
    )
    approve = (approve_when_asked(chief, run, dispatch_order="演练-0001") for _, run in runs)
    await asyncio.gather(*follow, *approve)


async def _follow(timeline: Timeline, operator: Person, run: str, *, is_enterprise: bool) -> None:
    """Watch one run to its end and note its proof or its failures."""
    while True:
        view = await operator.get(f"/runs/{run}")
        if all(step["state"] in FINAL for step in _steps(view)):
            break
        await asyncio.sleep(LOOK_S)
    if is_enterprise:
        timeline.enterprise_closed_ms = _proved(view)
    else:
        timeline.park_closed_ms = _proved(view)
    timeline.failures += tuple(_failures(view))


def _proved(view: Body) -> int | None:
    """Return when the last step was proved; None when one was not."""
    steps = [step for step in _steps(view) if step["state"] != "skipped"]
    if any(step["state"] != "confirmed" for step in steps):
        return None
    return max(cast("int", step["proved_ms"]) for step in steps)


def _failures(view: Body) -> Sequence[str]:
    return [
        f"{step['actuator']} {step['action']}: {step['state']} {step['reasons']}"
        for step in _steps(view)
        if step["state"] in {"failed", "unknown", "refused"}
    ]


def _steps(view: Body) -> Sequence[Body]:
    return cast("Sequence[Body]", view["steps"])
