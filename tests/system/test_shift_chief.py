"""A shift chief's worst minute: the whole park is closed with one gate in local, one stuck, one cabinet dead and a full pool.

What the screen says at each moment stands here, in the words that the people of the watch read; each must help them on.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.system.browsing import PASSWORD, enter, make_user, opened, prove, says, shoot, sign_in, tab
from tests.system.rig import Api, Rig, demonstration, wait_for

pytestmark = [pytest.mark.system, pytest.mark.browser]

HAND_CARDS = ("hc_outlet", "qs_outlet", "jt_outlet")
RIVER = ("river_sluice_1", "river_sluice_2", "river_sluice_3", "river_sluice_4")


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with demonstration(tmp_path_factory.mktemp("chief") / "state", "--speed", "60") as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with opened() as running:
        yield running


def test_three_tiers_with_everything_in_the_way(rig: Rig, browser: Browser) -> None:
    with tab(browser) as operator, tab(browser) as chief:
        enter(operator, rig)
        make_user(operator, "wang", "王值班", "operator")
        make_user(operator, "li", "李班长", "shift_chief")
        sign_in(operator, rig, "wang")
        sign_in(chief, rig, "li")
        _everything_goes_wrong(rig)
        _the_overview_shows_it(operator)
        _the_key_says_what_it_will_do(operator)
        _what_can_move_moves_at_once(operator)
        _what_cannot_is_handed_to_people(operator)
        _the_river_waits_for_the_chief(operator, chief)
        _the_end_says_what_is_left(operator)
        _the_audit_tells_it_again(operator)


def _everything_goes_wrong(rig: Rig) -> None:
    rig.simulate({"do": "hand", "actuator": "qs_outlet", "switch": "local"})
    rig.simulate({"do": "fault", "kind": "stuck", "target": "hc_outlet", "value": 40})
    rig.simulate({"do": "fault", "kind": "link_cut", "target": "plc_jt_outlet"})
    # The pool's gauge shows it full to the brim: 5 m and 10 000 m3.
    rig.simulate({"do": "fault", "kind": "bias", "target": "public_pool/level", "value": 5.0})
    rig.simulate({"do": "fault", "kind": "bias", "target": "public_pool/volume", "value": 9_900.0})
    api = Api.sign_in(rig, "wang", PASSWORD)

    def point(ref: str) -> dict[str, Any]:
        found: dict[str, Any] = api.get("/live")["points"][ref]
        return found

    wait_for("the pool shows full", lambda: float(point("public_pool/level")["v"] or 0.0) >= 4.95, seconds=90)
    wait_for(
        "the pool's inlet is held shut by its interlock", lambda: _refusals(api, "public_inlet"), seconds=90
    )
    wait_for("the dead cabinet is noticed", lambda: point("jt_outlet/closed")["stale"], seconds=90)


def _refusals(api: Api, actuator: str) -> list[Any]:
    steps = api.get("/plans/close_park/preview")["steps"]
    return next(step["refusals"] for step in steps if step["actuator"] == actuator)


def _the_overview_shows_it(page: Page) -> None:
    page.get_by_test_id("nav-overview").click()
    says(page.get_by_test_id("facility-qs_outlet"), "就地", "开到位")
    says(page.get_by_test_id("facility-jt_outlet"), "数据过期")
    says(page.get_by_test_id("facility-public_pool"), "剩余 0 m³")
    shoot(page, "chief-overview")


def _the_key_says_what_it_will_do(page: Page) -> None:
    page.get_by_test_id("nav-onekey").click()
    page.get_by_test_id("plan-close_park").click()
    says(page.get_by_test_id("count-blocked"), "2")
    says(page.get_by_test_id("count-approval"), "4")
    says(page.get_by_test_id("preview-qs_outlet"), "受阻")
    says(page.get_by_test_id("preview-public_inlet"), "受阻")
    says(page.get_by_test_id("preview-jt_outlet"), "数据过期", "将要动作")
    says(page.get_by_test_id("pool-public_pool"), "公共应急池", "剩余 0 m³")
    whole = page.get_by_test_id("live-state").locator("xpath=ancestor::body")
    says(
        whole,
        "设备处于就地",
        "请现场人员把选择开关打到“远程”后再操作;来不及时按人工操作卡就地操作",
        "联锁闭锁:公共应急池到溢流水位已满 30 秒",
        "趋向安全位的操作仍会下发并持续重发;位置以现场或视频为准",
    )
    shoot(page, "chief-preview")


def _what_can_move_moves_at_once(page: Page) -> None:
    page.get_by_test_id("plan-run").click()
    page.get_by_test_id("plan-reason-other").check()
    page.get_by_test_id("plan-reason-text").fill("恒川装置区泄漏,全园关闭")
    page.get_by_test_id("plan-accept-warnings").check()
    shoot(page, "chief-confirm")
    page.get_by_test_id("plan-confirm").click()
    for name in ("ly_outlet", "bh_outlet", "yx_outlet", "dc_outlet", "ml_outlet"):
        expect(page.get_by_test_id(f"step-{name}")).to_have_attribute("data-state", "confirmed")
        says(page.get_by_test_id(f"step-proof-{name}"), "关限位 = 1", "开限位 = 0")


def _what_cannot_is_handed_to_people(page: Page) -> None:
    local = page.get_by_test_id("step-qs_outlet")
    says(local, "已拒绝", "开到位", "设备处于就地", "请现场人员把选择开关打到“远程”后再操作", "尚无到位证据")
    stuck = page.get_by_test_id("step-hc_outlet")
    says(stuck, "失败", "中间位 40%", "行程超时,停在中间位 40 %", "派人到现场查看是否卡阻、跳闸或过力矩")
    dead = page.get_by_test_id("step-jt_outlet")
    says(dead, "数据过期")
    full = page.get_by_test_id("step-public_inlet")
    says(full, "已拒绝", "公共应急池到溢流水位已满 30 秒", "联锁在保护现场", "不要就地强行操作")
    expect(page.get_by_test_id("hand-card-public_inlet")).to_have_count(0)
    for name in HAND_CARDS:
        expect(page.get_by_test_id(f"step-hand-card-{name}")).to_be_visible()
        says(page.get_by_test_id(f"hand-card-{name}"), "联系人", "电话", "位置")
    shoot(page, "chief-failures")
    # The plant's safety officer telephones: closed by hand wheel. It is shown as what it is, a report.
    card = page.get_by_test_id("hand-card-qs_outlet")
    card.get_by_test_id("hand-report-by").fill("启盛安全员赵刚")
    card.get_by_test_id("hand-report-note").fill("手轮关到底,已拍照")
    card.get_by_test_id("hand-report-send").click()
    says(local, "人工报告: 已人工关闭", "启盛安全员赵刚", "开到位", "尚无到位证据")
    shoot(page, "chief-hand-card")


def _the_river_waits_for_the_chief(operator: Page, chief: Page) -> None:
    for name in RIVER:
        expect(operator.get_by_test_id(f"step-{name}")).to_have_attribute("data-state", "waiting_approval")
    says(operator.get_by_test_id("approve"), "河道闸步骤等待第二人复核", "另一身份、另一会话")
    expect(operator.get_by_test_id("approve-submit")).to_have_count(0)
    chief.goto(operator.url)
    says(chief.get_by_test_id("approve"), "调度指令号", "无人员、无船只")
    expect(chief.get_by_test_id("approve-submit")).to_be_disabled()
    chief.get_by_test_id("approve-order").fill("防总调度〔2026〕118 号")
    chief.get_by_test_id("approve-clearance").check()
    shoot(chief, "chief-approve")
    chief.get_by_test_id("approve-submit").click()
    prove(chief, chief.get_by_test_id("run-approval"))
    says(operator.get_by_test_id("run-approval"), "李班长", "防总调度〔2026〕118 号")
    expect(operator.get_by_test_id("step-river_sluice_1")).to_have_attribute(
        "data-state", re.compile("running|confirmed")
    )


def _the_end_says_what_is_left(page: Page) -> None:
    state = page.get_by_test_id("run-state")
    expect(state).to_have_attribute("data-state", "done_with_failures")
    says(state, "结束,有未到位")
    for name in RIVER:
        says(page.get_by_test_id(f"step-proof-{name}"), "关限位 = 1", "开限位 = 0")
    dead = page.get_by_test_id("step-jt_outlet")
    says(dead, "失败", "通讯中断:连不上控制柜", "立即按人工操作卡派人")
    says(
        page.get_by_test_id("run-unproved"),
        "未能证实的设备 4",
        *("恒川雨水排口", "启盛雨水排口", "金塘雨水排口", "公共应急池进水阀"),
    )
    says(page.get_by_test_id("run-failures"), "须派人手动处置", "提交人工报告")
    page.get_by_test_id("run-state").scroll_into_view_if_needed()
    text = page.get_by_test_id("run-view").inner_text()
    for word in ("Errno", "Traceback", "null", "undefined", "Exception", "NaN"):
        assert word not in text, f"the screen shows a machine's word: {word}"
    shoot(page, "chief-end")


def _the_audit_tells_it_again(page: Page) -> None:
    page.get_by_test_id("nav-audit").click()
    rows = page.get_by_test_id("audit-row")
    for words, of, found in (
        ("手轮关到底", "启盛雨水排口", "现场·人工报告"),
        ("复核通过,调度指令 防总调度〔2026〕118 号", "一键关闭全园", "李班长"),
        ("停在中间位", "恒川雨水排口", "失败"),
    ):
        page.get_by_test_id("audit-text").fill(words)
        page.get_by_test_id("audit-filter").click()
        expect(rows.filter(has_not_text=of)).to_have_count(0)
        says(rows.first, of, found)
    shoot(page, "chief-audit")
    page.get_by_test_id("audit-verify").click()
    expect(page.get_by_test_id("audit-verdict")).to_have_attribute("data-verified", "true")
