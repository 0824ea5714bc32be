"""Owns the tasks that poll the PLCs: starts one for each station, and ends it when its device is changed or gone.

Where time is scaled, one task follows its speed for all of them: an idle poller wakes for its polls only.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence

from domain.ids import DeviceId
from gateway.field import Station
from gateway.poller import Observe, Poller, Tell
from runtime.clock import Clock, PageClock
from runtime.liveness import Liveness

STOP_S_MAX = 10.0
"""Wall seconds for pollers to end after they were cancelled; a station that hangs longer is left behind."""
SPEED_LOOK_S = 0.25
"""Wall seconds: a change of speed is noticed within this."""

Start = Callable[[Coroutine[object, object, None], str], asyncio.Task[None]]


class Polling:
    """Every poller of one gateway."""

    def __init__(self, start: Start, liveness: Liveness, clock: Clock, tell: Tell, observe: Observe) -> None:
        self._start = start
        self._liveness = liveness
        self._clock = clock
        self._tell = tell
        self._observe = observe
        self._tasks: dict[DeviceId, asyncio.Task[None]] = {}
        self._pollers: dict[DeviceId, Poller] = {}
        self._follows: asyncio.Task[None] | None = None

    def start(self, stations: Iterable[Station]) -> None:
        """Poll each of `stations` from now on."""
        for station in stations:
            device, name = station.image.device.id, _name(station.image.device.id)
            station.poller.listen(self._tell, self._observe)
            station.poller.breathe = self._liveness.watch(name)
            self._tasks[device] = self._start(station.poller.run(), name)
            self._pollers[device] = station.poller
        if self._follows is None and isinstance(self._clock, PageClock):
            self._follows = self._start(self._follow(self._clock), "speed")

    async def stop(self, devices: Iterable[DeviceId]) -> None:
        """Poll `devices` no longer, and return when their connections are closed."""
        ending = {device: self._tasks.pop(device) for device in devices}
        for device in ending:
            del self._pollers[device]
        for device, task in ending.items():
            self._liveness.forget(_name(device))
            task.cancel()
        if ending:
            await asyncio.wait(ending.values(), timeout=STOP_S_MAX)

    def tasks(self) -> Sequence[asyncio.Task[None]]:
        """Return the tasks that poll now."""
        return list(self._tasks.values())

    async def _follow(self, clock: Clock) -> None:
        """Wake every poller when the speed of `clock` changes, for ever."""
        speed = clock.speed
        while True:
            await asyncio.sleep(SPEED_LOOK_S)
            if clock.speed != speed:
                speed = clock.speed
                for poller in self._pollers.values():
                    poller.wake()


def _name(device: DeviceId) -> str:
    return f"poll {device}"
