"""Owns the tasks that poll the PLCs: starts one for each station, and ends it when its device is changed or gone."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence

from domain.ids import DeviceId
from gateway.field import Station
from gateway.poller import Observe, Tell
from runtime.liveness import Liveness

STOP_S_MAX = 10.0
"""Wall seconds for pollers to end after they were cancelled; a station that hangs longer is left behind."""

Start = Callable[[Coroutine[object, object, None], str], asyncio.Task[None]]


class Polling:
    """Every poller of one gateway."""

    def __init__(self, start: Start, liveness: Liveness, tell: Tell, observe: Observe) -> None:
        self._start = start
        self._liveness = liveness
        self._tell = tell
        self._observe = observe
        self._tasks: dict[DeviceId, asyncio.Task[None]] = {}

    def start(self, stations: Iterable[Station]) -> None:
        """Poll each of `stations` from now on."""
        for station in stations:
            device, name = station.image.device.id, _name(station.image.device.id)
            station.poller.listen(self._tell, self._observe)
            station.poller.breathe = self._liveness.watch(name)
            self._tasks[device] = self._start(station.poller.run(), name)

    async def stop(self, devices: Iterable[DeviceId]) -> None:
        """Poll `devices` no longer, and return when their connections are closed."""
        ending = {device: self._tasks.pop(device) for device in devices}
        for device, task in ending.items():
            self._liveness.forget(_name(device))
            task.cancel()
        if ending:
            await asyncio.wait(ending.values(), timeout=STOP_S_MAX)

    def tasks(self) -> Sequence[asyncio.Task[None]]:
        """Return the tasks that poll now."""
        return list(self._tasks.values())


def _name(device: DeviceId) -> str:
    return f"poll {device}"
