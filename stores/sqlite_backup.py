"""Copies a database of ours while it is written: one consistent moment, compact, checked before it gets its name."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from domain.errors import StorageError


def back_up(source: Path, target: Path) -> int:
    """Copy `source` to `target`, which must not be there; return its size in bytes. Raises StorageError; nothing is then left.

    The writer is not held up: it goes on in its write-ahead log meanwhile.
    """
    if target.exists():
        message = f"{target} is there already: name a file that is not"
        raise StorageError(message)
    making = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        making.unlink(missing_ok=True)
        with closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as db:
            db.execute("VACUUM INTO ?", (str(making),))
        with closing(sqlite3.connect(f"{making.absolute().as_uri()}?mode=ro", uri=True)) as db:
            found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            message = f"the copy of {source} is damaged: {found}"
            raise StorageError(message)
        _sync(making)
        making.rename(target)
        _sync(target.parent)
    except (sqlite3.Error, OSError) as error:
        message = f"{source} cannot be copied to {target}: {error}"
        raise StorageError(message) from error
    finally:
        making.unlink(missing_ok=True)
    return target.stat().st_size


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
