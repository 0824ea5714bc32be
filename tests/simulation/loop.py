"""An event loop in made-up time whose tasks belong to processes: each can be killed or held at any await, and nothing of it runs on.

Nothing waits: when no callback is ready, time goes on to the next timer. The order of everything follows from the program and
the seed alone. A killed process runs no `finally`: what it had in hand is kept out of reach until the world ends.
"""

import asyncio
import contextlib
import gc
import heapq
import sys
import warnings
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextvars import Context, ContextVar, copy_context
from typing import Any, TypeVar, cast

Result = TypeVar("Result")


class Process:
    """Everything that runs as one process of the simulated world."""

    def __init__(self, name: str, life: int, loop: "SimLoop") -> None:
        self.name = name
        self.life = life
        self.is_dead = False
        self.is_held = False
        """Whether it is stopped and will go on, as by SIGSTOP or a long pause of its machine."""
        self.steps_left: int | None = None
        """Turns of its tasks until it is killed; None: it is not to be."""
        self.effects_left: int | None = None
        """Effects (disk, network) until it is killed in the midst of whatever it does; None: it is not to be."""
        self.on_killed: Callable[[], None] = lambda: None
        self.on_bug: Callable[[BaseException], None] = lambda error: None
        self.tasks: set[asyncio.Task[Any]] = set()
        self.backlog: list[_Handle] = []
        self._loop = loop
        self._context = copy_context()
        self._context.run(_PROCESS.set, self)

    def start(self, coro: Coroutine[Any, Any, Result], name: str = "") -> asyncio.Task[Result]:
        """Run `coro` in this process."""
        task: asyncio.Task[Result] = self._context.run(self._loop.create_task, coro, name=name or None)
        return task

    def work(self, coro: Coroutine[Any, Any, object], name: str) -> "asyncio.Task[None]":
        """Run what should run for ever, or at least end well: an error out of it is a bug of the process."""
        return self.start(self._guard(coro), name)

    def affects(self) -> bool:
        """Count one effect on the world; False: the process is being killed just now, the effect does not happen."""
        if self.is_dead:
            return False
        left = self.effects_left
        if left is not None:
            if left <= 0:
                return False
            self.effects_left = left - 1
        return True

    @property
    def is_dying(self) -> bool:
        """Whether nothing that it does has an effect any more."""
        return self.is_dead or self.effects_left == 0

    def kill(self) -> None:
        """Let nothing of it run any more."""
        if not self.is_dead:
            self.is_dead = True
            self.backlog.clear()
            for task in self.tasks:
                task._log_destroy_pending = False  # type: ignore[attr-defined]
            self.on_killed()

    def hold(self) -> None:
        """Let nothing of it run until `go_on`."""
        self.is_held = True

    def go_on(self) -> None:
        """Run what has become ready meanwhile, in its order."""
        self.is_held = False
        waiting, self.backlog = self.backlog, []
        self._loop.ready.extend(waiting)

    async def _guard(self, coro: Coroutine[Any, Any, object]) -> None:
        try:
            await coro
        except (asyncio.CancelledError, GeneratorExit):
            raise
        except BaseException as error:  # noqa: BLE001  (whatever ends a service by itself is what is looked for)
            self.on_bug(error)


_PROCESS: ContextVar[Process | None] = ContextVar("process", default=None)


def current() -> Process | None:
    """Return the process whose task runs now; None: the world itself."""
    return _PROCESS.get()


class _Handle:
    """A callback that waits for its turn."""

    __slots__ = ("args", "callback", "context", "is_cancelled", "process", "when_s")

    def __init__(
        self, callback: Callable[..., object], args: tuple[object, ...], context: Context, when_s: float
    ) -> None:
        self.callback = callback
        self.args = args
        self.context = context
        self.process: Process | None = context.get(_PROCESS)
        self.when_s = when_s
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True

    def cancelled(self) -> bool:
        return self.is_cancelled

    def when(self) -> float:
        return self.when_s


class SimLoop(asyncio.AbstractEventLoop):
    """The loop."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.ready: deque[_Handle] = deque()
        self.turns = 0
        self._timers: list[tuple[float, int, _Handle]] = []
        self._count = 0
        self._is_closed = False
        self._graves: list[object] = []
        self._world = Context()

    def run(self, main: Coroutine[Any, Any, Result]) -> Result:
        """Run `main` to its end, with everything that it starts."""
        before = asyncio._get_running_loop()
        asyncio._set_running_loop(self)
        try:
            task = self.create_task(main)
            while not task.done():
                self._turn()
            return cast("Result", task.result())
        finally:
            asyncio._set_running_loop(before)

    def _turn(self) -> None:
        ready, timers = self.ready, self._timers
        while timers and (timers[0][2].is_cancelled or timers[0][0] <= self.now_s):
            handle = heapq.heappop(timers)[2]
            if not handle.is_cancelled:
                ready.append(handle)
        if not ready:
            if not timers:
                message = "nothing is left to happen, and the world has not ended"
                raise RuntimeError(message)
            self.now_s = max(self.now_s, timers[0][0])
            return
        for _ in range(len(ready)):
            handle = ready.popleft()
            process = handle.process
            if handle.is_cancelled or (process is not None and not self._may_run(process, handle)):
                continue
            self.turns += 1
            handle.context.run(handle.callback, *handle.args)
            if process is not None and process.effects_left == 0 and not process.is_dead:
                process.kill()

    def _may_run(self, process: Process, handle: _Handle) -> bool:
        """Whether `process` lives and has its turns left; what it may not run now is buried, or waits."""
        if process.is_dead:
            self._graves.append(handle)
            return False
        if process.is_held:
            process.backlog.append(handle)
            return False
        if process.steps_left is not None:
            if process.steps_left <= 0:
                self._graves.append(handle)
                process.kill()
                return False
            process.steps_left -= 1
        return True

    def bury(self, process: Process) -> None:
        """Keep what a killed process had in hand, so that nothing of it is closed while the world goes on."""
        self._graves += process.tasks

    def end(self) -> None:
        """Let go of everything, in silence: coroutines that are closed now belong to a world that is over."""
        self._is_closed = True
        hook, sys.unraisablehook = sys.unraisablehook, lambda _: None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._graves.clear()
                self._timers.clear()
                self.ready.clear()
                gc.collect()
        finally:
            sys.unraisablehook = hook

    def later(self, delay_s: float, callback: Callable[..., object], *args: object) -> _Handle:
        """Have the world itself do something later, whoever asks for it and whatever becomes of them."""
        return cast("_Handle", self.call_at(self.now_s + delay_s, callback, *args, context=self._world))

    def time(self) -> float:
        return self.now_s

    def call_soon(self, callback: Any, *args: Any, context: Context | None = None) -> Any:  # type: ignore[override]
        handle = _Handle(callback, args, copy_context() if context is None else context, self.now_s)
        self.ready.append(handle)
        return handle

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Any, *args: Any, context: Context | None = None
    ) -> Any:
        return self.call_at(self.now_s + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Any, *args: Any, context: Context | None = None
    ) -> Any:
        handle = _Handle(callback, args, copy_context() if context is None else context, when)
        self._count += 1
        heapq.heappush(self._timers, (when, self._count, handle))
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def create_future(self) -> "asyncio.Future[Any]":
        return asyncio.Future(loop=self)

    def create_task(
        self, coro: Any, *, name: str | None = None, context: Context | None = None
    ) -> "asyncio.Task[Any]":
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=self, name=name or "task", context=context)
        process = _PROCESS.get() if context is None else context.get(_PROCESS)
        if process is not None:
            process.tasks.add(task)
            task.add_done_callback(process.tasks.discard)
        return task

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Result], *args: Any
    ) -> Any:
        """Call it here, and answer a turn later: a thread would be left behind by the time."""
        done = self.create_future()
        try:
            result = func(*args)
        except OSError as error:
            self.call_soon(_fail, done, error)
        else:
            self.call_soon(_answer, done, result)
        return done

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return self._is_closed

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """A task that nobody awaited has failed, or one was forgotten: both are told by whoever owns them."""

    def _timer_handle_cancelled(self, handle: object) -> None:
        """Timers are looked at when their time comes."""


def _answer(done: "asyncio.Future[Any]", result: object) -> None:
    if not done.done():
        done.set_result(result)


def _fail(done: "asyncio.Future[Any]", error: BaseException) -> None:
    if not done.done():
        done.set_exception(error)


@contextlib.contextmanager
def as_process(process: Process | None) -> Iterator[None]:
    """Create what the block creates as the given process."""
    token = _PROCESS.set(process)
    try:
        yield
    finally:
        _PROCESS.reset(token)


class Sleep:
    """Wait until a time of the loop, cheaper than `asyncio.sleep`."""

    __slots__ = ("_future",)

    def __init__(self, loop: SimLoop, until_s: float) -> None:
        self._future = loop.create_future()
        loop.call_at(until_s, _answer, self._future, None)

    def __await__(self) -> Generator[Any, None, None]:
        yield from self._future
