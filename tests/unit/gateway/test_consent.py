"""The river moves for two persons only: the edge asks for the second one's consent whatever the centre thought of it (I9)."""

from dataclasses import replace

import pytest

from domain.approval import AHEAD_MS_MAX, VALID_MS, Consent
from domain.command import Action, Phase, State
from domain.definition import definition_hashes
from domain.ids import CommandId
from domain.refusal import Code
from gateway.checks import Rejected, Standing, examine
from tests.unit.control.world import GW, OUTLET, PARK, RIVER
from wire.messages import CommandMessage

NOW_MS = 1_780_000_000_000
AGREED = Consent(by="qian", content_hash="ab" * 32, at_ms=NOW_MS - 60_000, basis="2026-118")


def asked(action: Action, consent: Consent | None, *, actuator: str = RIVER) -> Rejected | None:
    found = PARK.actuators[actuator]  # type: ignore[index]
    definition = definition_hashes(PARK, found)
    message = CommandMessage(
        id=CommandId("a" * 32), phase=Phase.OPERATE, park=PARK.id, gateway=GW, actuator=found.facility, action=action,
        author="zhao", reason="", expires_ms=NOW_MS + 60_000, term=1, definition=definition, challenge="c", consent=consent,
    )  # fmt: skip
    standing = Standing(
        park=PARK.id, gateway=GW, actuator=found, is_known=True, definition=definition, term=1, challenge_age_s=1.0,
        challenge_validity_s=60.0, now_ms=NOW_MS, is_disk_full=False, is_river=actuator == RIVER,
    )  # fmt: skip
    return examine(message, standing)


@pytest.mark.parametrize("action", [Action.CLOSE, Action.OPEN])
def test_with_another_persons_consent_it_goes_on(action: Action) -> None:
    assert asked(action, AGREED) is None
    assert asked(action, replace(AGREED, is_emergency=True, basis="来不及")) is None


@pytest.mark.parametrize("action", [Action.CLOSE, Action.OPEN])
@pytest.mark.parametrize(
    "consent",
    [
        None,
        replace(AGREED, by="zhao"),
        replace(AGREED, by=""),
        replace(AGREED, basis=""),
        replace(AGREED, content_hash=""),
        replace(AGREED, at_ms=NOW_MS - VALID_MS - 1),
        replace(AGREED, at_ms=NOW_MS + AHEAD_MS_MAX + 1),
    ],
)
def test_without_a_good_consent_it_is_refused(action: Action, consent: Consent | None) -> None:
    found = asked(action, consent)
    assert found is not None
    assert (found.state, found.reasons[0].code) == (State.REFUSED, Code.APPROVAL)


def test_stop_and_every_other_tier_ask_for_none() -> None:
    assert asked(Action.STOP, None) is None
    assert asked(Action.VERIFY, None) is None
    assert asked(Action.CLOSE, None, actuator=OUTLET) is None
