"""How a simulated gate, valve, sluice or pump moves: travel, limit switches, local switch, jams and trips.

Pure: a state and an instant give the next state. It knows no registers and no faults' names.
"""

from dataclasses import dataclass, replace

from domain.drive import Repeat
from simulators.plc.drive import Ask, Asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Mechanics:
    """What does not change of an actuator."""

    travel_time_s: float
    """Full travel, model seconds; of a pump: running up."""
    repeat: Repeat = Repeat.SAFE


@dataclass(frozen=True, slots=True, kw_only=True)
class Actuator:
    """One actuator at one instant."""

    at_ms: int
    """Model time of this state."""
    opening: float
    """0 closed (a pump: stopped) to 1 open (running)."""
    target: float | None = None
    """Where it is travelling to; None at rest."""
    is_remote: bool = True
    has_power: bool = True
    has_fault: bool = False
    """The drive's protection has tripped: it does not move until the fault is gone."""
    over_torque: bool = False
    """Tripped on a jam; the next start resets it."""
    local_switches: int = 0
    """How often its switch was turned, as its PLC counts."""
    boots: int = 1
    """How often its PLC has started."""
    jammed_at: float | None = None
    """An obstacle that the gate cannot pass, as an opening."""

    @property
    def is_moving(self) -> bool:
        """Whether the drive runs."""
        return self.target is not None

    @property
    def is_open(self) -> bool:
        """The open limit switch is made."""
        return self.opening >= 1.0

    @property
    def is_closed(self) -> bool:
        """The closed limit switch is made."""
        return self.opening <= 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a request."""

    actuator: Actuator
    ignored: str | None = None
    """Why the PLC did not act on it; None when it did."""


def step(actuator: Actuator, mechanics: Mechanics, now_ms: int) -> Actuator:
    """Return the actuator at `now_ms`; an instant that is past already changes nothing."""
    if now_ms <= actuator.at_ms:
        return actuator
    if actuator.target is None:
        return replace(actuator, at_ms=now_ms)
    reach = (now_ms - actuator.at_ms) / 1000 / mechanics.travel_time_s
    wanted = _toward(actuator.opening, actuator.target, reach)
    stop = _obstacle(actuator, wanted)
    if stop is not None:
        return replace(actuator, at_ms=now_ms, opening=stop, target=None, over_torque=True)
    return replace(
        actuator, at_ms=now_ms, opening=wanted, target=None if wanted == actuator.target else actuator.target
    )


def request(actuator: Actuator, mechanics: Mechanics, asked: Asked, now_ms: int) -> Outcome:
    """Return what a remote request makes of the actuator."""
    moved = step(actuator, mechanics, now_ms)
    if asked.ask in (Ask.RELEASE, Ask.HELD):
        return Outcome(actuator=moved)
    if asked.ask is Ask.NONSENSE:
        return Outcome(actuator=moved, ignored="no such command")
    if not moved.is_remote:
        return Outcome(actuator=moved, ignored="local")
    return drive_to(moved, mechanics, asked)


def drive_to(actuator: Actuator, mechanics: Mechanics, asked: Asked) -> Outcome:
    """Return what the drive makes of a request, from the remote side or from the panel beside the gate."""
    if asked.ask is Ask.STOP:
        return Outcome(actuator=replace(actuator, target=None))
    if actuator.has_fault:
        return Outcome(actuator=actuator, ignored="fault")
    if not actuator.has_power:
        return Outcome(actuator=actuator, ignored="no power")
    target = {Ask.OPEN: 1.0, Ask.CLOSE: 0.0}.get(asked.ask, asked.opening)
    if actuator.target == target and mechanics.repeat is not Repeat.SAFE:
        again = None if mechanics.repeat is Repeat.STOPS else 1.0 - target
        return Outcome(actuator=replace(actuator, target=again))
    started = None if actuator.opening == target else target
    return Outcome(actuator=replace(actuator, target=started, over_torque=False))


def switched(actuator: Actuator, *, is_remote: bool) -> Actuator:
    """Return the actuator after its local/remote switch was turned; a travel under way stops."""
    if actuator.is_remote == is_remote:
        return actuator
    count = actuator.local_switches + 1
    return replace(actuator, is_remote=is_remote, target=None, local_switches=count)


def halted(actuator: Actuator, *, has_power: bool, has_fault: bool) -> Actuator:
    """Return the actuator with its supply and protection as given; without the one or with the other it stands."""
    target = actuator.target if has_power and not has_fault else None
    boots = actuator.boots + int(has_power and not actuator.has_power)
    return replace(actuator, has_power=has_power, has_fault=has_fault, target=target, boots=boots)


def _toward(opening: float, target: float, reach: float) -> float:
    if abs(target - opening) <= reach:
        return target
    return opening + reach if target > opening else opening - reach


def _obstacle(actuator: Actuator, wanted: float) -> float | None:
    """Return where a jam stops the way from the present opening to `wanted`; None: it does not."""
    jam = actuator.jammed_at
    if jam is None or not min(actuator.opening, wanted) <= jam <= max(actuator.opening, wanted):
        return None
    return jam
