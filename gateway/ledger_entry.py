"""One phase of one command as the gateway remembers it."""

from dataclasses import dataclass, field

from domain.command import Action, Phase, State
from domain.ids import CommandId, FacilityId


@dataclass(slots=True, kw_only=True)
class Entry:
    """One phase of one command as it was taken."""

    id: CommandId
    phase: Phase
    hash: str
    actuator: FacilityId
    action: Action
    author: str
    reason: str
    parameters: dict[str, float] = field(default_factory=dict)
    state: State
    record: bytes | None = None
    """The last record made of it, to be repeated when the same bytes come again."""
    at_ms: int
