"""One-key plans through a running control: shown, run to the proof, carried on after a kill, approved by a second person."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from domain.ids import GatewayId
from tests.service.control.console import CLOCK, WAIT_S, Console, until
from tests.service.control.rig import ROOT, Rig, rig

pytestmark = pytest.mark.asyncio(loop_scope="module")

OUTLETS = {f"{name}_outlet" for name in ("hc", "ly", "qs", "bh", "jt", "yx", "dc", "ml")}


@dataclass
class House:
    rig: Rig
    admin: Console
    operator: Console
    chief: Console

    async def audited(self, name: str, kinds: set[str]) -> None:
        """Return when the audit holds records of `kinds` about the object `name`."""
        end_s = CLOCK.monotonic() + WAIT_S
        while True:
            records = (await self.operator.get("/audit", object=name)).json()["records"]
            missing = kinds - {item["kind"] for item in records}
            if not missing:
                return
            assert CLOCK.monotonic() < end_s, f"never in the audit of {name}: {missing}"
            await asyncio.sleep(0.02)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    def prepare(made: Rig) -> None:
        for edge in made.edges.values():
            edge.opened |= OUTLETS | {"river_sluice_1", "net_sluice_1"}
        # The same park, whose analysers answer within the second: nobody waits half an hour here.
        park = made.folder / "park"
        shutil.copytree(ROOT / "parks" / "lingang", park)
        asked = (park / "reopenings.yaml").read_text("utf-8")
        quick = re.sub(
            r"observe_s: \d+",
            "observe_s: 1",
            asked.replace("samples: 3, every_s: 600", "samples: 2, every_s: 1"),
        )
        (park / "reopenings.yaml").write_text(quick, "utf-8")
        settings = made.folder / "control.toml"
        settings.write_text(settings.read_text().replace(str(ROOT / "parks" / "lingang"), str(park)))

    async with rig(tmp_path_factory.mktemp("house"), prepare=prepare) as made:
        admin = await made.first()
        operator = await made.person(admin, "zhao", "operator")
        chief = await made.person(admin, "qian", "shift_chief")
        await made.is_live(operator)
        yield House(made, admin, operator, chief)


async def start(house: House, plan: str, **more: object) -> str:
    preview = (await house.operator.get(f"/plans/{plan}/preview")).json()
    body = {"content_hash": preview["content_hash"], "reason": "演练", "accept_warnings": True, **more}
    response = await house.operator.post(f"/plans/{plan}/runs", body)
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


async def test_a_plan_is_said_in_words_before_it_runs(house: House) -> None:
    preview = (await house.operator.get("/plans/close_ly/preview")).json()
    outlet, diversion, bund = preview["steps"][:3]
    assert outlet["words"]["zh"].startswith("关闭")
    assert (outlet["already"], bund["already"]) == (False, True)
    assert diversion["action"] == "open"
    assert preview["pools"][0]["facility"] == "ly_pool"
    assert preview["pools"][0]["free_m3"] == preview["pools"][0]["capacity_m3"] - 100.0
    travel = house.rig.park.actuators
    assert preview["expected_s"] == max(
        travel["ly_outlet"].travel_time_s,  # type: ignore[index]
        travel["ly_diversion"].travel_time_s,  # type: ignore[index]
    )
    response = await house.operator.post(
        "/plans/close_ly/runs", {"content_hash": "0" * 64, "accept_warnings": True}
    )
    assert (response.status_code, response.json()["code"]) == (409, "content-changed")


async def test_one_key_closes_an_enterprise_and_proves_every_step(house: House) -> None:
    run = await start(house, "close_hc")
    view = await house.operator.run_state(run, "done")
    steps = {step["id"]: step for step in view["steps"]}
    assert {step["state"] for key, step in steps.items() if key != "trunk"} == {"confirmed"}
    assert steps["trunk"]["state"] == "skipped"
    assert all(step["evidence"] and step["proved_ms"] for key, step in steps.items() if key != "trunk")
    assert steps["bund"]["command"] is None, "it was closed already: nothing was sent"
    orders = (await house.operator.get("/orders")).json()
    assert {(order["actuator"], order["kind"]) for order in orders} == {
        ("hc_outlet", "keep_closed"),
        ("hc_bund", "keep_closed"),
        ("hc_sewage", "keep_closed"),
        ("hc_diversion", "keep_open"),
    }
    await until(lambda: len(house.rig.east.orders.orders) == 4, why="the edge holds the orders")
    refused = await house.operator.post("/selects", {"actuator": "hc_outlet", "action": "open"})
    assert "keep-closed-order" in [reason["code"] for reason in refused.json()["reasons"]]


async def show_water(house: House, *, cod: float = 20.0) -> None:
    """Let the analyser measure twice, as far apart as the procedure asks."""
    names = ("cod", "nh3n", "conductivity", "ph", "calibrating", "sensor_fault")
    house.rig.east.values |= {
        "hc_analyser/cod": cod,
        "hc_analyser/calibrating": False,
        "hc_analyser/sensor_fault": False,
    }
    for _ in range(2):
        await house.rig.east.data(*(f"hc_analyser/{name}" for name in names))
        await asyncio.sleep(1.1)


async def test_what_was_closed_is_reopened_by_two_persons_one_gate_after_the_other(house: House) -> None:
    path = "/reopenings/reopen_hc"
    await show_water(house, cod=400.0)
    shown = (await house.operator.get(f"{path}/preview")).json()
    assert {order["actuator"] for order in shown["orders"]} == {
        "hc_outlet",
        "hc_bund",
        "hc_sewage",
        "hc_diversion",
    }
    assert shown["water"]["verdict"] == "false"
    body = {"content_hash": shown["content_hash"], "reason": "合格"}
    early = await house.operator.post(f"{path}/runs", body)
    assert (early.status_code, early.json()["code"]) == (409, "samples-missing")
    await show_water(house)
    shown = (await house.operator.get(f"{path}/preview")).json()
    assert shown["water"]["passes"], shown
    body["content_hash"] = shown["content_hash"]
    asked = await house.operator.post(f"{path}/runs", body)
    assert asked.status_code == 201, asked.text
    run = asked.json()
    assert [len(sample["values"]) for sample in run["samples"]] == [6, 6]
    word = {"content_hash": run["content_hash"], "clearance": True}
    own = await house.operator.post(f"/reopening-runs/{run['id']}/approve", word)
    assert (own.status_code, own.json()["code"]) == (409, "approval-missing")
    other = await house.chief.post(f"/reopening-runs/{run['id']}/approve", {**word, "content_hash": "0" * 64})
    assert (other.status_code, other.json()["code"]) == (409, "content-changed")
    agreed = await house.chief.post(f"/reopening-runs/{run['id']}/approve", word)
    assert agreed.status_code == 200, agreed.text
    end_s = CLOCK.monotonic() + 60
    while (view := (await house.operator.get(f"/reopening-runs/{run['id']}")).json())["state"] == "running":
        assert CLOCK.monotonic() < end_s, view
        await asyncio.sleep(0.1)
    assert view["state"] == "done", view
    assert "hc_outlet" in house.rig.east.opened
    assert [
        order for order in (await house.operator.get("/orders")).json() if order["actuator"].startswith("hc_")
    ] == []
    await house.audited("hc_outlet", {"order.released", "reopening.stage.confirmed"})
    given = await house.operator.post("/orders", {"actuator": "hc_bund", "reason": "罐区检修期间不得开启"})
    assert (given.status_code, given.json()["kind"]) == (201, "keep_closed")
    await until(lambda: given.json()["id"] in house.rig.east.orders.orders, why="the edge holds it")


async def test_a_plan_is_proposed_for_a_spill_and_run(house: House) -> None:
    shown = (await house.operator.get("/proposals", source="yx_unit")).json()
    assert shown["cut"] == ["yx_outlet", "yx_sewage"]
    assert shown["kept"][-1] == "sewer"
    assert "yx_pool" in shown["holds"][0]["pools"]
    assert shown["free_m3"] > 0
    body = {"source": "yx_unit", "content_hash": shown["preview"]["content_hash"], "reason": "泄漏"}
    changed = await house.operator.post("/proposals/runs", {**body, "content_hash": "0" * 64})
    assert (changed.status_code, changed.json()["code"]) == (409, "content-changed")
    started = await house.operator.post("/proposals/runs", body)
    assert started.status_code == 201, started.text
    view = await house.operator.run_state(started.json()["id"], "done")
    assert {step["id"] for step in view["steps"] if step["state"] == "confirmed"} >= {
        "yx_outlet",
        "yx_sewage",
    }
    assert "宇新" in view["name"]["zh"]
    west = house.rig.edges[GatewayId("gw_west")]
    west.local.add("jt_outlet")
    await west.data("jt_outlet/remote")
    end_s = CLOCK.monotonic() + WAIT_S
    while "jt_outlet" in (shown := (await house.operator.get("/proposals", source="jt_unit")).json())["cut"]:
        assert CLOCK.monotonic() < end_s
        await asyncio.sleep(0.05)
    assert set(shown["cut"]) == {"jt_sewage", "net_sluice_2", "net_pump"}, "the next gates downstream"
    west.local.discard("jt_outlet")
    await west.data("jt_outlet/remote")


async def test_a_gate_that_cannot_be_closed_takes_its_alternative_and_shows_its_hand_card(
    house: House,
) -> None:
    east = house.rig.east
    east.local.add("qs_outlet")
    await east.data("qs_outlet/remote")
    await asyncio.sleep(0.5)
    run = await start(house, "close_qs")
    view = await house.operator.run_state(run, "done_with_failures")
    steps = {step["id"]: step for step in view["steps"]}
    assert steps["outlet"]["state"] == "refused"
    assert steps["outlet"]["reasons"][0]["code"] == "blocked-by-switching-hierarchy"
    assert steps["trunk"]["state"] == "confirmed"
    assert "net_sluice_1" in [item.actuator for item in east.obeyed]
    card = (await house.operator.get("/actuators/qs_outlet/hand-card")).json()
    assert card["phone"]
    assert card["how"]
    report = {"by": "李明", "position": "closed", "note": "摇上去了"}
    assert (await house.operator.post("/actuators/qs_outlet/hand-reports", report)).status_code == 201
    live = await house.operator.live()
    assert live["actuators"]["qs_outlet"]["hand_report"]["by"] == "李明"
    assert live["actuators"]["qs_outlet"]["position"] == "open", "a report is no proof"
    east.local.discard("qs_outlet")
    await east.birth()
    await house.rig.is_live(house.operator)


async def test_river_steps_wait_for_another_person_in_another_session(house: House) -> None:
    east = house.rig.east
    run = await start(house, "close_park")
    view = await house.operator.run_state(run, "waiting_approval", within_s=40)
    states = {step["actuator"]: step["state"] for step in view["steps"]}
    assert states["river_sluice_1"] == "waiting_approval"
    assert states["ml_outlet"] == "confirmed"
    assert "river_sluice_1" not in [item.actuator for item in east.obeyed]
    body = {"dispatch_order": "2026-118", "clearance": True}
    own = await house.operator.post(f"/runs/{run}/approve", body)
    assert (own.status_code, own.json()["code"]) == (409, "approval-missing")
    unclear = await house.chief.post(f"/runs/{run}/approve", {**body, "clearance": False})
    assert unclear.status_code == 422
    neither = await house.chief.post(f"/runs/{run}/approve", {"clearance": True})
    assert neither.status_code == 422, "an order, or an emergency that is recorded as one"
    await house.operator.post(f"/runs/{run}/pause", {})
    assert (await house.chief.post(f"/runs/{run}/approve", body)).status_code == 200
    await asyncio.sleep(0.6)
    assert "river_sluice_1" not in [item.actuator for item in east.obeyed], "it is paused"
    assert (await house.operator.post(f"/runs/{run}/resume", {})).status_code == 200
    view = await house.operator.run_state(run, "done")
    assert view["approval"]["by"] == "qian"
    assert "river_sluice_1" in [item.actuator for item in east.obeyed]
    said = next(item.consent for item in east.heard if item.actuator == "river_sluice_1")
    assert said is not None, "the edge is told who agreed, and holds the river to it"
    assert (said.by, said.basis, said.content_hash) == ("qian", "2026-118", view["content_hash"])
    # A run toward safe waits for nobody, so its last record may follow the screen by a commit.
    await house.audited("close_park", {"plan.started", "plan.waiting_approval", "plan.approved", "plan.done"})


async def test_a_run_goes_on_after_control_was_killed_and_no_command_acts_twice(house: House) -> None:
    east = house.rig.east
    east.travel_s = 4.0
    east.opened |= {"bh_outlet", "bh_sewage", "bh_bund"}
    await east.birth()
    await house.rig.is_live(house.operator)
    before = len(east.obeyed)
    run = await start(house, "close_bh")
    await until(lambda: len(east.obeyed) > before, why="a gate moves")
    house.rig.kill("control")
    house.rig.start_control()
    await house.rig.is_up()
    view = await house.operator.run_state(run, "done", "done_with_failures", within_s=30)
    assert view["state"] == "done"
    moves = [(item.actuator, item.action) for item in east.obeyed[before:]]
    assert len(moves) == len(set(moves)), moves
    east.travel_s = 0.2
