"""The operator's minute in a real browser: sign in, see the park live, close a plant with one key, watch the proof, find it in the audit."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.system.browsing import GIVEN, SHOTS, enter, make_user, opened, shoot, tab
from tests.system.rig import Rig, demonstration

pytestmark = [pytest.mark.system, pytest.mark.browser]


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with demonstration(tmp_path_factory.mktemp("browser") / "state", "--speed", "10") as running:
        yield running


@pytest.fixture
def page() -> Iterator[Page]:
    with opened() as browser, tab(browser, width=1920, height=1080) as page:
        yield page


def test_one_key_in_a_spill(page: Page, rig: Rig) -> None:
    # Sign in by the link that `stoplog demo` prints, and make a user with a password to sign in with by hand.
    enter(page, rig)
    make_user(page, "wang", "王值班", "operator")
    page.context.clear_cookies()
    page.goto(f"{rig.console}/#/")
    page.reload()
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
