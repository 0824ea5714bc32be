"""Reads a scenario file of a park, with every fault named by file, line, field and remedy."""

import math
from datetime import UTC, datetime
from pathlib import Path

from domain.errors import ConfigurationError
from domain.ids import EnterpriseId, FacilityId, PlanId
from domain.park import Park
from runtime.parkfiles.entry import Entry
from runtime.parkfiles.faults import Faults
from runtime.parkfiles.nodes import parse, read_text
from simulators.act_reader import DRY, Known, Verb, read_act, read_time
from simulators.scenario import Event, Expect, Response, Scenario

DAYS_MAX = 7
"""No scenario is longer."""


def load_scenario(path: Path, known: Known) -> Scenario:
    """Return the scenario in `path`. Raises ConfigurationError with every fault found."""
    faults = Faults()
    text = read_text(path, str(path), faults)
    block = None if text is None else parse(text, str(path), faults)
    scenario = None if block is None else _scenario(path.stem, Entry(block, faults), known)
    if scenario is None or faults.found:
        raise ConfigurationError(*sorted(faults.found, key=lambda fault: fault.line))
    return scenario


def known_names(park: Park, folder: Path, spill_places: frozenset[str]) -> Known:
    """Return the names that scenarios of the park in `folder` may use."""
    storms = frozenset(path.stem for path in (folder / "storms").glob("*.csv"))
    return Known(park=park, spill_places=spill_places, storms=storms)


def _scenario(name: str, entry: Entry, known: Known) -> Scenario:
    events = [_event(item, known) for item in entry.list_of("events", is_required=False)]
    scenario = Scenario(
        id=name,
        words=entry.words(),
        seed=entry.integer("seed", least=0, most=2**31 - 1),
        storm=_storm(entry, known),
        storm_at_s=entry.number_or("storm_at_minutes", 0.0, least=-1440, most=1440) * 60,
        start_ms=_start(entry),
        starts_at_present=_is_present(entry),
        duration_s=_within(entry, read_time(entry, "duration")),
        gates=_gates(entry.entry_or_none("gates"), known),
        events=tuple(sorted((event for event in events if event is not None), key=lambda event: event.at_s)),
        response=_response(entry.entry_or_none("response"), known),
        expect=_expect(entry.entry_or_none("expect")),
    )
    entry.done()
    return scenario


def _storm(entry: Entry, known: Known) -> str:
    storm = entry.text("storm", "name one, or dry")
    if entry.is_sound and storm not in known.storms and storm != DRY:
        storms = ", ".join((DRY, *sorted(known.storms)))
        entry.fault("storm", f"`{storm}` is no storm", remedy=f"one of {storms}", kind="unknown-reference")
    return storm


def _start(entry: Entry) -> int | None:
    entry.may_have("start")
    if not entry.has("start") or _is_present(entry):
        return None
    remedy = "write 2026-06-15T06:00:00Z, or present"
    text = entry.text("start", remedy)
    try:
        return int(datetime.fromisoformat(text).astimezone(UTC).timestamp()) * 1000
    except ValueError:
        entry.fault("start", f"`{text}` is no time", remedy=remedy, kind="wrong-type")
        return None


def _is_present(entry: Entry) -> bool:
    return entry.has("start") and entry.text("start") == "present"


def _within(entry: Entry, duration_s: float) -> float:
    if duration_s == 0 or duration_s > DAYS_MAX * 86400:
        entry.fault("duration", "is 0 or longer than a week", remedy="write hh:mm:ss", kind="out-of-range")
    return 1.0 if math.isnan(duration_s) else duration_s


def _gates(entry: Entry | None, known: Known) -> dict[FacilityId, float]:
    gates: dict[FacilityId, float] = {}
    for name in () if entry is None else entry.pairs():
        assert entry is not None
        percent = entry.number(name, least=0, most=100)
        if name not in known.park.actuators:
            entry.fault(name, f"`{name}` is no actuator", remedy="name another", kind="unknown-reference")
        elif not math.isnan(percent):
            gates[FacilityId(name)] = percent / 100
    if entry is not None:
        entry.done()
    return gates


def _event(entry: Entry, known: Known) -> Event | None:
    at_s = read_time(entry, "at")
    entry.may_have(*Verb)
    verbs = [verb for verb in Verb if entry.has(verb)]
    if len(verbs) != 1:
        entry.fault("", "is not one act", remedy=f"write one of {', '.join(Verb)}", kind="missing-key")
    inner = entry.entry(verbs[0]) if len(verbs) == 1 else None
    act = None if inner is None else read_act(verbs[0], inner, known)
    if inner is not None:
        inner.done()
    entry.done()
    return None if act is None or math.isnan(at_s) else Event(at_s=at_s, act=act)


def _response(entry: Entry | None, known: Known) -> Response | None:
    if entry is None:
        return None
    enterprise = entry.text_or("alarm_of", "")
    if enterprise and enterprise not in known.park.enterprises:
        entry.fault(
            "alarm_of", f"`{enterprise}` is no enterprise", remedy="name another", kind="unknown-reference"
        )
    plans = entry.texts("plans")
    for plan in plans:
        if plan.text not in known.park.plans:
            entry.faults.add(
                plan.place, f"`{plan.text}` is no plan", remedy="name another", kind="unknown-reference"
            )
    response = Response(
        alarm_of=EnterpriseId(enterprise) if enterprise else None,
        who=entry.text_or("who", "operator"),
        delay_s=entry.number_or("delay_s", 60.0, least=0, most=86400),
        plans=tuple(PlanId(plan.text) for plan in plans),
    )
    entry.done()
    return response


def _expect(entry: Entry | None) -> Expect:
    if entry is None:
        return Expect()
    names = ("spilled_kg_min", "baseline_park_kg_min", "kept_back_min")
    entry.may_have(*names)
    values = {name: entry.number(name, least=0) for name in names if entry.has(name)}
    entry.done()
    return Expect(**values)
