"""A database is copied while it is written: one moment of it, whole, and never over another file."""

import sqlite3
from pathlib import Path

import pytest

from domain.errors import StorageError
from domain.ids import GatewayId, ParkId, PointRef
from domain.quality import Quality
from runtime.clock import ManualClock
from stores.port import PayloadName, Row
from stores.rows import payload_of
from stores.sqlite import SqliteStore
from stores.sqlite_backup import back_up
from stores.sqlite_reader import everything

PARK = ParkId("lingang")
POINT = PointRef("hc_analyser/cod")


async def filled(path: Path, offsets: range) -> SqliteStore:
    store = SqliteStore(path, park=PARK, clock=ManualClock())
    for offset in offsets:
        row = Row(POINT, offset * 1000, float(offset), Quality.GOOD, None)
        await store.write([payload_of(PayloadName(GatewayId("gw_east"), "a" * 32, offset), [row])])
    return store


async def test_a_copy_is_whole_and_the_writer_goes_on(tmp_path: Path) -> None:
    store = await filled(tmp_path / "store.sqlite", range(30))
    await store.pack()
    row = Row(POINT, 99_000, 99.0, Quality.GOOD, None)
    await store.write([payload_of(PayloadName(GatewayId("gw_east"), "a" * 32, 99), [row])])
    copy = tmp_path / "backup" / "store.sqlite"
    assert back_up(tmp_path / "store.sqlite", copy) == copy.stat().st_size
    await store.write([payload_of(PayloadName(GatewayId("gw_east"), "a" * 32, 100), [row])])
    await store.close()
    assert [found.value for found in everything(copy, park=PARK)] == [*map(float, range(30)), 99.0]
    # It is a store like any other: a worker goes on with it.
    again = SqliteStore(copy, park=PARK, clock=ManualClock())
    assert again.was_seen(PayloadName(GatewayId("gw_east"), "a" * 32, 99))
    await again.close()


async def test_a_copy_never_goes_over_a_file(tmp_path: Path) -> None:
    await (await filled(tmp_path / "store.sqlite", range(1))).close()
    (tmp_path / "old").write_text("precious")
    with pytest.raises(StorageError, match="there already"):
        back_up(tmp_path / "store.sqlite", tmp_path / "old")
    assert (tmp_path / "old").read_text() == "precious"


@pytest.mark.parametrize("content", [None, b"no database " * 1000])
def test_what_cannot_be_copied_is_said_and_leaves_nothing(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "store.sqlite").write_bytes(content)
    with pytest.raises(StorageError, match="cannot be copied"):
        back_up(tmp_path / "store.sqlite", tmp_path / "copies" / "copy")
    assert not [*(tmp_path / "copies").iterdir()]


def test_a_copy_of_what_another_program_made_is_consistent(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "db") as db:
        db.execute("CREATE TABLE t (x)")
        db.execute("INSERT INTO t VALUES (1)")
    back_up(tmp_path / "db", tmp_path / "copy")
    with sqlite3.connect(tmp_path / "copy") as db:
        assert db.execute("SELECT x FROM t").fetchall() == [(1,)]
