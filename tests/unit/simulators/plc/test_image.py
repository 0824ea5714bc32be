"""Where the registers of a simulated PLC lie, and what stands in them."""

import pytest

from domain.drive import CommandWord, Drive, MaintainedCoil, MomentaryCoils, Setpoint, Table
from domain.park import Register, RegisterType
from simulators.plc.image import Cells, Image, command_addresses
from tests.unit.simulators.plc.parts import GATE, PULSES, bit, number, point


@pytest.mark.parametrize(
    ("addresses", "start", "count"),
    [
        ([0], 0, 16),
        ([15], 0, 16),
        ([16], 16, 16),
        ([0, 16], 0, 32),
        ([31, 47], 16, 32),
        ([5, 40], 0, 48),
        ([], 0, 16),
    ],
)
def test_bits_lie_in_whole_registers(addresses: list[int], start: int, count: int) -> None:
    cells = Cells(addresses, of_bits=True)
    assert (cells.start, cells.count, len(cells.registers)) == (start, count, count // 16)


@pytest.mark.parametrize(
    ("addresses", "start", "count"), [([7], 7, 1), ([7, 9], 7, 3), ([9, 7, 7], 7, 3), ([], 0, 1)]
)
def test_registers_lie_from_the_first_used_to_the_last(addresses: list[int], start: int, count: int) -> None:
    cells = Cells(addresses, of_bits=False)
    assert (cells.start, cells.count, cells.registers) == (start, count, [0] * count)


def test_a_bit_is_set_and_reset_beside_the_others() -> None:
    cells = Cells([16, 40], of_bits=True)
    for address in (16, 31, 32, 40):
        cells.set_bit(address, to=True)
    assert cells.registers == [0x8001, 0x0101]
    cells.set_bit(31, to=False)
    cells.set_bit(17, to=False)
    assert [address for address in range(16, 48) if cells.bit(address)] == [16, 32, 40]


@pytest.mark.parametrize(
    ("drive", "addresses"),
    [
        (PULSES, {(Table.COIL, 0), (Table.COIL, 1), (Table.COIL, 2)}),
        (MaintainedCoil(coil=9), {(Table.COIL, 9)}),
        (CommandWord(word=4, echo=5, open=1, close=2, stop=3), {(Table.HOLDING, 4), (Table.HOLDING, 5)}),
        (CommandWord(word=4, echo=None, open=1, close=2, stop=3), {(Table.HOLDING, 4)}),
        (Setpoint(word=6, stop=7), {(Table.HOLDING, 6), (Table.COIL, 7)}),
    ],
)
def test_each_drive_has_its_commands_where_they_are_written(
    drive: Drive, addresses: set[tuple[Table, int]]
) -> None:
    assert set(command_addresses(drive)) == addresses
    tables = Image([], [drive]).tables
    for table, address in addresses:
        assert tables[table].start <= address < tables[table].start + tables[table].count


def test_a_drive_without_a_stop_has_no_coil_for_it() -> None:
    drive = MomentaryCoils(open=3, close=4, stop=None, pulse=PULSES.pulse, repeat=PULSES.repeat)
    assert list(command_addresses(drive)) == [(Table.COIL, 3), (Table.COIL, 4)]


def test_a_value_is_written_where_its_register_says_and_only_when_it_changes() -> None:
    in_word = Register(table=Table.HOLDING, address=8, type=RegisterType.BIT, bit=3)
    state, level = point(GATE, "moving", bit(20)), point(GATE, "position", number(4, RegisterType.UINT16))
    flag = point(GATE, "fault", in_word)
    image = Image([state, level, flag], [], [(Table.HOLDING, 12)])
    assert image.value(state.ref) is None
    assert [image.put(state.ref, True), image.put(state.ref, True), image.put(state.ref, False)] == [
        True,
        False,
        True,
    ]
    image.put(state.ref, True)
    image.put(level.ref, 77.0)
    image.put(flag.ref, True)
    assert (image.value(state.ref), image.value(level.ref)) == (True, 77.0)
    assert image.tables[Table.DISCRETE].bit(20)
    assert image.tables[Table.INPUT].word(4) == 77
    assert image.tables[Table.HOLDING].registers == [1 << 3, 0, 0, 0, 0]


@pytest.mark.parametrize("place", [0, 7, 15])
def test_a_bit_of_a_word_stands_at_its_place(place: int) -> None:
    flag = point(GATE, "fault", Register(table=Table.HOLDING, address=8, type=RegisterType.BIT, bit=place))
    image = Image([flag], [])
    image.put(flag.ref, True)
    assert image.tables[Table.HOLDING].registers == [1 << place]
