"""Applies a changed park file to a running gateway: devices that it does not touch go on as if nothing had been.

Only the stations of changed, added and removed devices are rebuilt; a poll, a connection, an image of any other is not lost.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from domain.errors import ConfigurationError, Fault
from domain.ids import DeviceId, GatewayId
from domain.park import Park
from domain.quality import Quality, Reason
from gateway.executor import Executor
from gateway.field import Field, Station
from gateway.park_change import Change, are_loggers_other, compare
from gateway.poller import Tell, Turn
from gateway.polling import Polling
from gateway.telemetry_metrics import TelemetryMetrics
from gateway.timekeeper import Timekeeper
from gateway.watch import Watch
from runtime.clock import Clock
from runtime.log import logger

LOOK_S = 0.2
"""Wall seconds between looks at the commands that a change waits for."""


class Build(Protocol):
    """Makes the stations of some devices of a park."""

    def __call__(self, park: Park, *, only: frozenset[DeviceId]) -> Sequence[Station]: ...


class Reload:
    """The change of park of one gateway."""

    def __init__(
        self,
        field: Field,
        gateway: GatewayId,
        *,
        polling: Polling,
        executor: Executor,
        watch: Watch,
        build: Build,
        tell: Tell,
        times: Timekeeper,
        clock: Clock,
        is_superseded: Callable[[], bool],
        metrics: TelemetryMetrics,
    ) -> None:
        """`is_superseded` says whether a newer park is asked for."""
        self._field = field
        self._gateway = gateway
        self._polling = polling
        self._executor = executor
        self._watch = watch
        self._build = build
        self._tell = tell
        self._times = times
        self._clock = clock
        self._is_superseded = is_superseded
        self._metrics = metrics
        self._log = logger("reload")

    async def apply(self, park: Park) -> str:
        """Go over to `park` and return what changed. Raises ConfigurationError when that takes a restart.

        What is commanded on a device that changes is finished first: its outcome has to be read where it was written.
        """
        self._check(park)
        change = compare(self._field.park, park, self._gateway)
        new = {station.image.device.id: station for station in self._build(park, only=change.begun)}
        await self._let_commands_end(change)
        if self._is_superseded():
            for station in new.values():
                station.link.close()
            return "nothing, a newer one is asked for"
        old = [self._field.stations[device] for device in change.ended]
        here = [device.id for device in park.devices_of(self._gateway) if device.logger is None]
        self._field.change(park, [new.get(device) or self._field.stations[device] for device in here])
        self._watch.park_changed()
        await self._polling.stop(change.ended)
        for station in old:
            self._bury(station)
        self._polling.start(new.values())
        for device in change.removed:
            self._metrics.forget(device)
        return str(change)

    def _check(self, park: Park) -> None:
        """Refuse what the session at the broker and the journals are named by."""
        was = self._field.park.id
        if park.id != was:
            raise ConfigurationError(
                Fault(
                    file="park.yaml", line=0, field="id", kind="needs-restart",
                    message=f"the park was {was!r} and is {park.id!r} now",
                    remedy="restart the gateway to give it to another park",
                )
            )  # fmt: skip

        if are_loggers_other(self._field.park, park, self._gateway):
            raise ConfigurationError(
                Fault(
                    file="gateways.yaml", line=0, field=f"gateways.{self._gateway}.devices", kind="needs-restart",
                    message="the data loggers of this gateway are not those that it listens to",
                    remedy="restart the gateway to give it other data loggers",
                )
            )  # fmt: skip

    async def _let_commands_end(self, change: Change) -> None:
        is_said = False
        while busy := [
            key
            for key, actuator in self._field.actuators.items()
            if actuator.device in change.ended and self._executor.is_busy(key)
        ]:
            if self._is_superseded():
                return
            if not is_said:
                is_said = True
                self._log.info("waiting for commands to end", actuators=busy)
            await self._clock.sleep(0.0, floor_s=LOOK_S)

    def _bury(self, station: Station) -> None:
        """Say once that nothing more comes from what was served so: the store and every host hear it."""
        image = station.image
        was_told = image.is_alive
        image.is_alive = False
        rows = image.doubt(
            np.arange(len(image.points)),
            Quality.BAD,
            Reason.LINK,
            observed_ms=self._times.stamp(image.device.id),
        )
        if was_told:
            self._tell(image, rows, Turn.DEATH)
