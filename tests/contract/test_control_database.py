"""Control's database is the same on SQLite and on PostgreSQL: tables, transactions, the audit log, people, and copies."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_asyncio
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from control.audit.copy import copy_log
from control.audit.entry import Entry
from control.audit.log import AuditLog, Query
from control.audit.tree import Frontier
from control.audit.verify import verify_audit
from control.bell import Bell
from control.commands.book import Book
from control.commands.orders import Orders
from control.commands.term import Term
from control.database.change import Change, Write
from control.database.connection import open_database
from control.database.ledger import Contradicts, Ledger
from control.database.recorder import Recorder
from control.database.spool import Spool
from control.database.tables import METADATA, RECORDS
from control.database.transfer import copy_all
from control.live.image import Image
from control.people.accounts import Accounts, User
from control.people.roles import Role
from control.people.sessions import Rules, Sessions
from control.people.standing import Standing
from control.people.tokens import Tokens
from control.plans.compile import content_hash
from control.plans.entries import row as run_row
from control.plans.passing import PassingSamples
from control.plans.reopener import Reopener
from control.plans.reopening import State as ReopeningState
from control.plans.run import RunState, StepState
from control.plans.runner import KEPT_MAX, Runner
from domain.errors import StorageError
from domain.words import Words
from runtime.clock import RealClock
from tests.fakes.memory_database import MemoryDatabase
from tests.service.postgres import Postgres
from tests.unit.control.test_reopening import PROCEDURE, SITE, ZHAO
from tests.unit.control.test_run import at, plan, run, step
from tests.unit.control.world import PARK, image
from wire.canonical import Json

CLOCK = RealClock()
MEMORIES: dict[str, MemoryDatabase] = {}
"""The databases of simulated worlds, by a name instead of an address."""
IMAGE = Image(SITE)
SAMPLES = PassingSamples(SITE, IMAGE, CLOCK)
RULES = Rules(idle_ms_max=10**9, total_ms_max=10**9, lock_ms=10**9)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    server.start()
    yield server
    server.close()


@pytest.fixture(params=["sqlite", "postgresql", "memory"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "memory":
        MEMORIES[str(tmp_path)] = MemoryDatabase()
        return str(tmp_path)
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'control.sqlite'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database()


@dataclass
class Desk:
    engine: AsyncEngine
    ledger: Ledger
    recorder: Recorder
    spool: Spool


@contextlib.asynccontextmanager
async def opened(address: str, folder: Path) -> AsyncIterator[Desk]:
    memory = MEMORIES.get(address)
    engine = await open_database(address) if memory is None else memory.engine()
    ledger = Ledger(engine)
    await ledger.load()
    task = asyncio.get_running_loop().create_task(ledger.run(), name="ledger")
    spool = Spool(folder / "spool.jsonl")
    try:
        yield Desk(engine, ledger, Recorder(ledger, spool, CLOCK), spool)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await engine.dispose()


@pytest_asyncio.fixture
async def desk(address: str, tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened(address, tmp_path) as made:
        yield made


def change(offset: int, *, kind: str = "k") -> Change:
    row: dict[str, Json] = {"gateway": "gw", "epoch": "e", "offset": offset, "kind": kind, "at_ms": 2**41}
    entry = Entry(
        at_ms=2**41, actor="赵", kind=kind, object="o", words=Words("关闭", "close"), body={"offset": offset}
    )
    return Change(writes=(Write(table="records", kind="insert", row=row),), entries=(entry,))


async def rows(engine: AsyncEngine) -> int:
    async with engine.connect() as connection:
        return int(await connection.scalar(select(func.count()).select_from(RECORDS)) or 0)


async def test_the_migrations_make_the_tables_that_the_code_names(desk: Desk) -> None:
    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), METADATA))

    async with desk.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_opening_again_migrates_nothing_and_loses_nothing(
    desk: Desk, address: str, tmp_path: Path
) -> None:
    await desk.ledger.commit(change(1))
    async with opened(address, tmp_path) as again:
        assert again.ledger.tree == desk.ledger.tree
        assert await rows(again.engine) == 1


async def test_a_start_goes_on_from_the_newest_seal_that_agrees_with_the_log(desk: Desk) -> None:
    async def sealed(size: int, subtrees: list[str] | None, root: str) -> None:
        told: dict[str, Json] = {"size": size, "root": root, "at_ms": 1, "token": ""}
        told["subtrees"] = None if subtrees is None else json.dumps(subtrees)
        await desk.ledger.commit(Change(writes=(Write(table="checkpoints", row=told),)))

    async def loaded() -> Frontier:
        again = Ledger(desk.ledger.engine)
        await again.load()
        return again.tree

    for number in range(5):
        await desk.ledger.commit(change(number))
    tree = desk.ledger.tree
    await sealed(5, [item.hex() for item in tree.subtrees], tree.root.hex())
    await desk.ledger.commit(change(5))
    assert await loaded() == desk.ledger.tree
    # Seals of before, seals that contradict themselves, and those of a log that is gone are not gone on from.
    await sealed(6, None, desk.ledger.tree.root.hex())
    await sealed(7, ["00" * 32] * 3, "0" * 64)
    await sealed(8, ["zz"], "0" * 64)
    await sealed(16, ["11" * 32], "11" * 32)
    assert await loaded() == desk.ledger.tree


async def test_many_changes_at_once_make_one_unbroken_log(desk: Desk, tmp_path: Path) -> None:
    await asyncio.gather(*(desk.ledger.commit(change(number)) for number in range(120)))
    assert await rows(desk.engine) == desk.ledger.tree.size == 120
    await copy_log(desk.engine, tmp_path / "copy.sqlite")
    (tmp_path / "seals.jsonl").write_text("")
    report = verify_audit(tmp_path / "copy.sqlite", tmp_path / "seals.jsonl")
    assert (report.verified, report.records, report.root) == (True, 120, desk.ledger.tree.root.hex())


async def test_a_change_that_contradicts_spoils_no_other(desk: Desk) -> None:
    await desk.ledger.commit(change(1))
    results = await asyncio.gather(
        *(desk.ledger.commit(change(number)) for number in (2, 1, 3)), return_exceptions=True
    )
    assert [type(item) for item in results] == [type(None), Contradicts, type(None)]
    assert await rows(desk.engine) == desk.ledger.tree.size == 3


async def test_a_put_replaces_and_a_remove_takes_away(desk: Desk) -> None:
    for value in ("1", "2"):
        await desk.ledger.commit(Change(writes=(Write(table="facts", row={"name": "n", "value": value}),)))
    facts = METADATA.tables["facts"]
    async with desk.engine.connect() as connection:
        assert (await connection.execute(select(facts.c.value))).scalars().all() == ["2"]
    await desk.ledger.commit(Change(writes=(Write(table="facts", kind="remove", row={"name": "n"}),)))
    async with desk.engine.connect() as connection:
        assert (await connection.execute(select(facts))).all() == []


async def test_the_log_is_searched_and_exported_alike(desk: Desk) -> None:
    for number in range(30):
        await desk.ledger.commit(change(number, kind=f"command.{'a' if number % 3 else 'b'}"))
    log = AuditLog(desk.ledger)
    assert len(await log.records(Query(kind="command", limit=100))) == 30
    assert [item["body"] for item in await log.records(Query(kind="command.b", limit=2))] == [
        {"offset": 27},
        {"offset": 24},
    ]
    assert [item.seq for item in await log.kept(Query(kind="command.b", from_ms=0), size=10)] == [0, 3, 6, 9]
    assert len(await log.leaves(size=10)) == 10


async def test_the_spool_is_imported_once(desk: Desk) -> None:
    for number in (1, 2):
        desk.spool.append(change(number))
    await desk.recorder.restore()
    await desk.recorder.restore()
    assert await rows(desk.engine) == 2


async def test_a_command_that_is_imported_late_undoes_nothing(desk: Desk) -> None:
    def sent(*states: str, token: str = "a.b.c") -> Change:
        body: dict[str, Json] = {
            "transitions": list(states),
            "sent": ["operate"],
            "messages": {"operate": token},
        }
        row: dict[str, Json] = {
            "id": "c", "actuator": "a", "gateway": "g", "author": "zhao", "state": states[-1] if states else "requested",
            "created_ms": 2**41, "idempotency_key": None, "body": body,
        }  # fmt: skip
        return Change(writes=(Write(table="commands", row=row),))

    await desk.ledger.commit(sent("operating", "confirmed"))
    desk.spool.append(sent())
    await desk.recorder.restore()
    commands = METADATA.tables["commands"]
    async with desk.engine.connect() as connection:
        assert await connection.scalar(select(commands.c.state)) == "confirmed"
    desk.spool.append(sent("operating", "confirmed", "unknown", token="d.e.f"))
    await desk.recorder.restore()
    async with desk.engine.connect() as connection:
        held = (await connection.execute(select(commands.c.state, commands.c.body))).one()
    assert held.state == "confirmed", "no audit record says that it is unknown"
    assert held.body["messages"] == {"operate": "d.e.f"}


async def test_a_term_rises_at_every_start(desk: Desk) -> None:
    terms = []
    for _ in range(3):
        term = Term(desk.recorder, CLOCK)
        await term.begin(desk.engine)
        terms.append(term.number)
    assert terms == [1, 2, 3]


async def test_people_sessions_and_tokens_come_back(desk: Desk) -> None:
    accounts = Accounts(desk.recorder, CLOCK, CLOCK)
    user = User(
        username="zhao",
        display_name="赵",
        password="x",
        roles=frozenset({Role.OPERATOR}),
        enterprise=None,
        created_ms=CLOCK.now_ms(),
        totp=b"\x00\xff",
        pin="y",
        password_ms=CLOCK.now_ms(),
        is_password_given=True,
        earlier_passwords=("a", "b"),
        subject="https://id.example 42",
    )
    assert await accounts.add(user, actor="root")
    sessions = Sessions(accounts, desk.recorder, CLOCK, CLOCK, rules=RULES)
    made = await sessions.open(user, how="password")
    tokens = Tokens(desk.recorder, CLOCK, CLOCK)
    secret, _ = await tokens.make("dcs", frozenset({Role.VIEWER}), enterprise=None, days=1, made_by="root")
    again = Accounts(desk.recorder, CLOCK, CLOCK)
    await again.load(desk.engine)
    assert again.get("zhao") == user
    held = Sessions(again, desk.recorder, CLOCK, CLOCK, rules=RULES)
    await held.load(desk.engine)
    person, session = held.find(made.token) or pytest.fail("the session is gone")
    assert person.standing is Standing.GIVEN_PASSWORD
    await held.lock(session)
    await held.load(desk.engine)
    person, _ = held.find(made.token) or pytest.fail("the session is gone")
    assert person.standing is Standing.LOCKED
    assert again.by_subject("https://id.example 42") == user
    await again.disable(replace(user), actor="root")
    assert held.find(made.token) is None
    known = Tokens(desk.recorder, CLOCK, CLOCK)
    await known.load(desk.engine)
    assert known.find(secret) is not None


async def test_a_database_is_copied_whole_into_an_empty_one_of_the_other_kind(
    desk: Desk, address: str, tmp_path: Path, postgres: Postgres
) -> None:
    await asyncio.gather(*(desk.ledger.commit(change(number)) for number in range(50)))
    is_server = "postgresql" in address
    other = f"sqlite:///{tmp_path / 'other.sqlite'}" if is_server else postgres.new_database()
    async with opened(other, tmp_path / "spools") as target:
        assert await copy_all(desk.engine, target.engine) == 100
        again = Ledger(target.engine)
        await again.load()
        assert again.tree == desk.ledger.tree
        with pytest.raises(StorageError, match="empty database"):
            await copy_all(desk.engine, target.engine)
        assert await rows(target.engine) == 50


async def test_a_server_that_dies_refuses_and_comes_back(tmp_path: Path) -> None:
    """PostgreSQL alone: what was answered is there after kill -9, what was refused is not, and the ledger goes on."""
    server = Postgres()
    server.start()
    try:
        async with opened(server.new_database(), tmp_path) as desk:
            await desk.ledger.commit(change(1))
            server.kill()
            with pytest.raises(StorageError):
                await desk.ledger.commit(change(2))
            assert not desk.ledger.is_available
            await desk.recorder.keep(change(3))
            assert desk.recorder.spooled == 1
            server.start()
            await desk.recorder.restore()
            assert desk.recorder.is_available
            assert await rows(desk.engine) == 2
    finally:
        server.close()


async def test_a_commit_that_was_done_and_not_answered_is_not_written_twice(desk: Desk) -> None:
    """The connection broke in the moment of the commit: what the log holds is read again before anything more is written."""
    await desk.ledger.commit(change(1))
    other = Ledger(desk.engine)
    await other.load()
    writing = asyncio.get_running_loop().create_task(other.run(), name="other hand")
    await other.commit(change(2))  # what was done without the ledger's hearing of it
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    desk.ledger._is_unsure = True
    desk.spool.append(change(2))
    await desk.recorder.restore()
    assert desk.recorder.is_available
    assert await rows(desk.engine) == 2
    log = AuditLog(desk.ledger)
    assert len(await log.records(Query(kind="k"))) == 2
    await other.close()


async def test_an_old_run_that_is_not_over_is_taken_up_behind_many_newer_ones(desk: Desk) -> None:
    """However many runs came since: something of it may still move."""
    of = plan(step("hc_outlet"))
    site = replace(PARK, plans={of.id: of})
    done = replace(
        at(run(of), hc_outlet=StepState.CONFIRMED),
        content_hash=content_hash(of, PARK),
        state=RunState.DONE,
        ended_ms=1,
    )
    old = replace(done, id="old", state=RunState.ABORTED, is_aborted=True, ended_ms=None, started_ms=1)
    old = at(old, hc_outlet=StepState.RUNNING)
    newer = [replace(done, id=f"{number:03d}", started_ms=100 + number) for number in range(KEPT_MAX + 5)]
    await desk.recorder.commit(Change(writes=tuple(run_row(item) for item in (old, *newer))))
    mine = cast("Any", desk.recorder)
    runner = Runner(site, image(), mine, Book(), Orders(site), mine, CLOCK, Bell())
    await runner.load(desk.engine)
    assert runner.runs["old"] == old
    assert set(runner.runs) == {"old", *(item.id for item in newer[-KEPT_MAX:])}


async def test_a_reopening_is_kept_whole_and_stopped_by_a_start(desk: Desk) -> None:
    before = Reopener(
        SITE, IMAGE, *cast("Any", (None, Book(), Orders(SITE), desk.recorder, CLOCK, Bell())), samples=SAMPLES
    )
    asked = await before.start(PROCEDURE, ZHAO, reason="合格")
    after = Reopener(
        SITE, IMAGE, *cast("Any", (None, Book(), Orders(SITE), desk.recorder, CLOCK, Bell())), samples=SAMPLES
    )
    await after.load(desk.engine)
    found = after.runs[asked.id]
    assert (found.state, found.author, found.content_hash) == (
        ReopeningState.STOPPED,
        "zhao",
        asked.content_hash,
    )
    await after.load(desk.engine)
    assert after.runs[asked.id] == found, "and stays so"
