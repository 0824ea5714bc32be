"""Runs EPA SWMM one second at a time through its toolkit; the only module that names it.

The toolkit holds one simulation per process and its `swmm_open` silently destroys an open one: see process.py.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from swmm.toolkit import solver
from swmm.toolkit.shared_enum import HotstartFile, LinkResult, NodeResult, NodeType, ObjectType

from domain.errors import StoplogError
from simulators.water import inp
from simulators.water.transport import Floats, Ints, indices

STEP_S = 1.0
"""Routing step; the .inp says the same, with VARIABLE_STEP 0 and THREADS 1 for runs that repeat bit by bit."""


@dataclass(frozen=True, slots=True)
class _Code:
    """A toolkit code without the toolkit's slow enumeration; reading every node each step is most of a run's cost."""

    value: int


_FLOW, _LINK_VOLUME = _Code(LinkResult.FLOW.value), _Code(LinkResult.VOLUME.value)
_NODE_VOLUME, _DEPTH = _Code(NodeResult.VOLUME.value), _Code(NodeResult.DEPTH.value)
_HEAD, _FLOOD = _Code(NodeResult.HEAD.value), _Code(NodeResult.FLOOD.value)


class HydraulicsError(StoplogError):
    """SWMM refused its input or failed in a step. The run is over."""


class Hydraulics:
    """One open SWMM run. At most one in a process; `close` before opening another."""

    def __init__(
        self, network: Path, *, start_ms: int, workspace: Path, hot_start: Path | None = None
    ) -> None:
        """Open `network` as if the clock stood at `start_ms` (UTC, whole seconds), from `hot_start` if given.

        Writes its own files into `workspace`, which must exist. Raises HydraulicsError with SWMM's report.
        """
        start = datetime.fromtimestamp(start_ms / 1000, tz=UTC)
        try:
            text = inp.run_text(network.read_text(encoding="utf-8"), start=start)
        except ValueError as error:
            raise HydraulicsError(f"{network}: {error}") from error
        run, report = workspace / "run.inp", workspace / "run.rpt"
        run.write_text(text, encoding="utf-8")
        try:
            solver.swmm_open(str(run), str(report), str(workspace / "run.out"))
            if hot_start is not None:
                solver.swmm_hotstart(HotstartFile.USE, str(hot_start))
            solver.swmm_start(0)
        except Exception as error:
            solver.swmm_close()
            raise HydraulicsError(
                f"{error}\n{report.read_text(encoding='utf-8', errors='replace')}"
            ) from error
        self._start_ms = start_ms
        self._steps = 0
        self._is_open = True
        self._index = {kind: _index(kind) for kind in (ObjectType.GAGE, ObjectType.NODE, ObjectType.LINK)}
        self._overflowing = [
            node for node in range(self.node_count) if solver.node_get_type(node) is NodeType.STORAGE
        ]

    @property
    def time_ms(self) -> int:
        return self._start_ms + int(self._steps * STEP_S * 1000)

    @property
    def node_count(self) -> int:
        return len(self._index[ObjectType.NODE])

    @property
    def link_count(self) -> int:
        return len(self._index[ObjectType.LINK])

    def node(self, name: str) -> int:
        return self._index[ObjectType.NODE][name]

    def link(self, name: str) -> int:
        return self._index[ObjectType.LINK][name]

    def ends(self) -> tuple[Ints, Ints]:
        """Return each link's from-node and to-node, the sense of its flow.

        Raises HydraulicsError for a conduit drawn uphill: SWMM turns it around, and its score line with it.
        """
        uphill = [
            name for name, k in self._index[ObjectType.LINK].items() if solver.link_get_direction(k) < 0
        ]
        if uphill:
            raise HydraulicsError(f"drawn uphill: {', '.join(uphill)}; swap the ends in the .inp")
        pairs = [solver.link_get_connections(link) for link in range(self.link_count)]
        return indices([a for a, _ in pairs]), indices([b for _, b in pairs])

    def outfalls(self) -> Ints:
        kinds = (solver.node_get_type(node) for node in range(self.node_count))
        return indices([node for node, kind in enumerate(kinds) if kind is NodeType.OUTFALL])

    def set_rain(self, gage: str, mm_h: float) -> None:
        solver.raingage_set_precipitation(self._index[ObjectType.GAGE][gage], mm_h)

    def set_openings(self, openings: Mapping[int, float]) -> None:
        """Set links (by index) to openings 0..1, at once: travel belongs to the simulated PLC."""
        for link, opening in openings.items():
            solver.link_set_target_setting(link, opening)

    def set_inflow(self, node: int, m3_s: float) -> None:
        """Let water in at a node besides what the .inp says, until set again."""
        solver.node_set_total_inflow(node, m3_s)

    def step(self) -> None:
        """Move the water on by STEP_S. Raises HydraulicsError."""
        try:
            elapsed_days = solver.swmm_step()
        except Exception as error:
            raise HydraulicsError(str(error)) from error
        self._steps += 1
        if abs(elapsed_days * 86400 - self._steps * STEP_S) > 0.01 * STEP_S:
            raise HydraulicsError(f"SWMM is at {elapsed_days * 86400:.3f} s after {self._steps} steps")

    def flows_m3_s(self) -> Floats:
        return _read(solver.link_get_result, range(self.link_count), _FLOW)

    def link_volumes_m3(self) -> Floats:
        return _read(solver.link_get_result, range(self.link_count), _LINK_VOLUME)

    def node_volumes_m3(self) -> Floats:
        return _read(solver.node_get_result, range(self.node_count), _NODE_VOLUME)

    def depths_m(self) -> Floats:
        return _read(solver.node_get_result, range(self.node_count), _DEPTH)

    def heads_m(self) -> Floats:
        return _read(solver.node_get_result, range(self.node_count), _HEAD)

    def overflows_m3_s(self) -> Floats:
        """Return what tanks lose over their rims; junctions pond and lose nothing."""
        lost = np.zeros(self.node_count)
        lost[self._overflowing] = _read(solver.node_get_result, self._overflowing, _FLOOD)
        return lost

    def save(self, path: Path) -> None:
        """Write SWMM's own state as a hot start file; times are not in it."""
        solver.swmm_hotstart(HotstartFile.SAVE, str(path))

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            solver.swmm_end()
            solver.swmm_close()


def _index(kind: ObjectType) -> dict[str, int]:
    return {str(solver.project_get_id(kind, k)): k for k in range(solver.project_get_count(kind))}


def _read(get: Callable[[int, _Code], float], which: Iterable[int], what: _Code) -> Floats:
    return np.array([get(k, what) for k in which], dtype=np.float64)
