"""Says what a proposal rests on: which gates work now, what room the pools have, what flows; reads the live image, decides nothing."""

from collections.abc import Mapping

from control.commands.book import Book
from control.commands.gate import Clear, Request
from control.commands.view import View
from control.live.image import Image
from control.people.roles import Person, Role
from control.plans.preview import VOLUME, stands_at
from control.plans.proposal import Gate, Proposal, propose
from domain.admission import target
from domain.approval import Consent
from domain.command import STATE_WORDS, Action, State
from domain.ids import FacilityId, point_ref
from domain.park import Actuator, SafePosition
from domain.refusal import WORDS, Code, Refused
from domain.words import Words

FLOW = "flow"
"""Name of the point by which a flow meter reports, m³/h."""
_AGREED = Consent(by="*", content_hash="*", at_ms=0, basis="*")
_ANYBODY = Person(username="*", display_name="", roles=frozenset({Role.SHIFT_CHIEF}))
"""Whether a gate works does not hang on who looks; who may move it is decided when it is run."""
_UNPROVED = frozenset({State.FAILED, State.UNKNOWN})


class Now:
    """The live image as a proposal wants it."""

    def __init__(self, view: View, image: Image, book: Book) -> None:
        self._view = view
        self._image = image
        self._book = book

    def propose(self, source: FacilityId, *, now_s: float, inflow_m3_h: float | None = None) -> Proposal:
        """Return the plan for a spill at `source` as things stand at `now_s` (monotonic)."""
        return propose(
            self._image.park,
            source,
            self._gates(now_s=now_s),
            free_m3=lambda pool: self._free_m3(pool, now_s=now_s),
            flow_m3_h=lambda meter: self._number(meter, FLOW, now_s=now_s),
            inflow_m3_h=inflow_m3_h,
        )

    def _gates(self, *, now_s: float) -> Mapping[FacilityId, Gate]:
        park = self._image.park
        return {key: self._gate(item, now_s=now_s) for key, item in park.actuators.items()}

    def _gate(self, actuator: Actuator, *, now_s: float) -> Gate:
        """A gate works when nothing refuses it, its own feedback is trusted, it is heard, and it did not fail just before."""
        facility = actuator.facility
        action = Action.CLOSE if actuator.safe_position is SafePosition.CLOSED else Action.OPEN
        wanted = target(action)
        if wanted is not None and stands_at(wanted, facility, self._image, now_s=now_s):
            return Gate(works=True)
        if not self._image.pulses[self._image.park.gateway_of(facility)].is_heard(now_s=now_s):
            return Gate(works=False, why=WORDS[Code.LINK])
        request = Request(actuator=facility, action=action, accepted=frozenset({"*"}), consent=_AGREED)
        verdict = self._view.consider(request, _ANYBODY)
        if isinstance(verdict, Refused):
            return Gate(works=False, why=verdict.reasons[0].words)
        if not isinstance(verdict, Clear) or verdict.warnings:
            return Gate(works=False, why=verdict.warnings[0].words)
        newest = self._book.newest(facility)
        if newest is not None and newest.command.action is action and newest.state in _UNPROVED:
            said = STATE_WORDS[newest.state]
            return Gate(works=False, why=Words(f"上一次动作{said.zh}", f"its last move: {said.en}"))
        return Gate(works=True)

    def _free_m3(self, pool: FacilityId, *, now_s: float) -> float | None:
        capacity, volume = (
            self._image.park.facilities[pool].capacity_m3,
            self._number(pool, VOLUME, now_s=now_s),
        )
        return None if capacity is None or volume is None else max(0.0, capacity - volume)

    def _number(self, facility: FacilityId, name: str, *, now_s: float) -> float | None:
        ref = point_ref(facility, name)
        if ref not in self._image.park.points:
            return None
        reading = self._image.reading(ref, now_s=now_s)
        is_number = isinstance(reading.value, int | float) and not isinstance(reading.value, bool)
        return float(reading.value or 0.0) if reading.is_trusted and is_number else None
