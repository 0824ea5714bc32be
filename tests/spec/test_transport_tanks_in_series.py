"""The transport against textbook answers: one stirred tank, and stirred tanks in series (Levenspiel, ch. 14)."""

import math

import numpy as np
import pytest

from simulators.water.transport import Grid, Transport, indices

FLOW_M3_S = 0.2
VOLUME_M3 = 60.0
TAU_S = VOLUME_M3 / FLOW_M3_S


def tanks(count: int) -> tuple[Transport, dict[str, np.ndarray]]:
    """`count` tanks in a row and an outfall, water running through them steadily."""
    links = list(range(count))
    grid = Grid(
        nodes=count + 1, from_node=indices(links), to_node=indices([k + 1 for k in links]),
        outfalls=indices([count]), lines={"end": indices([count - 1])},
    )  # fmt: skip
    still = {
        "flow_m3_s": np.full(count, FLOW_M3_S),
        "volume_m3": np.array([*[VOLUME_M3] * count, 0.0]),
        "overflow_m3_s": np.zeros(count + 1),
    }
    return Transport(grid, substances=1), still


def test_one_stirred_tank_answers_a_step_with_one_minus_exp() -> None:
    transport, still = tanks(1)
    inflow_mg_l = 500.0
    for second in range(1, 1501):
        transport.inject(0, 0, inflow_mg_l * FLOW_M3_S / 1000)
        transport.step(**still, dt_s=1.0)
        expected = inflow_mg_l * (1 - math.exp(-second / TAU_S))
        found = transport.concentration_mg_l(still["volume_m3"])[0, 0]
        assert found == pytest.approx(expected, abs=1.1 * inflow_mg_l / TAU_S)


@pytest.mark.parametrize("count", [2, 5, 12])
def test_a_pulse_leaves_tanks_in_series_as_a_gamma_curve(count: int) -> None:
    transport, still = tanks(count)
    transport.inject(0, 0, 10.0)
    peak = _gamma((count - 1) * TAU_S, count)
    mean_s, before = 0.0, 0.0
    for second in range(1, int(count * TAU_S * 5)):
        transport.step(**still, dt_s=1.0)
        passed = float(transport.crossed_kg["end"][0])
        mean_s += second * (passed - before) / 10.0
        assert (passed - before) / 10.0 == pytest.approx(_gamma(second, count), abs=0.01 * peak)
        before = passed
    assert mean_s == pytest.approx(count * TAU_S, rel=0.01), "the pulse is in the wrong place"


def _gamma(second: float, count: int) -> float:
    """Share of a unit pulse that leaves the last tank in this second."""
    share = second / TAU_S
    return share ** (count - 1) * math.exp(-share) / (math.factorial(count - 1) * TAU_S)
