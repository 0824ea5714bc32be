"""A loop whose time is made up: when nothing is ready it goes on to the next thing due at once. Sockets stay real."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

REST_S = 0.002
"""Real seconds to wait for a socket when nothing is due at all."""
START_MS = 1_780_000_000_000
Result = TypeVar("Result")


class _Selector(selectors.SelectSelector):
    """Looks at the sockets, and moves the time by what was to be waited: loopback answers at once or never."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(REST_S if timeout is None else 0)
        if not found and timeout is not None and timeout > 0:
            self.now_s += timeout
        return found


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now_s

    def run_in_executor(self, executor: Any, func: Callable[..., Result], *args: Any) -> Any:
        """Call it here and now: a thread would be left behind by the time."""
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except OSError as error:
            done.set_exception(error)
        return done


class VirtualClock:
    """The time of the running loop, wall and model alike."""

    speed = 1.0

    def now_ms(self) -> int:
        return START_MS + round(self.monotonic() * 1000)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, model_s: float, *, floor_s: float = 0.0) -> None:
        await asyncio.sleep(max(model_s, floor_s))


def run(main: Coroutine[Any, Any, Result]) -> Result:
    """Run `main` in made-up time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
