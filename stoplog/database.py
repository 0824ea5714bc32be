"""`stoplog database copy`: moves control's database between SQLite and PostgreSQL; it changes neither on the way."""

import asyncio
from pathlib import Path

from control.database.connection import open_database
from control.database.transfer import copy_all
from runtime.exits import Exit


def run_copy(source: str, target: str, source_password: Path | None, target_password: Path | None) -> int:
    """Copy everything from the address `source` into the empty database at `target`, and say how much.

    Raises ConfigurationError for an address that is none, StorageError when either side fails.
    """
    count = asyncio.run(_copy(source, target, source_password, target_password))
    print(f"{count} rows copied")
    return Exit.OK


async def _copy(source: str, target: str, source_password: Path | None, target_password: Path | None) -> int:
    held = await open_database(source, password_file=source_password)
    copy = await open_database(target, password_file=target_password)
    try:
        return await copy_all(held, copy)
    finally:
        await held.dispose()
        await copy.dispose()
