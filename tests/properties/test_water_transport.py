"""Whatever the flows do, the transport loses nothing, invents nothing and never owes mass."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from simulators.water.transport import Floats, Grid, Transport, indices

NODES = 7
LINKS = 9
SUBSTANCES = 2


def arrays(size: int, low: float, high: float) -> st.SearchStrategy[Floats]:
    return st.lists(st.floats(low, high), min_size=size, max_size=size).map(np.array)


@st.composite
def grids(draw: st.DrawFn) -> Grid:
    ends = draw(
        st.lists(
            st.tuples(st.integers(0, NODES - 1), st.integers(0, NODES - 1)).filter(lambda ab: ab[0] != ab[1]),
            min_size=LINKS,
            max_size=LINKS,
        )
    )
    return Grid(
        nodes=NODES, from_node=indices([a for a, _ in ends]), to_node=indices([b for _, b in ends]),
        outfalls=indices(draw(st.sampled_from([[], [0], [0, 3]]))), lines={"line": indices([0, 4])},
    )  # fmt: skip


steps = st.lists(
    st.tuples(
        arrays(LINKS, -50.0, 50.0), arrays(NODES, 0.0, 1e4), arrays(NODES, 0.0, 5.0),
        st.integers(0, SUBSTANCES - 1), st.integers(0, NODES - 1), st.floats(0.0, 500.0),
    ),
    min_size=1, max_size=30,
)  # fmt: skip


@given(grid=grids(), steps=steps)
def test_mass_is_conserved_and_never_negative(
    grid: Grid, steps: list[tuple[Floats, Floats, Floats, int, int, float]]
) -> None:
    transport = Transport(grid, substances=SUBSTANCES)
    for flow, volume, overflow, substance, node, kg in steps:
        transport.inject(substance, node, kg)
        transport.step(flow_m3_s=flow, volume_m3=volume, overflow_m3_s=overflow, dt_s=1.0)
        assert transport.mass_kg.min() >= -1e-9
    accounted = transport.mass_kg.sum(axis=1) + transport.left_kg + transport.surface_kg
    assert np.abs(accounted - transport.injected_kg).max() <= 1e-9


@given(grid=grids(), steps=steps)
def test_a_restored_transport_goes_on_as_if_never_saved(
    grid: Grid, steps: list[tuple[Floats, Floats, Floats, int, int, float]]
) -> None:
    first, second = (Transport(grid, substances=SUBSTANCES) for _ in range(2))
    for flow, volume, overflow, substance, node, kg in steps:
        first.inject(substance, node, kg)
        second.restore(first.saved())
        for transport in (first, second):
            transport.step(flow_m3_s=flow, volume_m3=volume, overflow_m3_s=overflow, dt_s=1.0)
    for name, array in first.saved().items():
        assert np.array_equal(array, second.saved()[name])
