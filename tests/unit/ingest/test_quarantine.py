"""The quarantine keeps each refusal once, knows it after a start, and is bounded where anybody may fill it."""

from pathlib import Path

import pytest

from domain.errors import StorageError
from domain.ids import GatewayId
from ingest import quarantine as module
from ingest.database import OwnDatabase
from ingest.judge import WHOLE, Refused, Why
from ingest.quarantine import (
    Entry,
    Quarantine,
    QuarantineTally,
    counts_by_reason,
    newest_held,
    quarantined_names,
    read_quarantine,
)
from stores.port import PayloadName

NAME = PayloadName(GatewayId("gw_east"), "a" * 32, 7)


def entry(
    place: int = 0, *, name: PayloadName | None = NAME, samples: int = 1, payload: bytes = b"p"
) -> Entry:
    refused = Refused(index=place, samples=samples, why=Why.WRONG_TYPE, detail="text", value="x")
    return Entry(name=name, refused=refused, topic="t", payload=payload, received_ms=1)


async def test_the_same_refusal_is_kept_once_over_starts(tmp_path: Path) -> None:
    path = tmp_path / "ingest.sqlite"
    for start in range(2):
        database = OwnDatabase(path)
        quarantine = Quarantine(database)
        assert await quarantine.keep([entry(0), entry(3)]) == (2 if start == 0 else 0)
        other = NAME._replace(offset=8)
        assert await quarantine.places([NAME, other]) == {NAME: {0, 3}}
        await database.close()
    assert read_quarantine(path) == QuarantineTally(samples=2, payloads=1, nameless=0)
    assert quarantined_names(path) == {(NAME, 0), (NAME, 3)}


async def test_a_payload_whole_counts_all_its_samples(tmp_path: Path) -> None:
    database = OwnDatabase(tmp_path / "ingest.sqlite")
    quarantine = Quarantine(database)
    assert await quarantine.keep([entry(WHOLE, samples=20)]) == 20
    await database.close()
    assert read_quarantine(tmp_path / "ingest.sqlite").samples == 20


async def test_the_nameless_are_counted_apart_and_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "NAMELESS_MAX", 5)
    database = OwnDatabase(tmp_path / "ingest.sqlite")
    quarantine = Quarantine(database)
    for number in range(8):
        await quarantine.keep([entry(WHOLE, name=None, payload=bytes([number])) for _ in range(2)])
    await database.close()
    assert read_quarantine(tmp_path / "ingest.sqlite") == QuarantineTally(samples=0, payloads=0, nameless=5)


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be read"):
        read_quarantine(tmp_path / "none.sqlite")


async def test_what_one_worker_quarantined_another_knows_at_once(tmp_path: Path) -> None:
    one, other = OwnDatabase(tmp_path / "ingest.sqlite"), OwnDatabase(tmp_path / "ingest.sqlite")
    first, second = Quarantine(one), Quarantine(other)
    assert await second.places([NAME]) == {}
    await first.keep([entry(3)])
    assert await second.places([NAME]) == {NAME: {3}}
    assert await second.keep([entry(3)]) == 0
    await one.close()
    await other.close()


async def test_what_is_held_is_shown_with_its_reason(tmp_path: Path) -> None:
    path = tmp_path / "ingest.sqlite"
    database = OwnDatabase(path)
    await Quarantine(database).keep([entry(0), entry(WHOLE, name=None, payload=b"x")])
    await database.close()
    assert {(item.why, item.payload, item.value) for item in newest_held(path, limit=10)} == {
        ("wrong-type", f"gw_east {'a' * 32}-7", "x"), ("wrong-type", None, None)
    }  # fmt: skip
    assert [*newest_held(path, limit=10, why="too-old")] == []
    assert len([*newest_held(path, limit=1)]) == 1
    assert counts_by_reason(path) == {"wrong-type": 2}
