"""What the safety rules say of a database that is gone, asked of a running control in both directions."""

import asyncio
from collections.abc import Awaitable, Callable

from tests.service.control.console import CLOCK, Console, until
from tests.service.control.rig import Rig

Break = Callable[[], Awaitable[None]]


async def both_ways(made: Rig, operator: Console, actuator: str, gone: Break, back: Break) -> None:
    """The table of the safety rules, line `control database, audit gone`, in both directions."""
    tag = {"actuator": "qs_outlet", "reason": "检修", "until_ms": CLOCK.now_ms() + 3_600_000}
    assert (await operator.post("/tags", tag)).is_success
    before = len(made.east.obeyed)
    await gone()
    # Toward safe: at once, and kept in the spool.
    closed = await operator.command(actuator, "close")
    assert closed.status_code == 202, closed.text
    command = closed.json()["id"]
    await operator.state(command, "confirmed")
    spool = made.state / "spool.jsonl"
    await until(lambda: spool.exists() and command in spool.read_text(), why="it is spooled")
    stopped = await operator.command(actuator, "stop")
    assert stopped.status_code == 202, stopped.text
    await operator.state(stopped.json()["id"], "confirmed")
    await alarm(operator)
    # Away from safe, releases and approvals: refused, and said why.
    opened = await operator.post("/selects", {"actuator": actuator, "action": "open", "reason": "试开"})
    assert "audit-unavailable" in codes(opened.json()), opened.text
    lifted = await operator.delete("/tags", actuator="qs_outlet")
    assert lifted.status_code in {409, 503}, lifted.text
    assert "audit-unavailable" in codes(lifted.json())
    assert not [item for item in made.east.obeyed[before:] if item.action == "open"]
    await back()
    await until(lambda: not spool.exists(), why="the spool is imported")
    await until(lambda: not made.east.journal, why="every record is acknowledged")
    records = await told(operator, object=actuator)
    asked = [item["body"]["command"] for item in records if item["kind"] == "command.request"]
    assert asked.count(command) == 1
    states = [
        item["body"]["record"]["body"]["state"]
        for item in records
        if item["kind"] == "edge.command" and item["body"]["record"]["body"]["id"] == command
    ]
    assert sorted(states) == ["confirmed", "operating"]
    refused = [item for item in records if item["kind"] == "command.refused"]
    assert "audit-unavailable" in [reason["code"] for item in refused for reason in item["body"]["reasons"]]
    assert await told(operator, kind="database.restored")
    report = (await operator.get("/audit/verify")).json()
    assert report["verified"], report["problems"]
    # And it goes on as before.
    assert (await operator.delete("/tags", actuator="qs_outlet")).status_code in {204, 409, 202, 200}


def codes(problem: dict[str, object]) -> list[str]:
    reasons = problem.get("reasons")
    assert isinstance(reasons, list)
    return [str(reason["code"]) for reason in reasons]


async def alarm(operator: Console) -> None:
    for _ in range(200):
        if any(item["rule"] == "system_database" for item in (await operator.get("/alarms")).json()):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("nobody is told that the database is gone")


async def told(who: Console, **query: object) -> list[dict[str, dict[str, object]]]:
    return (await who.get("/audit", limit=1000, **query)).json()["records"]  # type: ignore[no-any-return]
