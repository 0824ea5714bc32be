"""Carries dissolved mass over given flows and volumes, conserving it: one well-mixed cell for each node.

A cell is a node's own water plus half of each conduit at it. It decides nothing about where water goes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

VOLUME_M3_MIN = 0.02
"""Less water than this is a wet film: concentrations are told as if there were this much."""

MOVING_M3_MIN = 1e-9
"""Less water than this carries nothing on: a cubic millimetre, and dividing by less loses digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Which link joins which nodes. Indices are positions in the arrays of flows and volumes."""

    nodes: int
    from_node: Ints
    to_node: Ints
    outfalls: Ints
    """Nodes where mass leaves for good; water that flows back in from there is clean."""
    lines: Mapping[str, Ints]
    """Links of each score line."""


class Transport:
    """Mass of several substances in the cells, and what has crossed the score lines.

    **Invariant:** injected = in cells + left + surface, to rounding.
    """

    def __init__(self, grid: Grid, *, substances: int) -> None:
        self._grid = grid
        self._incidence = np.zeros((len(grid.from_node), grid.nodes))
        links = np.arange(len(grid.from_node))
        self._incidence[links, grid.from_node] -= 1.0
        self._incidence[links, grid.to_node] += 1.0
        self.mass_kg: Floats = np.zeros((substances, grid.nodes))
        self.injected_kg: Floats = np.zeros(substances)
        self.left_kg: Floats = np.zeros(substances)
        self.surface_kg: Floats = np.zeros(substances)
        self.crossed_kg: dict[str, Floats] = {line: np.zeros(substances) for line in grid.lines}

    def is_clean(self) -> bool:
        """Return whether there is nothing to carry."""
        return not self.mass_kg.any()

    def inject(self, substance: int, node: int, kg: float) -> None:
        """Add mass to a node's cell; 0 or more."""
        self.mass_kg[substance, node] += kg
        self.injected_kg[substance] += kg

    def step(self, *, flow_m3_s: Floats, volume_m3: Floats, overflow_m3_s: Floats, dt_s: float) -> None:
        """Move mass for one step of `dt_s`.

        `flow_m3_s` by link, positive from `from_node`; `volume_m3` by cell at the beginning of the step, so that an even
        concentration stays even and a cell delays its water by volume over flow, no more; `overflow_m3_s` by node, lost
        over its rim. A cell gives at most what it holds: no mass ever goes negative however small the cell.
        """
        grid = self._grid
        forward, backward = np.maximum(flow_m3_s, 0.0), np.maximum(-flow_m3_s, 0.0)
        out = np.bincount(grid.from_node, forward, grid.nodes) + np.bincount(
            grid.to_node, backward, grid.nodes
        )
        mixed_in = np.maximum(volume_m3, (out + overflow_m3_s) * dt_s)
        share = np.divide(dt_s, mixed_in, out=np.zeros_like(mixed_in), where=mixed_in > MOVING_M3_MIN)
        per_flow = self.mass_kg * share
        moved = forward * per_flow[:, grid.from_node] - backward * per_flow[:, grid.to_node]
        spilled_over = overflow_m3_s * per_flow
        self.mass_kg += moved @ self._incidence - spilled_over
        self.surface_kg += spilled_over.sum(axis=1)
        for line, links in grid.lines.items():
            self.crossed_kg[line] += moved[:, links].sum(axis=1)
        self.left_kg += self.mass_kg[:, grid.outfalls].sum(axis=1)
        self.mass_kg[:, grid.outfalls] = 0.0

    def concentration_mg_l(self, volume_m3: Floats) -> Floats:
        """Return mg/L by substance and node for cells of `volume_m3`."""
        return self.mass_kg * 1000.0 / np.maximum(volume_m3, VOLUME_M3_MIN)

    def saved(self) -> dict[str, Floats]:
        """Return everything that `restored` needs, as arrays."""
        lines = {f"crossed_{line}": kg.copy() for line, kg in self.crossed_kg.items()}
        return {
            "mass": self.mass_kg.copy(), "injected": self.injected_kg.copy(),
            "left": self.left_kg.copy(), "surface": self.surface_kg.copy(), **lines,
        }  # fmt: skip

    def restore(self, saved: Mapping[str, Floats]) -> None:
        """Take over what `saved` returned for the same grid; ValueError if it is of another."""
        if saved["mass"].shape != self.mass_kg.shape:
            raise ValueError(f"saved for {saved['mass'].shape} substances × nodes, not {self.mass_kg.shape}")
        self.mass_kg = saved["mass"].copy()
        self.injected_kg = saved["injected"].copy()
        self.left_kg = saved["left"].copy()
        self.surface_kg = saved["surface"].copy()
        self.crossed_kg = {line: saved[f"crossed_{line}"].copy() for line in self._grid.lines}


def halves(conduit_m3: Floats, *, node_m3: Floats, from_node: Ints, to_node: Ints) -> Floats:
    """Return cell volumes: each node's own water plus half of each link's at it."""
    half = conduit_m3 * 0.5
    nodes = len(node_m3)
    return node_m3 + np.bincount(from_node, half, nodes) + np.bincount(to_node, half, nodes)


def indices(values: Sequence[int]) -> Ints:
    """Return `values` as an index array, empty ones too."""
    return np.array(values, dtype=np.int64)
