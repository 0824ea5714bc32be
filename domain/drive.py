"""How an actuator's PLC wants to be driven, and which register writes one action takes; decides the writes, sends none."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from domain.command import Action


class Table(StrEnum):
    """The four Modbus tables."""

    COIL = "coil"
    DISCRETE = "discrete"
    INPUT = "input"
    HOLDING = "holding"


class Pulse(StrEnum):
    """Who takes a momentary coil back to 0."""

    PLC_RESETS = "plc_resets"
    GATEWAY_RESETS = "gateway_resets"


class Repeat(StrEnum):
    """What the same pulse does once more while the first still acts."""

    SAFE = "safe"
    STOPS = "stops"
    TOGGLES = "toggles"


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One Modbus write: function 5 for a coil, 6 for a holding register."""

    table: Table
    address: int
    """Zero-based."""
    value: int
    after_s: float = 0.0
    """Wall seconds to wait before it, counted from the write before (the width of a pulse)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MomentaryCoils:
    """One coil a direction, set to 1 for a moment."""

    open: int
    close: int
    stop: int | None
    """None: the device cannot be stopped on its way."""
    pulse: Pulse
    width_s: float = 0.5
    """Only for GATEWAY_RESETS."""
    repeat: Repeat


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintainedCoil:
    """One coil that holds: 1 = open (a pump: run), 0 = closed (stopped)."""

    coil: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandWord:
    """A holding register takes a code; the PLC echoes the code that it has taken."""

    word: int
    echo: int | None
    open: int
    close: int
    stop: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Setpoint:
    """A holding register takes the wanted opening; another takes the stop."""

    word: int
    """Address of the set-point in tenths of a percent, 0–1000."""
    stop: int
    """Coil that stops the travel."""
    step_percent: float | None = None
    """Away from safe the set-point goes no further at once than this, and on only when the gate is there; None: at once."""


Drive = MomentaryCoils | MaintainedCoil | CommandWord | Setpoint


def writes(drive: Drive, action: Action, *, opening_percent: float | None = None) -> Sequence[Write] | None:
    """Return the writes that ask `action` of `drive`; None when the drive has no such action.

    VERIFY takes no write and returns an empty sequence. `opening_percent` is 0–100, for SET only.
    """
    if action is Action.VERIFY:
        return ()
    match drive:
        case MomentaryCoils():
            return _pulse(drive, action)
        case MaintainedCoil(coil=coil):
            value = {Action.OPEN: 1, Action.CLOSE: 0, Action.STOP: 0}.get(action)
            return None if value is None else (Write(table=Table.COIL, address=coil, value=value),)
        case CommandWord():
            code = {Action.OPEN: drive.open, Action.CLOSE: drive.close, Action.STOP: drive.stop}.get(action)
            return None if code is None else (Write(table=Table.HOLDING, address=drive.word, value=code),)
        case Setpoint():
            return _setpoint(drive, action, opening_percent)


def takes(drive: Drive, action: Action) -> bool:
    """Whether the drive has such an action at all."""
    return writes(drive, action, opening_percent=0.0) is not None


def echo_of(drive: Drive, action: Action) -> int | None:
    """Return what the PLC shows once it has taken the command; None: it shows nothing of it."""
    if not isinstance(drive, CommandWord) or drive.echo is None:
        return None
    return {Action.OPEN: drive.open, Action.CLOSE: drive.close, Action.STOP: drive.stop}.get(action)


def stages(drive: Drive, *, start_percent: float, end_percent: float) -> Sequence[float]:
    """Return the openings at which a move stops over before its end; empty when the drive goes there at once."""
    if not isinstance(drive, Setpoint) or drive.step_percent is None:
        return ()
    way = 1.0 if end_percent > start_percent else -1.0
    count = math.ceil(abs(end_percent - start_percent) / drive.step_percent - 1e-9)
    return tuple(round(start_percent + way * drive.step_percent * number, 1) for number in range(1, count))


def _pulse(drive: MomentaryCoils, action: Action) -> Sequence[Write] | None:
    coil = {Action.OPEN: drive.open, Action.CLOSE: drive.close, Action.STOP: drive.stop}.get(action)
    if coil is None:
        return None
    on = Write(table=Table.COIL, address=coil, value=1)
    if drive.pulse is Pulse.PLC_RESETS:
        return (on,)
    return (on, Write(table=Table.COIL, address=coil, value=0, after_s=drive.width_s))


def _setpoint(drive: Setpoint, action: Action, opening_percent: float | None) -> Sequence[Write] | None:
    if action is Action.STOP:
        return (Write(table=Table.COIL, address=drive.stop, value=1),)
    wanted = {Action.OPEN: 100.0, Action.CLOSE: 0.0, Action.SET: opening_percent}.get(action)
    if wanted is None:
        return None
    return (Write(table=Table.HOLDING, address=drive.word, value=round(wanted * 10)),)
