"""The one writer: changes and their records as one, a bad change alone, the spool imported once."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import func, select

from control.audit.entry import Entry
from control.audit.log import AuditLog, Query
from control.database.change import Change, Write
from control.database.connection import open_database
from control.database.ledger import Contradicts, Ledger
from control.database.recorder import Committing, Recorder
from control.database.spool import Spool
from control.database.tables import FACTS, RECORDS, SESSIONS
from control.people.accounts import Accounts, User
from control.people.sessions import Rules, Sessions
from domain.errors import StorageError
from domain.words import Words
from runtime.clock import ManualClock, RealClock
from wire.canonical import Json


@dataclass
class Desk:
    ledger: Ledger
    recorder: Recorder
    spool: Spool


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    engine = await open_database(f"sqlite:///{tmp_path / 'c.sqlite'}")
    ledger = Ledger(engine)
    await ledger.load()
    task = asyncio.get_running_loop().create_task(ledger.run(), name="ledger")
    spool = Spool(tmp_path / "spool.jsonl")
    yield Desk(ledger, Recorder(ledger, spool, RealClock()), spool)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await engine.dispose()


def change(offset: int, *, kind: str = "k") -> Change:
    row: dict[str, Json] = {"gateway": "gw", "epoch": "e", "offset": offset, "kind": kind, "at_ms": 1}
    entry = Entry(at_ms=1, actor="a", kind=kind, object="o", words=Words("词", "w"), body={"offset": offset})
    return Change(writes=(Write(table="records", kind="insert", row=row),), entries=(entry,))


async def rows(desk: Desk) -> int:
    async with desk.ledger.engine.connect() as connection:
        return int(await connection.scalar(select(func.count()).select_from(RECORDS)) or 0)


async def test_many_changes_at_once_are_all_written_in_one_unbroken_log(desk: Desk) -> None:
    await asyncio.gather(*(desk.ledger.commit(change(number)) for number in range(120)))
    assert await rows(desk) == desk.ledger.tree.size == 120
    again = Ledger(desk.ledger.engine)
    await again.load()
    assert again.tree == desk.ledger.tree


async def test_a_change_that_contradicts_spoils_no_other_and_leaves_no_record(desk: Desk) -> None:
    await desk.ledger.commit(change(1))
    results = await asyncio.gather(
        *(desk.ledger.commit(change(number)) for number in (2, 1, 3)), return_exceptions=True
    )
    assert [type(item) for item in results] == [type(None), Contradicts, type(None)]
    assert await rows(desk) == desk.ledger.tree.size == 3
    assert desk.ledger.is_available


async def test_what_was_spooled_is_imported_once_and_one_bad_line_keeps_no_other_out(desk: Desk) -> None:
    await desk.ledger.commit(change(1))
    for number in (2, 1, 3):
        desk.spool.append(change(number, kind="spooled"))
    with pytest.raises(Exception, match="not available"):
        await desk.recorder.commit(change(9))
    await desk.recorder.restore()
    assert desk.recorder.is_available
    assert await rows(desk) == 3
    log = AuditLog(desk.ledger)
    assert len(await log.records(Query(kind="spooled"))) == 3, "the entries of the bad line are kept as well"
    assert len(await log.records(Query(kind="database.restored"))) == 1
    await desk.recorder.restore()
    assert await rows(desk) == 3


@pytest.mark.parametrize("is_spool_back_first", [True, False])
async def test_what_neither_database_nor_spool_took_is_held_and_imported_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, is_spool_back_first: bool
) -> None:
    """One full disk under both: what must not wait goes out, and its record waits in memory, in its order."""
    monkeypatch.setattr("control.database.spool.LINES_MAX", 0)
    desk.ledger.is_available = False
    for number in (1, 2, 3):
        await desk.recorder.keep(change(number, kind="held"))
    assert (desk.recorder.spooled, len(desk.spool)) == (3, 0)
    assert not desk.recorder.is_available
    if is_spool_back_first:
        monkeypatch.undo()
    await desk.recorder.restore()
    assert desk.recorder.is_available
    found = await AuditLog(desk.ledger).records(Query(kind="held"))
    assert [item["body"] for item in reversed(found)] == [{"offset": number} for number in (1, 2, 3)]
    await desk.recorder.restore()
    assert await rows(desk) == 3


async def test_what_comes_while_the_spool_is_imported_keeps_its_place(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its disk fills up in the midst of it and is back before the end: each act once, in the order in which they came."""
    commit, coming = desk.ledger.commit, iter(range(2, 7))

    async def busy(item: Change) -> None:
        await commit(item)
        number = next(coming, None)
        if number in {3, 5}:
            monkeypatch.setattr("control.database.spool.LINES_MAX", 2 if number == 3 else 100)
        if number is not None:
            await desk.recorder.keep(change(number, kind="aside"))

    desk.spool.append(change(1, kind="aside"))
    monkeypatch.setattr(desk.ledger, "commit", busy)
    for _ in range(2):
        await desk.recorder.restore()
    assert desk.recorder.is_available
    found = await AuditLog(desk.ledger).records(Query(kind="aside"))
    assert [item["body"]["offset"] for item in reversed(found)] == [1, 2, 3, 4, 5, 6]


async def test_what_an_edge_has_said_is_written_when_the_database_is_back_before_anything_else(
    desk: Desk,
) -> None:
    desk.spool.append(change(1, kind="spooled"))
    waiting, aside = [change(2, kind="edge")], asyncio.Event()

    async def owed(commit: Committing) -> None:
        while waiting:
            with pytest.raises(StorageError, match="not available"):
                await desk.recorder.commit(change(4))
            await desk.recorder.keep(change(3, kind="meanwhile"))
            aside.set()
            await commit(waiting.pop())

    desk.recorder.first_when_back(owed)
    await desk.recorder.restore()
    assert aside.is_set()
    assert desk.recorder.spooled == 2, "what came meanwhile goes with the next attempt"
    await desk.recorder.restore()
    assert desk.recorder.is_available
    found = await AuditLog(desk.ledger).records(Query())
    kinds = [str(item["kind"]) for item in reversed(found)]
    assert [kind for kind in kinds if kind != "database.restored"] == ["spooled", "edge", "meanwhile"]


async def test_who_signs_in_twice_in_one_moment_without_a_database_has_both_sessions_after_it(
    desk: Desk,
) -> None:
    clock = ManualClock()
    rules = Rules(idle_ms_max=1000, total_ms_max=1000, lock_ms=1000)
    sessions = Sessions(Accounts(desk.recorder, clock, clock), desk.recorder, clock, clock, rules=rules)
    user = User(
        username="zhao", display_name="赵", password="", roles=frozenset(), enterprise=None, created_ms=0
    )
    desk.ledger.is_available = False
    opened = {(await sessions.open(user, how="password")).session.token_hash for _ in range(2)}
    await desk.recorder.restore()
    async with desk.ledger.engine.connect() as connection:
        assert set(await connection.scalars(select(SESSIONS.c.token_hash))) == opened
    assert len(await AuditLog(desk.ledger).records(Query(kind="person.signed_in"))) == 2


async def test_a_database_that_says_nothing_holds_no_closure_up_and_nothing_is_written_twice(
    tmp_path: Path,
) -> None:
    """As behind a dead cable: the change waits with the ledger, and is spooled meanwhile."""
    engine = await open_database(f"sqlite:///{tmp_path / 'c.sqlite'}")
    ledger = Ledger(engine)
    recorder = Recorder(ledger, Spool(tmp_path / "spool.jsonl"), RealClock())
    await recorder.keep(change(7))  # nobody writes yet
    assert recorder.spooled == 1
    assert not recorder.is_available
    task = asyncio.get_running_loop().create_task(ledger.run(), name="ledger")
    await recorder.restore()
    assert recorder.is_available
    assert len(await AuditLog(ledger).records(Query(kind="k"))) == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await ledger.close()


async def test_the_log_is_read_as_asked(desk: Desk) -> None:
    for number, kind in enumerate(("command.request", "command.refused", "commander", "alarm.raised")):
        await desk.ledger.commit(change(number, kind=kind))
    log = AuditLog(desk.ledger)
    assert [item["kind"] for item in await log.records(Query(kind="command"))] == [
        "command.refused",
        "command.request",
    ]
    assert [item["seq"] for item in await log.records(Query(before=2))] == [1, 0]
    assert [item["seq"] for item in await log.records(Query(limit=1))] == [3]
    assert await log.records(Query(actor="nobody")) == []


async def test_what_is_imported_late_undoes_no_row(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def put(value: str, *entries: Entry) -> Change:
        row: dict[str, Json] = {"name": "n", "value": value}
        return Change(writes=(Write(table="facts", row=row),), entries=entries)

    async def restored() -> tuple[str | None, list[object]]:
        await desk.recorder.restore()
        assert not len(desk.spool)
        async with desk.ledger.engine.connect() as connection:
            value = await connection.scalar(select(FACTS.c.value))
        found = await AuditLog(desk.ledger).records(Query(kind="k", limit=10))
        return value, [item["body"] for item in reversed(found)]

    # The older of two has no line of its own to be found by, and nobody waits for the database to take it.
    monkeypatch.setattr("control.database.recorder.KEEP_S_MAX", 0.0)
    newer = put("2", *change(2).entries)
    await asyncio.gather(desk.recorder.keep(put("1")), desk.recorder.commit(newer))
    assert await restored() == ("2", [{"offset": 2}])
    # Nobody waits for either.
    await asyncio.gather(desk.recorder.keep(put("3")), desk.recorder.keep(put("4", *change(4).entries)))
    assert await restored() == ("4", [{"offset": 2}, {"offset": 4}])
    # The newer one is put aside at once, while the older one still waits.
    older = asyncio.get_running_loop().create_task(desk.recorder.keep(put("5")))
    await asyncio.sleep(0)
    desk.ledger.is_available = False
    await desk.recorder.keep(put("6", *change(6).entries))
    await older
    assert await restored() == ("6", [{"offset": 2}, {"offset": 4}, {"offset": 6}])
