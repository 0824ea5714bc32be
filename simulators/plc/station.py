"""One simulated PLC: takes writes, moves its actuators, shows them and its instruments in its registers.

Pure but for its own state: time is an argument, and the sockets are the server's.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from domain.drive import CommandWord, MaintainedCoil, MomentaryCoils, Pulse, Setpoint, Table
from domain.ids import DeviceId, FacilityId, PointRef, point_ref
from domain.park import Actuator as ActuatorOfPark
from domain.park import Park, SafePosition
from simulators.plc.actuator import (
    Actuator,
    Mechanics,
    Outcome,
    drive_to,
    halted,
    request,
    step,
    switched,
)
from simulators.plc.drive import Ask, Asked, repeats, understand
from simulators.plc.heartbeat import Listening
from simulators.plc.image import Image, Value

READ_ONLY = "read only"
_ASKS_NOTHING = frozenset({Ask.RELEASE, Ask.HELD})


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What became of one register write."""

    meaning: str
    """`hc_outlet close`, or what kind of register it was."""
    ignored: str | None
    """Why the PLC did not act on it; None when it did."""


class Station:
    """One PLC of the park."""

    def __init__(
        self, park: Park, device: DeviceId, *, now_ms: int, openings: Mapping[FacilityId, float]
    ) -> None:
        """Lay out the registers; actuators stand at `openings` (0–1, closed when not named), at rest and remote."""
        self.device = park.devices[device]
        self._parts: dict[FacilityId, ActuatorOfPark] = {
            name: part for name, part in park.actuators.items() if part.device == device
        }
        self._mechanics = {
            name: Mechanics(travel_time_s=part.travel_time_s, repeat=repeats(part.drive))
            for name, part in self._parts.items()
        }
        self.actuators = {
            name: Actuator(at_ms=now_ms, opening=openings.get(name, 0.0)) for name in self._parts
        }
        points = list(park.points_of(device))
        heartbeat = self.device.heartbeat
        self._heard = None if heartbeat is None else Listening(heartbeat)
        counted = () if heartbeat is None else ((Table.HOLDING, heartbeat.word),)
        self.image = Image(points, (part.drive for part in self._parts.values()), counted)
        self._refs = {point.ref for point in points}
        self.instruments = tuple(point for point in points if point.ref not in self._feedback_refs())
        self._lying: set[FacilityId] = set()
        self._rewrites: list[tuple[int, bool]] = []
        for name in self._parts:
            self._rest_coil(name)
            self._show(name)

    def write(self, table: Table, address: int, value: int, now_ms: int) -> Written:
        """Take one register written by a master, before the register itself changes."""
        for name, part in self._parts.items():
            asked = understand(part.drive, table, address, value, before=self._before(table, address))
            if asked is not None:
                return self._ask(name, part, asked, address, value, now_ms)
        if self._heard is not None and (table, address) == (Table.HOLDING, self._heard.heartbeat.word):
            self._heard.hear(value, now_ms)
            return Written(meaning="heartbeat", ignored=None)
        return Written(meaning="not a command", ignored=READ_ONLY)

    def tick(self, now_ms: int) -> bool:
        """Move on to `now_ms` and show it; return whether anything moved or came to rest."""
        for address, is_set in self._rewrites:
            self.image.tables[Table.COIL].set_bit(address, to=is_set)
        self._rewrites.clear()
        if self._heard is not None and self._heard.falls_back(now_ms):
            self._fall_back(now_ms)
        moving = [name for name, actuator in self.actuators.items() if actuator.is_moving]
        for name in moving:
            self._become(name, step(self.actuators[name], self._mechanics[name], now_ms))
        return bool(moving)

    def hand(self, name: FacilityId, asked: Asked, now_ms: int) -> str | None:
        """Drive an actuator from its panel; return why it did not act, None when it did.

        A panel works in local only, as everywhere.
        """
        moved = step(self.actuators[name], self._mechanics[name], now_ms)
        if moved.is_remote:
            return "remote"
        outcome = drive_to(moved, self._mechanics[name], asked)
        self._become(name, outcome.actuator)
        return outcome.ignored

    def switch(self, name: FacilityId, *, is_remote: bool, now_ms: int) -> None:
        """Turn the local/remote switch."""
        self._become(
            name, switched(step(self.actuators[name], self._mechanics[name], now_ms), is_remote=is_remote)
        )
        self._rest_coil(name)

    def jam(self, name: FacilityId, *, at: float | None, now_ms: int) -> None:
        """Put an obstacle at an opening of 0–1, or take it away (None)."""
        moved = step(self.actuators[name], self._mechanics[name], now_ms)
        self._become(name, replace(moved, jammed_at=at))

    def halt(self, name: FacilityId, *, has_power: bool, has_fault: bool, now_ms: int) -> None:
        """Cut or give back the supply, trip or reset the protection."""
        moved = step(self.actuators[name], self._mechanics[name], now_ms)
        self._become(name, halted(moved, has_power=has_power, has_fault=has_fault))

    def lie(self, name: FacilityId, *, both_limits: bool) -> None:
        """Let both limit switches show made, or be true again."""
        (self._lying.add if both_limits else self._lying.discard)(name)
        self._show(name)

    def restore(self, actuators: Mapping[FacilityId, Actuator], now_ms: int) -> None:
        """Stand as saved, with the contactors dropped as after a power cut: only a coil that holds goes on."""
        for name in self.actuators.keys() & actuators.keys():
            target = actuators[name].target if isinstance(self._parts[name].drive, MaintainedCoil) else None
            self._become(name, replace(actuators[name], at_ms=now_ms, target=target))
            self._rest_coil(name)

    def openings(self) -> Mapping[FacilityId, float]:
        """Return how far each actuator is open, 0–1."""
        return {name: actuator.opening for name, actuator in self.actuators.items()}

    def _ask(
        self, name: FacilityId, part: ActuatorOfPark, asked: Asked, address: int, value: int, now_ms: int
    ) -> Written:
        if self._heard is not None and not self._heard.obeys(now_ms) and asked.ask not in _ASKS_NOTHING:
            self._answer(name, part, asked, address, value, is_taken=False)
            return Written(meaning=f"{name} {asked.ask.value}", ignored="no heartbeat")
        outcome: Outcome = request(self.actuators[name], self._mechanics[name], asked, now_ms)
        self._become(name, outcome.actuator)
        self._answer(name, part, asked, address, value, is_taken=outcome.ignored is None)
        words = f"{asked.opening * 100:g} %" if asked.ask is Ask.SET else asked.ask.value
        return Written(meaning=f"{name} {words}", ignored=outcome.ignored)

    def _fall_back(self, now_ms: int) -> None:
        """Move what is remote to its safe position, as the PLC's own program does when nobody counts any more."""
        for name, part in self._parts.items():
            ask = Ask.CLOSE if part.safe_position is SafePosition.CLOSED else Ask.OPEN
            outcome = request(self.actuators[name], self._mechanics[name], Asked(ask=ask), now_ms)
            self._become(name, outcome.actuator)
            self._rest_coil(name)

    def _answer(
        self,
        name: FacilityId,
        part: ActuatorOfPark,
        asked: Asked,
        address: int,
        value: int,
        *,
        is_taken: bool,
    ) -> None:
        """Do what the PLC's program does with its command registers afterwards."""
        match part.drive:
            case MomentaryCoils(pulse=Pulse.PLC_RESETS):
                self._rewrites.append((address, False))
            case Setpoint(stop=stop) if asked.ask is Ask.STOP and address == stop:
                self._rewrites.append((address, False))
            case CommandWord(echo=int(echo)) if is_taken:
                self.image.tables[Table.HOLDING].set_words(echo, (value,))
            case MaintainedCoil(coil=coil) if not is_taken:
                # The program writes the coil back to what it holds while it does not listen.
                self._rewrites.append((coil, bool(self._held(name))))
            case _:
                pass

    def _before(self, table: Table, address: int) -> int:
        cells = self.image.tables[table]
        if not cells.start <= address < cells.start + cells.count:
            return 0
        return int(cells.bit(address)) if cells.of_bits else cells.word(address)

    def _held(self, name: FacilityId) -> int:
        actuator = self.actuators[name]
        target = actuator.opening if actuator.target is None else actuator.target
        return int(target >= 0.5)

    def _rest_coil(self, name: FacilityId) -> None:
        """Let a maintained coil agree with where the actuator stands, so that a switch to remote moves nothing."""
        drive = self._parts[name].drive
        if isinstance(drive, MaintainedCoil):
            self.image.tables[Table.COIL].set_bit(drive.coil, to=bool(self._held(name)))

    def _become(self, name: FacilityId, actuator: Actuator) -> None:
        self.actuators[name] = actuator
        self._show(name)

    def _show(self, name: FacilityId) -> None:
        actuator, names = self.actuators[name], self._parts[name].feedback
        lies = name in self._lying
        shown: Iterable[tuple[str | None, Value]] = (
            (names.opened, actuator.is_open or lies),
            (names.closed, actuator.is_closed or lies),
            (names.remote, actuator.is_remote),
            (names.moving, actuator.is_moving),
            (names.fault, actuator.has_fault),
            (names.over_torque, actuator.over_torque),
            (names.power, actuator.has_power),
            (names.position, round(actuator.opening * 100, 2)),
            (names.local_switches, float(actuator.local_switches)),
            (names.boots, float(actuator.boots)),
        )
        for point, value in shown:
            if point is not None and (ref := point_ref(name, point)) in self._refs:
                self.image.put(ref, value)

    def _feedback_refs(self) -> set[PointRef]:
        return {
            point_ref(name, point)
            for name, part in self._parts.items()
            for point in (
                part.feedback.opened, part.feedback.closed, part.feedback.remote, part.feedback.moving,
                part.feedback.fault, part.feedback.over_torque, part.feedback.power, part.feedback.position,
                part.feedback.local_switches, part.feedback.boots,
            )
            if point is not None
        }  # fmt: skip
