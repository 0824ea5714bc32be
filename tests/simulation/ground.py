"""What every part of the simulated world stands on: its loop, its time, its trace, its chance, its broker, PLCs and keys."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from tests.simulation.broker import Broker
from tests.simulation.chance import Chance
from tests.simulation.loop import Process, SimLoop, Sleep
from tests.simulation.pens import Keys
from tests.simulation.plcs import Plant
from tests.simulation.trace import Ended, Trace

START_MS = 1_780_000_000_000
START_S = 1000.0


@dataclass(kw_only=True)
class Ground:
    """The world without its people."""

    loop: SimLoop
    trace: Trace
    chance: Chance
    keys: Keys
    broker: Broker
    plant: Plant

    def clock_s(self) -> float:
        """Return the seconds since the world began."""
        return self.loop.now_s - START_S

    def new_process(self, name: str, life: int) -> Process:
        """Return a new process that the trace will see end."""
        process = Process(name, life, self.loop)
        process.on_killed = lambda: self.ended(process, "kill")
        process.on_bug = lambda error: self._failed(process, error)
        return process

    def ended(self, process: Process, why: str) -> None:
        """A life of a process is over."""
        self.trace.put(Ended(at_s=self.clock_s(), process=process.name, life=process.life, why=why))
        self.loop.bury(process)
        self.broker.vanished(process)

    def _failed(self, process: Process, error: BaseException) -> None:
        if process.is_dying:
            return
        process.on_killed = lambda: self.ended(process, f"bug: {type(error).__name__}: {error}")
        self.bugs.append(error)
        process.kill()

    def work(self, coro: Coroutine[Any, Any, None]) -> None:
        """Let a part of the world itself go on; an error out of it is a bug as well, of the world."""
        self.loop.create_task(self._guard(coro))

    async def _guard(self, coro: Coroutine[Any, Any, None]) -> None:
        try:
            await coro
        except Exception as error:  # noqa: BLE001  (whatever it is, the world does not go on as it was meant)
            self.bugs.append(error)

    def __post_init__(self) -> None:
        self.bugs: list[BaseException] = []


class SimClock:
    """The clock of one machine: its time of day may step, its monotonic time never does."""

    speed = 1.0

    def __init__(self, ground: Ground) -> None:
        self.offset_ms = 0
        self._loop = ground.loop

    def now_ms(self) -> int:
        return START_MS + round((self._loop.now_s - START_S) * 1000) + self.offset_ms

    def monotonic(self) -> float:
        return self._loop.now_s

    async def sleep(self, model_s: float, *, floor_s: float = 0.0) -> None:
        await Sleep(self._loop, self._loop.now_s + max(model_s, floor_s))


def true_ms(clock_s: Callable[[], float]) -> Callable[[], int]:
    """Return the true time of day of the world."""
    return lambda: START_MS + round(clock_s() * 1000)
