"""What is shown of the quarantine and what is copied by the command line."""

import json
from pathlib import Path

import pytest

from domain.errors import StorageError
from domain.ids import GatewayId
from ingest.database import OwnDatabase
from ingest.judge import Refused, Why
from ingest.quarantine import Entry, Quarantine, read_quarantine
from stoplog.quarantine import WORDS, run_list
from stoplog.store_backup import run_backup
from stores.port import PayloadName


async def filled(path: Path) -> None:
    database = OwnDatabase(path)
    refused = Refused(index=2, samples=1, why=Why.UNKNOWN_POINT, detail="the park has no such point", point="no/such",
                      observed_ms=5, value="1.5")  # fmt: skip
    name = PayloadName(GatewayId("gw_east"), "a" * 32, 7)
    await Quarantine(database).keep(
        [Entry(name=name, refused=refused, topic="t", payload=b"", received_ms=1)]
    )
    await database.close()


def test_every_reason_has_words() -> None:
    assert set(WORDS) == set(Why)


async def test_reasons_and_newest_entries_are_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await filled(tmp_path / "ingest.sqlite")
    assert run_list(tmp_path / "ingest.sqlite", limit=5, why=None, as_json=False) == 0
    shown = capsys.readouterr().out
    for word in ("隔离样本 1", "未知测点", "no/such = 1.5", f"gw_east {'a' * 32}-7"):
        assert word in shown
    assert run_list(tmp_path / "ingest.sqlite", limit=5, why="too-old", as_json=True) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["tally"]["samples"], found["reasons"], found["newest"]) == (1, {"unknown-point": 1}, [])


def test_a_quarantine_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be read"):
        run_list(tmp_path / "none.sqlite", limit=5, why=None, as_json=False)


async def test_a_backup_copies_what_the_settings_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await filled(tmp_path / "ingest.sqlite")
    settings = tmp_path / "ingest.toml"
    settings.write_text(
        f'park = "p"\ndatabase = "{tmp_path}/ingest.sqlite"\n[broker]\n[keys]\nown = "o"\ntrusted = "t"\n'
        '[store]\nkind = "victoriametrics"\nurl = "http://server:8428"\n'
    )
    assert run_backup(settings, tmp_path / "copies") == 0
    assert read_quarantine(tmp_path / "copies" / "ingest.sqlite").samples == 1
    assert "vmbackup" in capsys.readouterr().out
