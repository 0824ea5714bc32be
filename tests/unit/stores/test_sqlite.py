"""The embedded store's own promises: packing, memory across starts, one writer, and a disk that does not take it."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from domain.errors import StorageError
from domain.ids import GatewayId, ParkId, PointRef
from domain.quality import Quality
from runtime.clock import ManualClock
from stores.port import PayloadName, Row, StoredPayload
from stores.rows import payload_of
from stores.sqlite import PACK_AFTER_S, SqliteStore
from stores.sqlite_reader import everything

PARK = ParkId("lingang")
POINT = PointRef("hc_analyser/cod")


def payload(offset: int, *values: float) -> StoredPayload:
    rows = tuple(
        Row(POINT, offset * 1000 + place, value, Quality.GOOD, None) for place, value in enumerate(values)
    )
    return payload_of(PayloadName(GatewayId("gw_east"), "a" * 32, offset), rows)


def count(path: Path, table: str) -> int:
    with sqlite3.connect(path) as db:
        return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


async def test_packing_changes_nothing_that_is_read(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    store = SqliteStore(path, park=PARK, clock=ManualClock())
    for offset in range(50):
        await store.write([payload(offset, 1.0, 2.0)])
    await store.write([payload(3, 1.0, 9.0)])
    before = list(everything(path, park=PARK)), await store.tally(), await store.counts()
    assert count(path, "log") == 51
    await store.pack()
    assert count(path, "log") == 0
    assert (list(everything(path, park=PARK)), await store.tally(), await store.counts()) == before
    assert before[1].samples == 100
    assert (before[1].duplicates, before[1].conflicts, before[1].redelivered) == (1, 1, 1)
    assert count(path, "conflict") == 1
    await store.close()


async def test_a_point_is_read_while_the_log_holds_others_only(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.sqlite", park=PARK, clock=ManualClock())
    await store.write([payload(0, 1.0)])
    await store.pack()
    other = Row(PointRef("hc_flow/flow"), 5000, 3.0, Quality.GOOD, None)
    await store.write([payload_of(PayloadName(GatewayId("gw_east"), "a" * 32, 1), [other])])
    rows = await store.raw(POINT, from_ms=0, to_ms=10_000)
    assert [row.value for row in rows] == [1.0]
    await store.close()


async def test_the_same_conflict_again_is_kept_once(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    store = SqliteStore(path, park=PARK, clock=ManualClock())
    await store.write([payload(0, 1.0)])
    for _ in range(3):
        await store.write([payload(0, 2.0)])
        await store.pack()
    assert count(path, "conflict") == 1
    assert [row.value for row in everything(path, park=PARK)] == [1.0]
    await store.close()


async def test_an_old_log_is_packed_with_the_next_write(tmp_path: Path) -> None:
    clock = ManualClock()
    store = SqliteStore(tmp_path / "store.sqlite", park=PARK, clock=clock)
    await store.write([payload(0, 1.0)])
    assert count(tmp_path / "store.sqlite", "log") == 1
    clock.advance(PACK_AFTER_S + 1)
    await store.write([payload(1, 1.0)])
    await asyncio.get_running_loop().run_in_executor(store._packer, lambda: None)  # behind the packing
    assert (count(tmp_path / "store.sqlite", "log"), store.logged) == (0, 0)
    await store.close()


async def test_what_was_seen_is_known_after_a_start(tmp_path: Path) -> None:
    for start in range(3):
        store = SqliteStore(tmp_path / "store.sqlite", park=PARK, clock=ManualClock())
        assert all(store.was_seen(payload(offset).name) for offset in range(start))
        assert not store.was_seen(payload(start).name)
        await store.write([payload(start, 1.0)])
        await store.close()
    assert (await store.tally()).redelivered == 0


async def test_there_is_one_writer(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.sqlite", park=PARK, clock=ManualClock())
    with pytest.raises(StorageError, match="another process"):
        SqliteStore(tmp_path / "store.sqlite", park=PARK, clock=ManualClock())
    await store.close()


async def test_a_refused_commit_leaves_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    store = SqliteStore(path, park=PARK, clock=ManualClock())
    await store.write([payload(0, 1.0)])
    # The bound of the database stands for a full disk.
    await store._in_thread(lambda: store._db.execute("PRAGMA max_page_count=1"))
    with pytest.raises(StorageError, match="does not take"):
        await store.write([payload(1, *[1.0] * 50_000)])
    assert not store.was_seen(payload(1).name)
    await store._in_thread(lambda: store._db.execute("PRAGMA max_page_count=100000"))
    await store.write([payload(1, *[1.0] * 900)])
    assert store.was_seen(payload(1).name)
    assert (await store.tally()).samples == 901
    await store.close()


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StorageError, match="cannot be written"):
        SqliteStore(tmp_path / "file" / "store.sqlite", park=PARK, clock=ManualClock())


def test_what_is_no_store_is_said(tmp_path: Path) -> None:
    (tmp_path / "store.sqlite").write_bytes(b"no database " * 100)
    with pytest.raises(StorageError, match="cannot be written"):
        SqliteStore(tmp_path / "store.sqlite", park=PARK, clock=ManualClock())
