"""Reads park.yaml, enterprises.yaml and facilities.yaml: what there is, and how water flows between it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from domain.ids import EnterpriseId, FacilityId, ParkId
from domain.park import Enterprise, Facility, FacilityKind, Flow, HandCard, Risk, SafePosition, Tier
from domain.words import Words
from runtime.parkfiles.entry import Entry
from runtime.parkfiles.faults import Faults, Place
from runtime.parkfiles.names import Names
from runtime.parkfiles.nodes import parse, read_text

TRAVEL_TIME_S_MAX = 7200.0
"""Slower than two hours is no gate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActuatorPart:
    """What facilities.yaml says of an actuator; registers and interlocks stand elsewhere."""

    safe_position: SafePosition
    travel_time_s: float
    reversing_pause_s: float
    hand_card: HandCard
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One facility as its file has it."""

    facility: Facility
    actuator: ActuatorPart | None
    is_actuator: bool
    """Whether an actuator is written, sound or not."""
    flow_places: tuple[Place, ...]
    """Where each of the facility's flows is written."""
    place: Place
    is_sound: bool
    """False: some field is a stand-in."""


@dataclass(slots=True)
class Sites:
    """The park's things."""

    id: ParkId
    words: Words
    enterprises: dict[EnterpriseId, Enterprise] = field(default_factory=dict)
    enterprise_names: Names = field(default_factory=lambda: Names("enterprise"))
    sites: dict[FacilityId, Site] = field(default_factory=dict)
    names: Names = field(default_factory=lambda: Names("facility"))
    procedures: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """What to do by hand, by the name that hand cards use."""
    procedure_names: Names = field(default_factory=lambda: Names("hand procedure"))

    def sound(self, facility: str) -> Site | None:
        """Return a facility that was read without fault."""
        site = self.sites.get(FacilityId(facility))
        return site if site is not None and site.is_sound else None


def open_file(folder: Path, name: str, faults: Faults) -> Entry | None:
    """Return the mapping in `folder/name`; None and a fault when it cannot be read."""
    shown = (folder / name).as_posix()
    text = read_text(folder / name, shown, faults)
    block = None if text is None else parse(text, shown, faults)
    return None if block is None else Entry(block, faults)


def read_sites(folder: Path, faults: Faults) -> Sites:
    """Return what park.yaml, enterprises.yaml and facilities.yaml of `folder` say."""
    sites = _head(folder, faults)
    _enterprises(folder, sites, faults)
    top = open_file(folder, "facilities.yaml", faults)
    if top is None:
        sites.names.is_whole = False
        return sites
    _procedures(top, sites)
    for key, entry in _declared(top, "facilities", sites.names):
        site = _site(FacilityId(key), entry, sites, faults)
        sites.sites[site.facility.id] = site
    top.done()
    for site in sites.sites.values():
        _flows(site, sites, faults)
    return sites


def _head(folder: Path, faults: Faults) -> Sites:
    top = open_file(folder, "park.yaml", faults)
    if top is None:
        return Sites(ParkId(""), Words("", ""))
    park = top.text("id")
    if park:
        top.is_good_id(park, top.place_of("id"))
    sites = Sites(ParkId(park), top.words())
    top.done()
    return sites


def _enterprises(folder: Path, sites: Sites, faults: Faults) -> None:
    top = open_file(folder, "enterprises.yaml", faults)
    if top is None:
        sites.enterprise_names.is_whole = False
        return
    for key, entry in _declared(top, "enterprises", sites.enterprise_names):
        sites.enterprises[EnterpriseId(key)] = Enterprise(
            id=EnterpriseId(key),
            words=entry.words(),
            risk=entry.choice("risk", Risk),
            substances=tuple(item.text for item in entry.texts("substances", is_required=False)),
            contact=entry.text_or("contact", ""),
        )
        entry.done()
    top.done()


def _procedures(top: Entry, sites: Sites) -> None:
    inner = top.entry("hand_procedures", "write {name: [first step, …]}")
    if inner is None:
        sites.procedure_names.is_whole = False
        return
    for key in inner.keys:
        sites.procedure_names.declare(key, inner.place_of(key))
        sites.procedures[key] = tuple(step.text for step in inner.texts(key))
        if not sites.procedures[key] and inner.is_sound:
            inner.fault(key, "has no steps", remedy="write what to do, one step an item", kind="no-hand-card")


def _declared(top: Entry, name: str, names: Names) -> Iterator[tuple[str, Entry]]:
    """Yield the mappings of `name`, declaring each id before anything refers to it."""
    found = list(top.entries(name))
    for key, entry in found:
        names.declare(key, entry.place)
    names.is_whole = top.is_sound
    return iter(found)


def _site(key: FacilityId, entry: Entry, sites: Sites, faults: Faults) -> Site:
    kind = entry.choice("kind", FacilityKind)
    is_kind_known = entry.is_sound
    actuator = entry.entry_or_none("actuator")
    enterprise = entry.text_or("enterprise", "")
    is_known = not enterprise or sites.enterprise_names.has(enterprise, entry.place_of("enterprise"), faults)
    flows = entry.texts("flows_to", is_required=False)
    x, y = entry.pair("at", most=(1000, 600))
    facility = Facility(
        id=key,
        words=entry.words(),
        kind=kind,
        tier=entry.choice("tier", Tier),
        line=entry.integer("line", least=1, most=3) if entry.has("line") else None,
        enterprise=EnterpriseId(enterprise) if enterprise and is_known else None,
        flows_to=tuple(Flow(to=FacilityId(item.text)) for item in flows),
        capacity_m3=_capacity(entry, needs_one=is_kind_known and kind.is_pool),
        x=x,
        y=y,
        camera=entry.text("camera") if entry.has("camera") else None,
    )
    entry.may_have("line", "camera", "capacity_m3")
    part = None if actuator is None else _actuator(actuator, sites)
    is_sound = entry.done() and is_known and (actuator is None or actuator.is_sound)
    return Site(
        facility=facility,
        actuator=part,
        is_actuator=entry.has("actuator"),
        flow_places=tuple(item.place for item in flows),
        place=entry.place,
        is_sound=is_sound,
    )


def _capacity(entry: Entry, *, needs_one: bool) -> float | None:
    if needs_one or entry.has("capacity_m3"):
        return entry.number("capacity_m3", least=0, is_above=True)
    return None


def _actuator(entry: Entry, sites: Sites) -> ActuatorPart:
    entry.expect("safe_position", "no-safe-position")
    entry.expect("hand_card", "no-hand-card")
    card = entry.entry("hand_card", "write {who, phone, where, how: hand procedure}")
    part = ActuatorPart(
        safe_position=entry.choice("safe_position", SafePosition),
        travel_time_s=entry.number("travel_time_s", least=0, most=TRAVEL_TIME_S_MAX, is_above=True),
        reversing_pause_s=entry.number("reversing_pause_s", least=0, most=600),
        hand_card=HandCard(who="", phone="", where="", how=()) if card is None else _card(card, sites),
        place=entry.place,
    )
    entry.done()
    entry.is_sound &= card is not None and card.is_sound
    return part


def _card(entry: Entry, sites: Sites) -> HandCard:
    procedure = entry.text("how", "name one of the hand_procedures")
    card = HandCard(
        who=entry.text("who", "write whom to call"),
        phone=entry.text("phone", "write the number in quotes"),
        where=entry.text("where", "write where the gate stands"),
        how=sites.procedures.get(procedure, ()),
    )
    entry.done()
    sites.procedure_names.has(procedure, entry.place_of("how"), entry.faults)
    return card


def _flows(site: Site, sites: Sites, faults: Faults) -> None:
    for flow, place in zip(site.facility.flows_to, site.flow_places, strict=True):
        if sites.names.has(flow.to, place, faults) and flow.to == site.facility.id:
            faults.add(place, "flows into itself", remedy="name the next facility", kind="no-path")
