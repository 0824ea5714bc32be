"""A gateway's heartbeat: what one of before does not say, and what cannot be its definitions."""

import pytest

from domain.errors import RemoteProtocolError
from wire.canonical import Json
from wire.heartbeat import hashes_of, heartbeat, heartbeat_body

BEFORE: dict[str, Json] = {
    "park": "p",
    "gateway": "gw",
    "epoch": "0" * 32,
    "challenge": "c",
    "term": 1,
    "sent_ms": 2,
    "ages_ms": {"plc": 3, "other": None},
    "stale_after_ms": {"plc": 4},
    "journal_payloads": 5,
    "journal_full": False,
    "records_pending": 6,
    "clock_offset_ms": -7,
    "definitions": {"gate": ["drive", "whole"]},
    "orders": "hash",
}


def test_a_gateway_of_before_has_told_nothing_and_says_no_times() -> None:
    said = heartbeat(BEFORE)
    assert (said.now_ms, said.up_ms, said.born_ms, said.told) == (None, None, None, 0)
    whole = {**BEFORE, "now_ms": None, "up_ms": None, "born_ms": None, "told": 0}
    assert heartbeat_body(said) == whole
    assert heartbeat({**whole, "told": None}).told == 0


def test_what_a_gateway_of_now_adds_is_read() -> None:
    added: dict[str, Json] = {"now_ms": 8, "up_ms": 9, "born_ms": 10, "told": 11}
    said = heartbeat({**BEFORE, **added})
    assert (said.now_ms, said.up_ms, said.born_ms, said.told) == (8, 9, 10, 11)


@pytest.mark.parametrize(
    "bad", [None, "ab", [], ["drive"], ["a", "b", "c"], ["a", 1], [None, "b"], {"a": "b"}]
)
def test_a_definition_is_two_hashes(bad: Json) -> None:
    assert hashes_of("gate", ["drive", "whole"]) == ("drive", "whole")
    with pytest.raises(RemoteProtocolError, match="gate: two hashes are wanted"):
        hashes_of("gate", bad)
