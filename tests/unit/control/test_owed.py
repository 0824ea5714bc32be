"""What an edge has said is written before anything that rests on it, whatever becomes of the database in between."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

import pytest
import pytest_asyncio

from control.audit.entry import Entry
from control.bell import Bell
from control.commands.book import Book
from control.commands.entries import row
from control.commands.orders import Orders
from control.commands.records import Records
from control.database.change import Change
from control.database.ledger import Ledger
from control.database.recorder import Recorder
from control.database.spool import Spool
from domain.command import Phase
from domain.words import Words
from runtime.clock import ManualClock
from runtime.mqtt import MqttLink
from tests.fakes.memory_database import MemoryDatabase, What
from tests.unit.control.test_records import record, sent
from tests.unit.control.world import PARK
from wire.signing import Signer


async def nothing() -> None:
    """A commit that is done at once."""


async def gone() -> None:
    """A commit that fails."""
    raise OSError("gone")


class House:
    """A centre's way from an edge's word to the disk."""

    def __init__(self, folder: Path) -> None:
        self.database = MemoryDatabase()
        self.ahead: list[Callable[[], Awaitable[None]]] = []
        """What happens at each of the next commits."""
        self.reading: list[Callable[[], Awaitable[None]]] = []
        """What happens at each of the next readings."""
        self.ledger = Ledger(self.database.engine(self._pause))
        self.recorder = Recorder(self.ledger, Spool(folder / "spool.jsonl"), ManualClock())
        self.book, self.orders, self.changes = Book(), Orders(PARK), Bell()
        self.records = Records(
            park=PARK,
            book=self.book,
            orders=self.orders,
            ledger=self.ledger,
            recorder=self.recorder,
            link=cast("MqttLink", None),
            signer=cast("Signer", None),
            clock=ManualClock(),
            changes=self.changes,
        )

    async def _pause(self, what: What) -> None:
        coming = {"commit": self.ahead, "read": self.reading}.get(what)
        if coming:
            await coming.pop(0)()

    def work(self) -> None:
        """Have written what comes, to the end of the test."""
        self._writing = asyncio.get_running_loop().create_task(self.ledger.run(), name="ledger")

    async def end(self) -> None:
        """Write nothing more."""
        self._writing.cancel()
        await asyncio.gather(self._writing, return_exceptions=True)

    async def send(self) -> None:
        """Write the command as it is in memory, once an edge has spoken of it: a row, and no word in the audit."""
        if self.book.get(sent().id) == sent():
            await self.changes.heard(timeout_s=5.0)
        held = self.book.get(sent().id)
        assert held is not None
        await self.recorder.keep(Change(writes=(row(held),)))

    @property
    def state(self) -> str:
        """The command's state as written."""
        (found,) = self.database.rows()["commands"]
        return str(found["state"])


def said(kind: str) -> Entry:
    return Entry(at_ms=1, actor="zhao", kind=kind, object="hc_outlet", words=Words("关", "close"))


@pytest_asyncio.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    made = House(tmp_path)
    made.work()
    await made.ledger.commit(Change(writes=(row(sent()),)))
    made.book.put(sent(), now_s=0.0)
    yield made
    await made.end()


async def test_behind_an_edge_s_word_that_was_not_written_nothing_is(house: House) -> None:
    sending: list[asyncio.Task[None]] = []

    async def gone_with_another_behind() -> None:
        sending.append(asyncio.get_running_loop().create_task(house.send()))
        await asyncio.sleep(0)
        await gone()

    house.ahead += [gone_with_another_behind]  # and the next commit would be done
    await house.records.take(record())
    await asyncio.gather(*sending)
    assert (house.state, house.recorder.spooled) == ("requested", 1)
    for _ in range(2):
        await house.recorder.restore()
    assert (house.state, house.recorder.is_available) == ("confirmed", True)


async def test_of_a_group_whose_first_is_not_written_none_is(house: House) -> None:
    house.ahead += [gone, gone]
    await asyncio.gather(house.records.take(record()), house.send())
    assert (house.state, house.recorder.spooled) == ("requested", 1)


async def test_a_database_is_back_when_what_is_owed_is_written_whoever_writes_before(house: House) -> None:
    house.ahead += [gone]
    await house.records.take(record())
    await house.ledger.commit(Change())  # a seal of the log
    assert house.ledger.is_available
    await house.send()
    assert house.state == "requested"
    for _ in range(2):
        await house.recorder.restore()
    assert (house.state, house.recorder.is_available) == ("confirmed", True)


async def test_what_is_said_while_what_is_owed_is_written_is_owed_as_well(house: House) -> None:
    house.ahead += [gone]
    await house.records.take(record("operating"))
    house.ahead += [nothing, nothing, partial(house.records.take, replace(record(), offset=8))]
    await house.recorder.restore()
    assert (house.ahead, house.state, house.recorder.is_available) == ([], "confirmed", True)


async def test_a_command_that_went_out_while_its_asking_was_written_unheard_is_known_as_gone_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As behind a dead cable: asked for, and put aside; sent, and put aside; the first was written all the same."""
    monkeypatch.setattr("control.database.recorder.KEEP_S_MAX", 0.0)
    house = House(tmp_path)
    asked = replace(sent(), sent=frozenset(), wanted=Phase.OPERATE)
    await house.recorder.keep(Change(writes=(row(asked),), entries=(said("command.request"),)))
    await house.recorder.keep(Change(writes=(row(asked.published()),)))
    house.work()
    await house.recorder.restore()
    await house.end()
    (found,) = house.database.rows()["commands"]
    assert found["body"]["sent"] == ["operate"]
    assert [item["kind"] for item in house.database.rows()["audit"]] == [
        "command.request",
        "database.restored",
    ]


async def test_a_kill_between_the_import_of_the_spool_and_of_memory_loses_no_row_of_the_spool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path)
    house.ledger.is_available = False
    await house.recorder.keep(Change(writes=(row(sent()),), entries=(said("command.request"),)))
    monkeypatch.setattr("control.database.spool.LINES_MAX", 1)
    await house.recorder.keep(Change(writes=(row(sent()),), entries=(said("command.cancel"),)))
    house.ahead += [nothing, nothing, gone]
    house.work()
    await house.recorder.restore()
    await house.end()
    assert (house.ahead, house.state) == ([], "requested")
    assert [item["kind"] for item in house.database.rows()["audit"]] == ["command.request"]
