"""The house itself is checked: sizes, sentences, words, dead rooms, declared libraries and true documents.

Lint rules are ruff's business and layers are import-linter's; here is what neither of them sees.
"""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = (
    "control",
    "dashboards",
    "domain",
    "gateway",
    "ingest",
    "runtime",
    "simulators",
    "stoplog",
    "stores",
    "wire",
)
SERVICES = ("gateway", "ingest", "control", "simulators")
LINES_MAX = 400
"""No file of code is longer; the aim is 60 to 150."""
LONGER: dict[str, int] = {}
"""The ratchet: files that are longer, at most this long. It only ever shrinks."""

GENERATED = re.compile(r".*_pb2\.pyi?|schema\.d\.ts")
"""Written by a program, read by nobody."""

PRUNED = {
    ".venv", ".git", "node_modules", "static", "build", "dist", "state", "__pycache__", "screenshots",
    ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".import_linter_cache", "stoplog.egg-info",
}  # fmt: skip
TEXT = {
    ".py", ".ts", ".vue", ".js", ".css", ".html", ".md", ".toml", ".yaml", ".yml", ".json", ".csv", ".sh", ".txt",
    ".conf", ".service", ".inp", ".dat", ".proto", "",
}  # fmt: skip
# Written in halves, so that this file does not hold what it bans.
BANNED = {
    "a registry's address": [
        "pypi" + ".org", "files.python" + "hosted", "registry." + "npmjs", "deb.debian" + ".org", "registry." + "yarnpkg",
    ],
    "a path of one machine": ["/" + "work/", "/" + "root/", "/" + "opt/" + "wheels", "/" + "opt/" + "pypi"],
    "a promise without an owner": ["TO" + "DO", "FIX" + "ME", "X" + "XX"],
    "a mock": ["unittest" + ".mock", "Magic" + "Mock"],
    "a sleep that no clock knows": ["time" + ".sleep("],
}  # fmt: skip
ENTRY_POINTS = {"stoplog.cli"}
"""Modules that nothing imports and that run all the same."""


def walk(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            if path.name not in PRUNED:
                yield from walk(path)
        elif path.suffix in TEXT:
            yield path


@cache
def files() -> tuple[Path, ...]:
    return tuple(walk(ROOT))


@cache
def modules() -> tuple[Path, ...]:
    """Every module of the packages, generated ones left out."""
    return tuple(
        path
        for path in files()
        if path.suffix == ".py"
        and path.relative_to(ROOT).parts[0] in PACKAGES
        and "console" not in path.relative_to(ROOT).parts
        and not GENERATED.fullmatch(path.name)
    )


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


@cache
def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> Iterator[str]:
    """Absolute names that a module imports, at its top or inside a function."""
    package = path.relative_to(ROOT).parts[:-1]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (start, node.module or "") if part)
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def test_files_of_code_stay_short() -> None:
    code = [path for path in files() if path.suffix in {".py", ".ts", ".vue"}]
    lengths = {
        name(path): len(path.read_text("utf-8").splitlines())
        for path in code
        if not GENERATED.fullmatch(path.name)
    }
    too_long = {file: n for file, n in lengths.items() if n > LONGER.get(file, LINES_MAX)}
    assert not too_long
    assert not {file for file in LONGER if lengths.get(file, 0) <= LINES_MAX}, "the ratchet may be tightened"


def test_every_module_says_what_it_does() -> None:
    silent = [
        name(path)
        for path in files()
        if path.suffix == ".py" and not GENERATED.fullmatch(path.name) and not ast.get_docstring(tree(path))
    ]
    assert not silent


def test_package_files_hold_no_logic() -> None:
    calm = (ast.Expr, ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign)
    busy = [
        name(path)
        for path in modules()
        if path.name == "__init__.py" and not all(isinstance(node, calm) for node in tree(path).body)
    ]
    assert not busy


@pytest.mark.parametrize("what", BANNED)
def test_no_file_holds(what: str) -> None:
    found = [
        f"{name(path)}:{number}: {word}"
        for path in files()
        for number, line in enumerate(path.read_text("utf-8", errors="replace").splitlines(), 1)
        for word in BANNED[what]
        if word in line
    ]
    assert not found


def test_only_the_clock_reads_a_clock() -> None:
    excused = re.compile(r"#.*noqa:[^#]*TID251")
    guilty = [
        f"{name(path)}:{number}"
        for path in modules()
        if name(path) != "runtime/clock.py"
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if excused.search(line)
    ]
    assert not guilty


def test_only_the_supervisor_catches_everything() -> None:
    everything = {"Exception", "BaseException"}
    guilty = [
        f"{name(path)}:{node.lineno}"
        for path in modules()
        if name(path) != "runtime/supervisor.py"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id in everything))
        # To clean up and raise, again or by a name of ours, is not to swallow.
        and not any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
    ]
    assert not guilty


def test_no_module_is_dead() -> None:
    imported = {word for path in modules() for word in imports(path)}
    dead = []
    for path in modules():
        dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        is_run = path.name == "__init__.py" or dotted in ENTRY_POINTS or "migrations" in dotted
        is_run = is_run or '__name__ == "__main__"' in path.read_text("utf-8") or path.name == "__main__.py"
        if not is_run and dotted not in imported and not started_by_name(dotted):
            dead.append(dotted)
    assert not dead


def started_by_name(dotted: str) -> bool:
    """Whether some module names it as a string, as an entry point or a process target is named."""
    return any(f'"{dotted}' in path.read_text("utf-8") for path in modules())


def allowed_in(extra: str) -> set[str]:
    """Distributions that an installation of `stoplog[extra]` has asked for."""
    project = pyproject()["project"]
    words = [*project["dependencies"], *project["optional-dependencies"].get(extra, [])]
    for named in [word for word in words if word.startswith("stoplog[")]:
        words += chain.from_iterable(project["optional-dependencies"][own] for own in named[8:-1].split(","))
    return {normal(re.split(r"[\[<>=~! ;]", word, maxsplit=1)[0]) for word in words}


def normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def reached_from(package: str) -> set[Path]:
    """The modules of a package, and every module that those import, and so on."""
    by_name = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in modules()}
    by_name |= {dotted.removesuffix(".__init__"): path for dotted, path in by_name.items()}
    reached: set[Path] = set()
    waiting = {path for path in modules() if path.relative_to(ROOT).parts[0] == package}
    while waiting:
        path = waiting.pop()
        reached.add(path)
        waiting |= {by_name[word] for word in imports(path) if word in by_name} - reached
    return reached


@pytest.mark.parametrize(
    ("package", "extra"), [*((service, service) for service in SERVICES), ("stoplog", "demo")]
)
def test_what_a_service_imports_is_in_its_extra(package: str, extra: str) -> None:
    """An installation of one extra runs, with all that its modules reach: nothing is there by luck."""
    owners = packages_distributions()
    allowed = allowed_in(extra)
    undeclared = {
        f"{name(path)}: {top}"
        for path in reached_from(package)
        for top in {word.split(".")[0] for word in imports(path)}
        if top not in sys.stdlib_module_names
        and top not in PACKAGES
        and not {normal(owner) for owner in owners.get(top, [])} & allowed
    }
    assert not undeclared


def test_every_tool_knows_every_package() -> None:
    tools = pyproject()["tool"]
    expected = set(PACKAGES)
    assert expected == {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert set(tools["mypy"]["packages"]) == expected | {"benchmarks"}
    assert set(tools["importlinter"]["root_packages"]) == expected
    assert expected <= set(tools["ruff"]["lint"]["isort"]["known-first-party"])
    assert expected <= {pattern.rstrip("*") for pattern in tools["setuptools"]["packages"]["find"]["include"]}


def test_decisions_are_numbered_and_complete() -> None:
    decisions = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert [int(path.name[:4]) for path in decisions] == list(range(1, len(decisions) + 1))
    for path in decisions:
        headings = re.findall(r"^## (.+)$", path.read_text("utf-8"), re.MULTILINE)
        assert headings == ["Context", "Decision", "Consequences"], path.name


def test_architecture_is_short_and_names_what_exists() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    assert len(text.splitlines()) < 200
    assert "**Invariant:**" in text
    assert not [path for path in quoted_paths(text) if not (ROOT / path).exists()]


def test_every_invariant_says_what_holds_it_and_what_shows_it() -> None:
    text = (ROOT / "docs" / "safety.md").read_text("utf-8")
    rows = [line.split(" | ") for line in text.splitlines() if re.match(r"\| I\d+ ", line)]
    assert [row[0].removeprefix("| ") for row in rows] == [f"I{number}" for number in range(1, 19)]
    for row in rows:
        assert all(quoted_paths(cell) for cell in row[2:]), row[0]
    assert not [path for path in quoted_paths(text) if not (ROOT / path).exists()]


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_readme_names_what_exists(readme: str) -> None:
    text = (ROOT / readme).read_text("utf-8")
    assert not [path for path in quoted_paths(text) if not (ROOT / path).exists()]
    targets = set(re.findall(r"\bmake ([a-z]+)", text))
    assert {"demo", "test"} <= targets
    assert targets <= set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


def quoted_paths(text: str) -> set[str]:
    """Paths of this tree that a document quotes (`folder/…`) or links to."""
    quoted = set(re.findall(r"`([\w.-]+/[\w./-]*)`", text))
    linked = {link for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text) if "://" not in link}
    tops = {path.name for path in ROOT.iterdir()}
    return {path for path in quoted if path.split("/")[0] in tops} | linked
