"""Builds the message of one phase of a command, and says until when it may be obeyed."""

from dataclasses import replace

from control.commands.tracked import Tracked
from domain.command import Phase
from domain.ids import ParkId
from wire.messages import CommandMessage, Evidence

VALIDITY_S = 60.0
"""Model seconds from the request until the command may no longer be operated (from release to the write: ≤ 60 s)."""
VALIDITY_FLOOR_S = 5.0
"""Wall seconds of the same when time is scaled."""


def expiry_ms(*, now_ms: int, speed: float) -> int:
    """Return the model time at which a command requested now expires."""
    return now_ms + round(1000 * max(VALIDITY_S, VALIDITY_FLOOR_S * speed))


def message(
    tracked: Tracked,
    phase: Phase,
    *,
    park: ParkId,
    term: int,
    challenge: str,
    definition: tuple[str, str],
    evidence: tuple[Evidence, ...],
    skew_ms: int = 0,
) -> CommandMessage:
    """Return what is signed; every time in it is said by the gateway's clock, which is `skew_ms` ahead of ours."""
    command, agreed = tracked.command, tracked.consent
    return CommandMessage(
        id=command.id,
        phase=phase,
        park=park,
        gateway=tracked.gateway,
        actuator=command.actuator,
        action=command.action,
        parameters=command.parameters,
        author=command.author,
        reason=command.reason,
        expires_ms=tracked.expires_ms + skew_ms,
        term=term,
        definition=definition,
        challenge=challenge,
        accepted=tracked.accepted,
        evidence=evidence,
        instead_of=tracked.instead_of,
        consent=None if agreed is None else replace(agreed, at_ms=agreed.at_ms + skew_ms),
    )
