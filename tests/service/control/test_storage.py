"""SQLite locked by another hand, or on a full disk: closures act first and are recorded once, what moves away from safe is refused.

A PostgreSQL that dies, or refuses, is tried beside the two controls that share it.
"""

import resource
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.service.control.both_ways import both_ways
from tests.service.control.console import Console
from tests.service.control.rig import Rig, rig

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class House:
    rig: Rig
    operator: Console


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    def prepare(made: Rig) -> None:
        made.east.opened |= {"hc_outlet", "ly_outlet"}

    async with rig(tmp_path_factory.mktemp("storage"), prepare=prepare) as made:
        admin = await made.first()
        operator = await made.person(admin, "zhao", "operator", "shift_chief")
        await made.is_live(operator)
        yield House(made, operator)


async def test_a_lock_that_another_program_holds(house: House) -> None:
    lock = sqlite3.connect(house.rig.state / "control.sqlite", isolation_level=None)

    async def take() -> None:
        lock.execute("BEGIN IMMEDIATE")

    async def let_go() -> None:
        lock.execute("ROLLBACK")

    try:
        await both_ways(house.rig, house.operator, "hc_outlet", take, let_go)
    finally:
        lock.close()


async def test_a_full_disk(house: House) -> None:
    process = house.rig._processes["control"].pid
    journal = house.rig.state / "control.sqlite-wal"

    async def fill() -> None:
        # No file of control grows beyond what the database's journal is now; the spool is smaller and still does.
        resource.prlimit(process, resource.RLIMIT_FSIZE, (journal.stat().st_size, resource.RLIM_INFINITY))

    async def clear() -> None:
        resource.prlimit(process, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    await both_ways(house.rig, house.operator, "ly_outlet", fill, clear)
