"""Reverse flow, score lines and rims of the transport, one case each."""

import numpy as np
import pytest

from simulators.water.transport import Floats, Grid, Transport, halves, indices


@pytest.fixture
def transport() -> Transport:
    """Two cells, one link between them that is the score line, no way out."""
    grid = Grid(
        nodes=2,
        from_node=indices([0]),
        to_node=indices([1]),
        outfalls=indices([]),
        lines={"line": indices([0])},
    )
    return Transport(grid, substances=1)


def step(transport: Transport, flow_m3_s: float, *, overflow_m3_s: Floats | None = None) -> None:
    lost = np.zeros(2) if overflow_m3_s is None else overflow_m3_s
    transport.step(
        flow_m3_s=np.array([flow_m3_s]), volume_m3=np.array([10.0, 10.0]), overflow_m3_s=lost, dt_s=1.0
    )


def test_backward_flow_takes_from_the_far_end_and_off_the_score(transport: Transport) -> None:
    transport.inject(0, 0, 1.0)
    step(transport, 5.0)
    there = transport.crossed_kg["line"][0]
    step(transport, -5.0)
    assert 0.0 < transport.crossed_kg["line"][0] < there
    assert transport.mass_kg[0, 1] == pytest.approx(transport.crossed_kg["line"][0])


def test_a_cell_smaller_than_its_outflow_gives_what_it_has(transport: Transport) -> None:
    transport.inject(0, 0, 1.0)
    transport.step(
        flow_m3_s=np.array([5.0]), volume_m3=np.array([0.0, 10.0]), overflow_m3_s=np.zeros(2), dt_s=1.0
    )
    assert transport.mass_kg.tolist() == [[0.0, 1.0]]


def test_half_a_barrel_carries_its_share_on_and_a_wet_film_is_told_as_twenty_litres(
    transport: Transport,
) -> None:
    transport.inject(0, 0, 1.0)
    transport.step(
        flow_m3_s=np.array([0.01]), volume_m3=np.array([0.1, 0.1]), overflow_m3_s=np.zeros(2), dt_s=5.0
    )
    assert transport.mass_kg[0].tolist() == [pytest.approx(0.5), pytest.approx(0.5)]
    told = transport.concentration_mg_l(np.array([0.0, 0.1]))
    assert told[0].tolist() == [pytest.approx(25_000.0), pytest.approx(5000.0)]


def test_what_runs_over_a_rim_is_on_the_ground(transport: Transport) -> None:
    transport.inject(0, 0, 1.0)
    step(transport, 0.0, overflow_m3_s=np.array([5.0, 0.0]))
    assert transport.surface_kg[0] == pytest.approx(0.5)


def test_no_water_moves_no_mass(transport: Transport) -> None:
    transport.inject(0, 0, 1.0)
    step(transport, 0.0)
    assert transport.mass_kg.tolist() == [[1.0, 0.0]]


def test_what_is_saved_is_all_there_is_and_stays_as_it_was() -> None:
    grid = Grid(
        nodes=3, from_node=indices([0, 1]), to_node=indices([1, 2]), outfalls=indices([2]),
        lines={"plant": indices([0]), "river": indices([1])},
    )  # fmt: skip
    ran, again = Transport(grid, substances=2), Transport(grid, substances=2)
    assert ran.is_clean()
    ran.inject(0, 0, 3.0)
    ran.inject(1, 0, 1.0)
    assert not ran.is_clean()
    water = {"flow_m3_s": np.array([1.0, 0.5]), "volume_m3": np.array([4.0, 4.0, 1.0])}
    for _ in range(3):
        ran.step(**water, overflow_m3_s=np.array([0.0, 0.2, 0.0]), dt_s=1.0)
    saved = ran.saved()
    again.restore(saved)
    whole = again.mass_kg.sum(axis=1) + again.left_kg + again.surface_kg
    assert again.injected_kg.tolist() == [3.0, 1.0]
    assert whole.tolist() == [pytest.approx(3.0), pytest.approx(1.0)]
    assert (again.left_kg > 0).all()
    assert (again.surface_kg > 0).all()
    assert (again.crossed_kg["plant"] > again.crossed_kg["river"]).all()
    assert again.crossed_kg["river"].tolist() == again.left_kg.tolist()
    ran.step(**water, overflow_m3_s=np.zeros(3), dt_s=1.0)
    for name, kg in again.saved().items():
        assert kg.tolist() == saved[name].tolist(), f"{name} is its own"


def test_saved_for_another_network_is_refused(transport: Transport) -> None:
    other = Transport(
        Grid(nodes=3, from_node=indices([0]), to_node=indices([1]), outfalls=indices([]), lines={}),
        substances=1,
    )
    with pytest.raises(ValueError, match="substances × nodes"):
        transport.restore(other.saved())


def test_a_conduit_is_shared_between_its_ends() -> None:
    cells = halves(
        np.array([6.0]), node_m3=np.array([1.0, 2.0]), from_node=indices([0]), to_node=indices([1])
    )
    assert cells.tolist() == [4.0, 5.0]


def test_an_even_concentration_stays_even_while_water_levels_change(transport: Transport) -> None:
    for node, volume in enumerate((10.0, 10.0)):
        transport.inject(0, node, volume * 0.3)
    step(transport, 4.0)
    assert transport.concentration_mg_l(np.array([6.0, 14.0])).tolist() == [[pytest.approx(300.0)] * 2]


def test_in_a_longer_step_a_cell_gives_as_much_more_and_never_more_than_it_holds(
    transport: Transport,
) -> None:
    transport.inject(0, 0, 1.0)
    still = np.zeros(2)
    transport.step(flow_m3_s=np.array([1.0]), volume_m3=np.array([8.0, 10.0]), overflow_m3_s=still, dt_s=2.0)
    assert transport.mass_kg[0].tolist() == [pytest.approx(0.75), pytest.approx(0.25)]
    transport.step(flow_m3_s=np.array([5.0]), volume_m3=np.array([8.0, 10.0]), overflow_m3_s=still, dt_s=2.0)
    assert transport.mass_kg[0].tolist() == [pytest.approx(0.0), pytest.approx(1.0)]


def test_a_rim_and_a_way_out_share_what_a_small_cell_holds(transport: Transport) -> None:
    transport.inject(0, 0, 1.0)
    over = np.array([2.0, 0.0])
    transport.step(flow_m3_s=np.array([1.0]), volume_m3=np.array([4.0, 9.0]), overflow_m3_s=over, dt_s=2.0)
    assert transport.mass_kg[0].tolist() == [pytest.approx(0.0), pytest.approx(1 / 3)]
    assert transport.surface_kg[0] == pytest.approx(2 / 3)
