"""A browser for tests: Debian's chromium, tabs of one person each, whose pages may raise nothing."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

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
PASSWORD = "chang-cheng-2026!"


@contextmanager
def opened() -> Iterator[Browser]:
    """Run one browser."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


@contextmanager
def tab(browser: Browser, *, width: int = 1366, height: int = 768) -> Iterator[Page]:
    """Open a tab with cookies of its own, in Chinese; at its end nothing may have been raised in it."""
    context = browser.new_context(viewport={"width": width, "height": height}, locale="zh-CN")
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if _is_problem(message) else None)
    yield page
    context.close()
    assert problems == []


def _is_problem(message: ConsoleMessage) -> bool:
    """The browser itself prints the 401 by which the console learns that nobody has signed in."""
    return message.type == "error" and "401" not in message.text


def shoot(page: Page, name: str) -> None:
    """Keep a picture of the page."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(SHOTS / f"{name}.png"))


def enter(page: Page, rig: Rig) -> None:
    """Come in by the link that `stoplog demo` prints; it works once."""
    token = next(line.split("enter?token=")[1].strip() for line in rig.lines if "enter?token=" in line)
    page.goto(f"{rig.console}/#/enter?token={token}")
    expect(page.get_by_test_id("live-state")).to_be_visible(timeout=15 * MS)


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
        {"username": username, "display_name": display_name, "password": PASSWORD, "roles": [role]},
    )
    assert status == 201


def sign_in(page: Page, rig: Rig, username: str) -> None:
    """Sign in by hand."""
    page.context.clear_cookies()
    page.goto(f"{rig.console}/#/")
    page.reload()
    page.get_by_test_id("sign-in-username").fill(username)
    page.get_by_test_id("sign-in-password").fill(PASSWORD)
    page.get_by_test_id("sign-in-submit").click()
    expect(page.get_by_test_id("live-state")).to_be_visible(timeout=15 * MS)
