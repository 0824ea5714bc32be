"""What another control has left is taken whole, however often the database is gone in between, and undoes nothing."""

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import pytest_asyncio

from control.audit.entry import Entry
from control.commands.archive import Archive
from control.commands.entries import order_row, row
from control.core import Core
from control.database.change import Change, Write, change_body
from control.replica.intake import Intake
from domain.errors import StorageError
from domain.order import Order, OrderKind
from domain.words import Words
from runtime.clock import ManualClock
from tests.unit.control.test_owed import House, gone, nothing
from tests.unit.control.test_records import record, sent
from tests.unit.control.world import OUTLET, PARK
from wire.canonical import dumps

ENTRY = Entry(at_ms=1, actor="zhao", kind="command.request", object=OUTLET, words=Words("关", "close"))
TAG = Order(
    id="d" * 32,
    kind=OrderKind.TAG_OUT,
    actuator=OUTLET,
    by="zhao",
    reason="换密封",
    since_ms=1,
    until_ms=None,
)
LEFT = Change(writes=(row(sent()), order_row(TAG)), entries=(ENTRY,))


class Leader(House):
    """A control that leads, and finds `LEFT`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        engine = self.ledger.engine
        core = SimpleNamespace(
            journal=SimpleNamespace(engine=engine, ledger=self.ledger, recorder=self.recorder),
            book=self.book,
            archive=Archive(engine),
            orders=self.orders,
            park=PARK,
            changes=self.changes,
        )
        self.intake = Intake(cast("Core", core), ManualClock())

    async def find(self, left: Change, line: str) -> None:
        """Have `left` lie there."""
        body = dumps(change_body(left)).decode()
        handed = Write(table="handed", row={"line": line, "replica": "b", "at_ms": 1, "body": body})
        await self.ledger.commit(Change(writes=(handed,)))


@pytest_asyncio.fixture
async def leader(tmp_path: Path) -> AsyncIterator[Leader]:
    made = Leader(tmp_path)
    made.work()
    await made.find(LEFT, "1")
    yield made
    await made.end()


async def test_what_could_not_be_written_at_the_first_look_is_written_at_the_next(leader: Leader) -> None:
    leader.ahead += [gone]
    with pytest.raises(StorageError):
        await leader.intake.take_all()
    await leader.recorder.restore()
    await leader.intake.take_all()
    rows = leader.database.rows()
    assert [item["id"] for item in rows["commands"]] == [sent().id]
    assert [item["id"] for item in rows["orders"]] == [TAG.id]
    assert [item["kind"] for item in rows["audit"]] == ["database.restored", "command.request"]
    assert rows["handed"] == ()


async def test_what_an_edge_says_while_it_is_taken_stands(leader: Leader) -> None:
    leader.reading += [nothing, nothing, nothing, partial(leader.records.take, record())]
    await leader.intake.take_all()
    assert leader.reading == []
    assert [item["kind"] for item in leader.database.rows()["audit"]] == ["edge.command", "command.request"]
    assert leader.state == "confirmed"


async def test_an_override_that_was_lifted_elsewhere_is_lifted(leader: Leader) -> None:
    given = replace(TAG, id="e" * 32, kind=OrderKind.OVERRIDE, interlock="clean", second="qian")
    leader.orders.add(given)
    await leader.ledger.commit(Change(writes=(order_row(given),)))
    lifted = replace(ENTRY, kind="override.lifted")
    await leader.find(Change(writes=(order_row(given, is_released=True),), entries=(lifted,)), "2")
    await leader.intake.take_all()
    assert leader.orders.standing(OUTLET, OrderKind.OVERRIDE) == ()
    rows = {item["id"]: item["is_released"] for item in leader.database.rows()["orders"]}
    assert rows == {TAG.id: False, given.id: True}
