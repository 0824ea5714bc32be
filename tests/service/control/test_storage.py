"""The database full, dead or refusing: closures act first and are recorded once afterwards, what moves away from safe is refused."""

import asyncio
import contextlib
import resource
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tests.service.control.console import CLOCK, Console, until
from tests.service.control.rig import Rig, rig
from tests.service.postgres import Postgres

pytestmark = pytest.mark.asyncio(loop_scope="module")

Break = Callable[[], Awaitable[None]]


@dataclass
class House:
    rig: Rig
    operator: Console
    second: Console


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    server.start()
    yield server
    server.close()


@contextlib.asynccontextmanager
async def opened(folder: Path, address: str | None) -> AsyncIterator[House]:
    def prepare(made: Rig) -> None:
        made.east.opened |= {"hc_outlet", "ly_outlet"}
        if address is not None:
            text = (folder / "control.toml").read_text()
            here = f"sqlite:///{made.state / 'control.sqlite'}"
            assert here in text
            (folder / "control.toml").write_text(text.replace(here, address))

    async with rig(folder, prepare=prepare) as made:
        admin = await made.first()
        operator = await made.person(admin, "zhao", "operator", "shift_chief")
        second = await made.person(admin, "qian", "operator", "shift_chief")
        await made.is_live(operator)
        yield House(made, operator, second)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with opened(tmp_path_factory.mktemp("sqlite"), None) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def on_postgres(
    tmp_path_factory: pytest.TempPathFactory, postgres: Postgres
) -> AsyncIterator[tuple[House, str]]:
    address = postgres.new_database()
    async with opened(tmp_path_factory.mktemp("postgres"), address) as made:
        yield made, address


async def test_a_full_disk_under_sqlite(on_sqlite: House) -> None:
    process = on_sqlite.rig._processes["control"].pid
    journal = on_sqlite.rig.state / "control.sqlite-wal"

    async def fill() -> None:
        # No file of control grows beyond what the database's journal is now; the spool is smaller and still does.
        resource.prlimit(process, resource.RLIMIT_FSIZE, (journal.stat().st_size, resource.RLIM_INFINITY))

    async def clear() -> None:
        resource.prlimit(process, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    await both_ways(on_sqlite, "hc_outlet", fill, clear)


async def test_a_postgresql_that_dies(on_postgres: tuple[House, str], postgres: Postgres) -> None:
    async def die() -> None:
        await asyncio.to_thread(postgres.kill)

    async def rise() -> None:
        await asyncio.to_thread(postgres.start)

    await both_ways(on_postgres[0], "hc_outlet", die, rise)


async def test_a_postgresql_that_takes_no_changes(on_postgres: tuple[House, str], postgres: Postgres) -> None:
    """As on a full disk, or after a fail-over to a copy that is read only: it answers, and refuses every statement that writes."""
    house, address = on_postgres
    name = address.rsplit("/", 1)[1]

    def ask(statement: str) -> None:
        line = [
            str(postgres._bin / "psql"),
            "-h",
            "127.0.0.1",
            "-p",
            str(postgres.port),
            "-U",
            "stoplog",
            "-d",
            "postgres",
        ]
        subprocess.run([*line, "-q", "-c", statement], check=True, stdout=subprocess.DEVNULL)

    def only(mode: str) -> None:
        ask(f"ALTER DATABASE {name} SET default_transaction_read_only = {mode}")
        ask(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")

    async def refuse() -> None:
        await asyncio.to_thread(only, "on")

    async def allow() -> None:
        await asyncio.to_thread(only, "off")

    await both_ways(house, "ly_outlet", refuse, allow)


async def both_ways(house: House, actuator: str, gone: Break, back: Break) -> None:
    """The table of the safety rules, line `control database, audit gone`, in both directions."""
    made, operator = house.rig, house.operator
    tag = {"actuator": "qs_outlet", "reason": "检修", "until_ms": CLOCK.now_ms() + 3_600_000}
    assert (await operator.post("/tags", tag)).is_success
    before = len(made.east.obeyed)
    await gone()
    # Toward safe: at once, and kept in the spool.
    closed = await operator.command(actuator, "close")
    assert closed.status_code == 202, closed.text
    command = closed.json()["id"]
    await operator.state(command, "confirmed")
    spool = made.state / "spool.jsonl"
    await until(lambda: spool.exists() and command in spool.read_text(), why="it is spooled")
    stopped = await operator.command(actuator, "stop")
    assert stopped.status_code == 202, stopped.text
    await operator.state(stopped.json()["id"], "confirmed")
    await alarm(operator)
    # Away from safe, releases and approvals: refused, and said why.
    opened = await operator.post("/selects", {"actuator": actuator, "action": "open", "reason": "试开"})
    assert "audit-unavailable" in codes(opened.json()), opened.text
    lifted = await operator.delete("/tags", actuator="qs_outlet")
    assert lifted.status_code in {409, 503}, lifted.text
    assert "audit-unavailable" in codes(lifted.json())
    assert not [item for item in made.east.obeyed[before:] if item.action == "open"]
    await back()
    await until(lambda: not spool.exists(), why="the spool is imported")
    await until(lambda: not made.east.journal, why="every record is acknowledged")
    records = await told(operator, object=actuator)
    asked = [item["body"]["command"] for item in records if item["kind"] == "command.request"]
    assert asked.count(command) == 1
    states = [
        item["body"]["record"]["body"]["state"]
        for item in records
        if item["kind"] == "edge.command" and item["body"]["record"]["body"]["id"] == command
    ]
    assert sorted(states) == ["confirmed", "operating"]
    refused = [item for item in records if item["kind"] == "command.refused"]
    assert "audit-unavailable" in [reason["code"] for item in refused for reason in item["body"]["reasons"]]
    assert await told(operator, kind="database.restored")
    report = (await operator.get("/audit/verify")).json()
    assert report["verified"], report["problems"]
    # And it goes on as before.
    assert (await operator.delete("/tags", actuator="qs_outlet")).status_code in {204, 409, 202, 200}


def codes(problem: dict[str, object]) -> list[str]:
    reasons = problem.get("reasons")
    assert isinstance(reasons, list)
    return [str(reason["code"]) for reason in reasons]


async def alarm(operator: Console) -> None:
    for _ in range(200):
        if any(item["rule"] == "system_database" for item in (await operator.get("/alarms")).json()):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("nobody is told that the database is gone")


async def told(who: Console, **query: object) -> list[dict[str, dict[str, object]]]:
    return (await who.get("/audit", limit=1000, **query)).json()["records"]  # type: ignore[no-any-return]
