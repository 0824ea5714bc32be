"""Names the deciding modules, from import-linter's list, and what a mutant needs to know of each; changes none."""

import ast
import tomllib
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.operators import Mutant, mutants

ROOT = Path(__file__).parents[2]
CONTRACT = "Deciding modules"
GENERATED = ("_pb2.py",)


@dataclass(frozen=True)
class Module:
    """One deciding module and its mutants."""

    name: str
    path: Path
    text: str
    tree: ast.Module
    mutants: tuple[Mutant, ...]

    @property
    def file(self) -> str:
        return str(self.path)


def deciding() -> dict[str, Path]:
    """Return the file of every deciding module; a package on the list covers its modules."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    (names,) = (item["source_modules"] for item in contracts if item["name"].startswith(CONTRACT))
    found: dict[str, Path] = {}
    for name in names:
        place = ROOT.joinpath(*name.split("."))
        files = sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
        for file in files:
            if not file.name.endswith(GENERATED):
                parts = file.relative_to(ROOT).with_suffix("").parts
                found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return dict(sorted(found.items()))


def load(name: str, path: Path) -> Module:
    """Parse a module and find its mutants."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    return Module(name=name, path=path, text=text, tree=tree, mutants=tuple(mutants(tree)))
