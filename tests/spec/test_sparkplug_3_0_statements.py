"""docs/protocols/sparkplug.md: every normative statement of Sparkplug 3.0 stands there once, with a test that exists or a reason."""

import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "protocols" / "sparkplug.md"
IDS = (Path(__file__).parent / "sparkplug_3_0_statements.txt").read_text("utf-8").split()
REASONS = ("not used: ", "not ours: ", "differs: ")


@cache
def rows() -> dict[str, tuple[str, str]]:
    """Statement → (whose it is, what shows it)."""
    found = re.findall(r"^\| (tck-id-[\w-]+) \| (\w+) \| (.+) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert len(found) == len({name for name, *_ in found}), "a statement stands twice"
    return {name: (whose, shown) for name, whose, shown in found}


@cache
def places() -> dict[str, str]:
    """Name on the page → path::test."""
    return dict(re.findall(r"^\| ([^|`]+) \| `(tests/\S+::\w+)` \|$", PAGE.read_text("utf-8"), re.MULTILINE))


def named(shown: str) -> list[str]:
    """The tests that a cell names: all of it, or behind the colon after a reason."""
    for reason in REASONS:
        if shown.startswith(reason):
            tail = shown.rpartition(": ")[2]
            return [tail] if tail in places() else []
    return shown.split(", ")


def test_the_page_has_every_statement_and_no_other() -> None:
    assert len(IDS) == len(set(IDS)) == 299
    assert set(rows()) == set(IDS)


@pytest.mark.parametrize("name", IDS)
def test_a_statement_is_shown_by_known_tests_or_has_a_reason(name: str) -> None:
    whose, shown = rows()[name]
    assert whose in {"edge", "host", "both", "broker"}
    if shown.startswith(REASONS):
        assert len(shown) > 25
    else:
        assert named(shown)
    assert set(named(shown)) <= set(places())


def test_every_test_named_exists_and_shows_something() -> None:
    used = Counter(item for _, shown in rows().values() for item in named(shown))
    assert set(used) == set(places())
    for place in places().values():
        path, _, test = place.partition("::")
        assert re.search(rf"^(async )?def {test}\(", (ROOT / path).read_text("utf-8"), re.MULTILINE), place
