"""The locks: every file of every package by hash, for any mirror, and one version of each in all of them."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PINNED = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(\S+?)(?: ; .+?)? \\$")


def pins(lock: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for line in lock.read_text("utf-8").splitlines():
        if match := PINNED.match(line):
            found.setdefault(match[1], set()).add(match[2])
    return found


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_every_line_is_a_pin_or_a_hash(lock: Path) -> None:
    hashed = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")
    lines = [line for line in lock.read_text("utf-8").splitlines() if not line.startswith("#")]
    assert not [line for line in lines if not PINNED.match(line) and not hashed.match(line)]
    # A pin without a hash would end in no backslash, and so be found above.
    assert lines
    assert PINNED.match(lines[0])


def test_all_locks_agree() -> None:
    whole = pins(ROOT / "requirements" / "test.txt")
    for lock in LOCKS:
        assert {
            name: versions for name, versions in pins(lock).items() if whole.get(name) != versions
        } == {}, lock.name


def test_a_gateway_stays_small() -> None:
    heavy = {
        "fastapi",
        "sqlalchemy",
        "starlette",
        "swmm-toolkit",
        "uvicorn",
        "influxdb-client",
        "networkx",
        "amqtt",
    }
    assert not heavy & set(pins(ROOT / "requirements" / "gateway.txt"))


@pytest.mark.parametrize("folder", ["dashboards/console", "tests/peers"])
def test_an_npm_lock_names_no_registry(folder: str) -> None:
    lock = json.loads((ROOT / folder / "package-lock.json").read_text("utf-8"))
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages
    assert not [name for name, entry in packages.items() if "resolved" in entry]
    assert not [
        name for name, entry in packages.items() if "integrity" not in entry and not entry.get("link")
    ]
