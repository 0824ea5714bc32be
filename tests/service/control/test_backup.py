"""A backup made while control works, brought back: the log verifies, people sign in, and gates move under a newer term."""

import json
import shutil
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from control.audit.verify import verify_audit
from domain.errors import ConfigurationError, StorageError
from stoplog.backup.archive import new_key
from stoplog.backup.make import Made, make_backup
from stoplog.backup.restore import restore
from tests.service.control.console import Console, until
from tests.service.control.rig import Rig, rig

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class House:
    rig: Rig
    operator: Console
    made: Made
    key: Path
    recipients: Path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    folder = tmp_path_factory.mktemp("backup")
    key, recipients = folder / "offline.key", folder / "recipients"
    recipients.write_text(f"# the office\n{new_key(key)}\n")
    assert key.stat().st_mode & 0o077 == 0

    def prepare(made: Rig) -> None:
        made.east.opened |= {"hc_outlet", "ly_outlet", "qs_outlet"}

    async with rig(tmp_path_factory.mktemp("rig"), prepare=prepare) as running:
        admin = await running.first()
        operator = await running.person(admin, "zhao", "operator", "shift_chief")
        await running.person(admin, "qian", "operator")
        await running.is_live(operator)
        one = (await operator.command("hc_outlet", "close")).json()
        await operator.state(one["id"], "confirmed")
        assert (await operator.get("/audit/checkpoint")).is_success
        going = (await operator.command("ly_outlet", "close")).json()
        places = [folder / "near", folder / "far"]
        made = make_backup(running.folder / "control.toml", recipients, places, keep=2)
        await operator.state(going["id"], "confirmed")
        yield House(running, operator, made, key, recipients)


def listed(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


async def test_it_lies_in_both_places_and_nobody_reads_it(house: House) -> None:
    near, far = house.made.files
    assert near.read_bytes() == far.read_bytes()
    assert near.read_bytes().startswith(b"age-encryption.org/v1\n")
    assert b"SQLite" not in near.read_bytes()
    assert near.stat().st_mode & 0o077 == 0
    assert house.made.audit.verified


async def test_only_the_newest_are_kept(house: House, tmp_path: Path) -> None:
    settings = house.rig.folder / "control.toml"
    made = [make_backup(settings, house.recipients, [tmp_path], keep=2) for _ in range(3)]
    assert [item.removed for item in made] == [0, 0, 1]
    assert listed(tmp_path) == [item.files[0] for item in made[1:]]


async def test_a_rehearsal_verifies_and_leaves_nothing(house: House) -> None:
    checkpoints = house.rig.state / "checkpoints.jsonl"
    assert (await house.operator.get("/audit/checkpoint")).is_success
    found = restore(house.made.files[0], house.key, to=None, elsewhere=[checkpoints])
    assert found.audit.verified
    assert found.manifest.park == "lingang"
    assert found.newer > 0, "the second closure was confirmed after the backup"


async def test_another_key_opens_nothing(house: House, tmp_path: Path) -> None:
    new_key(tmp_path / "other.key")
    with pytest.raises(StorageError, match="not for this key"):
        restore(house.made.files[0], tmp_path / "other.key", to=tmp_path / "there")
    assert not (tmp_path / "there").exists()


@pytest.mark.parametrize("place", [0.01, 0.5, 0.999])
async def test_a_damaged_archive_brings_nothing_back(house: House, tmp_path: Path, place: float) -> None:
    data = bytearray(house.made.files[0].read_bytes())
    data[int(len(data) * place)] ^= 1
    (tmp_path / "damaged.tar.age").write_bytes(data)
    with pytest.raises(StorageError):
        restore(tmp_path / "damaged.tar.age", house.key, to=tmp_path / "there")
    assert not (tmp_path / "there").exists()


async def test_a_cut_off_archive_brings_nothing_back(house: House, tmp_path: Path) -> None:
    data = house.made.files[0].read_bytes()
    (tmp_path / "cut.tar.age").write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises(StorageError):
        restore(tmp_path / "cut.tar.age", house.key, to=tmp_path / "there")


async def test_a_fork_is_not_restored(house: House, tmp_path: Path) -> None:
    """Checkpoints kept elsewhere, signed by control, that speak of another history."""
    found = restore(house.made.files[0], house.key, to=None)
    said = {"size": found.audit.sealed, "root": "0" * 64}
    token = house.rig.signers["control"].sign(said).decode()
    (tmp_path / "elsewhere.jsonl").write_text(json.dumps({**said, "token": token}) + "\n")
    with pytest.raises(StorageError, match="fork"):
        restore(house.made.files[0], house.key, to=None, elsewhere=[tmp_path / "elsewhere.jsonl"])


async def test_a_restore_overwrites_no_database(house: House) -> None:
    with pytest.raises(StorageError, match="move it away first"):
        restore(house.made.files[0], house.key, to=house.rig.state)


@pytest.mark.parametrize("text", ["", "age1nonsense", "# nobody\n"])
async def test_recipients_that_are_none_are_said(house: House, tmp_path: Path, text: str) -> None:
    (tmp_path / "recipients").write_text(text)
    with pytest.raises(ConfigurationError, match="recipients"):
        make_backup(house.rig.folder / "control.toml", tmp_path / "recipients", [tmp_path], keep=1)


async def test_control_goes_on_from_a_backup_under_a_newer_term(house: House, tmp_path: Path) -> None:
    """The database burnt; the backup is older than what the gateways have seen."""
    running, operator = house.rig, house.operator
    last = (await operator.command("qs_outlet", "close")).json()
    await operator.state(last["id"], "confirmed")
    term = max(edge.term for edge in running.edges.values())
    running.kill("control", signal.SIGKILL)
    shutil.move(running.state, tmp_path / "burnt")
    restore(house.made.files[0], house.key, to=running.state)
    running.start_control()
    await running.is_up()
    again = running.console()
    assert (await again.sign_in("zhao", "correct horse")).is_success
    await running.is_live(again)
    second = running.console()
    assert (await second.sign_in("qian", "correct horse")).is_success
    selected = await again.select(second, "hc_outlet")
    assert selected.is_success, selected.text
    await until(lambda: max(edge.term for edge in running.edges.values()) > term, why="a newer term")
    assert (await again.get("/audit/verify")).json()["verified"]
    report = verify_audit(
        running.state / "control.sqlite", running.state / "checkpoints.jsonl", running.state / "trusted.jwks"
    )
    assert report.verified
    assert report.records > house.made.audit.records
