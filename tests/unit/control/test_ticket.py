"""One operation ticket (操作票): its states against every event, who may agree to it, and what it lets through (I9)."""

from dataclasses import replace
from itertools import product

import pytest

from control.api.shapes import TicketShape
from control.commands.pending import by_another
from control.commands.ticket import (
    OPEN,
    TABLE,
    Ticket,
    TicketEvent,
    TicketState,
    approved,
    ended,
    objection,
    overdue,
    unusable,
)
from control.commands.ticket_entries import body, row, told, view, words_of
from control.commands.ticket_entries import ticket as ticket_of
from control.database.change import Write
from control.people.roles import Role
from domain.approval import VALID_MS
from domain.command import Action
from domain.errors import RemoteProtocolError
from domain.ids import FacilityId
from domain.refusal import Code
from tests.unit.control.world import OUTLET, PARK, person

AT_MS = 1_000_000
SECOND = replace(person(Role.OPERATOR, username="li"), session="s2")
ASKED = Ticket(
    id="t1", actuator=OUTLET, action=Action.SET, parameters={"opening_percent": 40.0}, reason="恢复", definition=("d", "w"),
    by="zhao", session="s1", asked_ms=AT_MS,
)  # fmt: skip
AGREED = approved(ASKED, SECOND, now_ms=AT_MS + 5)
USE = {
    "author": "zhao", "actuator": OUTLET, "action": Action.SET, "parameters": {"opening_percent": 40.0},
    "definition": ("d", "w"), "now_ms": AT_MS + 10,
}  # fmt: skip


@pytest.mark.parametrize(("state", "event"), list(product(TicketState, TicketEvent)))
def test_every_state_against_every_event(state: TicketState, event: TicketEvent) -> None:
    after = TABLE.get((state, event))
    if state not in OPEN:
        assert after is None, "an end is final"
    elif event is TicketEvent.APPROVE:
        assert after is (TicketState.APPROVED if state is TicketState.WAITING else None)
    elif event is TicketEvent.USE:
        assert after is (TicketState.USED if state is TicketState.APPROVED else None)
    else:
        assert after is not None
        assert after not in OPEN


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "t2"}, {"actuator": FacilityId("x")}, {"action": Action.OPEN}, {"parameters": {"opening_percent": 41.0}},
        {"reason": "x"}, {"definition": ("d", "v")}, {"by": "wang"},
    ],
)  # fmt: skip
def test_its_hash_is_of_everything_that_the_second_person_agrees_to(changes: dict[str, object]) -> None:
    assert replace(ASKED, **changes).content_hash != ASKED.content_hash  # type: ignore[arg-type]
    assert (
        replace(ASKED, state=TicketState.LAPSED, session="x", asked_ms=0).content_hash == ASKED.content_hash
    )


def test_a_second_person_is_another_one_in_another_session() -> None:
    assert by_another(SECOND, by="zhao", session="s1") is None
    for who in (replace(SECOND, username="zhao"), replace(SECOND, session="s1")):
        cause = by_another(who, by="zhao", session="s1")
        assert cause is not None
        assert (cause.code, cause.values) == (Code.APPROVAL, {"by": "zhao"})


def test_who_may_agree_to_it_when() -> None:
    def code(ticket: Ticket = ASKED, **changes: object) -> Code | None:
        asked = {"content_hash": ticket.content_hash, "now_ms": AT_MS + VALID_MS - 1, **changes}
        who = asked.pop("who", SECOND)
        cause = objection(ticket, who, **asked)  # type: ignore[arg-type]
        return None if cause is None else cause.code

    assert code() is None
    assert code(who=replace(SECOND, username="zhao")) is Code.APPROVAL
    assert code(who=replace(SECOND, session="s1")) is Code.APPROVAL
    assert code(content_hash="0" * 64) is Code.APPROVAL
    assert code(now_ms=AT_MS + VALID_MS) is Code.TIME_LIMIT
    assert code(AGREED) is Code.APPROVAL, "once"
    assert code(ended(ASKED, TicketEvent.WITHDRAW, by="zhao", now_ms=AT_MS)) is Code.APPROVAL


def test_what_it_lets_through() -> None:
    def refused(ticket: Ticket = AGREED, **changes: object) -> bool:
        cause = unusable(ticket, **{**USE, **changes})  # type: ignore[arg-type]
        assert cause is None or cause.code is Code.APPROVAL
        return cause is not None

    assert not refused()
    assert not refused(now_ms=AT_MS + 5 + VALID_MS - 1)
    assert refused(now_ms=AT_MS + 5 + VALID_MS)
    assert refused(now_ms=AT_MS + 4), "an approval from ahead"
    assert refused(ASKED)
    for changes in (
        {"author": "li"}, {"actuator": FacilityId("x")}, {"action": Action.OPEN}, {"parameters": {}},
        {"parameters": {"opening_percent": 41.0}}, {"definition": ("d", "v")},
    ):  # fmt: skip
        assert refused(**changes)  # type: ignore[arg-type]
    for event in set(TicketEvent) - {TicketEvent.APPROVE}:
        assert refused(ended(AGREED, event, by="x", now_ms=AT_MS + 6))
    own = approved(ASKED, replace(SECOND, username="zhao"), now_ms=AT_MS + 5)
    assert refused(own), "whoever let it stand"
    assert refused(replace(AGREED, reason="another")), "the word was given on another content"


def test_it_holds_ten_minutes_for_the_second_person_and_ten_more_for_its_use() -> None:
    assert (ASKED.until_ms, AGREED.until_ms) == (AT_MS + VALID_MS, AT_MS + 5 + VALID_MS)
    assert overdue([ASKED, AGREED], now_ms=AT_MS + VALID_MS - 1) == ()
    assert overdue([ASKED, AGREED], now_ms=AT_MS + VALID_MS) == (ASKED,)
    over = ended(ASKED, TicketEvent.REFUSE, by="li", now_ms=AT_MS + 1)
    assert overdue([over], now_ms=AT_MS + 2 * VALID_MS) == ()
    assert (over.is_open, over.ended_by, over.approved_by, AGREED.approved_by) == (False, "li", None, "li")


@pytest.mark.parametrize(
    "found", [ASKED, AGREED, ended(AGREED, TicketEvent.USE, by="zhao", now_ms=AT_MS + 9)]
)
def test_it_is_kept_whole_and_read_back(found: Ticket) -> None:
    assert ticket_of(body(found)) == found
    columns = {"id": "t1", "actuator": "hc_outlet", "state": found.state.value, "asked_ms": AT_MS}
    assert row(found) == Write(table="tickets", row={**columns, "body": body(found)})


def test_every_state_is_one_that_the_contract_names() -> None:
    for state in TicketState:
        assert TicketShape.model_validate(view(replace(AGREED, state=state), PARK)).state == state.value


def test_every_state_has_words_of_its_own() -> None:
    changes = [told(replace(AGREED, state=state), PARK, actor="li", at_ms=1) for state in TicketState]
    verbs = [change.entries[0].words.zh.removesuffix(f":{words_of(AGREED, PARK).zh}") for change in changes]
    assert verbs == [
        "申请操作票", "同意操作票", "操作票已用", "撤回操作票", "拒绝操作票", "操作票过期", "操作票作废:设备定义已变",
    ]  # fmt: skip


def test_a_row_that_holds_no_ticket_says_which_field_is_wrong() -> None:
    for name, value in (("definition", ["d", 5]), ("approval", "li")):
        with pytest.raises(RemoteProtocolError, match=f"the field {name} must be"):
            ticket_of({**body(AGREED), name: value})


def test_it_is_told_in_words_and_shows_no_session() -> None:
    assert words_of(ASKED, PARK).zh == "设定开度排口至 40 %"
    assert words_of(replace(ASKED, action=Action.OPEN, parameters={}), PARK).en == "open outlet"
    assert words_of(replace(ASKED, actuator=FacilityId("gone")), PARK).en.endswith("gone to 40 %")
    made = told(AGREED, PARK, actor="li", at_ms=AT_MS + 5)
    (entry,) = made.entries
    assert made.writes == (row(AGREED),)
    assert (entry.kind, entry.actor, entry.object) == ("ticket.approved", "li", OUTLET)
    assert entry.at_ms == AT_MS + 5
    assert entry.words.zh == "同意操作票:设定开度排口至 40 %"
    said = {
        "action": "set", "parameters": {"opening_percent": 40.0}, "reason": "恢复", "by": "zhao", "second": "li",
        "content_hash": ASKED.content_hash, "until_ms": AT_MS + 5 + VALID_MS,
    }  # fmt: skip
    assert entry.body == {"ticket": "t1", **said}
    (first,) = told(ASKED, PARK, actor="zhao", at_ms=AT_MS).entries
    assert (first.kind, first.body["second"]) == ("ticket.asked", None)
    shown = {"id": "t1", "actuator": "hc_outlet", "words": words_of(ASKED, PARK).as_dict(), "asked_ms": AT_MS}
    assert view(AGREED, PARK) == {**said, **shown, "state": "approved", "ended_by": None}
    over = ended(AGREED, TicketEvent.REFUSE, by="wang", now_ms=AT_MS + 9)
    assert view(over, PARK) == {**said, **shown, "state": "refused", "ended_by": "wang"}
