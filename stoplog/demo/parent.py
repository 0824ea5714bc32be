"""Ties a part to the supervisor that started it: when that one dies, even by kill -9, the kernel ends the part."""

import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """Ask the kernel (Linux) to kill this process when `parent` ends; exit at once if that has happened already.

    SIGKILL, because every part is made to survive it, and one that hangs must not become an orphan.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise SystemExit(1)
