"""Puts on the record what was not believed: forged, malformed or replayed commands and unsigned writes; bounded in rate."""

import hashlib
from collections.abc import Set as AbstractSet

from joserfc import jws

from domain.errors import RemoteProtocolError
from domain.ids import FacilityId
from domain.refusal import Cause
from gateway.records import Records
from gateway.transcript import cause_form
from runtime.clock import Clock
from runtime.log import logger
from wire.canonical import Json, loads
from wire.signing import NO_TOKEN

BURST = 50
"""Records made at once."""
PER_S = 2.0
"""Records made for ever; what comes beyond is counted in the next one, so that a flood fills no disk."""


class Unbelieved:
    """The record of what was refused unread."""

    def __init__(self, records: Records, known: AbstractSet[FacilityId], clock: Clock) -> None:
        self._records = records
        self._known = known
        self._clock = clock
        self._tokens = float(BURST)
        self._seen_s = clock.monotonic()
        self._passed_over = 0
        self._log = logger("unbelieved")

    def command(self, token: bytes, cause: Cause) -> None:
        """Record a command that is refused whatever it says; what it claims is kept as a claim."""
        if not self._may_record():
            return
        claim = _claim(token)
        actuator = claim.get("actuator")
        body: dict[str, Json] = {
            name: value if isinstance(value := claim.get(name), str) else ""
            for name in ("id", "phase", "action", "author", "reason")
        }
        body |= {
            "hash": hashlib.sha256(token).hexdigest(),
            "parameters": {},
            "state": "refused",
            "reasons": [cause_form(cause)],
            "warnings": [],
            "evidence": {},
            "instead_of": None,
            "passed_over": self._taken_passed_over(),
        }
        known = FacilityId(actuator) if isinstance(actuator, str) and actuator in self._known else None
        self._log.warning("command refused", id=body["id"], reason=cause.words.en)
        self._records.make("command", body, actuator=known)

    def write(self, topic: str, detail: str) -> None:
        """Record an unsigned write that is not honoured."""
        if self._may_record():
            self._log.warning("unsigned write refused", topic=topic)
            passed_over = self._taken_passed_over()
            self._records.make(
                "refused_write", {"topic": topic[:200], "detail": detail[:200], "passed_over": passed_over}
            )

    def _may_record(self) -> bool:
        now_s = self._clock.monotonic()
        self._tokens = min(BURST, self._tokens + (now_s - self._seen_s) * PER_S)
        self._seen_s = now_s
        if self._tokens < 1:
            self._passed_over += 1
            return False
        self._tokens -= 1
        return True

    def _taken_passed_over(self) -> int:
        count, self._passed_over = self._passed_over, 0
        return count


def _claim(token: bytes) -> dict[str, Json]:
    """Return what an unbelieved token says, cut short; empty when it cannot be read."""
    try:
        claim = loads(jws.extract_compact(token[:20_000]).payload)
    except (RemoteProtocolError, *NO_TOKEN):
        return {}
    return {key: value[:200] if isinstance(value, str) else value for key, value in claim.items()}
