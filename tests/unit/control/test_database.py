"""The database: migrated to what the code names, whole or not at all; the spool keeps its chain."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from control.audit.entry import Entry
from control.database.change import Change, Write
from control.database.connection import database_address, migrate, open_database
from control.database.ledger import Ledger
from control.database.recorder import Recorder
from control.database.spool import Spool
from control.database.tables import METADATA
from domain.errors import ConfigurationError, StorageError
from domain.words import Words
from runtime.clock import ManualClock
from tests.fakes.memory_database import MemoryDatabase

CHANGE = Change(
    writes=(Write(table="facts", row={"name": "n", "value": "1"}),),
    entries=(
        Entry(at_ms=1, actor="zhao", kind="k", object="o", words=Words("词", "word"), body={"x": [1, None]}),
    ),
)


def test_the_newest_migration_makes_the_tables_that_the_code_names(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    migrate(database_address(f"sqlite:///{path}"))
    migrate(database_address(f"sqlite:///{path}"))
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection), METADATA)
    engine.dispose()
    assert found == []


def test_a_database_that_was_never_finished_is_begun_again(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("BEGIN")
    connection.execute("CREATE TABLE facts (name TEXT)")
    connection.close()
    migrate(database_address(f"sqlite:///{path}"))


def test_the_spool_gives_back_what_was_written(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.jsonl")
    spool.append(CHANGE)
    spool.append(CHANGE)
    again = Spool(tmp_path / "spool.jsonl")
    assert len(again) == 2
    assert [change for _, change in again.lines()] == [CHANGE, CHANGE]
    again.clear()
    assert len(Spool(tmp_path / "spool.jsonl")) == 0


def test_a_new_spool_is_in_its_folder_before_anything_counts_as_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []

    def sync(folder: Path) -> None:
        synced.append(folder)
        if len(synced) == 1:
            raise OSError

    monkeypatch.setattr("control.database.spool.sync_folder", sync)
    spool = Spool(tmp_path / "spool.jsonl")
    with pytest.raises(StorageError):
        spool.append(CHANGE)
    assert len(spool) == 0
    for _ in range(2):
        spool.append(CHANGE)
    assert len(spool) == len(Spool(tmp_path / "spool.jsonl")) == 2
    assert synced == [tmp_path] * 2, "once it is there"


def test_a_line_behind_a_torn_one_takes_its_place(tmp_path: Path) -> None:
    path = tmp_path / "spool.jsonl"
    spool = Spool(path)
    for count in range(1, 5):
        spool.append(CHANGE)
        with path.open("ab") as file:
            file.write(b'{"before":"')  # the disk was full, or the power went
        assert len(list(spool.lines())) == len(Spool(path)) == count
        spool = spool if count % 2 else Spool(path)


def test_a_torn_line_and_what_follows_an_edit_are_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "spool.jsonl"
    spool = Spool(path)
    for _ in range(3):
        spool.append(CHANGE)
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    assert len(Spool(path)) == 2
    first, second, third = whole.splitlines(keepends=True)
    path.write_bytes(first + second.replace(b"zhao", b"qian") + third)
    again = Spool(path)
    assert len(again) == 2, "the edited line still stands, the one that named its hash does not"
    assert damaged(tmp_path) == [third], "what cannot be read is not written over"
    again.append(CHANGE)
    assert Spool(path).damaged is None
    assert len(Spool(path)) == 3


async def test_lines_that_cannot_be_read_are_on_record_once_and_lie_beside(tmp_path: Path) -> None:
    path, database = tmp_path / "spool.jsonl", MemoryDatabase()
    for _ in range(3):
        Spool(path).append(CHANGE)
    first, second, third = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + b"!" + second + third)
    ledger = Ledger(database.engine())
    writing = asyncio.get_running_loop().create_task(ledger.run(), name="ledger")
    for _ in range(2):
        await Recorder(ledger, Spool(path), ManualClock()).restore_at_start()
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    assert [row["kind"] for row in database.rows()["audit"]] == [
        "k",
        "database.restored",
        "database.spool_damaged",
    ]
    assert damaged(tmp_path) == [b"!" + second + third]


def damaged(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.glob("spool.damaged-*")]


@pytest.mark.parametrize(
    "text",
    [
        "mysql://a@b/c",
        "nonsense",
        "sqlite://",
        "postgresql://host/database",
        "postgresql://u:secret@host/database",
    ],
)
async def test_an_address_that_is_none_is_said_without_its_password(text: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        await open_database(text)
    assert "database.url" in str(error.value)
    assert "secret" not in str(error.value)


async def test_a_server_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot use the database postgresql"):
        await open_database("postgresql://u@127.0.0.1:1/none")
