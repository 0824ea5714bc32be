"""The tree of errors that callers may catch; refusals are values and are not here."""

from dataclasses import dataclass


class StoplogError(Exception):
    """Any error that Stoplog raises on purpose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing wrong with what a person wrote, said so that they can mend it."""

    file: str
    """Path as the person would type it."""
    line: int
    """1-based; 0 when the fault is of the whole file."""
    field: str
    """Dotted path of the field, e.g. `facilities.hc_outlet.actuator.safe_position`."""
    message: str
    """What is wrong, with the value found."""
    remedy: str
    """What to write instead."""
    kind: str
    """Stable name of the kind of fault, e.g. `unknown-reference`."""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        field = f"{self.field}: " if self.field else ""
        return f"{place}: {field}{self.message} — {self.remedy} [{self.kind}]"


class ConfigurationError(StoplogError):
    """A setting or a park file is wrong; the service refuses to start. Carries every fault found in one run."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


class ProtocolError(StoplogError):
    """Somebody broke a protocol's rules."""


class LocalProtocolError(ProtocolError):
    """We did: a bug of ours."""


class RemoteProtocolError(ProtocolError):
    """The peer did: its message is refused and nothing of it is used."""


class LinkError(StoplogError):
    """A link to a PLC, broker or store failed. Retrying belongs to the link, not to its caller."""


class LinkTimeout(LinkError):
    """No answer within the time-out: whether the peer acted is not known."""


class LinkLost(LinkError):
    """The connection went away."""


class StorageError(StoplogError):
    """Not written, so not to be acknowledged."""


class AuditError(StoplogError):
    """The record could not be made, so a discretionary command is refused."""


class IllegalTransition(StoplogError):
    """A state machine was given an event that its table does not have: a bug of ours."""
