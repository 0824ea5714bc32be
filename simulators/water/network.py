"""Reads network.yaml: which node or link of the SWMM network each facility is; every fault in one run."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal, cast

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError

from domain.errors import ConfigurationError, Fault
from domain.ids import FacilityId, is_id
from simulators.water import inp

Line = Literal["plant", "park", "river"]
LINES: tuple[Line, ...] = ("plant", "park", "river")


class Role(StrEnum):
    """What a facility is to the water."""

    GATE = "gate"
    PUMP = "pump"
    FLOW = "flow"
    POOL = "pool"
    BUND = "bund"
    LEVEL = "level"
    STAGE = "stage"
    ANALYSER = "analyser"
    RIVER_ANALYSER = "river_analyser"
    RAIN = "rain"


MOVING = (Role.GATE, Role.PUMP)
HOLDING = (Role.POOL, Role.BUND)
ANALYSING = (Role.ANALYSER, Role.RIVER_ANALYSER)

_ON_LINK = {*MOVING, Role.FLOW}
_KEYS: Mapping[Role, tuple[frozenset[str], frozenset[str]]] = {
    role: (
        frozenset(
            {"role"}
            | ({"link"} if role in _ON_LINK else set() if role is Role.RAIN else {"node"})
            | ({"normal"} if role in MOVING else {"full_depth_m"} if role in HOLDING else set())
        ),
        frozenset({"line"} if role in MOVING else set()),
    )
    for role in Role
}
"""Keys that a role must have, and those that it may have."""

_NODES = ("JUNCTIONS", "OUTFALLS", "STORAGE", "DIVIDERS")
_LINKS = ("CONDUITS", "PUMPS", "ORIFICES", "WEIRS", "OUTLETS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One facility in the hydraulic network."""

    role: Role
    node: str | None
    """Name in the .inp; None for what sits on a link, and for the rain gauge."""
    link: str | None
    normal: float
    """Opening 0..1 at the start of a run; 0 for what does not move."""
    line: Line | None
    """Score line that water past this link has crossed."""
    full_depth_m: float
    """Depth at which a pool or bund is full; 0 for others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """The park's network file and what its parts mean."""

    inp: Path
    rain_gage: str
    facilities: Mapping[FacilityId, Place]
    spill_places: Mapping[str, str]
    """Node by name; facilities that have a node are among them."""


def load_network(path: Path) -> Network:
    """Read and check network.yaml and the names it uses in the .inp beside it.

    Raises ConfigurationError with every fault found: unknown or missing keys, unknown roles, names that the .inp does
    not have, openings outside 0..1.
    """
    if not path.is_file():
        raise ConfigurationError(_fault(path, 0, "", "is no file", "name a network.yaml", "missing-file"))
    try:
        tree = YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise ConfigurationError(
            _fault(path, line, "", str(error.problem), "mend the YAML", "syntax")
        ) from error
    if not isinstance(tree, CommentedMap):
        raise ConfigurationError(
            _fault(path, 0, "", "is no mapping", "write network, rain_gage, facilities", "syntax")
        )
    reader = _Reader(path, tree)
    network = reader.network()
    if reader.faults:
        raise ConfigurationError(*reader.faults)
    return network


class _Reader:
    """Collects faults while reading one tree."""

    def __init__(self, path: Path, tree: CommentedMap) -> None:
        self._path = path
        self._tree = tree
        self.faults: list[Fault] = []
        self._inp = path.parent / str(tree.get("network", ""))
        if not self._inp.is_file():
            raise ConfigurationError(
                _fault(
                    path, 0, "network", f"{self._inp} is no file", "name the .inp beside it", "missing-file"
                )
            )
        sections = inp.names(self._inp.read_text(encoding="utf-8"))
        self._nodes = frozenset().union(*(sections.get(s, frozenset()) for s in _NODES))
        self._links = frozenset().union(*(sections.get(s, frozenset()) for s in _LINKS))
        self._gages = sections.get("RAINGAGES", frozenset())

    def network(self) -> Network:
        gage = str(self._tree.get("rain_gage", ""))
        if gage not in self._gages:
            self._add(self._tree, "rain_gage", "rain_gage", f"no gage {gage!r} in the .inp", "name one of it")
        facilities = {FacilityId(name): place for name, place in self._places()}
        spill_places = {str(name): place.node for name, place in facilities.items() if place.node}
        places = self._mapping("places")
        for name, node in places.items():
            if node not in self._nodes:
                self._add(places, name, f"places.{name}", f"no node {node!r} in the .inp", "name one of it")
            spill_places[str(name)] = str(node)
        return Network(inp=self._inp, rain_gage=gage, facilities=facilities, spill_places=spill_places)

    def _mapping(self, key: str) -> CommentedMap:
        value = self._tree.get(key)
        if isinstance(value, CommentedMap):
            return value
        self._add(self._tree, key, key, "is no mapping", "write names and what they are")
        return CommentedMap()

    def _places(self) -> Iterator[tuple[str, Place]]:
        facilities = self._mapping("facilities")
        for name, entry in facilities.items():
            field = f"facilities.{name}"
            if not is_id(str(name)) or not isinstance(entry, CommentedMap):
                self._add(facilities, name, field, "is no facility", "write id: {role: …}")
            elif entry.get("role") not in set(Role):
                roles = ", ".join(Role)
                self._add(facilities, name, f"{field}.role", f"{entry.get('role')!r}", f"one of {roles}")
            elif self._keys_fit(entry, facilities, str(name), field):
                yield str(name), self._place(entry, facilities, str(name), field)

    def _keys_fit(self, entry: CommentedMap, facilities: CommentedMap, name: str, field: str) -> bool:
        must, may = _KEYS[Role(entry["role"])]
        faults = [(key, "is missing", "add it") for key in sorted(must - entry.keys())]
        faults += [(key, "means nothing here", "remove it") for key in sorted(entry.keys() - must - may)]
        for key, message, remedy in faults:
            self._add(facilities, name, f"{field}.{key}", message, remedy)
        return not faults

    def _place(self, entry: CommentedMap, facilities: CommentedMap, name: str, field: str) -> Place:
        for key, known in (("node", self._nodes), ("link", self._links)):
            if key in entry and entry[key] not in known:
                self._add(
                    facilities,
                    name,
                    f"{field}.{key}",
                    f"no {key} {entry[key]!r} in the .inp",
                    "name one of it",
                )
        normal = _number(entry.get("normal", 0))
        if not 0 <= normal <= 1:
            self._add(facilities, name, f"{field}.normal", f"{entry['normal']!r}", "a number 0..1")
        full_depth_m = _number(entry.get("full_depth_m", 0))
        if "full_depth_m" in entry and not full_depth_m > 0:
            self._add(
                facilities, name, f"{field}.full_depth_m", f"{entry['full_depth_m']!r}", "metres above 0"
            )
        line = entry.get("line")
        if line is not None and line not in LINES:
            self._add(facilities, name, f"{field}.line", f"{line!r}", f"one of {', '.join(LINES)}")
        return Place(
            role=Role(entry["role"]), node=entry.get("node"), link=entry.get("link"), normal=normal,
            line=cast("Line | None", line), full_depth_m=full_depth_m,
        )  # fmt: skip

    def _add(self, parent: CommentedMap, key: object, field: str, message: str, remedy: str) -> None:
        line = parent.lc.key(key)[0] + 1 if key in parent else 0
        self.faults.append(_fault(self._path, line, field, message, remedy, "hydraulic-network"))


def _number(value: object) -> float:
    """Return `value`, or not-a-number for what is none (a boolean too)."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else float("nan")


def _fault(path: Path, line: int, field: str, message: str, remedy: str, kind: str) -> Fault:
    return Fault(file=str(path), line=line, field=field, message=message, remedy=remedy, kind=kind)
