"""Owns the named tasks of a service: one that crashes ends the service with a traceback, a signal ends it cleanly.

The only place of a broad except. It restarts no process: that is the business of whoever started it, who is told by systemd's protocol how the service is.
"""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Self

from domain.errors import ConfigurationError, StoplogError
from runtime.clock import RealClock
from runtime.exits import Exit, exit_of
from runtime.liveness import Liveness
from runtime.log import logger
from runtime.notify import Notifier

STOP_S_MAX = 5.0
"""Wall seconds for tasks to end after they were cancelled; those still there are named in the log and left."""

LOOK_S = 1.0
"""Wall seconds between two looks at whether the tasks turn; a third of the watchdog's patience when that is less."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Supervised:
    """The tasks of one service.

    A signal or a crash while the block still works cancels it there. Leaving the block waits until a signal, `stop()`, a crash, or the end of every task; then cancels what is left.
    `status` is the exit status afterwards. An error raised in the block itself goes on to the caller.
    """

    def __init__(self, name: str, notifier: Notifier | None = None) -> None:
        self.clock = RealClock()
        """The wall: liveness is a matter of peers and processes, not of the park."""
        self.liveness = Liveness(self.clock.monotonic)
        """What the watchdog and /health/live go by."""
        self.notifier = notifier or Notifier({})
        self.status_words: Callable[[], str] = lambda: ""
        """One line on how the service is, for systemd; asked every second."""
        self.is_to_begin_again = False
        """Whether the service is to be built anew in this process when the block has ended."""
        self._reload: Callable[[], Awaitable[None]] | None = None
        self._hangup = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None
        self._stalled: tuple[str, ...] = ()
        self._name = name
        self._log = logger(name)
        self._tasks: set[asyncio.Task[None]] = set()
        self._last: set[asyncio.Task[None]] = set()
        """Those of them that the others may wait for while they end."""
        self._draining: Callable[[], Awaitable[None]] | None = None
        self._closing: list[Callable[[], Awaitable[None]]] = []
        self._ended = asyncio.Event()
        self._body: asyncio.Task[object] | None = None
        self._is_cut_short = False
        self.status = Exit.OK

    def start(
        self, coro: Coroutine[object, object, None], *, name: str, is_last: bool = False
    ) -> asyncio.Task[None]:
        """Run `coro` until it ends or the service does; with `is_last` until the other tasks have ended, which may wait for it."""
        task = asyncio.get_running_loop().create_task(self._guard(coro, name), name=f"{self._name}: {name}")
        self._tasks.add(task)
        if is_last:
            self._last.add(task)
        task.add_done_callback(self._forget)
        return task

    def stop(self, status: Exit = Exit.OK) -> None:
        """End the service; the first status that is not OK stays."""
        if self.status is Exit.OK:
            self.status = status
        self._ended.set()
        if self._body is not None and self._body is not asyncio.current_task():
            self._is_cut_short = True
            self._body.cancel()

    def at_end(self, close: Callable[[], Awaitable[None]]) -> None:
        """Await `close` when every task has ended; the last one given is the first to go."""
        self._closing.append(close)

    def before_end(self, drain: Callable[[], Awaitable[None]]) -> None:
        """Await `drain` when a signal asks for the end, while every task still runs; it bounds its own time."""
        self._draining = drain

    def on_hangup(self, reload: Callable[[], Awaitable[None]]) -> None:
        """Await `reload` at every SIGHUP, one after the other; several that come meanwhile are one."""
        self._reload = reload
        self.start(self._reload_for_ever(), name="reload")

    @property
    def is_reload_asked(self) -> bool:
        """Whether another SIGHUP has come since the reload that runs was begun."""
        return self._hangup.is_set()

    def begin_again(self) -> None:
        """End the service in good order, and build it anew in this process."""
        self.is_to_begin_again = True
        self.stop()

    def ready(self) -> None:
        """Say that the start is done. Said for a service whose `serve` returns; the others say it themselves."""
        self.notifier.ready()

    @property
    def is_stopping(self) -> bool:
        """Whether the service is to end."""
        return self._ended.is_set()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._on_signal, number)
        loop.add_signal_handler(signal.SIGHUP, self._on_hangup)
        self._body = asyncio.current_task()
        self._watching = loop.create_task(self._watch(), name=f"{self._name}: watchdog")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        body, self._body = self._body, None
        try:
            if error is None and self._tasks:
                await self._ended.wait()
                self._say_end()
                if self._draining is not None and self.status is Exit.OK:
                    await self._draining()
        finally:
            self._ended.set()
            self._say_end()
            await self._cancel(self._tasks - self._last)
            await self._cancel(set(self._last))
            await self._close_all()
            await self._stop_watching()
        if body is None or not (self._is_cut_short and isinstance(error, asyncio.CancelledError)):
            return False
        body.uncancel()
        return True

    async def _guard(self, coro: Coroutine[object, object, None], name: str) -> None:
        try:
            await coro
        except Exception as error:  # noqa: BLE001 # the one place that must
            status = exit_of(error)
            if isinstance(error, StoplogError) and status is not Exit.CRASH:
                self._log.error("task failed", task=name, reason=str(error))
            else:
                self._log.exception("task crashed", task=name)
            self.stop(status)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._last.discard(task)
        if not self._tasks and self._body is None:
            self._ended.set()

    def _on_signal(self, number: signal.Signals) -> None:
        self._log.info("stopping", signal=number.name)
        self.stop()

    def _on_hangup(self) -> None:
        if self._reload is None:
            self._log.warning("nothing is read again", signal="SIGHUP")
        self._hangup.set()

    async def _reload_for_ever(self) -> None:
        assert self._reload is not None
        while True:
            await self._hangup.wait()
            self._hangup.clear()
            self.notifier.reloading(self.clock.monotonic())
            await self._reload()
            if not self.is_to_begin_again:
                self.notifier.ready()

    async def _watch(self) -> None:
        """Tell the watchdog that the main tasks turn, as long as they do; it turns with the loop that they turn on."""
        patience_s = self.notifier.watchdog_s
        period_s = LOOK_S if patience_s is None else min(LOOK_S, patience_s / 3)
        while True:
            self._say_stalled()
            if not self._stalled:
                self.notifier.alive()
            if words := self.status_words():
                self.notifier.status(words)
            await asyncio.sleep(period_s)

    def _say_stalled(self) -> None:
        stalled = self.liveness.stalled()
        if stalled == self._stalled:
            return
        self._stalled = stalled
        if stalled:
            self._log.error("tasks do not turn", tasks=list(stalled))
        else:
            self._log.info("every task turns again")

    def _say_end(self) -> None:
        if not self.is_to_begin_again:
            self.notifier.stopping()

    async def _stop_watching(self) -> None:
        loop = asyncio.get_running_loop()
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait({self._watching})
        for number in (*_SIGNALS, signal.SIGHUP):
            loop.remove_signal_handler(number)
        if self.is_to_begin_again:
            # Until the next block listens, another hang-up must not be the end.
            signal.signal(signal.SIGHUP, signal.SIG_IGN)

    async def _close_all(self) -> None:
        while self._closing:
            close = self._closing.pop()
            try:
                async with asyncio.timeout(STOP_S_MAX):
                    await close()
            except (StoplogError, OSError) as error:
                self._log.error("not closed", reason=str(error) or type(error).__name__)

    async def _cancel(self, tasks: set[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.cancel()
        if not tasks:
            return
        _, left = await asyncio.wait(tasks, timeout=STOP_S_MAX)
        for task in left:
            self._log.error("task did not end", task=task.get_name())


def run_service(
    name: str,
    serve: Callable[[Supervised], Awaitable[None]],
    *,
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> int:
    """Run one service to its end and return its exit status; `loop_factory` e.g. of uvloop, None: asyncio's own.

    `serve` starts tasks and returns (or goes on working). A start-up error is said in one message on standard error,
    without a traceback unless it is a bug.
    """
    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            return runner.run(_serve(name, serve))
    except Exception as error:  # noqa: BLE001 # the one place that must
        status = exit_of(error)
        if status is Exit.CRASH:
            logger(name).exception("crashed")
        else:
            sys.stderr.write(f"stoplog {name}: {words_of(error)}\n")
        return status


async def _serve(name: str, serve: Callable[[Supervised], Awaitable[None]]) -> int:
    notifier = Notifier()
    try:
        while True:
            async with Supervised(name, notifier) as tasks:
                await serve(tasks)
                tasks.ready()
            if not tasks.is_to_begin_again or tasks.status is not Exit.OK:
                return tasks.status
    finally:
        notifier.close()


def words_of(error: BaseException) -> str:
    """Return what a person reads about an error that kept a process from starting."""
    if isinstance(error, ConfigurationError):
        return "\n".join(str(fault) for fault in error.faults)
    return str(error)
