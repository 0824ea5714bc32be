"""Control puts itself together whole or says why not, wherever in its start the database goes away."""

import asyncio
import json
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from control.audit.checkpoints import Checkpoints, Paths
from control.audit.log import AuditLog
from control.core import Core, Journal, assemble
from control.database.ledger import Ledger
from control.database.recorder import Recorder
from control.database.spool import Spool
from control.settings import ApiBlock, ControlSettings, DatabaseBlock
from domain.errors import StorageError
from runtime.settings import BrokerBlock, KeysBlock
from tests.fakes.memory_database import MemoryDatabase, What
from tests.fakes.virtual_time import VirtualClock, run
from tests.unit.control.world import park
from wire.signing import Role, load_signer, new_key

GONE = "the disk is gone"
READS_MAX = 50


async def started(folder: Path, *, reads: int) -> Core:
    """Start on a database that answers so many questions and no more."""
    left = reads

    async def pause(what: What) -> None:
        nonlocal left
        left -= what == "read"
        if left < 0:
            raise OperationalError("", None, Exception(GONE))

    clock, park_ = VirtualClock(), park()
    engine = MemoryDatabase().engine(pause)
    ledger = Ledger(engine)
    signer = load_signer(json.dumps(new_key(kid="control", role=Role.CONTROL, identity="control")))
    paths = Paths(checkpoints=folder / "checkpoints.jsonl", trusted=folder / "trusted")
    journal = Journal(
        engine=engine,
        ledger=ledger,
        recorder=Recorder(ledger, Spool(folder / "spool.jsonl"), clock),
        audit=AuditLog(ledger),
        checkpoints=Checkpoints(ledger, signer, clock, park=park_.id, paths=paths),
    )
    settings = ControlSettings(
        park=folder,
        state=folder,
        broker=BrokerBlock(host="broker", port=1),
        keys=KeysBlock(own=folder / "own", trusted=folder / "trusted"),
        database=DatabaseBlock(url="sqlite:////memory"),
        api=ApiBlock(port=0),
    )
    writing = asyncio.create_task(ledger.run())
    try:
        return await assemble(settings, park_, signer, journal, clock, clock)
    finally:
        writing.cancel()


def test_a_database_that_goes_away_in_the_middle_of_a_start_is_named(tmp_path: Path) -> None:
    said = []
    for reads in range(READS_MAX):
        try:
            core = run(started(tmp_path, reads=reads))
        except StorageError as error:
            said.append(str(error))
        else:
            break
    else:
        pytest.fail(f"not started after {READS_MAX} answers")
    assert len(said) > 5, "there are as many moments in which it may go away"
    assert all(GONE in words for words in said)
    assert core.term.number == 1
