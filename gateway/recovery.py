"""After a start: what was being executed when the process died is unknown, is said to be (I5), and is watched (I3)."""

from domain.command import Event, State
from domain.refusal import Cause, Code
from domain.words import Words
from gateway.executor import WATCH_LATE_S, Executor
from gateway.field import Field
from gateway.ledger import Ledger
from gateway.records import Records
from gateway.transcript import Transcript


def recover(
    ledger: Ledger,
    field: Field,
    executor: Executor,
    transcript: Transcript,
    records: Records,
    *,
    epoch: str,
    now_ms: int,
) -> None:
    """End every intent without an outcome as unknown, record the start, and watch for what may yet take effect."""
    ended: list[str] = []
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
