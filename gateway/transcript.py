"""Writes down every step of a command's life: in the ledger, so that a kill forgets nothing, and as a record for control."""

from collections.abc import Mapping, Sequence

from domain.command import Event, State, next_state
from domain.ids import CommandId
from domain.refusal import Cause
from gateway.field import Field
from gateway.ledger import Ledger
from gateway.ledger_entry import Entry
from gateway.records import Records
from gateway.telemetry_metrics import TelemetryMetrics
from runtime.clock import Clock
from runtime.log import logger
from wire.canonical import Json


class Transcript:
    """The pen of desk and executor."""

    def __init__(
        self, ledger: Ledger, records: Records, field: Field, *, clock: Clock, metrics: TelemetryMetrics
    ) -> None:
        self._ledger = ledger
        self._records = records
        self._field = field
        self._clock = clock
        self._metrics = metrics
        self._log = logger("command")

    def intend(self, entry: Entry) -> bool:
        """Keep the intent of `entry` before anything is written to a PLC; return whether it is on the disk."""
        return self._ledger.put(entry)

    def advance(
        self,
        entry: Entry,
        event: Event,
        *,
        reasons: Sequence[Cause] = (),
        warnings: Sequence[Cause] = (),
        instead_of: CommandId | None = None,
        execution: Mapping[str, Json] | None = None,
    ) -> None:
        """Take `entry` through `event` by the table of domain.command, and write it down."""
        self.enter(
            entry,
            next_state(entry.state, event),
            reasons=reasons,
            warnings=warnings,
            instead_of=instead_of,
            execution=execution,
        )

    def enter(
        self,
        entry: Entry,
        state: State,
        *,
        reasons: Sequence[Cause] = (),
        warnings: Sequence[Cause] = (),
        instead_of: CommandId | None = None,
        execution: Mapping[str, Json] | None = None,
    ) -> None:
        """Write down that `entry` is now in `state`."""
        entry.state, entry.at_ms = state, self._clock.now_ms()
        actuator = self._field.actuators.get(entry.actuator)
        evidence = self._field.evidence(actuator) if actuator is not None else {}
        body = command_record(
            entry,
            reasons=reasons,
            warnings=warnings,
            evidence=evidence,
            instead_of=instead_of,
            execution=execution,
        )
        known = entry.actuator if entry.actuator in self._field.park.actuators else None
        entry.record = self._records.make("command", body, actuator=known)
        if state is State.OPERATING:
            # Its intent is on the disk; after a kill both mean the same, that nobody knows how it ended.
            self._ledger.remember(entry)
        else:
            self._ledger.put(entry)
        self._metrics.command(entry.action.value, state.value)
        self._log.info(
            "command",
            id=entry.id,
            phase=entry.phase.value,
            actuator=entry.actuator,
            action=entry.action.value,
            state=state.value,
            reasons=[cause.code.value for cause in reasons],
        )


def command_record(
    entry: Entry,
    *,
    reasons: Sequence[Cause] = (),
    warnings: Sequence[Cause] = (),
    evidence: Mapping[str, Json] | None = None,
    instead_of: CommandId | None = None,
    execution: Mapping[str, Json] | None = None,
) -> dict[str, Json]:
    """Return the body of a `command` record; `execution` tells how the drive went about it."""
    return {
        "id": entry.id,
        "phase": entry.phase.value,
        "hash": entry.hash,
        "action": entry.action.value,
        "parameters": dict(entry.parameters),
        "author": entry.author,
        "reason": entry.reason,
        "state": entry.state.value,
        "reasons": [cause_form(cause) for cause in reasons],
        "warnings": [cause_form(cause) for cause in warnings],
        "evidence": dict(evidence or {}),
        "instead_of": instead_of,
        "execution": dict(execution or {}),
    }


def cause_form(cause: Cause) -> Json:
    """Return a cause as it stands in a record."""
    return {
        "code": cause.code.value,
        "zh": cause.words.zh,
        "en": cause.words.en,
        "values": dict(cause.values),
    }
