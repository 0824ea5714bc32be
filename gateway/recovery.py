"""After a start: what was being executed when the process died is unknown, is said to be (I5), and is watched (I3)."""

import base64
import contextlib
from collections.abc import Iterable, Iterator

from domain.command import Action, Event, Phase, State
from domain.errors import RemoteProtocolError
from domain.ids import CommandId
from domain.refusal import Cause, Code
from domain.words import Words
from gateway.executor import WATCH_LATE_S, Executor
from gateway.field import Field
from gateway.ledger import Ledger
from gateway.ledger_entry import Entry
from gateway.records import Records
from gateway.transcript import Transcript
from wire.canonical import loads
from wire.fields import Fields
from wire.messages import record


def recover(
    ledger: Ledger,
    field: Field,
    executor: Executor,
    transcript: Transcript,
    records: Records,
    *,
    epoch: str,
    now_ms: int,
    left: Iterable[bytes] = (),
) -> None:
    """End every intent without an outcome as unknown, record the start, and watch for what may yet take effect.

    `left`: the records that the run before left. Where the kill fell between a record and the ledger, the record stands.
    """
    ended: list[str] = []
    for told in _outcomes(left):
        held = ledger.entry(told.id, told.phase)
        if held is None or (held.hash == told.hash and not held.state.is_final):
            ledger.put(told)
    for entry in list(ledger.unfinished()):
        if entry.state is not State.OPERATING:
            transcript.advance(entry, Event.OPERATE)
        cause = Cause(code=Code.IN_DOUBT, detail=Words("网关重启", "the gateway restarted"))
        transcript.advance(entry, Event.SILENCE, reasons=(cause,))
        ended.append(entry.id)
    newest = {entry.actuator: entry for entry in sorted(ledger.moves(), key=lambda entry: entry.at_ms)}
    for entry in newest.values():
        age_s = max(0, now_ms - entry.at_ms) / 1000
        if entry.state is State.UNKNOWN and entry.actuator in field.actuators:
            executor.recover(entry, age_s=age_s)
        elif entry.state is State.FAILED and entry.actuator in field.actuators:
            executor.watch_late(entry, field.actuators[entry.actuator], for_s=WATCH_LATE_S - age_s)
    records.make("start", {"epoch": epoch, "recovered": ended})


def _outcomes(tokens: Iterable[bytes]) -> Iterator[Entry]:
    """Yield the outcomes told in our own records; what was refused unread only claims to be the command that it names."""
    for token in tokens:
        with contextlib.suppress(RemoteProtocolError, ValueError, IndexError):
            content = token.split(b".")[1]
            said = record(loads(base64.urlsafe_b64decode(content + b"=" * (-len(content) % 4))))
            if said.kind != "command" or said.actuator is None or "passed_over" in said.body:
                continue
            fields = Fields(said.body)
            state = fields.one_of("state", State)
            if state.is_final:
                yield Entry(
                    id=CommandId(fields.text("id")),
                    phase=fields.one_of("phase", Phase),
                    hash=fields.text("hash"),
                    actuator=said.actuator,
                    action=fields.one_of("action", Action),
                    author=fields.text("author"),
                    reason=fields.text("reason"),
                    parameters={
                        name: Fields.as_number(name, value)
                        for name, value in fields.mapping("parameters").items()
                    },
                    state=state,
                    record=token,
                    at_ms=said.at_ms,
                )
