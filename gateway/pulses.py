"""Ends pulses: takes a coil that was set for a moment back to 0, at once or as soon as its PLC is there again."""

from collections.abc import Callable, Coroutine, Sequence

from domain.drive import Write
from domain.errors import LinkError
from domain.ids import FacilityId
from domain.park import Actuator
from gateway.field import Field
from gateway.plc import DeviceRefused
from runtime.clock import Clock
from runtime.log import logger

AGAIN_S = 1.0
"""Wall seconds between attempts to end a pulse whose PLC was lost while it lasted."""
GIVE_UP_S = 3600.0
"""Wall seconds after which nobody tries any more: whoever comes then looks at the coil anyway."""

Spawn = Callable[[Coroutine[object, object, None], str], object]


class Pulses:
    """Pulses that are on."""

    def __init__(self, field: Field, *, clock: Clock, spawn: Spawn) -> None:
        self._field = field
        self._clock = clock
        self._spawn = spawn
        self.on: set[FacilityId] = set()
        """Actuators whose pulse has still to be taken back."""
        self._log = logger("executor")

    async def end(self, actuator: Actuator, rest: Sequence[Write]) -> None:
        """Send the `rest` of a pulse's writes; a coil left on stands against the next command."""
        for write in rest:
            await self._clock.sleep(0.0, floor_s=write.after_s)
            if not await self._is_taken_back(actuator, write):
                self._log.error("pulse not taken back yet", actuator=actuator.facility)
                self._spawn(self._later(actuator, write), f"take back {actuator.facility}")

    async def _later(self, actuator: Actuator, write: Write) -> None:
        self.on.add(actuator.facility)
        until_s = self._clock.monotonic() + GIVE_UP_S
        try:
            while self._clock.monotonic() < until_s:
                await self._clock.sleep(0.0, floor_s=AGAIN_S)
                if await self._is_taken_back(actuator, write):
                    self._log.info("pulse taken back late", actuator=actuator.facility)
                    return
        finally:
            self.on.discard(actuator.facility)

    async def _is_taken_back(self, actuator: Actuator, write: Write) -> bool:
        """Return whether there is nothing more to try: the PLC took the write, or refuses it."""
        try:
            await self._field.station_of(actuator).link.write(write, permit=lambda: True)
        except DeviceRefused as error:
            self._log.error("pulse not taken back", actuator=actuator.facility, reason=str(error))
        except LinkError:
            return False
        return True
