"""A gateway's ledger that lies in memory and still outlives its process: what is reopened holds what was committed."""

import sqlite3
from pathlib import Path

from gateway.ledger import Ledger


def reopened(before: Ledger | None) -> Ledger:
    """Return the ledger of the next life; `before` is that of the life that was ended, None: there was none."""
    if before is None:
        return Ledger.open(Path(":memory:"))
    database = sqlite3.connect(":memory:", isolation_level=None)
    before._database.backup(database)
    before.close()
    ledger = Ledger(database)
    ledger._load()
    return ledger
