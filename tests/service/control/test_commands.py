"""The command path through a running control: closures at once, openings by select, refusals in words and on the record."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tests.service.control.rig import Console, Rig, rig, until


@dataclass
class House:
    rig: Rig
    admin: Console
    operator: Console


@pytest_asyncio.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    def prepare(made: Rig) -> None:
        made.east.opened |= {"hc_outlet", "ly_outlet", "river_sluice_1"}

    async with rig(tmp_path, prepare=prepare) as made:
        admin = await made.first()
        operator = await made.person(admin, "zhao", "operator")
        await made.is_live(operator)
        yield House(made, admin, operator)


async def test_a_closure_goes_out_at_once_and_is_proved_by_the_edge(house: House) -> None:
    response = await house.operator.command("hc_outlet", "close")
    assert response.status_code == 202, response.text
    view = await house.operator.state(response.json()["id"], "confirmed")
    assert [item["state"] for item in view["transitions"]] == ["operating", "confirmed"]
    assert [(item.actuator, item.action) for item in house.rig.east.obeyed] == [("hc_outlet", "close")]
    await until(lambda: not house.rig.east.journal, why="every record is acknowledged")
    live = await house.operator.live()
    assert live["actuators"]["hc_outlet"]["position"] == "closed"
    assert live["actuators"]["hc_outlet"]["command"]["state"] == "confirmed"
