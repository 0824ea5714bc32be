"""What one record of an edge changes, and nothing else."""

import hashlib
from dataclasses import replace

import pytest

from control.commands.records import as_ranges
from control.commands.reports import named, report
from control.commands.tracked import Tracked
from domain.command import Phase, State
from domain.ids import GatewayId
from domain.refusal import Code
from tests.unit.control.test_lifecycle import NOW_MS, made
from tests.unit.control.world import GW, OUTLET, PARK
from wire.canonical import Json
from wire.messages import Record

TOKEN = b"a.b.c"
STALE: Json = {"code": Code.CHALLENGE_STALE.value, "zh": "", "en": "", "values": {}}


def record(state: str = "confirmed", **body: Json) -> Record:
    said: dict[str, Json] = {
        "id": "ab" * 16, "phase": "operate", "hash": hashlib.sha256(TOKEN).hexdigest(), "action": "close", "author": "zhao", "reason": "",
        "state": state, "reasons": [], "evidence": None, **body,
    }  # fmt: skip
    return Record(
        park=PARK.id,
        gateway=GW,
        epoch="e" * 32,
        offset=7,
        at_ms=NOW_MS + 5,
        kind="command",
        actuator=OUTLET,
        body=said,
    )


def sent(state: State = State.REQUESTED, **more: object) -> Tracked:
    return replace(made(state, **more), gateway=GW).signed(Phase.OPERATE, TOKEN)


def test_a_report_moves_its_command_and_is_written_with_it() -> None:
    found = report(record(), sent(), PARK)
    assert found.tracked is not None
    assert found.tracked.state is State.CONFIRMED
    assert [write.table for write in found.change.writes] == ["records", "commands"]
    assert [entry.kind for entry in found.change.entries] == ["edge.command"]
    assert named(record()) == "ab" * 16


def test_a_report_of_other_bytes_is_kept_and_moves_nothing() -> None:
    for said in (
        record("refused", hash="00" * 32),
        record("confirmed", hash=""),
        record("confirmed", phase="select"),
        replace(record("confirmed"), gateway=GatewayId("gw_west")),
    ):
        found = report(said, sent(), PARK)
        assert found.tracked is None
        assert [write.table for write in found.change.writes] == ["records"]


def test_an_id_that_the_edge_knows_by_other_bytes_has_an_outcome_that_nobody_knows() -> None:
    known: Json = {"code": Code.REPLAYED.value, "zh": "", "en": "", "values": {}}
    found = report(record("refused", reasons=[known]), sent(), PARK)
    assert found.tracked is not None
    assert found.tracked.state is State.UNKNOWN
    assert not found.is_void


def test_a_late_report_is_kept_as_late() -> None:
    found = report(record("confirmed"), sent(State.UNKNOWN), PARK)
    assert found.tracked is not None
    assert found.tracked.state is State.UNKNOWN
    assert found.change.entries[0].body["is_late"] is True


def test_a_void_challenge_asks_again_toward_safe_only() -> None:
    said = record("refused", reasons=[STALE])
    assert report(said, sent(), PARK).is_void
    assert not report(said, sent(is_away=True), PARK).is_void
    assert not report(record("refused", reasons=[STALE, {"code": "tagged-out"}]), sent(), PARK).is_void


@pytest.mark.parametrize("author", [f"edge:{GW}", f"edge:{GW}/hc_acid"])
def test_a_cut_off_makes_its_own_command_and_a_stranger_makes_none(author: str) -> None:
    own = report(record("operating", author=author), None, PARK)
    assert own.tracked is not None
    assert own.tracked.state is State.OPERATING
    assert own.tracked.wanted is None
    for stranger in ("mallory", f"edge:{GW}x", "edge:", f"{GW}/hc_acid"):
        assert report(record("refused", author=stranger), None, PARK).tracked is None
    elsewhere = replace(record("operating", author="edge:gw_west"), gateway=GatewayId("gw_west"))
    assert report(elsewhere, None, PARK).tracked is None
    ended = report(record("confirmed", author=author, hash=""), own.tracked, PARK)
    assert ended.tracked is not None
    assert ended.tracked.state is State.CONFIRMED


def order_record(order_id: str, **more: Json) -> Record:
    order: Json = {
        "id": order_id, "kind": "keep_closed", "actuator": "hc_outlet", "by": "edge:gw", "reason": "COD",
        "since_ms": 1, "until_ms": None,
    }  # fmt: skip
    return replace(record(), epoch="e" * 32, offset=4, kind="order", body={"order": order, **more})


OWN = f"gw:{'e' * 32}:4"


def test_an_order_of_the_edge_is_taken_over() -> None:
    said = order_record(OWN)
    found = report(said, None, PARK)
    assert found.order is not None
    assert (found.order.id, found.is_released) == (OWN, False)
    assert [write.table for write in found.change.writes] == ["records", "orders"]
    elsewhere = report(replace(said, gateway=GatewayId("gw_west")), None, PARK)
    assert elsewhere.order is None
    assert [write.table for write in elsewhere.change.writes] == ["records"]


def test_an_edge_names_its_new_orders_by_their_own_records_only() -> None:
    for name in (f"gw:{'e' * 32}:5", "a" * 32, f"gw_west:{'e' * 32}:4"):
        assert report(order_record(name), None, PARK).order is None
    assert report(order_record("no id", held=True), None, PARK).order is None


def test_what_the_edge_holds_and_the_centre_has_lost_comes_back_with_its_tombstone() -> None:
    standing = report(order_record("a" * 32, held=True), None, PARK)
    assert standing.order is not None
    assert (standing.order.id, standing.is_released) == ("a" * 32, False)
    dead = report(order_record("a" * 32, held=True, released=True), None, PARK)
    assert dead.is_released
    assert dead.change.writes[1].row["is_released"] is True


def test_what_the_centre_released_stays_released_whoever_tells_of_it() -> None:
    found = report(order_record(OWN), None, PARK, released={OWN})
    assert found.is_released
    assert found.change.writes[1].row["is_released"] is True


def test_what_cannot_be_read_is_kept_word_for_word() -> None:
    said = replace(record(), body={"id": 7})
    found = report(said, None, PARK)
    assert found.tracked is None
    assert found.change.entries[0].body["record"]


def test_offsets_become_ranges() -> None:
    assert as_ranges({5, 1, 2, 3, 9}) == ((1, 3), (5, 5), (9, 9))
    assert as_ranges([]) == ()


def test_only_a_refusal_for_a_stale_challenge_alone_toward_safe_and_not_yet_replaced_asks_again() -> None:
    refused = record("refused", reasons=[STALE])
    assert report(refused, sent(), PARK).is_void
    assert not report(record("refused", reasons=[STALE, {"code": "link-lost"}]), sent(), PARK).is_void
    assert not report(record("refused", reasons=["challenge-stale"]), sent(), PARK).is_void
    assert not report(record("operating", reasons=[STALE]), sent(), PARK).is_void
    assert not report(refused, sent(State.CONFIRMED), PARK).is_void
    assert not report(refused, sent(is_away=True), PARK).is_void
    assert not report(refused, sent(replaced_by="cd" * 16), PARK).is_void
    assert not report(record("expired", reasons=[STALE]), sent(State.REFUSED), PARK).is_void
