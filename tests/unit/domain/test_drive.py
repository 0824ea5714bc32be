"""Which registers an action writes, for every kind of drive and every action."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from domain.command import Action
from domain.drive import (
    CommandWord,
    Drive,
    MaintainedCoil,
    MomentaryCoils,
    Pulse,
    Repeat,
    Setpoint,
    Table,
    Write,
    stages,
    writes,
)

COILS = MomentaryCoils(open=1, close=2, stop=3, pulse=Pulse.PLC_RESETS, repeat=Repeat.SAFE)
PULSED = MomentaryCoils(
    open=1, close=2, stop=None, pulse=Pulse.GATEWAY_RESETS, width_s=0.4, repeat=Repeat.STOPS
)
HOLD = MaintainedCoil(coil=5)
WORD = CommandWord(word=10, echo=11, open=1, close=2, stop=4)
SETPOINT = Setpoint(word=20, stop=6)


def coil(address: int, value: int, after_s: float = 0.0) -> Write:
    return Write(table=Table.COIL, address=address, value=value, after_s=after_s)


def word(address: int, value: int) -> Write:
    return Write(table=Table.HOLDING, address=address, value=value)


@pytest.mark.parametrize(
    ("drive", "action", "expected"),
    [
        (COILS, Action.OPEN, [coil(1, 1)]),
        (COILS, Action.CLOSE, [coil(2, 1)]),
        (COILS, Action.STOP, [coil(3, 1)]),
        (COILS, Action.SET, None),
        (PULSED, Action.CLOSE, [coil(2, 1), coil(2, 0, 0.4)]),
        (PULSED, Action.STOP, None),
        (HOLD, Action.OPEN, [coil(5, 1)]),
        (HOLD, Action.CLOSE, [coil(5, 0)]),
        (HOLD, Action.STOP, [coil(5, 0)]),
        (HOLD, Action.SET, None),
        (WORD, Action.OPEN, [word(10, 1)]),
        (WORD, Action.CLOSE, [word(10, 2)]),
        (WORD, Action.STOP, [word(10, 4)]),
        (WORD, Action.SET, None),
        (SETPOINT, Action.OPEN, [word(20, 1000)]),
        (SETPOINT, Action.CLOSE, [word(20, 0)]),
        (SETPOINT, Action.STOP, [coil(6, 1)]),
        (SETPOINT, Action.SET, None),
    ],
)
def test_writes(drive: Drive, action: Action, expected: Sequence[Write] | None) -> None:
    found = writes(drive, action)
    assert (None if found is None else list(found)) == expected


@pytest.mark.parametrize("drive", [COILS, PULSED, HOLD, WORD, SETPOINT])
def test_verify_writes_nothing(drive: Drive) -> None:
    assert writes(drive, Action.VERIFY) == ()


@pytest.mark.parametrize(("percent", "raw"), [(0.0, 0), (33.3, 333), (99.96, 1000), (100.0, 1000)])
def test_a_setpoint_is_in_tenths_of_a_percent(percent: float, raw: int) -> None:
    assert writes(SETPOINT, Action.SET, opening_percent=percent) == (word(20, raw),)


def test_a_move_in_steps_stops_over_at_tenths_of_a_percent_before_its_end() -> None:
    drive = Setpoint(word=1, stop=2, step_percent=33.33)
    assert stages(drive, start_percent=0.0, end_percent=100.0) == (33.3, 66.7, 100.0)
    assert stages(replace(drive, step_percent=50.0), start_percent=0.0, end_percent=100.0) == (50.0,)
    assert stages(replace(drive, step_percent=50.0), start_percent=100.0, end_percent=20.0) == (50.0,)
    assert stages(replace(drive, step_percent=50.0), start_percent=20.0, end_percent=20.0) == ()
    assert stages(replace(drive, step_percent=None), start_percent=0.0, end_percent=100.0) == ()
