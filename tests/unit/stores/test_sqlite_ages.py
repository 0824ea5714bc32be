"""The embedded store over time: what retention takes away, parts that grow and stay apart, and a database of an older version."""

import itertools
import json
import random
import sqlite3
import struct
import zlib
from array import array
from pathlib import Path

import pytest

from domain.errors import StorageError
from domain.ids import GatewayId, ParkId, PointRef
from domain.quality import Quality, Reason
from runtime.clock import ManualClock
from stores.port import PayloadName, Row
from stores.rows import payload_of
from stores.sqlite import SqliteStore
from stores.sqlite_reader import SqliteHistory, everything
from stores.track import HOUR_MS

PARK = ParkId("lingang")
POINT = PointRef("hc_analyser/cod")
DAY_MS = 24 * HOUR_MS
NOW_MS = 20_000 * DAY_MS


def name(offset: int) -> PayloadName:
    return PayloadName(GatewayId("gw_east"), "a" * 32, offset)


def row(at_ms: int, value: float) -> Row:
    return Row(POINT, at_ms, value, Quality.GOOD, None)


async def test_hours_past_retention_are_taken_away_and_older_samples_are_not_wanted(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    clock = ManualClock(now_ms=NOW_MS)
    store = SqliteStore(path, park=PARK, clock=clock, retention_ms=2 * DAY_MS)
    assert store.oldest_ms(NOW_MS) == NOW_MS - 2 * DAY_MS
    await store.write([payload_of(name(day), [row(NOW_MS - day * DAY_MS, float(day))]) for day in range(5)])
    await store.pack()
    await store._in_thread(store._sweep)
    assert [found.value for found in everything(path, park=PARK)] == [2.0, 1.0, 0.0]
    clock.advance(2 * 86_400)
    await store._in_thread(store._sweep)
    assert [found.value for found in everything(path, park=PARK)] == [0.0]
    assert store.was_seen(name(4)), "what was seen is remembered although it is gone"
    await store.close()


async def test_everything_is_kept_when_nobody_says_how_long(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.sqlite", park=PARK, clock=ManualClock(now_ms=NOW_MS))
    assert store.oldest_ms(NOW_MS) == 0
    await store.write([payload_of(name(0), [row(1, 1.0)])])
    await store.pack()
    await store._in_thread(store._sweep)
    assert list(everything(tmp_path / "store.sqlite", park=PARK)) == [row(1, 1.0)]
    await store.close()


async def test_parts_never_overlap_and_are_few_however_an_hour_comes(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    dice = random.Random(20261122)
    store = SqliteStore(path, park=PARK, clock=ManualClock(now_ms=NOW_MS))
    times = list(range(NOW_MS, NOW_MS + HOUR_MS, 30_000))
    late = sorted(dice.sample(times, 30))
    in_order = [at_ms for at_ms in times if at_ms not in late]
    for offset, at_ms in enumerate([*in_order, *late]):
        await store.write([payload_of(name(offset), [row(at_ms, at_ms % 977 / 8)])])
        if dice.random() < 0.5:
            await store.pack()
    await store.pack()
    with sqlite3.connect(path) as db:
        parts = db.execute("SELECT first_ms, last_ms, count FROM part ORDER BY first_ms").fetchall()
    assert all(before[1] < after[0] for before, after in itertools.pairwise(parts))
    assert sum(count for _, _, count in parts) == len(times)
    assert len(parts) <= 12
    assert list(everything(path, park=PARK)) == [row(at_ms, at_ms % 977 / 8) for at_ms in times]
    await store.close()


VERSION_1 = """
CREATE TABLE series (id INTEGER PRIMARY KEY, park TEXT NOT NULL, point TEXT NOT NULL, UNIQUE (park, point));
CREATE TABLE epoch (id INTEGER PRIMARY KEY, park TEXT NOT NULL, gateway TEXT NOT NULL, epoch TEXT NOT NULL,
    seen TEXT NOT NULL, UNIQUE (park, gateway, epoch));
CREATE TABLE log (id INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, offset INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE hour (series INTEGER NOT NULL, hour INTEGER NOT NULL, count INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (series, hour)) WITHOUT ROWID;
CREATE TABLE conflict (series INTEGER NOT NULL, at_ms INTEGER NOT NULL, stored_value REAL, stored_code INTEGER NOT NULL,
    value REAL, code INTEGER NOT NULL, epoch INTEGER NOT NULL, offset INTEGER NOT NULL);
CREATE TABLE tally (name TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO tally VALUES ('redelivered', 0), ('duplicates', 0);
PRAGMA user_version=1;
"""


def version_1(path: Path) -> None:
    """Make what version 0.1 left behind: an hour packed, and one payload logged."""
    hour = zlib.compress(
        array("I", [0, 1000]).tobytes() + array("d", [1.0, float("nan")]).tobytes() + bytes([0, 6])
    )
    with sqlite3.connect(path) as db:
        db.executescript(VERSION_1)
        db.execute("INSERT INTO series VALUES (1, ?, ?)", (PARK, POINT))
        db.execute("INSERT INTO epoch VALUES (1, ?, 'gw_east', ?, ?)", (PARK, "a" * 32, json.dumps([[0, 1]])))
        db.execute("INSERT INTO hour VALUES (1, ?, 2, ?)", (NOW_MS // HOUR_MS, hour))
        logged = struct.pack("<IqdB", 1, NOW_MS + 2000, 3.0, 0) + struct.pack("<IqdB", 1, NOW_MS, 1.0, 0)
        db.execute("INSERT INTO log VALUES (1, 1, 1, ?)", (logged,))


async def test_a_database_of_version_1_is_taken_over_whole(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    version_1(path)
    with pytest.raises(StorageError, match="start its ingest worker once"):
        await SqliteHistory(path, park=PARK).counts()
    wanted = [
        row(NOW_MS, 1.0),
        Row(POINT, NOW_MS + 1000, None, Quality.BAD, Reason.LINK),
        row(NOW_MS + 2000, 3.0),
    ]
    store = SqliteStore(path, park=PARK, clock=ManualClock(now_ms=NOW_MS))
    assert list(everything(path, park=PARK)) == wanted
    assert store.was_seen(name(1))
    await store.write([payload_of(name(2), [row(NOW_MS + 500, 0.5), row(NOW_MS + 2000, 9.0)])])
    await store.close()
    assert list(everything(path, park=PARK)) == [wanted[0], row(NOW_MS + 500, 0.5), *wanted[1:]]
    tally = await store.tally()
    assert (tally.samples, tally.duplicates, tally.conflicts) == (4, 1, 1)


def test_a_database_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "store.sqlite") as db:
        db.execute("PRAGMA user_version=99")
    with pytest.raises(StorageError, match="version 99"):
        SqliteStore(tmp_path / "store.sqlite", park=PARK, clock=ManualClock(now_ms=NOW_MS))
