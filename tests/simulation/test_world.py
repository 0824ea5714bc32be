"""The same seed makes the same world, and a world with every fault ends at rest with no process ended by an error of its own."""

from tests.simulation.world import simulate


def test_the_same_seed_gives_the_same_trace_byte_for_byte() -> None:
    first, second = (simulate(7, commands=25) for _ in range(2))
    assert first.trace.digest() == second.trace.digest()
    assert first.commands >= 25
    assert not first.bugs


def test_another_seed_gives_another_world() -> None:
    assert simulate(8, commands=5).trace.digest() != simulate(9, commands=5).trace.digest()
