"""One seed is one schedule, and in it everything goes wrong that can."""

import pytest

from tests.faults.modes import Mode
from tests.faults.schedule import Fault, Kind, make_schedule


def schedule(seed: int) -> tuple[Fault, ...]:
    return make_schedule(seed, seconds=24, plcs=5, workers=2, kinds=tuple(Kind), per_minute=40)


def test_a_seed_replays_its_schedule_and_another_has_its_own() -> None:
    assert schedule(7) == schedule(7)
    assert [str(fault) for fault in schedule(7)] != [str(fault) for fault in schedule(8)]


@pytest.mark.parametrize("seed", range(20))
def test_every_kind_and_every_way_of_a_link_comes(seed: int) -> None:
    faults = schedule(seed)
    assert {fault.kind for fault in faults} == set(Kind)
    assert {fault.mode for fault in faults} >= {mode for mode in Mode if mode is not Mode.FINE}
    assert all(0 <= fault.begin_s <= fault.end_s <= 24 for fault in faults)


@pytest.mark.parametrize("seed", range(20))
def test_what_fails_already_does_not_fail_anew(seed: int) -> None:
    last: dict[str, float] = {}
    for fault in schedule(seed):
        target = f"{fault.kind} {fault.target}"
        assert fault.begin_s >= last.get(target, 0.0)
        last[target] = fault.end_s
