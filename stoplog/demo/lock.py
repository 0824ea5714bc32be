"""One demonstration at a time in a state folder, and no part left over from one that was killed."""

import fcntl
import os
import signal
from pathlib import Path
from typing import IO

from domain.errors import LinkError, StorageError


def take(state: Path) -> IO[str]:
    """Return the lock of `state`, held until it is closed.

    Raises LinkError when another run holds it, StorageError when the folder cannot be written.
    """
    try:
        state.mkdir(parents=True, exist_ok=True)
        lock = (state / "lock").open("a+", encoding="ascii")
    except OSError as error:
        raise StorageError(
            f"{state} cannot be written: {error.strerror} — name another folder with --state"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        holder = lock.read().strip() or "?"
        lock.close()
        raise LinkError(
            f"process {holder} already runs a demonstration in {state} — stop it (Ctrl-C) or name another folder with --state"
        ) from None
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


def end_leftovers(logs: Path) -> list[str]:
    """Kill parts of an earlier run that still live; return their names."""
    ended = []
    for file in sorted(logs.glob("*.pid")):
        pid = int(file.read_text(encoding="ascii").strip() or "0")
        if pid > 1 and _is_part(pid):
            os.kill(pid, signal.SIGKILL)
            ended.append(file.stem)
        file.unlink(missing_ok=True)
    return ended


def _is_part(pid: int) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"stoplog" in words and b"--with-parent" in words
