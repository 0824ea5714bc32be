"""What a write to a command register asks, for every kind of drive; both directions agree with what a gateway writes."""

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
    writes,
)
from simulators.plc.drive import Ask, Asked, repeats, understand

DRIVES: dict[str, Drive] = {
    "plc resets": MomentaryCoils(open=3, close=4, stop=5, pulse=Pulse.PLC_RESETS, repeat=Repeat.SAFE),
    "gateway resets": MomentaryCoils(
        open=3, close=4, stop=5, pulse=Pulse.GATEWAY_RESETS, repeat=Repeat.STOPS
    ),
    "word": CommandWord(word=3, echo=4, open=1, close=2, stop=4),
    "set-point": Setpoint(word=3, stop=5),
    "coil": MaintainedCoil(coil=3),
}
ASKS = {Action.OPEN: Ask.OPEN, Action.CLOSE: Ask.CLOSE, Action.STOP: Ask.STOP}


@pytest.mark.parametrize("action", ASKS)
@pytest.mark.parametrize("name", DRIVES)
def test_what_a_gateway_writes_is_understood(name: str, action: Action) -> None:
    drive = DRIVES[name]
    first = (writes(drive, action) or ())[0]
    found = understand(drive, first.table, first.address, first.value, before=0)
    assert found is not None
    match name, action:
        case "set-point", Action.OPEN:
            assert found == Asked(ask=Ask.SET, opening=1.0)
        case "set-point", Action.CLOSE:
            assert found == Asked(ask=Ask.SET, opening=0.0)
        case "coil", Action.STOP:
            assert found.ask is Ask.CLOSE
        case _:
            assert found.ask is ASKS[action]


def test_a_pulse_acts_on_its_edge_only() -> None:
    drive = DRIVES["gateway resets"]
    assert understand(drive, Table.COIL, 4, 1, before=0) == Asked(ask=Ask.CLOSE)
    assert understand(drive, Table.COIL, 4, 1, before=1) == Asked(ask=Ask.HELD)
    assert understand(drive, Table.COIL, 4, 0, before=1) == Asked(ask=Ask.RELEASE)


@pytest.mark.parametrize(("value", "ask"), [(0, Ask.NONSENSE), (3, Ask.NONSENSE), (2, Ask.CLOSE)])
def test_a_word_has_only_its_codes(value: int, ask: Ask) -> None:
    assert understand(DRIVES["word"], Table.HOLDING, 3, value, before=0) == Asked(ask=ask)


def test_a_set_point_beyond_its_end_is_nonsense() -> None:
    assert understand(DRIVES["set-point"], Table.HOLDING, 3, 1001, before=0) == Asked(ask=Ask.NONSENSE)
    assert understand(DRIVES["set-point"], Table.HOLDING, 3, 300, before=0) == Asked(ask=Ask.SET, opening=0.3)


@pytest.mark.parametrize("name", DRIVES)
def test_other_registers_are_no_commands(name: str) -> None:
    assert understand(DRIVES[name], Table.COIL, 99, 1, before=0) is None
    assert understand(DRIVES[name], Table.HOLDING, 99, 1, before=0) is None


@pytest.mark.parametrize("name", DRIVES)
def test_a_coil_and_a_register_of_one_address_are_two_things(name: str) -> None:
    """3 is the drive's own address, 5 that of its stop; the other table has neither."""
    drive = DRIVES[name]
    table = Table.HOLDING if name in {"word", "set-point"} else Table.COIL
    other = Table.COIL if table is Table.HOLDING else Table.HOLDING
    assert understand(drive, table, 3, 1, before=0) is not None
    assert understand(drive, other, 3, 1, before=0) is None
    assert (understand(drive, Table.COIL, 5, 1, before=0) is not None) is (
        name in {"plc resets", "gateway resets", "set-point"}
    )
    assert understand(drive, Table.HOLDING, 5, 1, before=0) is None


def test_the_stop_of_a_set_point_acts_on_its_edge_and_its_end_is_whole() -> None:
    drive = DRIVES["set-point"]
    assert [understand(drive, Table.COIL, 5, value, before=before) for value, before in ((1, 0), (1, 1), (0, 1))] == [
        Asked(ask=Ask.STOP), Asked(ask=Ask.HELD), Asked(ask=Ask.RELEASE),
    ]  # fmt: skip
    assert understand(drive, Table.HOLDING, 3, 1000, before=0) == Asked(ask=Ask.SET, opening=1.0)
    unstopped = MomentaryCoils(open=3, close=4, stop=None, pulse=Pulse.PLC_RESETS, repeat=Repeat.STOPS)
    assert understand(unstopped, Table.COIL, 5, 1, before=0) is None
    assert (repeats(unstopped), repeats(drive)) == (Repeat.STOPS, Repeat.SAFE)
