"""After a start: what was being executed when the process died is unknown, and is said to be (I5)."""

from domain.command import Event, State
from domain.refusal import Cause, Code
from domain.words import Words
from gateway.executor import Executor
from gateway.field import Field
from gateway.ledger import Ledger
from gateway.records import Records
from gateway.transcript import Transcript


def recover(
    ledger: Ledger, field: Field, executor: Executor, transcript: Transcript, records: Records, *, epoch: str
) -> None:
    """End every intent without an outcome as unknown, and record the start."""
    ended: list[str] = []
    for entry in list(ledger.unfinished()):
        if entry.state is not State.OPERATING:
            transcript.advance(entry, Event.OPERATE)
        cause = Cause(code=Code.IN_DOUBT, detail=Words("网关重启", "the gateway restarted"))
        transcript.advance(entry, Event.SILENCE, reasons=(cause,))
        if entry.actuator in field.actuators:
            executor.recover(entry.actuator)
        ended.append(entry.id)
    records.make("start", {"epoch": epoch, "recovered": ended})
