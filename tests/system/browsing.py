"""A browser for tests: Debian's chromium, tabs of one person each, whose pages may raise nothing."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect, sync_playwright

from tests.system.rig import ROOT, Rig

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SHOTS = ROOT / "tests" / "screenshots"
MS = 1000
GIVEN = "he-hai-2026-bian?"
"""What the administrator types in for somebody new; whoever knows it is not its owner, so it opens nothing."""
PASSWORD = "chang-cheng-2026!"
"""What each then chooses."""
PATIENCE_S = 90.0
"""How long a page may take on a machine that has much else to do."""


@contextmanager
def opened() -> Iterator[Browser]:
    """Run one browser; whatever a test waits for in it may take long."""
    expect.set_options(timeout=PATIENCE_S * MS)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


@contextmanager
def tab(browser: Browser, *, width: int = 1366, height: int = 768) -> Iterator[Page]:
    """Open a tab with cookies of its own, in Chinese; at its end nothing may have been raised in it."""
    context = browser.new_context(viewport={"width": width, "height": height}, locale="zh-CN")
    context.set_default_timeout(PATIENCE_S * MS)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if _is_problem(message) else None)
    yield page
    context.close()
    assert problems == []


def _is_problem(message: ConsoleMessage) -> bool:
    """The browser itself prints the answers by which the console learns what to ask for: who, a proof, a PIN."""
    return message.type == "error" and re.search(r"status of (401|403|409)", message.text) is None


def says(place: Locator, *words: str) -> None:
    """Each of `words` stands in `place`, spaces and line ends aside."""
    for word in words:
        expect(place).to_contain_text(re.compile(r"\s*".join(map(re.escape, word.split()))))


def shoot(page: Page, name: str) -> None:
    """Keep a picture of the page."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(SHOTS / f"{name}.png"))


def enter(page: Page, rig: Rig) -> None:
    """Come in by the link that `stoplog demo` prints; it works once."""
    token = next(line.split("enter?token=")[1].strip() for line in rig.lines if "enter?token=" in line)
    page.goto(f"{rig.console}/#/enter?token={token}")
    expect(page.get_by_test_id("live-state")).to_be_visible()


def make_user(page: Page, username: str, display_name: str, role: str) -> None:
    """Make a person with a password, from the page of somebody who may."""
    status = page.evaluate(
        """async (body) => {
            const session = await (await fetch('/api/v1/session')).json();
            const answer = await fetch('/api/v1/users', {
                method: 'POST',
                headers: {'Content-Type': 'application/json', 'X-Stoplog-Csrf': session.csrf},
                body: JSON.stringify(body),
            });
            return answer.status;
        }""",
        {"username": username, "display_name": display_name, "password": GIVEN, "roles": [role]},
    )
    assert status == 201


def sign_in(page: Page, rig: Rig, username: str) -> None:
    """Sign in by hand for the first time, and do what the console then asks for: choose a password of one's own."""
    page.context.clear_cookies()
    page.goto(f"{rig.console}/#/")
    page.reload()
    page.get_by_test_id("sign-in-username").fill(username)
    page.get_by_test_id("sign-in-password").fill(GIVEN)
    page.get_by_test_id("sign-in-submit").click()
    expect(page.get_by_test_id("live-state")).to_be_visible()
    expect(page.get_by_test_id("due-bar")).to_contain_text("口令由他人设置:请先改为自己的口令")
    page.get_by_test_id("due-go").click()
    page.get_by_test_id("password-old").fill(GIVEN)
    page.get_by_test_id("password-new").fill(PASSWORD)
    page.get_by_test_id("password-again").fill(PASSWORD)
    page.get_by_test_id("password-submit").click()
    expect(page.get_by_test_id("account-done")).to_contain_text("口令已修改")
    expect(page.get_by_test_id("due-bar")).to_have_count(0)


def prove(page: Page, done: Locator) -> None:
    """Type the password once more where the console asks for it: after five minutes, that is on a slow machine; wait for `done`."""
    expect(page.get_by_test_id("proof").or_(done).first).to_be_visible()
    if page.get_by_test_id("proof").count():
        page.get_by_test_id("proof-password").fill(PASSWORD)
        page.get_by_test_id("proof-submit").click()
    expect(done).to_be_visible()
