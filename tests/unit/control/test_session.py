"""Sparkplug's session rules as a host has to keep them."""

from dataclasses import replace
from itertools import pairwise

import pytest

from control.live.session import REBIRTH_S_MAX, REBIRTH_S_MIN, Session
from domain.ids import DeviceId
from domain.quality import Reason
from tests.unit.control.world import BEAT
from wire.heartbeat import Heartbeat
from wire.sparkplug import DataType, Metric, Payload
from wire.topics import Kind

PLC = DeviceId("plc_a")


def payload(seq: int | None, bd_seq: int | None = None) -> Payload:
    metrics = () if bd_seq is None else (Metric(name="bdSeq", value=bd_seq, datatype=DataType.INT64),)
    return Payload(timestamp_ms=1, metrics=metrics, seq=seq)


def born() -> Session:
    session = Session()
    assert session.take(Kind.NBIRTH, None, payload(0, bd_seq=3))
    assert session.take(Kind.DBIRTH, PLC, payload(1))
    return session


def test_nothing_is_believed_before_the_birth() -> None:
    session = Session()
    assert session.hold is Reason.GAP
    assert not session.take(Kind.DDATA, PLC, payload(5))


def beat(born_ms: int | None, told: int) -> Heartbeat:
    return replace(BEAT, born_ms=born_ms, told=told)


def test_what_a_quiet_node_has_sent_and_nobody_got_is_missed_by_the_next_heartbeat_but_one() -> None:
    session = born()
    for told in (1, 1, 2):
        session.heard(beat(1, told))
        assert session.hold is None, "what was sent just now may still be on its way"
    session.heard(beat(1, 2))
    assert session.hold is Reason.GAP
    assert not session.take(Kind.DDATA, PLC, payload(3))
    assert session.take(Kind.NBIRTH, None, payload(0, bd_seq=3))
    session.heard(beat(1, 0))
    assert session.hold is None


def test_a_node_that_is_back_after_a_silence_is_asked_at_once_for_what_was_missed() -> None:
    session = born()
    session.heard(beat(1, 1), is_back=True)
    assert session.hold is None
    session.heard(beat(1, 2), is_back=True)
    assert session.hold is Reason.GAP
    session = born()
    session.heard(beat(2, 0), is_back=True)
    assert session.hold is Reason.GAP


def test_what_comes_after_the_heartbeat_that_told_of_it_is_in_time() -> None:
    session = born()
    for count in range(2, 600):
        session.heard(beat(1, count))
        assert session.take(Kind.DDATA, PLC, payload(count % 256))
    assert session.hold is None


def test_a_birth_that_nobody_got_is_missed_and_an_old_heartbeat_is_not_taken_for_one() -> None:
    session = born()
    session.heard(beat(2, 900))
    session.heard(beat(1, 1))
    session.heard(beat(3, 0))
    assert session.hold is None
    session.heard(beat(3, 1))
    assert session.hold is Reason.GAP


def test_a_gateway_of_before_tells_nothing_of_what_it_sent() -> None:
    session = born()
    for _ in range(3):
        session.heard(beat(None, 0))
    assert session.hold is None


def test_data_in_order_is_believed_across_the_turn_of_the_counter() -> None:
    session = born()
    for count in range(2, 600):
        assert session.take(Kind.DDATA, PLC, payload(count % 256))
    assert session.hold is None


@pytest.mark.parametrize("seq", [None, 1, 3, 255])
def test_a_gap_holds_everything_until_a_birth(seq: int | None) -> None:
    session = born()
    assert not session.take(Kind.DDATA, PLC, payload(seq))
    assert session.hold is Reason.GAP
    assert not session.take(Kind.DDATA, PLC, payload(2))
    assert session.take(Kind.NBIRTH, None, payload(0, bd_seq=3))
    assert session.hold is None
    assert not session.take(Kind.DDATA, PLC, payload(1)), "its device is not born yet"


def test_the_death_of_an_older_connection_concerns_nobody() -> None:
    session = born()
    session.take(Kind.NDEATH, None, payload(None, bd_seq=2))
    assert session.hold is None
    session.take(Kind.NDEATH, None, payload(None, bd_seq=3))
    assert session.hold is Reason.LINK
    assert session.born == set()
    assert not session.take(Kind.DDATA, PLC, payload(2)), "what comes after the death is nobody's"
    assert session.hold is Reason.LINK


def test_a_birth_is_known_by_its_own_number_whatever_else_the_message_says() -> None:
    session = Session()
    other = Metric(name="Node Control/Scan Rate", value=2, datatype=DataType.INT64)
    number = Metric(name="bdSeq", value=3, datatype=DataType.INT64)
    assert session.take(Kind.NBIRTH, None, Payload(timestamp_ms=1, metrics=(other, number), seq=0))
    session.take(Kind.NDEATH, None, payload(None, bd_seq=2))
    assert session.hold is None
    session.take(Kind.NDEATH, None, Payload(timestamp_ms=1, metrics=(other, number)))
    assert session.hold is Reason.LINK


def test_a_device_s_birth_that_names_no_device_births_none() -> None:
    session = born()
    session.take(Kind.DBIRTH, None, payload(2))
    assert session.born == {PLC}


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), 1e300, "3", None])
def test_a_birth_number_that_is_no_number_kills_nothing(number: float | str | None) -> None:
    session = born()
    odd = Metric(name="bdSeq", value=number, datatype=DataType.DOUBLE)
    session.take(Kind.NDEATH, None, Payload(timestamp_ms=1, metrics=(odd,)))
    assert session.take(Kind.NBIRTH, None, Payload(timestamp_ms=1, metrics=(odd,), seq=0))
    assert session.hold is None


def test_a_dead_device_is_not_believed_and_the_others_are() -> None:
    session = born()
    assert session.take(Kind.DBIRTH, DeviceId("plc_b"), payload(2))
    assert session.take(Kind.DDEATH, PLC, payload(3))
    assert session.born == {"plc_b"}
    assert not session.take(Kind.DDATA, PLC, payload(4))
    assert session.take(Kind.DDATA, DeviceId("plc_b"), payload(5))


def test_rebirths_are_asked_for_at_a_bounded_rate() -> None:
    session = Session()
    asked = [now_s for now_s in range(600) if session.asks_rebirth(now_s=float(now_s))]
    gaps = [after - before for before, after in pairwise(asked)]
    assert asked[0] == 0
    assert min(gaps) >= REBIRTH_S_MIN
    assert max(gaps) <= REBIRTH_S_MAX + 1
    assert (REBIRTH_S_MIN, REBIRTH_S_MAX) == (2.0, 30.0)
    assert len(asked) < 30
    assert not born().asks_rebirth(now_s=0.0)
