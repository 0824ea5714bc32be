"""What one simulated run did, as typed events in the order in which they happened; judges nothing.

Times are seconds of virtual time since the world began. Everything here is seen from outside the services: by the persons,
the broker, the wires, the PLCs' own truth, the disks and the database. A checker reads it and nothing else.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import TypeVar

from wire.canonical import Json

Row = Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened."""

    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked(Event):
    """A person asked control for something, through the same functions as the API's routes."""

    request: int
    """Number of the request; its answer names it."""
    what: str
    """select, operate, cancel, run, approve, abort, release, tag, untag, …: what was asked for."""
    person: str
    session: str
    roles: tuple[str, ...]
    actuator: str | None = None
    action: str | None = None
    """open, close, stop, set or verify."""
    opening_percent: float | None = None
    select: str | None = None
    """The select that an operate or a cancel names."""
    accepted: tuple[str, ...] = ()
    """Codes of the warnings that the person accepts."""
    plan: str | None = None
    run: str | None = None
    content_hash: str | None = None
    detail: str = ""
    """Whatever else was said: the order released, the interlock overridden."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered(Event):
    """What control answered; a request without an answer was cut off by a crash."""

    request: int
    code: str
    """`accepted`, or the code of the refusal."""
    reasons: tuple[str, ...] = ()
    """Codes of every reason."""
    command: str | None = None
    """The command, or the run, that it became."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said(Event):
    """A client of the broker published a message; what became of it are `Delivered` and `Lost`."""

    message: int
    client: str
    """`control`, or a gateway's id."""
    life: int
    """Which life of the client: it counts its starts."""
    topic: str
    payload: bytes
    """On our own topics a compact JWS over canonical JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered(Event):
    """A message reached a client; twice for one message is a doubled one."""

    message: int
    client: str
    life: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost(Event):
    """A message, or one copy of it for one client, went nowhere."""

    message: int
    client: str
    """Who would have got it; empty: it did not reach the broker."""
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent(Event):
    """The bytes of a Modbus write left a gateway."""

    write: int
    """Number of the write; what the PLC does with it names it."""
    gateway: str
    life: int
    device: str
    table: str
    address: int
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrote(Event):
    """A PLC read a write and did with it what it does."""

    write: int
    device: str
    actuator: str | None
    """None: no command register of any actuator."""
    ask: str
    """open, close, stop, set, release (a pulse taken back), held (a pulse that was already 1) or nonsense."""
    opening: float
    """0–1, of a set."""
    ignored: str | None
    """Why the PLC did not act: local, fault, no power, …; None when it did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stood(Event):
    """The truth of an actuator after something of it changed: it started, passed or reached a limit, stopped, was switched."""

    actuator: str
    opening: float
    """0 closed to 1 open."""
    target: float | None
    """Where it is travelling to; None: at rest."""
    is_remote: bool
    has_power: bool
    has_fault: bool
    jammed_at: float | None
    by: str
    """What changed it: write, hand, switch, power, fault, jam, travel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured(Event):
    """An instrument's truth was changed by the world."""

    point: str
    value: float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded(Event):
    """A gateway made a record. It counts from here if the gateway's disk took it or its life goes on."""

    gateway: str
    life: int
    epoch: str
    offset: int
    kind: str
    actuator: str | None
    body: Mapping[str, Json]
    at_ms: int
    """The gateway's own time of day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed(Event):
    """One transaction of control's database was committed."""

    life: int
    """Of control."""
    writes: tuple[tuple[str, str, Row], ...]
    """(table, insert or remove, row), audit records left out."""
    audit: tuple[Row, ...]
    """Rows of the audit log: seq, at_ms, actor, kind, object, record (canonical JSON), hash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Began(Event):
    """A life of a process began."""

    process: str
    life: int
    detail: str = ""
    """Of control: its term; of a gateway: its epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended(Event):
    """A life of a process ended."""

    process: str
    life: int
    why: str
    """kill, power (unsynced content is lost), or `bug: …` when the process ended itself by an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault(Event):
    """The world turned against a part, or let go of it."""

    kind: str
    """cut, hung, slow, lossy (a link); full, gone (a disk); step (a clock); local, jam, power, trip, lie (a device); …"""
    where: str
    """`control-broker`, `gw_east-broker`, a device, an actuator, `control disk`, …"""
    is_on: bool
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown(Event):
    """What the screen said of one actuator."""

    life: int
    """Of control."""
    view: Mapping[str, Json]
    """As `actuator_view` gives it: id, position, quality, fresh, opening_percent, doubt, tagged, keep_closed, command, …"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen(Event):
    """What the screen said of one point."""

    life: int
    point: str
    view: Mapping[str, Json]
    """As `point_view` gives it: v, q, reason, t, age_s, stale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmShown(Event):
    """What the screen said of one alarm."""

    life: int
    view: Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told(Event):
    """A gateway's journal took a payload of samples."""

    gateway: str
    life: int
    epoch: str
    offset: int
    is_synced: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored(Event):
    """The store took samples of a payload, durably."""

    gateway: str
    epoch: str
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Held(Event):
    """What one side held at the end of the world: its orders and the highest term."""

    where: str
    """`control`, or a gateway's id."""
    orders: Mapping[str, Row]
    """By id: kind, actuator, by, reason, since_ms, until_ms, …"""
    tombstones: tuple[str, ...]
    term: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables(Event):
    """Control's database at the end of the world."""

    rows: Mapping[str, tuple[Row, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting(Event):
    """What the world was made of; the first event."""

    seed: int
    park: str
    actuators: Mapping[str, Row]
    """By id: gateway, device, tier, safe (open or closed), drive, travel_s, pause_s, feedback (name → point)."""
    challenge_validity_s: float
    poll_s: float
    periods_s: Mapping[str, float]
    """Device → its longest poll period in wall seconds."""


Kind = TypeVar("Kind", bound=Event)


@dataclass(slots=True)
class Trace:
    """The events of one world, in their order."""

    seed: int
    events: list[Event] = field(default_factory=list)

    def put(self, event: Event) -> None:
        """Add what has just happened."""
        self.events.append(event)

    def of(self, kind: type[Kind]) -> Iterator[Kind]:
        """Yield the events of one kind."""
        return (event for event in self.events if isinstance(event, kind))

    def digest(self) -> str:
        """Return a hash over everything: the same seed gives the same."""
        state = hashlib.sha256()
        for line in lines(self.events):
            state.update(line.encode())
        return state.hexdigest()

    def counts(self) -> Mapping[str, int]:
        """Return how many events there are of each kind."""
        return Counter(type(event).__name__ for event in self.events)


def lines(events: Iterable[Event]) -> Iterator[str]:
    """Yield one line for each event."""
    for event in events:
        kind = type(event)
        said = _SAID.get(kind.__name__)
        if said is None:
            said = _SAID[kind.__name__] = attrgetter(*(item.name for item in fields(event)[1:]))
        yield f"{event.at_s:.6f} {kind.__name__} {said(event)!r}\n"


_SAID: dict[str, Callable[[Event], object]] = {}
"""Kind → what gives all that an event of it says."""
