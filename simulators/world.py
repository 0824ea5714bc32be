"""The simulated park but for its water: PLCs, instruments, the faults and spills being played, and how far the scenario is.

Pure but for its own state: time is an argument; links are wanted here and set by the conductor.
"""

from collections.abc import Callable, Mapping, Sequence

from domain.ids import DeviceId, FacilityId
from domain.park import Park
from simulators.acts import Act, ClearAct, FaultAct, FaultKind, HandAct, RainAct, SpillAct, Switch
from simulators.faults import PlayedFault, disturbed, is_cleared_by, is_over, links, played
from simulators.happenings import What
from simulators.plc.drive import Asked
from simulators.plc.sensors import Sensors
from simulators.plc.station import Station
from simulators.saved import Saved
from simulators.scenario import Event, Scenario, due
from simulators.water.state import Spill, WaterState

Note = Callable[[What, int, "PlayedFault | None", str, str, float | None], None]
"""Writes down (what, model ms, fault, kind, target, value)."""


class World:
    """PLCs and what is played on them."""

    def __init__(
        self,
        park: Park,
        *,
        seed: int,
        scenario: Scenario | None,
        saved: Saved,
        openings: Mapping[FacilityId, float],
        now_ms: int,
        note: Note,
    ) -> None:
        """Stand as `saved` says; an actuator that it does not name stands at its opening (0–1) in `openings`."""
        self._park = park
        self._scenario = scenario
        self._note = note
        self.start_ms = saved.start_ms
        self.fired = saved.fired
        self.spills = list(saved.spills)
        self.faults = list(saved.faults)
        self._next_id = saved.next_id
        self._is_changed = True
        self.wants_storm: str | None = None
        """A storm that is to begin now; the conductor takes it."""
        self.stations: Mapping[DeviceId, Station] = {
            key: Station(park, key, now_ms=now_ms, openings=openings)
            for key, device in park.devices.items()
            # A data logger is no PLC: it is played by simulators.hj212.
            if device.logger is None
        }
        self._sensors = {
            device: Sensors(station.instruments, seed=seed, held=saved.held)
            for device, station in self.stations.items()
        }
        for station in self.stations.values():
            station.restore(saved.actuators, now_ms)
        for fault in self.faults:
            if fault.kind is FaultKind.LIMITS:
                name = FacilityId(fault.target)
                self.station_of(name).lie(name, both_limits=True)
        self._disturbed = disturbed(self.faults)

    def tick(self, now_ms: int) -> bool:
        """Play what is due, move what moves; return whether anything since the last tick is worth saving at once."""
        for event in self._due(now_ms):
            self.fired += 1
            self.play(event.act, now_ms)
        for fault in [fault for fault in self.faults if is_over(fault, now_ms)]:
            self._end(fault, now_ms)
            self._is_changed = True
        moving = [station.tick(now_ms) for station in self.stations.values()]
        changed, self._is_changed = self._is_changed or any(moving), False
        return changed

    def show(self, water: WaterState, now_ms: int) -> None:
        """Let the instruments see the water."""
        for device, station in self.stations.items():
            self._sensors[device].show(station.image, water, self._disturbed, now_ms=now_ms)

    def play(self, act: Act, now_ms: int) -> str | None:
        """Do one act now; return why nothing came of it, None when it did."""
        self._is_changed = True
        match act:
            case SpillAct():
                self._spill(act, now_ms)
                return None
            case FaultAct():
                self._begin(act, now_ms)
                return None
            case ClearAct():
                for fault in [fault for fault in self.faults if is_cleared_by(fault, act)]:
                    self._end(fault, now_ms)
                return None
            case HandAct():
                return self._hand(act, now_ms)
            case RainAct(storm=storm):
                self.wants_storm = storm
                self._note(What.RAIN, now_ms, None, storm, "", None)
                return None

    def openings(self) -> Mapping[FacilityId, float]:
        """Return how far every actuator is open, 0–1."""
        return {
            name: opening
            for station in self.stations.values()
            for name, opening in station.openings().items()
        }

    def bad_links(self) -> Mapping[DeviceId, PlayedFault]:
        """Return the PLCs whose link is to be bad now, and how."""
        return links(self.faults)

    def saved(self, now_ms: int) -> Saved:
        """Return what a restart needs to stand here again."""
        return Saved(
            scenario=None if self._scenario is None else self._scenario.id,
            start_ms=self.start_ms,
            at_ms=now_ms,
            fired=self.fired,
            next_id=self._next_id,
            faults=tuple(self.faults),
            spills=tuple(self.spills),
            actuators={
                name: actuator
                for station in self.stations.values()
                for name, actuator in station.actuators.items()
            },
            held={ref: held for sensors in self._sensors.values() for ref, held in sensors.held.items()},
        )

    def station_of(self, actuator: FacilityId) -> Station:
        """Return the PLC that drives `actuator`."""
        return self.stations[self._park.actuators[actuator].device]

    def _due(self, now_ms: int) -> Sequence[Event]:
        if self._scenario is None:
            return ()
        return due(self._scenario, fired=self.fired, elapsed_s=(now_ms - self.start_ms) / 1000)

    def _spill(self, act: SpillAct, now_ms: int) -> None:
        self.spills.append(
            Spill(
                at=act.at, substance=act.substance, start_ms=now_ms, duration_s=act.over_s, mass_kg=act.kg,
                water_m3=act.water_m3,
            )
        )  # fmt: skip
        self._note(What.SPILL, now_ms, None, act.substance, act.at, act.kg)

    def _begin(self, act: FaultAct, now_ms: int) -> None:
        for fault in [f for f in self.faults if f.kind is act.kind and f.target == act.target]:
            self._end(fault, now_ms)
        fault = played(act, number=self._next_id, now_ms=now_ms)
        self._next_id += 1
        self.faults.append(fault)
        self._note(What.BEGIN, now_ms, fault, fault.kind, fault.target, fault.value)
        self._befall(fault, now_ms, is_on=True)

    def _end(self, fault: PlayedFault, now_ms: int) -> None:
        self.faults.remove(fault)
        self._befall(fault, now_ms, is_on=False)
        self._note(What.END, now_ms, fault, fault.kind, fault.target, fault.value)

    def _befall(self, fault: PlayedFault, now_ms: int, *, is_on: bool) -> None:
        """Let a fault act on what it befalls, or leave it."""
        name = FacilityId(fault.target)
        match fault.kind:
            case FaultKind.STUCK:
                self.station_of(name).jam(name, at=fault.value / 100 if is_on else None, now_ms=now_ms)
            case FaultKind.LOCAL:
                self.station_of(name).switch(name, is_remote=not is_on, now_ms=now_ms)
            case FaultKind.DEVICE_FAULT | FaultKind.NO_POWER:
                kinds = {other.kind for other in self.faults if other.target == fault.target}
                self.station_of(name).halt(
                    name,
                    has_power=FaultKind.NO_POWER not in kinds,
                    has_fault=FaultKind.DEVICE_FAULT in kinds,
                    now_ms=now_ms,
                )
            case FaultKind.LIMITS:
                self.station_of(name).lie(name, both_limits=is_on)
            case _:
                self._disturbed = disturbed(self.faults)

    def _hand(self, act: HandAct, now_ms: int) -> str | None:
        station = self.station_of(act.actuator)
        if act.switch is not None:
            station.switch(act.actuator, is_remote=act.switch is Switch.REMOTE, now_ms=now_ms)
            self._note(What.HAND, now_ms, None, act.switch, act.actuator, None)
        if act.move is None:
            return None
        refused = station.hand(act.actuator, Asked(ask=act.move), now_ms)
        if refused is None:
            self._note(What.HAND, now_ms, None, act.move, act.actuator, None)
        return refused
