"""The description of the park files names every kind of fault and every column, and no other."""

import re
from pathlib import Path

from runtime.parkfiles.pointlist import COLUMNS

ROOT = Path(__file__).parents[4]
DOCUMENT = (ROOT / "docs" / "park-files.md").read_text("utf-8")


def test_every_kind_of_fault_is_described() -> None:
    source = "".join(path.read_text("utf-8") for path in (ROOT / "runtime" / "parkfiles").glob("*.py"))
    used = set(re.findall(r'kind="([a-z0-9-]+)"', source))
    used |= set(re.findall(r'self\._fault\((?:[^()]|\([^()]*\))*?"([a-z0-9]+-[a-z0-9-]+)"\s*,?\s*\)', source))
    used |= set(re.findall(r'expect\("\w+", "([a-z0-9-]+)"\)', source))
    described = set(
        re.findall(r"`([a-z0-9]+(?:-[a-z0-9]+)*)`", DOCUMENT.split("## Kinds of fault")[1].split("\n## ")[0])
    ) - {"kind"}
    assert used == described


def test_every_column_is_described() -> None:
    listed = DOCUMENT.split("**Columns of the CSV**: `")[1].split("`")[0]
    assert tuple(listed.replace("\n", " ").split(", ")) == COLUMNS
