"""The operator's minute in a real browser: sign in, see the park live, close a plant with one key, watch the proof, find it in the audit."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.system.browsing import (
    GIVEN,
    PASSWORD,
    SHOTS,
    enter,
    make_user,
    opened,
    prove,
    says,
    shoot,
    sign_in,
    tab,
)
from tests.system.rig import Rig, demonstration

pytestmark = [pytest.mark.system, pytest.mark.browser]


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with demonstration(tmp_path_factory.mktemp("browser") / "state", "--speed", "10") as running:
        yield running


@pytest.fixture(scope="module")
def browser(rig: Rig) -> Iterator[Browser]:
    with opened() as running:
        # Sign in by the link that `stoplog demo` prints, and make users with passwords to sign in with by hand.
        with tab(running) as page:
            enter(page, rig)
            make_user(page, "wang", "王值班", "operator")
            make_user(page, "li", "李班长", "shift_chief")
            make_user(page, "zhou", "周工", "engineer")
            make_user(page, "sun", "孙值班", "operator")
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with tab(browser, width=1920, height=1080) as page:
        yield page


def test_one_key_in_a_spill(page: Page, rig: Rig) -> None:
    page.goto(f"{rig.console}/#/")
    page.get_by_test_id("sign-in-username").fill("wang")
    page.get_by_test_id("sign-in-password").fill(GIVEN)
    shoot(page, "sign-in")
    page.get_by_test_id("sign-in-submit").click()

    # The park is live: an outlet stands open, and says so from its limit switches.
    expect(page.get_by_test_id("live-state")).to_be_visible()
    expect(page.get_by_test_id("facility-hc_outlet")).to_be_visible()
    shoot(page, "overview")

    # A spill; the analyser's alarm reaches the screen.
    assert rig.simulate({"do": "spill", "enterprise": "hc", "kg": 240, "minutes": 20}).get("error") is None
    page.get_by_test_id("nav-alarms").click()
    expect(page.get_by_test_id("alarm-row").first).to_be_visible()
    shoot(page, "alarms")

    # One key: what will move, then every step's proof.
    page.get_by_test_id("nav-onekey").click()
    page.get_by_test_id("plan-close_hc").click()
    expect(page.get_by_test_id("preview-hc_outlet")).to_be_visible()
    shoot(page, "one-key-preview")
    page.get_by_test_id("plan-run").click()
    page.get_by_test_id("plan-reason-other").check()
    page.get_by_test_id("plan-reason-text").fill("雨水排口电导率超限,疑似泄漏")
    accept = page.get_by_test_id("plan-accept-warnings")
    if accept.count():
        accept.check()
    shoot(page, "one-key-confirm")
    page.get_by_test_id("plan-confirm").click()
    expect(page.get_by_test_id("step-proof-hc_outlet")).to_contain_text(re.compile("关限位 = 1"))
    expect(page.get_by_test_id("step-proof-hc_diversion")).to_contain_text(re.compile("开限位 = 1"))
    shoot(page, "one-key-proof")

    # Who moved what, when and why.
    page.get_by_test_id("nav-audit").click()
    expect(page.get_by_test_id("audit-row").first).to_be_visible()
    expect(page.get_by_test_id("audit-row").filter(has_text="关闭恒川雨水排口:到位").first).to_be_visible()
    expect(page.get_by_test_id("audit-row").filter(has_text="wang").first).to_be_visible()
    page.get_by_test_id("audit-verify").click()
    expect(page.get_by_test_id("audit-verdict")).to_have_attribute("data-verified", "true")
    shoot(page, "audit")

    page.get_by_test_id("nav-overview").click()
    page.get_by_test_id("facility-hc_outlet").click()
    shoot(page, "overview-closed")

    # Why it may not be opened now: the tree of conditions, each with what would have to change.
    page.get_by_test_id("why-more-open").click()
    expect(page.get_by_test_id("why-change").filter(has_text="须经恢复开启程序解除").first).to_be_visible()
    shoot(page, "why-not")
    page.get_by_test_id("nav-system").click()
    shoot(page, "system")
    page.get_by_test_id("lang-switch").click()
    page.get_by_test_id("nav-overview").click()
    shoot(page, "overview-english")


def test_what_a_shift_does_besides(browser: Browser, rig: Rig) -> None:
    # The pool's gauge shows it full: its inlet is held shut, which is what an override is asked for.
    rig.simulate({"do": "fault", "kind": "bias", "target": "public_pool/level", "value": 5.0})
    with tab(browser) as chief, tab(browser) as engineer:
        sign_in(chief, rig, "li")
        sign_in(engineer, rig, "zhou")
        _a_locked_position_closes_by_its_pin(chief, rig)
        _the_order_stays_and_says_how_it_ends(chief, rig)
        _the_network_proposes_a_cut(chief, rig)
        _a_tag_is_hung_and_taken_off(chief, rig)
        _an_override_takes_two(engineer, chief, rig)
        with tab(browser) as operator:
            sign_in(operator, rig, "sun")
            _an_opening_takes_two(operator, chief, rig)
        _a_check_is_begun_and_given_up(engineer, rig)
        _people_and_tokens(engineer, rig)
        _the_audit_is_searched_and_printed(chief, rig)


def _a_locked_position_closes_by_its_pin(page: Page, rig: Rig) -> None:
    page.get_by_test_id("pin-new").fill("271828")
    page.get_by_test_id("pin-set").click()
    says(page.get_by_test_id("account-done"), "已保存")
    page.get_by_test_id("lock").click()
    says(page.get_by_test_id("locked-bar"), "席位已锁定", "停照常有效", "关闭须输入 PIN", "解锁 · 李班长")
    page.get_by_test_id("nav-audit").click()
    says(page.get_by_test_id("held-back"), "锁定时不显示本页")
    page.goto(f"{rig.console}/#/onekey/close_ly")
    says(page.get_by_test_id("preview-ly_outlet"), "开到位", "将要动作")
    page.get_by_test_id("plan-run").click()
    page.get_by_test_id("plan-reason-drill").check()
    page.get_by_test_id("plan-confirm").click()
    page.get_by_test_id("proof-pin").fill("314159")
    page.get_by_test_id("proof-submit").click()
    says(page.get_by_test_id("pin-fault"), "PIN 错误")
    shoot(page, "locked-pin")
    page.get_by_test_id("proof-pin").fill("271828")
    page.get_by_test_id("proof-submit").click()
    says(page.get_by_test_id("step-proof-ly_outlet"), "关限位 = 1", "开限位 = 0")
    page.get_by_test_id("unlock").click()
    page.get_by_test_id("proof-password").fill(PASSWORD)
    page.get_by_test_id("proof-submit").click()
    expect(page.get_by_test_id("locked-bar")).to_have_count(0)


def _the_order_stays_and_says_how_it_ends(page: Page, rig: Rig) -> None:
    page.goto(f"{rig.console}/#/facility/ly_outlet")
    says(page.get_by_test_id("keep-closed"), "禁开令(保持关闭)", "李班长", "演练")
    says(page.get_by_test_id("why-open"), "不能操作")
    page.get_by_test_id("why-more-open").click()
    says(page.get_by_test_id("why-change").first, "须经恢复开启程序解除 1 道禁开令")
    page.goto(f"{rig.console}/#/reopen")
    says(page.get_by_test_id("reopen-reopen_ly"), "恢复开启澜远", "4 道")
    page.goto(f"{rig.console}/#/reopen/reopen_ly")
    says(
        page.get_by_test_id("reopen"),
        "合格条件: 澜远水质分析仪·化学需氧量 ≤ 100 mg/L 且",
        "解除澜远雨水排口的禁令",
    )
    says(page.get_by_test_id("reopen-orders"), "澜远事故水导流阀", "禁关令(保持开启)")
    shoot(page, "reopening")


def _the_network_proposes_a_cut(page: Page, rig: Rig) -> None:
    page.goto(f"{rig.console}/#/propose/bh_unit")
    proposal = page.get_by_test_id("proposal")
    says(proposal, "切断面", "博浩雨水排口、博浩污水排口", "保住", "剩余容积", "m³", "蓄满时间")
    says(page.get_by_test_id("preview-bh_outlet"), "关闭 博浩雨水排口", "将要动作")
    shoot(page, "proposal")


def _a_tag_is_hung_and_taken_off(page: Page, rig: Rig) -> None:
    page.goto(f"{rig.console}/#/facility/bh_outlet")
    page.get_by_test_id("tag-open").click()
    page.get_by_test_id("tag-reason").fill("更换密封圈,阀井内有人")
    page.get_by_test_id("tag-send").click()
    says(page.get_by_test_id("tag"), "检修挂牌 · 李班长", "更换密封圈,阀井内有人")
    says(page.get_by_test_id("why-close"), "不能操作")
    page.get_by_test_id("close").click()
    window = page.get_by_role("dialog")
    says(window, "与挂牌人联系;人员撤离并摘牌后才能远程操作", "挂牌人 李班长")
    expect(window).not_to_contain_text("电话通知现场手动操作")
    shoot(page, "tag")
    page.get_by_test_id("command-cancel").click()
    page.get_by_test_id("untag").click()
    page.get_by_test_id("untag-reason").fill("完工,人员已撤离")
    page.get_by_test_id("untag-send").click()
    expect(page.get_by_test_id("tag")).to_have_count(0)


def _an_override_takes_two(engineer: Page, chief: Page, rig: Rig) -> None:
    lock = "公共应急池到溢流水位已满 30 秒"
    for page in (engineer, chief):
        page.goto(f"{rig.console}/#/facility/public_inlet")
    engineer.get_by_test_id("why-more-open").click()
    says(engineer.get_by_test_id("why-lock-pool_full"), "闭锁", lock, "须 < 4.95 m,现为")
    engineer.get_by_test_id("override-ask-pool_full").click()
    says(
        engineer.get_by_test_id("override-form"),
        "申请旁路",
        lock,
        "须由另一人在另一会话中复核",
        "到时自动恢复",
    )
    engineer.get_by_test_id("override-reason").fill("液位计故障,现场确认池空")
    engineer.get_by_test_id("override-send").click()
    prove(engineer, engineer.get_by_test_id("wish"))
    expect(engineer.get_by_test_id("wish-agree")).to_have_count(0)
    says(chief.get_by_test_id("wish"), "申请旁路", lock, "周工", "液位计故障", "须由另一人复核")
    chief.get_by_test_id("wish-agree").click()
    stands = chief.get_by_test_id("override-pool_full")
    prove(chief, stands)
    says(stands, "旁路中", lock, "周工 + 李班长")
    shoot(chief, "override")
    chief.get_by_test_id("override-lift").click()
    expect(stands).to_have_count(0)


def _an_opening_takes_two(operator: Page, chief: Page, rig: Rig) -> None:
    for page in (operator, chief):
        page.goto(f"{rig.console}/#/facility/jt_bund")
    says(operator.get_by_test_id("why-open"), "允许,须另一人同意操作票")
    operator.get_by_test_id("open").click()
    operator.get_by_test_id("command-reason-exercise").check()
    operator.get_by_test_id("command-ticket").click()
    prove(operator, operator.get_by_test_id("command-ticket-state"))
    operator.reload()  # what waits is not lost
    operator.get_by_test_id("open").click()
    says(operator.get_by_test_id("command-ticket-state"), "阀门试动作", "等待另一人同意", "剩余")
    shoot(operator, "ticket-waits")
    chief.get_by_test_id("ticket-bell").click()
    says(chief.get_by_test_id("tickets"), "操作票", "孙值班", "阀门试动作", "待另一人同意", "不同意", "位置")
    shoot(chief, "ticket-second-person")
    chief.get_by_test_id("tickets").get_by_test_id("ticket-agree").click()
    prove(chief, chief.locator('[data-testid="ticket"][data-state="approved"]'))
    expect(chief.get_by_test_id("ticket-bell")).to_have_count(0)
    prove(operator, operator.get_by_test_id("select-countdown"))
    says(operator.get_by_test_id("command-ticket-state"), "已同意", "李班长")
    shoot(operator, "ticket-agreed")
    operator.get_by_test_id("command-confirm").click()
    expect(operator.get_by_test_id("command-accepted")).to_be_visible()
    operator.get_by_test_id("command-cancel").click()
    expect(operator.get_by_test_id("ticket")).to_have_count(0)


def _a_check_is_begun_and_given_up(page: Page, rig: Rig) -> None:
    page.goto(f"{rig.console}/#/commissioning/ml_bund")
    page.get_by_test_id("check-begin").click()
    prove(page, page.get_by_test_id("check-missing"))
    says(page.get_by_test_id("commissioning-ml_bund"), "明澜围堰切换阀", "联调中")
    says(page.get_by_test_id("commissioning-detail"), "反馈点对点", "遥控动作", "行程实测", "现场核对")
    expect(page.get_by_test_id("check-sign")).to_be_disabled()
    shoot(page, "commissioning")
    page.get_by_test_id("check-abandon").click()
    expect(page.get_by_test_id("check-begin")).to_be_visible()


def _people_and_tokens(page: Page, rig: Rig) -> None:
    page.get_by_test_id("nav-people").click()
    says(page.get_by_test_id("users"), "李班长", "值班长", "王值班", "周工", "工程师")
    page.get_by_test_id("token-name").fill("企业监控系统")
    page.get_by_test_id("token-make").click()
    prove(page, page.get_by_test_id("token-secret"))
    says(page.get_by_test_id("token-secret"), "请现在抄录,之后无法再看")
    page.get_by_test_id("token-revoke").click()
    says(page.get_by_test_id("tokens"), "已吊销")
    shoot(page, "people")


def _the_audit_is_searched_and_printed(page: Page, rig: Rig) -> None:
    page.get_by_test_id("nav-audit").click()
    page.get_by_test_id("audit-text").fill("阀井内有人")
    page.get_by_test_id("audit-filter").click()
    expect(page.locator('[data-testid="audit-row"]:not([data-kind^="tag."])')).to_have_count(0)
    says(page.get_by_test_id("audit-row").last, "检修·挂牌", "李班长", "博浩雨水排口")
    shoot(page, "audit-search")
    printed = page.request.get(page.get_by_test_id("audit-print").get_attribute("href") or "")
    assert "校验码 Check code" in printed.text()
    table = page.request.get(page.get_by_test_id("audit-table").get_attribute("href") or "")
    assert "检修挂牌" in table.text()
    page.get_by_test_id("sign-out").click()
    page.goto(f"{rig.console}/#/")
    expect(page.get_by_test_id("sign-in-submit")).to_be_visible()


def test_the_screenshots_were_made() -> None:
    names = {
        "sign-in",
        "overview",
        "alarms",
        "one-key-preview",
        "one-key-proof",
        "audit",
        "overview-closed",
        "system",
    }
    assert names <= {path.stem for path in Path(SHOTS).glob("*.png")}
