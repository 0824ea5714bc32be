"""Settings of every test: how examples are drawn, and which files begin; holds no fixture.

No deadline on a busy machine; the same examples at each run, others with EXPLORE=1: `make test` answers whether this change
is sound and gives the same answer twice, `make soak` goes looking for new examples.
"""

import os

import pytest
from hypothesis import settings

EXPLORES = os.environ.get("EXPLORE") == "1"

settings.register_profile("house", deadline=None, print_blob=True, derandomize=not EXPLORES)
settings.load_profile("house")

LONGEST = (
    "tests/simulation/",
    "tests/service/gateway/test_gateway",
    "tests/service/simulators/",
    "tests/service/",
    "tests/unit/stoplog/",
    "tests/contract/",
    "tests/system/test_browser",
    "tests/system/test_shift_chief",
    "tests/system/test_refusals",
    "tests/system/test_kill",
    "tests/properties/",
)
"""Begun first, so that no worker is left alone with one of them at the end; workers take files in this order."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        return next(
            (place for place, start in enumerate(LONGEST) if item.nodeid.startswith(start)), len(LONGEST)
        )

    items.sort(key=place)
