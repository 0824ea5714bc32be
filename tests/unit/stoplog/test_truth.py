"""The judges of served reads and of qualities bite."""

import struct
from dataclasses import replace
from pathlib import Path

import pytest

from domain.drive import Table
from domain.park import Park, Register, RegisterType, WordOrder
from domain.quality import Quality
from runtime.parkfiles import load_park
from simulators.acts import FaultKind
from simulators.happenings import Happening, What
from simulators.plc.served import Served
from stoplog.oracle.qualities import Played, played_faults, unexplained
from stoplog.oracle.reads import never_served, served_histories
from stoplog.oracle.registers import value_of, width

AT_MS = 1_800_000_000_000


@pytest.fixture(scope="module")
def park() -> Park:
    return load_park(Path(__file__).parents[3] / "parks" / "lingang")


def register(kind: RegisterType, order: WordOrder = WordOrder.ABCD, **more: float) -> Register:
    return replace(Register(table=Table.HOLDING, address=0, type=kind, word_order=order), **more)


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (WordOrder.ABCD, (0x4048, 0xF5C3)),
        (WordOrder.CDAB, (0xF5C3, 0x4048)),
        (WordOrder.BADC, (0x4840, 0xC3F5)),
        (WordOrder.DCBA, (0xC3F5, 0x4840)),
    ],
)
def test_the_four_word_orders_of_pi(order: WordOrder, words: tuple[int, int]) -> None:
    (expected,) = struct.unpack(">f", bytes.fromhex("4048f5c3"))
    assert value_of(register(RegisterType.FLOAT32, order), words) == expected


def test_bits_codes_and_scales() -> None:
    assert value_of(register(RegisterType.BIT, bit=3), (0b1000,)) is True
    assert value_of(register(RegisterType.BIT, bit=2), (0b1000,)) is False
    assert value_of(register(RegisterType.BCD16), (0x1234,)) == 1234
    assert value_of(register(RegisterType.BCD16), (0x12F4,)) is None
    assert value_of(register(RegisterType.INT16, scale=0.1, offset=1.0), (0xFFFF,)) == pytest.approx(0.9)
    assert value_of(register(RegisterType.UINT16, invalid=65535), (65535,)) is None
    assert [width(register(kind)) for kind in (RegisterType.BIT, RegisterType.BCD32, RegisterType.FLOAT64)] == [
        1, 2, 4,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "words", "value"),
    [
        (RegisterType.INT16, (0xFFFE,), -2),
        (RegisterType.UINT16, (0xFFFE,), 2**16 - 2),
        (RegisterType.INT32, (0xFFFF, 0xFFFE), -2),
        (RegisterType.UINT32, (0xFFFF, 0xFFFE), 2**32 - 2),
        (RegisterType.INT64, (0xFFFF, 0xFFFF, 0xFFFF, 0xFFFE), -2),
        (RegisterType.UINT64, (0x8000, 0, 0, 0), 2**63),
        (RegisterType.FLOAT64, (0x3FF8, 0, 0, 0), 1.5),
        (RegisterType.BCD32, (0x1234, 0x5678), 12_345_678),
    ],
)
def test_each_type_by_its_convention(kind: RegisterType, words: tuple[int, ...], value: float) -> None:
    assert width(register(kind)) == len(words)
    assert value_of(register(kind), words) == value


def test_only_the_code_for_no_value_is_none_and_one_register_alone_has_no_order() -> None:
    coded = register(RegisterType.UINT16, invalid=65535)
    assert [value_of(coded, (word,)) for word in (0, 7, 65534, 65535)] == [0, 7, 65534, None]
    for order in WordOrder:
        assert value_of(register(RegisterType.UINT16, order), (0x0102,)) == 0x0102


def test_a_value_that_nobody_served_is_found(park: Park) -> None:
    point = park.points[next(ref for ref in park.points if ref == "hc_outlet/closed")]
    function = {Table.COIL: 1, Table.DISCRETE: 2, Table.HOLDING: 3, Table.INPUT: 4}[point.register.table]
    word = 1 << point.register.bit if point.register.bit is not None else 1
    read = Served(
        device=point.device, function=function, address=point.register.address, values=(word,), model_ms=AT_MS, monotonic_s=1.0,
    )  # fmt: skip
    histories = served_histories(park, [read])
    good = {("hc_outlet/closed", AT_MS + 500): (1.0, Quality.GOOD)}
    assert never_served(good, histories, tolerance_ms=1000) == []
    assert never_served({("hc_outlet/closed", AT_MS): (0.0, Quality.GOOD)}, histories, tolerance_ms=1000)
    assert never_served(
        {("hc_outlet/closed", AT_MS + 5000): (1.0, Quality.GOOD)}, histories, tolerance_ms=1000
    )
    assert never_served({("hc_outlet/closed", AT_MS): (0.0, Quality.BAD)}, histories, tolerance_ms=1000) == []


def test_a_quality_without_a_fault_and_a_fault_without_a_quality_are_found(park: Park) -> None:
    cut = Played(kind=FaultKind.LINK_CUT, target="plc_hc_outlet", begin_ms=AT_MS, end_ms=AT_MS + 60_000)
    bad = {("hc_outlet/closed", AT_MS + 1000): (1.0, Quality.BAD)}
    limits = {"tolerance_ms": 2000, "floor_ms": 10_000}
    assert unexplained(park, bad, [cut], **limits) == []
    assert "no fault was played" in unexplained(park, bad, [], **limits)[0]
    assert "showed in no quality" in unexplained(park, {}, [cut], **limits)[0]
    other = {("jt_outlet/closed", AT_MS + 1000): (1.0, Quality.BAD)}
    assert any("no fault was played" in problem for problem in unexplained(park, other, [cut], **limits))


def test_begins_and_ends_of_faults_are_paired() -> None:
    begin = Happening(model_ms=1, monotonic_s=0.0, what=What.BEGIN, id=1, kind="link_cut", target="plc_a")
    end = Happening(model_ms=5, monotonic_s=0.0, what=What.END, id=1, kind="link_cut", target="plc_a")
    open_ended = Happening(model_ms=2, monotonic_s=0.0, what=What.BEGIN, id=2, kind="hang", target="plc_b")
    spans = [(fault.begin_ms, fault.end_ms) for fault in played_faults([begin, open_ended, end], until_ms=9)]
    assert spans == [(1, 5), (2, 9)]
