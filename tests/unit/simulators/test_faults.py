"""When a played fault ends, what ends it, and what it does to instruments and links."""

import pytest

from domain.ids import FacilityId, PointRef
from simulators.acts import NEEDS_VALUE, TARGETS, ClearAct, FaultAct, FaultKind, TargetKind
from simulators.faults import PlayedFault, disturbed, is_cleared_by, is_over, links, played
from simulators.water.state import EscapedKg, Ledger, Spill

K = FaultKind


def fault(kind: FaultKind, target: str = "plc", value: float = 0.0) -> PlayedFault:
    return played(FaultAct(kind=kind, target=target, value=value), number=1, now_ms=0)


def test_a_fault_ends_when_its_time_is_up_and_without_one_never() -> None:
    short = played(FaultAct(kind=K.STUCK, target="a", value=30.0, for_s=1.5), number=7, now_ms=1000)
    assert (short.id, short.kind, short.target, short.value, short.until_ms) == (7, K.STUCK, "a", 30.0, 2500)
    assert [is_over(short, now_ms) for now_ms in (2499, 2500, 2501)] == [False, True, True]
    assert not is_over(fault(K.HANG), 10**15)


@pytest.mark.parametrize(
    ("target", "kind", "is_ended"),
    [
        (None, None, True),
        ("plc", None, True),
        ("other", None, False),
        (None, K.HANG, True),
        (None, K.SLOW, False),
        ("plc", K.HANG, True),
        ("plc", K.SLOW, False),
        ("other", K.HANG, False),
    ],
)
def test_who_clears_what(target: str | None, kind: FaultKind | None, is_ended: bool) -> None:
    assert is_cleared_by(fault(K.HANG), ClearAct(target=target, kind=kind)) is is_ended


def test_each_fault_of_an_instrument_disturbs_in_its_own_way() -> None:
    found = disturbed(
        [
            fault(K.FROZEN, "a/x"),
            fault(K.BIAS, "a/y", 2.5),
            fault(K.NOT_AVAILABLE, "a/z"),
            fault(K.CALIBRATION, "b"),
            fault(K.SENSOR_FAULT, "c"),
            fault(K.HANG),
        ]
    )
    assert (found.frozen, found.silent) == ({PointRef("a/x")}, {PointRef("a/z")})
    assert found.bias == {PointRef("a/y"): 2.5}
    assert (found.calibrating, found.failed) == ({FacilityId("b")}, {FacilityId("c")})


@pytest.mark.parametrize("order", [(K.SLOW, K.HANG, K.LINK_CUT), (K.LINK_CUT, K.HANG, K.SLOW)])
def test_the_worst_fault_of_a_link_counts_whichever_came_first(order: tuple[FaultKind, ...]) -> None:
    faults = [fault(kind) for kind in order]
    assert links(faults)["plc"].kind is K.LINK_CUT  # type: ignore[index]
    assert links([item for item in faults if item.kind is not K.LINK_CUT])["plc"].kind is K.HANG  # type: ignore[index]
    assert links([fault(K.SLOW, "one"), fault(K.BIAS, "two")]).keys() == {"one"}


def test_what_each_fault_befalls() -> None:
    befallen = {
        target: {kind.value for kind, found in TARGETS.items() if found is target} for target in TargetKind
    }
    assert befallen == {
        TargetKind.DEVICE: {"link_cut", "hang", "slow"},
        TargetKind.ACTUATOR: {"stuck", "local", "device_fault", "no_power", "limits"},
        TargetKind.POINT: {"not_available", "frozen", "bias"},
        TargetKind.ANALYSER: {"calibration", "sensor_fault"},
    }
    assert {kind.value for kind in NEEDS_VALUE} == {"slow", "stuck", "bias"}


def test_the_ledger_accounts_for_all_mass() -> None:
    ledger = Ledger(
        spilled_kg=100.0,
        escaped_kg=EscapedKg(plant=9.0, park=8.0, river=7.0),
        held_kg={FacilityId("p"): 40.0, FacilityId("q"): 20.0},
        in_network_kg=25.0,
        left_kg=10.0,
        surface_kg=4.0,
    )
    assert ledger.balance_kg() == 1.0


def test_a_spill_runs_evenly_for_its_time() -> None:
    spill = Spill(at="yard", substance="s", start_ms=10_000, duration_s=20.0, mass_kg=50.0, water_m3=5.0)
    assert (spill.rate_kg_s(), spill.water_m3_s()) == (2.5, 0.25)
    spans = [(0, 10_000), (0, 11_000), (15_000, 16_500), (29_000, 40_000), (30_000, 40_000), (0, 90_000)]
    assert [spill.overlap_s(*span) for span in spans] == [0.0, 1.0, 1.5, 1.0, 0.0, 20.0]
