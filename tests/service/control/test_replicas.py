"""Two controls on one PostgreSQL: the other takes over whatever became of the first, nothing acts twice, one log stands."""

import asyncio
import contextlib
import json
import signal
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import select

from control.audit.copy import copy_log
from control.audit.entry import Entry
from control.audit.verify import AuditReport, verify_audit
from control.database.change import Change
from control.database.connection import database_address, engine_of, migrated
from control.database.ledger import Ledger, Superseded
from control.database.tables import HANDED
from control.replica.handing import hand
from control.replica.leadership import Leadership
from domain.command import Action
from domain.words import Words
from runtime.clock import ManualClock
from runtime.mqtt import MqttLink, Subscription
from stoplog.plain_http import NO_CERTIFICATES
from tests.service.control.both_ways import both_ways
from tests.service.control.console import CLOCK, Console, until
from tests.service.control.pair import Pair, pair
from tests.service.postgres import Postgres
from wire.topics import host_id, state

pytestmark = pytest.mark.asyncio(loop_scope="module")

TAKE_OVER_S_MAX = 10.0
"""Wall seconds from the leader's end until the other one leads."""


@dataclass
class House:
    pair: Pair
    operator: Console
    second: Console
    """Agrees to what the operator asks for."""
    folder: Path


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    server.start()
    yield server
    server.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> AsyncIterator[House]:
    def prepare(made: Pair) -> None:
        made.east.opened |= {"hc_outlet", "ly_outlet", "qs_outlet", "bh_outlet", "bh_sewage"}

    folder = tmp_path_factory.mktemp("pair")
    async with pair(folder, postgres, prepare=prepare) as running:
        admin = await running.first()
        operator = await running.person(admin, "zhao", "operator", "shift_chief")
        second = await running.person(admin, "qian", "operator")
        await running.is_live(operator)
        yield House(running, operator, second, folder)


def happened(number: int) -> Change:
    entry = Entry(
        at_ms=number, actor="zhao", kind="k", object="o", words=Words("词", "w"), body={"n": number}
    )
    return Change(entries=(entry,))


async def test_a_leader_that_wakes_in_the_moment_of_the_claim_keeps_the_lead_or_is_not_certain_of_it(
    postgres: Postgres,
) -> None:
    """The standby has seen a beat stand still for long enough; another one comes before it claims, or at once with it."""
    address = postgres.new_database()
    await migrated(database_address(address))
    for is_before in (True, False):
        clock, engines = ManualClock(), [engine_of(database_address(address)) for _ in range(2)]
        first, second = (
            Leadership(engine, replica=name, url="", silence_s=4.0, clock=clock)
            for name, engine in zip("ab", engines, strict=True)
        )
        try:
            assert await first.try_to_lead()
            assert not await second.try_to_lead()
            clock.advance(4.0)
            await second._look()
            if is_before:
                await first._renew()
                assert not await second._claim()
            else:
                await asyncio.gather(first._renew(), second._claim())
            assert [first.is_certain, second.is_certain].count(True) == 1
        finally:
            for one in (first, second):
                await one.resign()
                await one.close()


async def test_who_was_superseded_writes_nothing_and_the_log_goes_on(postgres: Postgres) -> None:
    """The claim is asked for in every transaction, so that a leader that slept finds that it leads no more."""
    address = postgres.new_database()
    await migrated(database_address(address))
    engines = [engine_of(database_address(address)) for _ in range(4)]
    first, second = (
        Leadership(engine, replica=name, url="", silence_s=0.2, clock=CLOCK)
        for name, engine in zip("ab", engines, strict=False)
    )
    ledgers = [Ledger(engines[2], first.fence), Ledger(engines[3], second.fence)]
    tasks = []
    try:
        assert await first.try_to_lead()
        assert not await second.try_to_lead()
        for ledger in ledgers:
            await ledger.load()
            tasks.append(asyncio.get_running_loop().create_task(ledger.run(), name="ledger"))
        await ledgers[0].commit(happened(1))
        with pytest.raises(Superseded):
            await ledgers[1].commit(happened(2))
        await second.until_leading()  # the first one sleeps
        successor = Ledger(engines[3], second.fence)
        await successor.load()
        tasks.append(asyncio.get_running_loop().create_task(successor.run(), name="successor"))
        await successor.commit(happened(3))
        with pytest.raises(Superseded):
            await ledgers[0].commit(happened(4))
        assert ledgers[0].is_superseded
        assert first.tenure.is_superseded
        assert successor.tree.size == 2
        # What a person asked of the one that sleeps is laid down for the other, once; a restart of the same name follows itself.
        told = happened(5)
        for _ in range(2):
            await hand(engines[0], told, replica="a", at_ms=1)
        async with engines[0].connect() as connection:
            assert len((await connection.execute(select(HANDED))).all()) == 1
        again = Leadership(engines[0], replica="b", url="", silence_s=60.0, clock=CLOCK)
        assert await again.try_to_lead()
        await again.resign()
        assert await first.try_to_lead(), "who leaves in good order leaves at once"
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for engine in engines:
            await engine.dispose()


async def host_states(made: Pair) -> list[dict[str, bool]]:
    """Return what is said of the Sparkplug host, from what the broker retains until nothing more is said for a second."""
    topic = Subscription(topic=state(host_id(made.park.id)), qos=1)
    link = MqttLink(made.broker, client_id="host-ear", clock=CLOCK, subscriptions=[topic])

    async def nothing() -> None:
        return

    listening = asyncio.ensure_future(link.run(nothing))
    said = [json.loads((await link.next()).payload)]
    with contextlib.suppress(TimeoutError):
        while True:
            said.append(json.loads((await asyncio.wait_for(link.next(), 1.0)).payload))
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    return said


async def verified(house: House) -> AuditReport:
    """Copy the log out of the database, as an auditor would, and verify it against every checkpoint of both."""
    engine = engine_of(database_address(house.pair.address))
    copy = house.folder / f"log-{CLOCK.now_ms()}.sqlite"
    try:
        await copy_log(engine, copy)
    finally:
        await engine.dispose()
    seals = [
        file for name in ("a", "b") if (file := house.pair.state_of(name) / "checkpoints.jsonl").exists()
    ]
    return verify_audit(copy, seals[0], house.folder / "trusted.jwks", *seals[1:])


def obeyed(house: House, actuator: str, action: Action) -> list[str]:
    return [
        item.command for item in house.pair.east.obeyed if (item.actuator, item.action) == (actuator, action)
    ]


async def asked_once(there: Console, actuator: str, command: str) -> bool:
    """Wait until the leader's log tells of `command`; whether it tells of it once."""
    for _ in range(400):
        records = (await there.get("/audit", object=actuator, limit=500)).json()["records"]
        asked = [item for item in records if item["kind"] == "command.request"]
        count = sum(1 for item in asked if item["body"]["command"] == command)
        if count:
            return count == 1
        await asyncio.sleep(0.05)
    return False


async def test_the_standby_says_who_leads_and_takes_what_needs_no_leader(house: House) -> None:
    there = house.pair.at("b", house.operator)
    refused = await there.get("/alarms")
    assert refused.status_code == 503
    assert refused.json()["code"] == "standby"
    assert refused.json()["reasons"][0]["values"]["leader"] == house.pair.url_of("a")
    assert (await there.get("/session")).json()["user"]["username"] == "zhao", "one session, two controls"
    selected = await there.post("/selects", {"actuator": "hc_outlet", "action": "open"})
    assert selected.status_code == 503
    async with httpx.AsyncClient(trust_env=False, verify=NO_CERTIFICATES) as browser:
        shown = await browser.get(f"{house.pair.url_of('b')}/")
        assert house.pair.url_of("a") in shown.text
        assert "script-src 'self'" in shown.headers["Content-Security-Policy"]
    system = await house.pair.at("b", house.operator).get("/system")
    assert system.json()["replica"]["leader"] == "a"
    closed = await there.command("qs_outlet", "close")
    assert closed.status_code == 202, closed.text
    command = closed.json()["id"]
    await there.state(command, "confirmed")
    # The leader has it, follows it, and its log tells of it once.
    assert await asked_once(house.operator, "qs_outlet", command)
    await house.operator.state(command, "confirmed")
    assert obeyed(house, "qs_outlet", Action.CLOSE) == [command]


async def test_a_postgresql_that_dies_under_both(house: House, postgres: Postgres) -> None:
    async def die() -> None:
        await asyncio.to_thread(postgres.kill)

    async def rise() -> None:
        await asyncio.to_thread(postgres.start)

    await both_ways(house.pair, house.operator, "bh_outlet", die, rise)


async def test_a_postgresql_that_takes_no_changes(house: House, postgres: Postgres) -> None:
    """As on a full disk, or after a fail-over to a copy that is read only: it answers, and refuses every statement that writes."""
    name = house.pair.address.rsplit("/", 1)[1]

    def only(mode: str) -> None:
        postgres.ask(f"ALTER DATABASE {name} SET default_transaction_read_only = {mode}")
        postgres.ask(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")

    async def refuse() -> None:
        await asyncio.to_thread(only, "on")

    async def allow() -> None:
        await asyncio.to_thread(only, "off")

    await both_ways(house.pair, house.operator, "bh_sewage", refuse, allow)
    assert (await house.pair.at("b", house.operator).get("/system")).json()["replica"]["leader"] == "a"


async def test_a_killed_leader_is_followed_in_the_middle_of_commands(house: House) -> None:
    made, operator = house.pair, house.operator
    before = made.east.term
    made.east.travel_s = 4.0
    try:
        selected = await operator.post("/selects", {"actuator": "ly_outlet", "action": "open"})
        assert selected.status_code == 409 or selected.is_success
        going = (await operator.command("hc_outlet", "close")).json()
        await operator.state(going["id"], "operating")
        killed_s = CLOCK.monotonic()
        await asyncio.to_thread(made.kill, "a")
        there = made.at("b", operator)
        # Nobody leads now, and a gate closes all the same.
        meanwhile = await there.command("ly_outlet", "close")
        assert meanwhile.status_code == 202, meanwhile.text
        await made.ready("b", "leading")
        took_s = CLOCK.monotonic() - killed_s
        assert took_s < TAKE_OVER_S_MAX * made.slowness
        await there.state(going["id"], "confirmed")
        assert await asked_once(there, "ly_outlet", meanwhile.json()["id"])
        await there.state(meanwhile.json()["id"], "confirmed")
    finally:
        made.east.travel_s = 0.2
    assert obeyed(house, "hc_outlet", Action.CLOSE) == [going["id"]]
    assert obeyed(house, "ly_outlet", Action.CLOSE) == [meanwhile.json()["id"]]
    await until(lambda: made.east.term > before, why="the new leader claims the gateways")
    assert [item["online"] for item in await host_states(made)][-1] is True, (
        "the host is here: the new leader says so"
    )
    house.operator = there
    assert (await verified(house)).verified


async def test_a_frozen_leader_is_followed_and_writes_nothing_when_it_wakes(house: House) -> None:
    made, operator = house.pair, house.operator
    made.start("a")
    await made.ready("a")
    await made.is_live_at("b", operator)
    selected = await operator.select(made.at("b", house.second), "hc_outlet")
    assert selected.is_success, selected.text
    made.send("b", signal.SIGSTOP)
    frozen_s = CLOCK.monotonic()
    await made.ready("a", "leading")
    assert CLOCK.monotonic() - frozen_s < TAKE_OVER_S_MAX * made.slowness
    made.send("b", signal.SIGCONT)
    # The one that wakes believes to lead until its next breath; nothing of what it does then is written.
    woken = await operator.command("hc_outlet", "open", select=selected.json()["id"])
    assert woken.status_code in {409, 503}, woken.text
    there = made.at("a", operator)
    late = await there.command("hc_outlet", "open", select=selected.json()["id"])
    assert late.status_code in {403, 404, 409}, late.text
    assert obeyed(house, "hc_outlet", Action.OPEN) == []
    await until(lambda: "stands by" in made.log_of("b").split("another leads")[-1], why="b stands by")
    house.operator = there
    assert (await verified(house)).verified


async def test_a_leader_cut_off_from_the_database_closes_on_and_is_followed(house: House) -> None:
    made, operator = house.pair, house.operator
    made.east.opened |= {"qs_outlet"}
    await made.east.data("qs_outlet/opened", "qs_outlet/closed")
    await made.ready("b")
    made.cables["a"].cut()
    cut_s = CLOCK.monotonic()
    closed = await operator.command("qs_outlet", "close")
    assert closed.status_code == 202, closed.text
    await made.ready("b", "leading")
    assert CLOCK.monotonic() - cut_s < TAKE_OVER_S_MAX * made.slowness
    there = made.at("b", operator)
    made.cables["a"].mend()
    await until(lambda: "stands by" in made.log_of("a").split("another leads")[-1], why="a stands by")
    command = closed.json()["id"]
    assert await asked_once(there, "qs_outlet", command)
    await there.state(command, "confirmed")
    house.operator = there
    report = await verified(house)
    assert report.verified, report.problems


async def test_a_leader_that_ends_in_good_order_leaves_the_lead_at_once(house: House) -> None:
    made = house.pair
    ended_s = CLOCK.monotonic()
    # In a thread: the cables to the database lie in this loop.
    assert await asyncio.to_thread(made.kill, "b", signal.SIGTERM) == 0
    await made.ready("a", "leading")
    assert CLOCK.monotonic() - ended_s < TAKE_OVER_S_MAX * made.slowness
    report = await verified(house)
    assert report.verified, report.problems
    for name in ("a", "b"):
        assert "Traceback" not in made.log_of(name)
