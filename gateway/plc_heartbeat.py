"""Counts up the heartbeat register of every PLC that has one, while there is a connection to it; moves nothing."""

from collections.abc import Callable

from domain.drive import Table, Write
from domain.errors import LinkError
from domain.ids import DeviceId
from domain.park import PlcHeartbeat
from gateway.field import Field, Station
from gateway.plc import DeviceRefused
from gateway.pulses import Spawn
from runtime.clock import Clock
from runtime.log import logger

LOOK_S = 0.1
"""Wall seconds between two looks: no register is counted faster."""
IDLE_S = 1.0
"""Wall seconds between two looks where no PLC has one: a changed park may bring one."""
COUNTS = 65_536


class PlcHeartbeats:
    """The counts of one gateway's PLCs; a restart goes on anywhere, a PLC looks only whether they change."""

    def __init__(self, field: Field, *, clock: Clock, spawn: Spawn) -> None:
        self._field = field
        self._clock = clock
        self._spawn = spawn
        self._counts: dict[DeviceId, int] = {}
        self._due_s: dict[DeviceId, float] = {}
        self._writing: set[DeviceId] = set()
        self._refused: set[DeviceId] = set()
        self._log = logger("plc heartbeat")

    async def run(self, breathe: Callable[[], None]) -> None:
        """Count for ever."""
        while True:
            breathe()
            await self._clock.sleep(0.0, floor_s=LOOK_S if self.look() else IDLE_S)

    def look(self) -> bool:
        """Count what is due; return whether any PLC has a heartbeat at all."""
        now_s, has_one = self._clock.monotonic(), False
        for device, station in self._field.stations.items():
            heartbeat = station.image.device.heartbeat
            if heartbeat is None:
                continue
            has_one = True
            # Whoever has no connection is not called for this: a beat must not stand before a command that is.
            if (
                device in self._writing
                or station.link.fault is not None
                or now_s < self._due_s.get(device, 0.0)
            ):
                continue
            self._due_s[device] = now_s + heartbeat.period_s / max(self._clock.speed, 1.0)
            self._writing.add(device)
            self._spawn(self._beat(device, station, heartbeat), f"heartbeat {device}")
        return has_one

    async def _beat(self, device: DeviceId, station: Station, heartbeat: PlcHeartbeat) -> None:
        count = self._counts[device] = (self._counts.get(device, 0) + 1) % COUNTS
        try:
            await station.link.write(
                Write(table=Table.HOLDING, address=heartbeat.word, value=count), permit=lambda: True
            )
        except DeviceRefused as error:
            if device not in self._refused:
                self._refused.add(device)
                self._log.error("heartbeat refused", device=device, reason=str(error))
        except LinkError:
            pass  # the poller says that the device does not answer
        finally:
            self._writing.discard(device)
