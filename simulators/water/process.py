"""Owns a spawned process with the water in it, and talks to it over a pipe.

SWMM holds the interpreter and allows one run per process, so that the water lives alone; the child ends when its
parent does, however the parent ended. Calls block: an event loop makes them in a thread.
"""

import multiprocessing
import signal
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Literal, Self

from domain.errors import LinkLost, LinkTimeout, StoplogError
from domain.ids import FacilityId
from simulators.water.model import WaterConfig, WaterModel, WaterRefused
from simulators.water.state import Spill, WaterState

ANSWER_S_MAX = 120.0
"""Wall seconds for one answer: an hour of model time takes about 5 on a slow machine."""

STOP_S_MAX = 5.0
"""Wall seconds in which the child may end by itself before it is killed."""


class WaterLost(LinkLost):
    """The water's process ended by itself or was killed: restore from the last checkpoint."""


class WaterTimeout(LinkTimeout):
    """The water's process did not answer in time; it was killed: restore from the last checkpoint."""


@dataclass(frozen=True, slots=True)
class _Advance:
    to_ms: int
    settings: Mapping[FacilityId, float]
    spills: Sequence[Spill]


@dataclass(frozen=True, slots=True)
class _Save:
    path: Path


@dataclass(frozen=True, slots=True)
class _Failed:
    kind: Literal["refused", "failed"]
    words: str


_Request = _Advance | _Save
_Answer = WaterState | _Failed


class WaterProcess:
    """One run of the water. Safe to call from any thread, one call at a time; a context manager."""

    def __init__(self, config: WaterConfig, *, answer_s_max: float = ANSWER_S_MAX) -> None:
        """Remember `config`; `start` or `restore` makes the process."""
        self._config = config
        self._answer_s_max = answer_s_max
        self._lock = threading.Lock()
        self._child: multiprocessing.context.SpawnProcess | None = None
        self._pipe: Connection | None = None

    def start(self) -> WaterState:
        """Begin at the config's start, warmed up. Raises StoplogError with the child's words if it cannot."""
        return self._begin(None)

    def restore(self, path: Path) -> WaterState:
        """Begin again where `save` left `path`, ending a process that still runs. Returns the state then.

        Raises StoplogError if the checkpoint is not whole or of another network.
        """
        return self._begin(path)

    def advance(
        self, to_ms: int, settings: Mapping[FacilityId, float], spills: Sequence[Spill] = ()
    ) -> WaterState:
        """See WaterModel.advance. Raises WaterRefused, WaterLost, WaterTimeout."""
        with self._lock:
            return self._ask(_Advance(to_ms, dict(settings), tuple(spills)))

    def save(self, path: Path) -> WaterState:
        """Write a checkpoint of now to `path`, all or nothing, and return the state that it holds."""
        with self._lock:
            return self._ask(_Save(path))

    @property
    def pid(self) -> int | None:
        """The child's process id; None before `start` and after `close`."""
        return self._child.pid if self._child else None

    def close(self) -> None:
        """End the child; harmless when it is gone already."""
        with self._lock:
            self._end(grace_s=STOP_S_MAX)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _begin(self, restore_from: Path | None) -> WaterState:
        with self._lock:
            self._end(grace_s=STOP_S_MAX)
            context = multiprocessing.get_context("spawn")
            self._pipe, theirs = context.Pipe()
            self._child = context.Process(
                target=_child, args=(theirs, self._config, restore_from), name="water", daemon=True
            )
            self._child.start()
            theirs.close()
            return self._answer()

    def _ask(self, request: _Request) -> WaterState:
        if self._pipe is None:
            raise WaterLost("the water's process is not running")
        try:
            self._pipe.send(request)
        except OSError as error:
            raise self._lost() from error
        return self._answer()

    def _answer(self) -> WaterState:
        assert self._pipe is not None
        try:
            if not self._pipe.poll(self._answer_s_max):
                self._end(grace_s=0.0)
                raise WaterTimeout(f"the water's process did not answer in {self._answer_s_max} s")
            answer: _Answer = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise self._lost() from error
        match answer:
            case WaterState():
                return answer
            case _Failed(kind="refused"):
                raise WaterRefused(answer.words)
            case _Failed():
                self._end(grace_s=STOP_S_MAX)
                raise StoplogError(f"the water stopped: {answer.words}")

    def _lost(self) -> WaterLost:
        child = self._child
        if child is not None:
            child.join(STOP_S_MAX)
        code = child.exitcode if child is not None else None
        self._end(grace_s=0.0)
        return WaterLost(f"the water's process ended with status {code}")

    def _end(self, *, grace_s: float) -> None:
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
        if self._child is not None:
            self._child.join(grace_s)
            if self._child.is_alive():
                self._child.kill()
                self._child.join()
            self._child.close()
            self._child = None


def _child(pipe: Connection, config: WaterConfig, restore_from: Path | None) -> None:
    """Serve requests until the parent closes the pipe or is gone. Ctrl-C is the parent's to act on."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, OSError):
        try:
            model = WaterModel(config, restore_from=restore_from)
        except StoplogError as error:
            pipe.send(_Failed("failed", str(error)))
            return
        pipe.send(model.state())
        while True:
            pipe.send(_served(model, pipe.recv()))


def _served(model: WaterModel, request: _Request) -> _Answer:
    try:
        match request:
            case _Advance():
                return model.advance(request.to_ms, request.settings, request.spills)
            case _Save():
                model.save(request.path)
                return model.state()
    except WaterRefused as error:
        return _Failed("refused", str(error))
    except StoplogError as error:
        return _Failed("failed", str(error))
