"""What a write to a command register asks of an actuator; decides the request, moves nothing."""

from dataclasses import dataclass
from enum import StrEnum

from domain.drive import CommandWord, Drive, MaintainedCoil, MomentaryCoils, Repeat, Setpoint, Table


class Ask(StrEnum):
    """What a PLC understands of a write."""

    OPEN = "open"
    CLOSE = "close"
    STOP = "stop"
    SET = "set"
    RELEASE = "release"
    """A coil taken back to 0: asks nothing."""
    HELD = "held"
    """A pulse that was already 1: no edge, asks nothing."""
    NONSENSE = "nonsense"
    """A code or set-point that the drive does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The request found in a write."""

    ask: Ask
    opening: float = 0.0
    """0–1, for SET."""


def understand(drive: Drive, table: Table, address: int, value: int, *, before: int) -> Asked | None:
    """Return what writing `value` over `before` at `address` asks; None when it is no command of this drive."""
    match drive:
        case MomentaryCoils() if table is Table.COIL:
            return _pulse(drive, address, value, before)
        case MaintainedCoil(coil=coil) if table is Table.COIL and address == coil:
            return Asked(ask=Ask.OPEN if value else Ask.CLOSE)
        case CommandWord(word=word) if table is Table.HOLDING and address == word:
            codes = {drive.open: Ask.OPEN, drive.close: Ask.CLOSE, drive.stop: Ask.STOP}
            return Asked(ask=codes.get(value, Ask.NONSENSE))
        case Setpoint(word=word) if table is Table.HOLDING and address == word:
            return Asked(ask=Ask.SET, opening=value / 1000) if value <= 1000 else Asked(ask=Ask.NONSENSE)
        case Setpoint(stop=stop) if table is Table.COIL and address == stop:
            return Asked(ask=_edge(Ask.STOP, value, before))
        case _:
            return None


def repeats(drive: Drive) -> Repeat:
    """Return what the same request does once more while the first still acts."""
    return drive.repeat if isinstance(drive, MomentaryCoils) else Repeat.SAFE


def _pulse(drive: MomentaryCoils, address: int, value: int, before: int) -> Asked | None:
    asks = {drive.open: Ask.OPEN, drive.close: Ask.CLOSE}
    if drive.stop is not None:
        asks[drive.stop] = Ask.STOP
    ask = asks.get(address)
    return None if ask is None else Asked(ask=_edge(ask, value, before))


def _edge(ask: Ask, value: int, before: int) -> Ask:
    if not value:
        return Ask.RELEASE
    return Ask.HELD if before else ask
