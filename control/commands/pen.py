"""Signs commands with the newest challenge of the gateway that shall obey them, and the evidence of the moment."""

from control.commands.message import message
from control.commands.term import Term
from control.commands.tracked import Tracked
from control.commands.view import View
from wire.messages import command_body
from wire.signing import Signer


class Pen:
    """Holds control's key for commands."""

    def __init__(self, signer: Signer, view: View, term: Term) -> None:
        self._signer = signer
        self._view = view
        self._term = term

    def can_sign(self, tracked: Tracked) -> bool:
        """Whether the bytes of its wanted phase are there, or can be made: its gateway is heard."""
        return (
            tracked.wanted in tracked.messages or self._view.challenge(tracked.command.actuator) is not None
        )

    def sign(self, tracked: Tracked) -> Tracked:
        """Return `tracked` with the bytes of its wanted phase, or unchanged while its gateway is not heard."""
        phase = tracked.wanted
        actuator = tracked.command.actuator
        challenge = self._view.challenge(actuator)
        if phase is None or phase in tracked.messages or challenge is None:
            return tracked
        body = message(
            tracked,
            phase,
            park=self._view.park.id,
            term=self._term.number,
            challenge=challenge,
            definition=self._view.definition(actuator),
            evidence=self._view.evidence(actuator),
            skew_ms=self._view.skew_ms(actuator),
        )
        return tracked.signed(phase, self._signer.sign(command_body(body)))
