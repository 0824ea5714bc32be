"""Explanations where a device reports less or its drive can do less, and the truth that each check shows."""

from dataclasses import replace

import pytest

from domain.admission import NO_SUCH_ACTION, Situation
from domain.command import Action
from domain.drive import MomentaryCoils, Pulse, Repeat, Setpoint
from domain.explained import Effect, Node
from domain.explanation import explain
from domain.interlock import BOOLEAN, Truth
from domain.order import OrderSet
from domain.park import Actuator, Feedback
from domain.refusal import Code
from domain.sample import NEVER_READ
from domain.words import Words
from tests.unit.control.world import OUTLET, PARK
from tests.unit.domain.test_explanation import CALM, NAMED, checks, good, tree

GATE = replace(PARK.actuators[OUTLET], permits=())


def of(gate: Actuator, action: Action) -> Node:
    """Explain `action` of `gate` on a calm day."""
    situation = Situation(
        read=lambda ref: good(CALM[ref]) if ref in CALM else NEVER_READ,
        unit_of=lambda ref: NAMED.points[ref].unit or BOOLEAN,
        orders=OrderSet(),
    )
    return explain(gate, action, situation, NAMED)


def test_on_a_calm_day_every_check_is_true_and_asks_for_nothing() -> None:
    found = tree()
    assert (found.truth, found.effect, found.change) == (Truth.TRUE, Effect.PASSES, None)
    assert {(node.truth, node.effect, node.change) for node in checks(found).values()} == {
        (Truth.TRUE, Effect.PASSES, None)
    }


def test_what_warns_does_not_make_the_action_untrue() -> None:
    found = tree("False", Action.CLOSE, fault=NEVER_READ)
    assert (found.truth, found.effect) == (Truth.TRUE, Effect.WARNS)
    assert tree("False").truth is Truth.FALSE


def test_a_check_is_false_where_it_is_known_and_unknown_where_feedback_is_missing() -> None:
    local = checks(tree(remote=False))
    assert (local[Code.LOCAL].truth, local[Code.STALE_INPUT].truth) == (Truth.FALSE, Truth.TRUE)
    silent = checks(tree(remote=NEVER_READ, opened=NEVER_READ))
    assert (silent[Code.LOCAL].truth, silent[Code.STALE_INPUT].truth) == (Truth.TRUE, Truth.UNKNOWN)
    assert silent[Code.STALE_INPUT].change == Words(
        "须有新鲜可信的读数:排口开限位(从未读到)、排口远程(从未读到)",
        "a fresh and good reading must come of outlet open limit (never read), outlet remote (never read)",
    )


@pytest.mark.parametrize("action", [Action.OPEN, Action.CLOSE])
def test_a_device_without_a_fault_is_not_asked_for_one(action: Action) -> None:
    bare = replace(GATE, feedback=Feedback(opened="opened", closed="closed", remote="remote"))
    asked, whole = checks(of(bare, action)), checks(of(GATE, action))
    assert set(whole) - set(asked) == {Code.HEALTH}
    assert asked[Code.STALE_INPUT].effect is Effect.PASSES
    assert [seen.point for seen in asked[Code.STALE_INPUT].values] == [
        "hc_outlet/opened", "hc_outlet/closed", "hc_outlet/remote",
    ]  # fmt: skip


def test_what_a_drive_cannot_do_is_said_and_what_every_drive_can_is_not_asked() -> None:
    coils = MomentaryCoils(open=0, close=1, stop=None, pulse=Pulse.PLC_RESETS, repeat=Repeat.SAFE)
    lacking = checks(of(replace(GATE, drive=coils), Action.STOP))[Code.MODE]
    assert (lacking.truth, lacking.effect) == (Truth.FALSE, Effect.BLOCKS)
    assert lacking.change == NO_SUCH_ACTION[Action.STOP]
    assert Code.MODE not in checks(of(GATE, Action.STOP))
    steered = checks(of(replace(GATE, drive=Setpoint(word=0, stop=1)), Action.SET))[Code.MODE]
    assert (steered.truth, steered.effect, steered.change) == (Truth.TRUE, Effect.PASSES, None)
