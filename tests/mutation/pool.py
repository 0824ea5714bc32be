"""Forks a child for each piece of work, so many at a time, and says how each ended; knows nothing of tests or mutants."""

import os
import resource
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import TypeVar

MEMORY_MAX = 4 << 30
"""Bytes of address space that a child may come to: a loop that collects for ever ends by itself."""
NOTE_MAX = 4096
TIMED = (signal.SIGPROF, signal.SIGALRM)
Work = TypeVar("Work")


class End(StrEnum):
    """How a child ended."""

    SURVIVED = "survived"
    KILLED = "killed"
    TIMEOUT = "timeout"
    SAME = "same"
    """The mistake makes no difference to the compiler."""
    NOT_HERE = "not here"
    """No function of this process differs: the mutant needs a process of its own."""


ENDS = {0: End.SURVIVED, 1: End.KILLED, 2: End.SAME, 3: End.NOT_HERE}
CODES = {end: code for code, end in ENDS.items()}


def give_up_after(cpu_s: float, wall_s: float) -> None:
    """End this process when it took so much of a core or so long from now on: only the kernel can interrupt any loop."""
    signal.setitimer(signal.ITIMER_PROF, cpu_s)
    signal.setitimer(signal.ITIMER_REAL, wall_s)


def leave(end: End, note: str = "") -> None:
    """End this child here and now, with a short note for whoever forked it."""
    os.write(_note_to[0], note.encode()[:NOTE_MAX])
    os._exit(CODES[end])


_note_to = [1]


def forked(
    works: Iterable[Work], *, workers: int, child: Callable[[Work], None]
) -> Iterator[tuple[Work, End, str]]:
    """Yield each work with its end and note, as they end; `child` leaves, or fails, which counts as killed."""
    running: dict[int, tuple[Work, int]] = {}
    for work in works:
        while len(running) >= workers:
            yield _ended(running)
        reading, writing = os.pipe()
        process = os.fork()
        if process == 0:
            os.close(reading)
            _run(work, writing, child)
        os.close(writing)
        running[process] = work, reading
    while running:
        yield _ended(running)


def _run(work: Work, writing: int, child: Callable[[Work], None]) -> None:
    code = CODES[End.KILLED]
    try:
        _note_to[0] = writing
        os.setpgid(0, 0)
        for number in TIMED:
            signal.signal(number, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(nothing, number)
        child(work)
    except BaseException as error:  # noqa: BLE001 a mutant may raise anything, also on its way out
        os.write(writing, repr(error).encode()[:NOTE_MAX])
    finally:
        sys.settrace(None)
        os._exit(code)


def _ended(running: dict[int, tuple[Work, int]]) -> tuple[Work, End, str]:
    process, status = os.wait()
    work, reading = running.pop(process)
    with os.fdopen(reading, "rb") as pipe:
        os.set_blocking(pipe.fileno(), False)
        note = (pipe.read(NOTE_MAX) or b"").decode(errors="replace")
    if os.WIFSIGNALED(status):
        is_timed = os.WTERMSIG(status) in TIMED
        return work, End.TIMEOUT if is_timed else End.KILLED, note
    return work, ENDS.get(os.WEXITSTATUS(status), End.KILLED), note
