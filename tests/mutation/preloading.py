"""Names what may be imported before a module is changed: what its tests need and what never comes to it; imports nothing."""

import ast
from collections.abc import Iterable, Mapping
from functools import cache

from tests.mutation.modules import ROOT

LEFT_OUT = {".venv", "build", "dashboards", "node_modules", "state"}


def before(changed: str, test_files: Iterable[str]) -> list[str]:
    """Return the modules of ours that some files of tests import, by way of others too, and that never import `changed`."""
    imports = _imports()
    wanted = _closure([file.removesuffix(".py").replace("/", ".") for file in test_files], imports)
    coming: dict[str, set[str]] = {}
    for name, targets in imports.items():
        for target in targets:
            coming.setdefault(target, set()).add(name)
    after = _closure([changed], coming)
    return sorted(name for name in wanted - after if not name.rsplit(".", 1)[-1].startswith("test_"))


def _closure(starts: Iterable[str], edges: Mapping[str, set[str]]) -> set[str]:
    found = set(starts)
    waiting = list(found)
    while waiting:
        fresh = edges.get(waiting.pop(), set()) - found
        found |= fresh
        waiting += fresh
    return found


@cache
def _imports() -> dict[str, set[str]]:
    """Return module → modules of ours that it imports anywhere, the packages that those stand in included."""
    names = {}
    for file in ROOT.rglob("*.py"):
        parts = file.relative_to(ROOT).with_suffix("").parts
        if parts[0] not in LEFT_OUT:
            names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    found: dict[str, set[str]] = {}
    for name, file in names.items():
        targets = set(_packages(name))
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                targets |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module is not None:
                targets |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        targets |= {package for target in targets for package in _packages(target)}
        found[name] = targets & names.keys() - {name}
    return found


def _packages(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]
