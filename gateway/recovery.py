"""After a start: what was being executed when the process died is unknown, is said to be (I5), and is watched (I3)."""

import base64
import contextlib
from collections.abc import Iterable, Mapping

from domain.command import Event, Phase, State
from domain.errors import RemoteProtocolError
from domain.ids import CommandId
from domain.refusal import Cause, Code
from domain.words import Words
from gateway.executor import WATCH_LATE_S, Executor
from gateway.field import Field
from gateway.ledger import Ledger
from gateway.records import Records
from gateway.transcript import Transcript
from wire.canonical import loads
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
    told = _outcomes(left)
    for entry in list(ledger.unfinished()):
        if entry.id in told:
            entry.state, entry.record = told[entry.id]
            ledger.put(entry)
            continue
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


def _outcomes(tokens: Iterable[bytes]) -> Mapping[CommandId, tuple[State, bytes]]:
    """Return the outcomes told in our own records, by command."""
    found: dict[CommandId, tuple[State, bytes]] = {}
    for token in tokens:
        with contextlib.suppress(RemoteProtocolError, ValueError, IndexError):
            content = token.split(b".")[1]
            said = record(loads(base64.urlsafe_b64decode(content + b"=" * (-len(content) % 4))))
            if said.kind == "command" and said.body.get("phase") == Phase.OPERATE:
                state = State(str(said.body.get("state")))
                if state.is_final:
                    found[CommandId(str(said.body.get("id")))] = (state, token)
    return found
