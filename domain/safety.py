"""What a park promises of its gates: combinations that no permitted command may bring about while something holds."""

from dataclasses import dataclass

from domain.ids import FacilityId
from domain.interlock import Expression
from domain.words import Words


@dataclass(frozen=True, slots=True)
class LockRef:
    """One interlock of one actuator, written `actuator/interlock`."""

    actuator: FacilityId
    lock: str

    def __str__(self) -> str:
        return f"{self.actuator}/{self.lock}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyProperty:
    """While `premise` holds, no command that is let through brings `never` about."""

    id: str
    words: Words
    premise: Expression
    """Over the true values of points, e.g. an accident."""
    never: Expression
    """Over positions of actuators, and points."""
    is_premise_known: bool = False
    """Whether the promise holds only while every point of the premise is fresh and good (inhibits ask for that)."""
    has_way_back: bool = True
    """Whether some move toward safe must be open whenever `never` came about by hand or by the weather."""
    relies_on: tuple[LockRef, ...] = ()
    """Interlocks without each of which the property would fail; verification shows that it would."""
