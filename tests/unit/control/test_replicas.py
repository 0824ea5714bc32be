"""When a lead may be claimed, when it is certain, and what is taken of what another control has left."""

from dataclasses import replace

import pytest

from control.audit.entry import Entry
from control.commands.entries import order_row, row
from control.commands.tracked import Tracked
from control.database.change import Change, Write
from control.plans.entries import row as run_row
from control.plans.run import StepState
from control.replica.inheritance import Left, left, void
from control.replica.lease import Lead, Tenure, Vigil
from domain.command import Action, Command, Phase, State
from domain.ids import CommandId, FacilityId, GatewayId
from domain.order import Order, OrderKind
from domain.words import Words
from tests.unit.control.test_plan_entries import RUN, STEPS

LEAD = Lead(claim="1", replica="a", url="", beat=1)
SILENCE_S = 4.0


def vigil(replica: str = "b") -> Vigil:
    return Vigil(replica=replica, silence_s=SILENCE_S)


def test_nothing_is_claimed_before_anything_was_read() -> None:
    assert not vigil().may_claim(now_s=1e9)


def test_a_lead_that_nobody_has_is_claimed_at_once() -> None:
    watch = vigil()
    watch.see(None, now_s=5.0)
    assert watch.may_claim(now_s=5.0)


def test_silence_counts_from_when_the_beat_was_first_seen_here_to_the_bound() -> None:
    watch = vigil()
    watch.see(LEAD, now_s=10.0)
    watch.see(LEAD, now_s=12.0)
    assert not watch.may_claim(now_s=10.0 + SILENCE_S - 0.001)
    assert watch.may_claim(now_s=10.0 + SILENCE_S)


@pytest.mark.parametrize("moved", [replace(LEAD, beat=2), replace(LEAD, claim="2"), replace(LEAD, beat=0)])
def test_whatever_moves_is_alive(moved: Lead) -> None:
    watch = vigil()
    watch.see(LEAD, now_s=10.0)
    watch.see(moved, now_s=13.0)
    assert watch.lead == moved
    assert not watch.may_claim(now_s=14.0)
    assert watch.may_claim(now_s=17.0)


def test_silence_that_was_not_watched_is_none() -> None:
    watch = vigil()
    watch.see(LEAD, now_s=10.0)
    watch.missed()
    assert not watch.may_claim(now_s=1000.0)
    watch.see(LEAD, now_s=1000.0)
    assert not watch.may_claim(now_s=1000.0 + SILENCE_S - 0.001)
    assert watch.may_claim(now_s=1000.0 + SILENCE_S)


def test_an_earlier_run_of_the_same_replica_is_followed_at_once() -> None:
    watch = vigil("a")
    watch.see(LEAD, now_s=10.0)
    assert watch.may_claim(now_s=10.0)


def test_a_lead_is_certain_for_as_long_as_nobody_can_have_waited() -> None:
    tenure = Tenure(silence_s=SILENCE_S)
    assert not tenure.is_certain(now_s=0.0)
    assert not tenure.has_led
    tenure.renewed(asked_s=10.0)
    assert tenure.has_led
    assert tenure.is_certain(now_s=10.0 + SILENCE_S - 0.001)
    assert not tenure.is_certain(now_s=10.0 + SILENCE_S)
    tenure.renewed(asked_s=9.0)
    assert tenure.is_certain(now_s=13.9), "an answer that comes late takes nothing back"


def test_who_was_superseded_is_never_certain_again() -> None:
    tenure = Tenure(silence_s=SILENCE_S)
    tenure.renewed(asked_s=10.0)
    tenure.superseded()
    tenure.renewed(asked_s=11.0)
    assert not tenure.is_certain(now_s=11.0)


@pytest.mark.parametrize("late_s", [0.0, 0.3, 3.0])
def test_no_standby_may_claim_while_the_leader_is_certain(late_s: float) -> None:
    """The leader's bound begins when it asked, the standby's when it saw: the second is never earlier."""
    tenure, watch = Tenure(silence_s=SILENCE_S), vigil()
    tenure.renewed(asked_s=100.0)
    watch.see(LEAD, now_s=100.0 + late_s)
    for tenth in range(100):
        now_s = 100.0 + tenth / 10
        assert not (tenure.is_certain(now_s=now_s) and watch.may_claim(now_s=now_s))


def tracked(
    *, state: State = State.REQUESTED, is_away: bool = False, sent: frozenset[Phase] = frozenset()
) -> Tracked:
    return Tracked(
        command=Command(
            id=CommandId("c" * 32),
            actuator=FacilityId("hc_outlet"),
            action=Action.OPEN if is_away else Action.CLOSE,
            author="zhao",
            reason="r",
            state=state,
            changed_ms=1000,
        ),
        gateway=GatewayId("gw_east"),
        created_ms=1000,
        expires_ms=61_000,
        is_away=is_away,
        wanted=Phase.OPERATE,
        sent=sent,
    )


ENTRY = Entry(at_ms=1, actor="zhao", kind="command.request", object="hc_outlet", words=Words("关", "close"))


def test_a_command_that_was_let_out_is_taken_as_one_that_may_have_gone_out() -> None:
    found = left(Change(writes=(row(tracked()),), entries=(ENTRY,)))
    assert [item.sent for item in found.commands] == [frozenset({Phase.OPERATE})]


def test_orders_and_who_was_shut_out_are_taken() -> None:
    order = Order(
        id="d" * 32,
        kind=OrderKind.TAG_OUT,
        actuator=FacilityId("hc_outlet"),
        by="zhao",
        reason="r",
        since_ms=5,
    )
    writes = (
        order_row(order),
        order_row(replace(order, id="e" * 32), is_released=True),
        Write(table="users", row={"username": "qian", "is_disabled": True}),
        Write(table="users", row={"username": "sun", "is_disabled": False}),
        Write(table="tokens", row={"id": "t1", "revoked_ms": 7}),
        Write(table="tokens", row={"id": "t2", "revoked_ms": None}),
    )
    found = left(Change(writes=writes, entries=(ENTRY,)))
    assert (found.orders, found.dead) == ((order,), (replace(order, id="e" * 32),))
    assert (found.shut_out, found.revoked) == (("qian",), ("t1",))


@pytest.mark.parametrize(
    "write",
    [
        Write(table="alarms", row={"rule": "r", "body": {}}),
        Write(table="sessions", kind="remove", row={"token_hash": "h"}),
        Write(table="commands", row={"id": "x", "body": {}}),
        Write(table="commands", row={"id": "x"}),
        Write(table="orders", row={"id": "x", "kind": "nonsense"}),
        Write(table="runs", row={"id": "x", "body": {"id": 5}}),
    ],
)
def test_what_the_leader_has_by_itself_and_what_cannot_be_read_is_left(write: Write) -> None:
    assert left(Change(writes=(write,), entries=(ENTRY,))) == left(Change())


def test_all_of_a_change_is_taken_in_its_order_whatever_stands_between() -> None:
    first, second = tracked(), replace(tracked(state=State.OPERATING), wanted=None)
    order = Order(
        id="d" * 32,
        kind=OrderKind.TAG_OUT,
        actuator=FacilityId("hc_outlet"),
        by="zhao",
        reason="r",
        since_ms=5,
    )
    begun = replace(RUN, id="r2")
    ended = replace(RUN, steps={step.id: replace(step, state=StepState.CONFIRMED) for step in STEPS})
    writes = (
        row(first),
        Write(table="commands", kind="remove", row=row(second).row),
        Write(table="commands", row={"id": "x", "body": {}}),
        run_row(RUN),
        run_row(ended),
        run_row(begun),
        order_row(order),
        order_row(replace(order, id="e" * 32)),
        Write(table="users", row={"username": "qian", "is_disabled": True}),
        Write(table="users", row={"username": "li", "is_disabled": True}),
        Write(table="tokens", row={"id": "t1", "revoked_ms": 0}),
        Write(table="tokens", row={"id": "t2", "revoked_ms": 7}),
        row(second),
    )
    assert left(Change(writes=writes, entries=(ENTRY,))) == Left(
        commands=(first.published(), second),
        orders=(order, replace(order, id="e" * 32)),
        runs=(RUN, begun),
        shut_out=("qian", "li"),
        revoked=("t1", "t2"),
    )


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("is_away", [True, False])
@pytest.mark.parametrize("sent", [frozenset(), frozenset({Phase.SELECT}), frozenset({Phase.OPERATE})])
def test_moves_away_from_safe_that_were_not_operated_end_with_their_term(
    state: State, *, is_away: bool, sent: frozenset[Phase]
) -> None:
    item = tracked(state=state, is_away=is_away, sent=sent)
    expected = is_away and not state.is_final and Phase.OPERATE not in sent
    assert void([item]) == ((item,) if expected else ())
