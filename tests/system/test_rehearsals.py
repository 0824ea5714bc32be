"""The bad days, rehearsed on real processes and Debian's PostgreSQL; each ends with a verified audit log."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from control.audit.copy import copy_log
from control.audit.entry import Entry
from control.audit.verify import verify_audit
from control.commands.entries import order_row
from control.commands.orders import Orders
from control.database.change import Change
from control.database.connection import database_address, engine_of, open_database
from control.database.ledger import Ledger
from control.database.transfer import copy_all
from domain.words import Words
from stoplog.backup.archive import new_key
from stoplog.backup.make import Made, make_backup
from stoplog.backup.restore import restore
from tests.service.control.console import CLOCK, Console, until
from tests.service.gateway.plcs import GW
from tests.service.gateway.rig import Peer
from tests.service.postgres import Postgres
from tests.system.whole import MOSQUITTO, Whole, whole

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not MOSQUITTO.exists(), reason="mosquitto is not installed"),
]


@dataclass
class House:
    park: Whole
    ear: Peer
    operator: Console
    made: Made
    """The backup of the morning."""
    key: Path
    folder: Path


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    server.start()
    yield server
    server.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> AsyncIterator[House]:
    folder = tmp_path_factory.mktemp("rehearsal")
    (folder / "recipients").write_text(new_key(folder / "offline.key") + "\n")
    opened = ["hc_outlet", "ly_outlet", "qs_outlet"]
    async with whole(folder / "park", postgres, opened=opened) as park:
        token = (park.state / "setup-token").read_text().strip()
        admin = park.console()
        said = {"token": token, "username": "root", "display_name": "管理员", "password": "correct horse"}
        assert (await admin.http.post("/setup", json=said)).status_code == 201
        assert (await admin.sign_in("root", "correct horse")).is_success
        person = {"username": "zhao", "display_name": "赵", "password": "correct horse", "enterprise": None}
        added = await admin.post("/users", {**person, "roles": ["operator", "shift_chief"]})
        assert added.status_code == 201, added.text
        operator = park.console()
        assert (await operator.sign_in("zhao", "correct horse")).is_success
        await park.live(operator)
        made = await asyncio.to_thread(
            make_backup, park.control_settings, folder / "recipients", [folder / "backups"], keep=3
        )
        yield House(park, park.ear, operator, made, folder / "offline.key", folder)  # type: ignore[attr-defined]


async def told(who: Console, **query: object) -> list[dict[str, Any]]:
    return (await who.get("/audit", limit=1000, **query)).json()["records"]  # type: ignore[no-any-return]


async def verified(house: House) -> None:
    """Copy the log out of the database, as an auditor would, and verify it against every checkpoint."""
    engine = engine_of(database_address(house.park.address))
    copy = house.folder / f"log-{CLOCK.monotonic()}.sqlite"
    try:
        await copy_log(engine, copy)
    finally:
        await engine.dispose()
    seals = house.park.state / "checkpoints.jsonl"
    report = await asyncio.to_thread(verify_audit, copy, seals, house.park.folder / "trusted.jwks")
    assert report.verified, report.problems
    assert report.sealed > 0


async def test_gateway_and_control_die_in_the_middle_of_a_spill(house: House) -> None:
    park, operator = house.park, house.operator
    park.spill("ly", "ph", 1.0)
    closing = (await operator.command("qs_outlet", "close")).json()["id"]
    await operator.state(closing, "operating")
    await until(lambda: house.ear.kinds("cutoff"), why="the edge cuts off")
    park.kill_gateway()
    park.end_control(signal.SIGKILL)
    writes = len(park.plcs.writes)
    park.start_gateway()
    park.start_control()
    await park.control_is_ready()
    await park.live(operator)
    # What had been begun ends in a true state, the same at the edge and at the centre, and nothing was written twice.
    view = await operator.state(closing, "confirmed", "unknown")
    await until(lambda: house.ear.states(closing)[-1:] == [view["state"]], why="the edge says the same")
    outlet = [item for item in park.plcs.writes[writes:] if item.device == "plc_qs_outlet"]
    assert not outlet, "an intent of before the kill is not carried out again"
    assert park.opening("ly_outlet") == 0.0
    await until(lambda: park.opening("qs_outlet") == 0.0, why="the gate that moved goes on to its end")
    standing = [item for item in await park.orders(operator, "ly_outlet") if item["by"].endswith("ly_acid")]
    assert len(standing) == 1, "the cut-off's order outlives both"
    cutoffs = await told(operator, kind="edge.cutoff", object="ly_outlet")
    assert len(cutoffs) == 1
    await verified(house)


async def test_an_order_is_released_while_the_link_is_down_and_the_edge_has_cut_off_again(
    house: House,
) -> None:
    park, operator = house.park, house.operator
    (first,) = await park.orders(operator, "ly_outlet")
    park.end_control(signal.SIGTERM)
    # The release is written at the centre, and the link is gone before the edge can hear of it.
    await released(house, first["id"])
    park.spill("ly", "ph", 7.2)
    park.spill("ly", "conductivity", 9000.0)
    await until(lambda: len(own_orders(house, "ly_outlet")) == 2, why="another rule cuts off again")
    (second,) = own_orders(house, "ly_outlet") - {first["id"]}
    park.start_control()
    await park.control_is_ready()
    await park.live(operator)
    beat = lambda: house.ear.beats[-1].orders  # noqa: E731
    end_s = CLOCK.monotonic() + 20
    while [item["id"] for item in await park.orders(operator, "ly_outlet")] != [second]:
        assert CLOCK.monotonic() < end_s, await park.orders(operator, "ly_outlet")
        await asyncio.sleep(0.1)
    held = await centre_orders(house)
    assert first["id"] in held.held.tombstones
    assert second not in held.held.tombstones
    await until(lambda: beat() == held.of(GW).hash(), why="the edge holds what the centre holds")
    assert park.opening("ly_outlet") == 0.0
    selected = await operator.post("/selects", {"actuator": "ly_outlet", "action": "open", "reason": "试开"})
    assert not selected.is_success, "the newer order stands"
    await verified(house)


async def test_the_backup_of_the_morning_is_brought_back_after_all_that(house: House) -> None:
    park, operator = house.park, house.operator
    await operator.get("/audit/checkpoint")
    term = house.ear.beats[-1].term
    before = {item["id"] for item in (await operator.get("/orders")).json()}
    assert before
    park.end_control(signal.SIGKILL)
    burnt = park.state
    park.state = house.folder / "again"
    back = await asyncio.to_thread(
        restore, house.made.files[0], house.key, to=park.state, elsewhere=[burnt / "checkpoints.jsonl"]
    )
    assert back.newer > 0
    park.address = park.server.new_database()
    park.write_control()
    source = engine_of(database_address(f"sqlite:///{park.state / 'control.sqlite'}"))
    target = await open_database(park.address)
    await copy_all(source, target)
    await source.dispose()
    await target.dispose()
    park.start_control()
    await park.control_is_ready()
    again = park.console()
    assert (await again.sign_in("zhao", "correct horse")).is_success
    await park.live(again)
    await until(lambda: house.ear.beats[-1].term > term, why="it rises above what the gateway has obeyed")
    # The backup knows of no order; the edge does, and tells of all that stand.
    end_s = CLOCK.monotonic() + 20
    while {item["id"] for item in (await again.get("/orders")).json()} != before:
        assert CLOCK.monotonic() < end_s, (await again.get("/orders")).json()
        await asyncio.sleep(0.1)
    (gap,) = await told(again, kind="database.restored_from_backup")
    assert gap["body"]["newer"] == back.newer
    assert gap["body"]["root"] == back.manifest.root
    assert park.opening("ly_outlet") == 0.0
    await verified(house)


def own_orders(house: House, facility: str) -> set[str]:
    """Return the ids of the orders that the edge has made for `facility`, as its records name them."""
    made = [item for item in house.ear.kinds("order") if item.actuator == facility]
    return {
        f"{item.gateway}:{item.epoch}:{item.offset}" for item in made if item.body.get("held") is not True
    }


async def centre_orders(house: House) -> Orders:
    held = Orders(house.park.park)
    engine = engine_of(database_address(house.park.address))
    await held.load(engine)
    await engine.dispose()
    return held


async def released(house: House, order: str) -> None:
    """Write into the centre's database that `order` is released, as its reopening does, with no centre there to tell anybody."""
    held = await centre_orders(house)
    engine = engine_of(database_address(house.park.address))
    ledger = Ledger(engine)
    await ledger.load()
    writing = asyncio.ensure_future(ledger.run())
    entry = Entry(
        at_ms=house.park.page.clock.now_ms(),
        actor="zhao",
        kind="order.released",
        object="ly_outlet",
        words=Words("解除禁开令", "keep-closed order released"),
        body={"orders": [order]},
    )
    row = order_row(held.held.orders[order], is_released=True)
    await ledger.commit(Change(writes=(row,), entries=(entry,)))
    writing.cancel()
    await asyncio.wait({writing})
    await engine.dispose()
