"""A trace read once and laid out for the checks: who said what to whom, which command each write can belong to, where gates stood.

It shares nothing with the services but what is on the wire: tokens are read as base64url and JSON, unverified.
"""

import json
from base64 import urlsafe_b64decode
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tests.simulation.trace import (
    Answered,
    Asked,
    Began,
    Committed,
    Delivered,
    Ended,
    Event,
    Fault,
    Held,
    Measured,
    Recorded,
    Said,
    Sent,
    Setting,
    Stood,
    Tables,
    Trace,
    Wrote,
)  # fmt: skip

Body = Mapping[str, Any]
LIMIT = 0.011
"""How near to its end a gate's limit switch makes, as a share of the travel."""
FINAL = frozenset({"confirmed", "failed", "unknown", "refused", "expired", "withdrawn", "preempted"})
_SHARED: dict[bytes, Body] = {}


@dataclass(frozen=True, slots=True)
class Heard:
    """One message as it reached a gateway."""

    at_s: float
    life: int
    body: Body
    by: str
    """The client that said it."""


@dataclass(frozen=True, slots=True)
class Write:
    """One Modbus write as it left, with what it asks if any PLC ever told."""

    at_s: float
    gateway: str
    life: int
    device: str
    actuator: str
    ask: str
    """open, close, stop or set; a pulse taken back is none."""
    opening: float
    number: int


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when something was so."""

    begin_s: float
    end_s: float


@dataclass(slots=True)
class Life:
    """One life of one process."""

    process: str
    number: int
    begin_s: float
    end_s: float
    why: str
    detail: str


@dataclass(slots=True)
class Gate:
    """The truth of one actuator."""

    times: list[float] = field(default_factory=list)
    stood: list[Stood] = field(default_factory=list)

    def at(self, at_s: float) -> Stood:
        """Return what was last said of it."""
        return self.stood[max(0, bisect_right(self.times, at_s) - 1)]

    def within(self, begin_s: float, end_s: float) -> Sequence[Stood]:
        """Return what was so at `begin_s`, and every change up to `end_s`."""
        first = max(0, bisect_right(self.times, begin_s) - 1)
        return self.stood[first : bisect_right(self.times, end_s)]

    def openings(self, begin_s: float, end_s: float, travel_s: float) -> tuple[float, float]:
        """Return the smallest and the greatest opening between two instants."""
        seen = [item.opening for item in self.within(begin_s, end_s)]
        for edge_s in (begin_s, end_s):
            last = self.at(edge_s)
            if last.target is not None:
                way = (edge_s - last.at_s) / travel_s
                ahead = last.target - last.opening
                seen.append(last.opening + max(-way, min(way, ahead)))
                seen.append(last.opening)
        return min(seen), max(seen)


class Story:
    """Everything that the checks ask of a trace."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        kinds: dict[type[Event], list[Any]] = defaultdict(list)
        for event in trace.events:
            kinds[type(event)].append(event)
        self._kinds = kinds
        self.setting: Setting = kinds[Setting][0]
        self.end_s = trace.events[-1].at_s
        self.actuators: Mapping[str, Body] = self.setting.actuators

    def all(self, kind: type[Event]) -> Sequence[Any]:
        """Return the events of one kind."""
        return self._kinds[kind]

    @cached_property
    def asked(self) -> Mapping[int, Asked]:
        """Every request, by its number."""
        return {item.request: item for item in self.all(Asked)}

    @cached_property
    def granted(self) -> Sequence[tuple[Asked, Answered]]:
        """The requests that were accepted."""
        return [(self.asked[item.request], item) for item in self.all(Answered) if item.code == "accepted"]

    @cached_property
    def not_refused(self) -> Sequence[Asked]:
        """Everything that was accepted, or never answered: its control died over it, and may have done it."""
        refused = {item.request for item in self.all(Answered) if item.code != "accepted"}
        return [item for key, item in self.asked.items() if key not in refused]

    @cached_property
    def said(self) -> Mapping[str, Sequence[tuple[Said, Body]]]:
        """Our own messages by the last word of their topic, read."""
        found: dict[str, list[tuple[Said, Body]]] = defaultdict(list)
        for item in self.all(Said):
            word = item.topic.rsplit("/", 1)[-1]
            if word in {"command", "orders", "term", "heartbeat"} and item.topic.startswith("stoplog/"):
                found[word].append((item, read(item.payload)))
        return found

    @cached_property
    def heard(self) -> Mapping[str, Mapping[str, Sequence[Heard]]]:
        """Channel → gateway → what reached it of control's commands and order sets."""
        bodies = {
            item.message: (channel, body, item.client)
            for channel in ("command", "orders")
            for item, body in self.said[channel]
        }
        found: dict[str, dict[str, list[Heard]]] = {"command": defaultdict(list), "orders": defaultdict(list)}
        for item in self.all(Delivered):
            known = bodies.get(item.message)
            if known is not None and item.client != "control":
                found[known[0]][item.client].append(Heard(item.at_s, item.life, known[1], known[2]))
        return found

    @cached_property
    def operates(self) -> Mapping[str, Sequence[Heard]]:
        """Actuator → every operate that reached its gateway, the same one perhaps several times."""
        found: dict[str, list[Heard]] = defaultdict(list)
        for gateway, messages in self.heard["command"].items():
            for item in messages:
                actuator = item.body["actuator"]
                is_ours = self.actuators.get(actuator, {}).get("gateway") == gateway
                if item.body["phase"] == "operate" and is_ours:
                    found[actuator].append(item)
        return found

    @cached_property
    def challenges(self) -> Mapping[str, tuple[str, int, float]]:
        """Challenge → (gateway, life, when it was said)."""
        return {
            body["challenge"]: (item.client, item.life, item.at_s) for item, body in self.said["heartbeat"]
        }

    @cached_property
    def beats(self) -> Mapping[str, Sequence[tuple[float, int, Body]]]:
        """Gateway → (when, life, heartbeat)."""
        found: dict[str, list[tuple[float, int, Body]]] = defaultdict(list)
        for item, body in self.said["heartbeat"]:
            found[item.client].append((item.at_s, item.life, body))
        return found

    def term_of(self, gateway: str, at_s: float) -> int:
        """Return the highest term that `gateway` had said to obey before `at_s`."""
        beats = self.beats.get(gateway, ())
        place = bisect_right(beats, at_s - 1e-6, key=lambda beat: beat[0])
        return int(beats[place - 1][2]["term"]) if place else 0

    @cached_property
    def writes(self) -> Sequence[Write]:
        """Every write that asks for a move or a stop, in order."""
        asks: dict[tuple[str, str, int, int], tuple[str, str, float]] = {}
        places = {item.write: (item.device, item.table, item.address, item.value) for item in self.all(Sent)}
        for item in self.all(Wrote):
            if (
                item.actuator is not None
                and item.ask in {"open", "close", "stop", "set"}
                and item.write in places
            ):
                asks[places[item.write]] = (item.actuator, item.ask, item.opening)
        found = []
        for sent in self.all(Sent):
            known = asks.get(places[sent.write])
            if known is not None:
                name, ask, opening = known
                found.append(
                    Write(sent.at_s, sent.gateway, sent.life, sent.device, name, ask, opening, sent.write)
                )
        return found

    @cached_property
    def records(self) -> Mapping[str, Sequence[Recorded]]:
        """Kind → records of every gateway in order."""
        found: dict[str, list[Recorded]] = defaultdict(list)
        for item in self.all(Recorded):
            found[item.kind].append(item)
        return found

    @cached_property
    def lives_of(self) -> Mapping[tuple[str, str, str], Sequence[Recorded]]:
        """(gateway, command, phase) → its records in order; other bytes under a known id are refused, and are not it."""
        found: dict[tuple[str, str, str], list[Recorded]] = defaultdict(list)
        for item in self.records.get("command", ()):
            if [reason["code"] for reason in item.body["reasons"]] == ["replayed"]:
                continue
            found[item.gateway, item.body["id"], item.body["phase"]].append(item)
        return found

    @cached_property
    def gates(self) -> Mapping[str, Gate]:
        """Actuator → its truth."""
        found: dict[str, Gate] = {name: Gate() for name in self.actuators}
        for item in self.all(Stood):
            found[item.actuator].times.append(item.at_s)
            found[item.actuator].stood.append(item)
        return found

    @cached_property
    def measured(self) -> Mapping[str, Sequence[Measured]]:
        """Point → what its instrument truly showed from when on."""
        found: dict[str, list[Measured]] = defaultdict(list)
        for item in self.all(Measured):
            found[item.point].append(item)
        return found

    @cached_property
    def lives(self) -> Mapping[str, Sequence[Life]]:
        """Process → its lives in order."""
        found: dict[str, list[Life]] = defaultdict(list)
        for event in self.trace.events:
            if isinstance(event, Began):
                found[event.process].append(
                    Life(event.process, event.life, event.at_s, self.end_s, "", event.detail)
                )
            elif isinstance(event, Ended):
                for life in found[event.process]:
                    if life.number == event.life:
                        life.end_s, life.why = event.at_s, event.why
        return found

    @cached_property
    def faults(self) -> Mapping[tuple[str, str], Sequence[Span]]:
        """(kind, where) → when it lasted."""
        found: dict[tuple[str, str], list[Span]] = defaultdict(list)
        begun: dict[tuple[str, str], list[float]] = defaultdict(list)
        for item in self.all(Fault):
            key = (item.kind, item.where)
            if item.is_on:
                begun[key].append(item.at_s)
            elif begun[key]:
                found[key].append(Span(begun[key].pop(), item.at_s))
        for key, open_ones in begun.items():
            found[key] += [
                Span(at_s, self.end_s if key[0] not in {"kill", "power"} else at_s) for at_s in open_ones
            ]
        return found

    def is_faulty(self, kinds: Iterable[str], where: str, begin_s: float, end_s: float) -> bool:
        """Whether one of these faults touched `where` within the time."""
        return any(
            span.begin_s <= end_s and span.end_s >= begin_s
            for kind in kinds
            for span in self.faults.get((kind, where), ())
        )

    def is_alive(self, process: str, begin_s: float, end_s: float) -> bool:
        """Whether one life of `process` lasted through the whole time."""
        return any(life.begin_s <= begin_s and life.end_s >= end_s for life in self.lives.get(process, ()))

    @cached_property
    def commits(self) -> Sequence[Committed]:
        """Every transaction of control's database."""
        return self.all(Committed)

    def rows(self, table: str) -> Iterator[tuple[Committed, Body]]:
        """Yield every row that was put into `table`, in order."""
        for commit in self.commits:
            for name, kind, row in commit.writes:
                if name == table and kind == "insert":
                    yield commit, row

    @cached_property
    def commands(self) -> Mapping[str, Body]:
        """Command → its last body in the database."""
        return {row["id"]: row["body"] for _, row in self.rows("commands")}

    @cached_property
    def applied(self) -> frozenset[tuple[str, str, int]]:
        """The edges' records that control has committed."""
        return frozenset((row["gateway"], row["epoch"], row["offset"]) for _, row in self.rows("records"))

    @cached_property
    def tables(self) -> Mapping[str, Sequence[Body]]:
        """The database at the end; empty when the world did not come to its end."""
        found = self.all(Tables)
        return found[-1].rows if found else {}

    @cached_property
    def held(self) -> Mapping[str, Held]:
        """What each side held at the end."""
        return {item.where: item for item in self.all(Held)}

    def is_away(self, actuator: str, action: str, percent: float | None = None) -> bool:
        """Whether a move leads away from the safe end."""
        safe = "open" if self.actuators[actuator]["safe"] == "open" else "close"
        if action == "set":
            return percent != (100.0 if safe == "open" else 0.0)
        return action in {"open", "close"} and action != safe

    def writes_away(self, write: Write) -> bool:
        """Whether a write asks for a move away from the safe end."""
        return self.is_away(write.actuator, write.ask, round(write.opening * 100, 3))


def asks_for(body: Body, write: Write) -> bool:
    """Whether an operate is for what the write asks."""
    if body["action"] == write.ask:
        return (
            write.ask != "set"
            or abs(body["parameters"].get("opening_percent", -1) / 100 - write.opening) < 0.002
        )
    ends = {"open": 1.0, "close": 0.0}
    if write.ask == "set":  # a set-point drive is opened and closed by its ends
        return ends.get(body["action"]) == write.opening
    return (
        body["action"] == "set" and ends.get(write.ask) == body["parameters"].get("opening_percent", -1) / 100
    )


def percent_of(body: Body) -> float | None:
    """Return the opening that a command or its record asks for."""
    found = body.get("parameters", {}).get("opening_percent")
    return None if found is None else float(found)


def read(token: bytes) -> Body:
    """Return what a token says, whoever signed it."""
    found = _SHARED.get(token)
    if found is None:
        if len(_SHARED) > 50_000:
            _SHARED.clear()
        part = token.split(b".")[1]
        found = _SHARED[token] = json.loads(urlsafe_b64decode(part + b"=" * (-len(part) % 4)))
    return found
