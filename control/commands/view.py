"""What is known now about one actuator, put together for whoever decides or explains; changes nothing."""

from collections.abc import Mapping
from dataclasses import replace

from control.commands.book import Book
from control.commands.gate import Link, Request, Verdict, beside, consider, evidence_for, takes_second
from control.commands.orders import Orders
from control.commands.why import centre
from control.database.recorder import Recorder
from control.live.image import Image
from control.live.memory import Memory
from control.people.roles import Person
from control.people.standing import Standing
from domain.admission import Situation, direction
from domain.command import Action
from domain.commissioning import is_checked_by
from domain.definition import definition_hashes
from domain.explained import Node
from domain.explanation import explain
from domain.ids import CommandId, FacilityId, PointRef
from domain.order import Order
from domain.override import overridden
from domain.park import Park, Tier
from domain.sample import Reading
from runtime.clock import Clock
from wire.messages import Evidence

SET_PERCENT = 50.0
"""The opening by which a set-point is explained before one is named."""


class View:
    """The live image, the orders and the commands under way, seen from one actuator."""

    def __init__(
        self, park: Park, image: Image, orders: Orders, book: Book, recorder: Recorder, clock: Clock
    ) -> None:
        self.park = park
        self._image = image
        self._orders = orders
        self._book = book
        self._recorder = recorder
        self._clock = clock
        self.memory = Memory(image, clock)
        """What was seen over time."""
        self._definitions = {
            key: definition_hashes(park, actuator) for key, actuator in park.actuators.items()
        }

    def read(self, ref: PointRef) -> Reading:
        """Return the reading of a point now."""
        return self._image.reading(ref, now_s=self._clock.monotonic())

    def situation(self, actuator: FacilityId, *, but: CommandId | None = None) -> Situation:
        """Return what is known when the decision is made, leaving out the command `but`."""
        under_way = self._book.under_way(actuator, but=but)
        return Situation(
            read=self.read,
            unit_of=self._image.unit_of,
            orders=self._orders.held,
            executing=under_way.command.action if under_way is not None else None,
            owner=under_way.command.author if under_way is not None else "",
            is_in_doubt=self._book.doubt_since_s(actuator) is not None,
            recall=self.memory.recall,
            drive=self._orders.drives.get(actuator, ""),
            overridden=self.overridden(actuator),
        )

    def overridden(self, actuator: FacilityId) -> Mapping[str, Order]:
        """Return interlock → override that stands on `actuator` now (I8)."""
        found = self.park.actuators.get(actuator)
        if found is None:
            return {}
        tier = self.park.facilities[actuator].tier
        return overridden(self._orders.held, found, tier, now_ms=self._clock.now_ms())

    def consider(
        self,
        request: Request,
        person: Person,
        *,
        but: CommandId | None = None,
        asks_second: bool = True,
    ) -> Verdict:
        """Decide on `request` as things stand now; `asks_second`: see `gate.consider`."""
        return consider(
            request,
            person,
            self.park,
            self.situation(request.actuator, but=but),
            link=self._link(request.actuator),
            definition=self._definitions.get(request.actuator, ("", "")),
            is_recordable=self._recorder.is_available,
            asks_second=asks_second,
        )

    def allows(self, actuator: FacilityId, action: Action, person: Person) -> Verdict:
        """Decide as if `person` had accepted every warning, and another one had agreed: what is shown before the button is
        pressed.
        """
        request = replace(_asked(actuator, action), accepted=frozenset({"*"}))
        # What is asked about is the device: a proof that has grown old is asked for when the button is pressed.
        return self.consider(request, replace(person, standing=Standing.FRESH), asks_second=False)

    def takes_second(self, actuator: FacilityId, action: Action, person: Person) -> bool:
        """Whether `action` by `person` goes out under a ticket to which another one has agreed."""
        situation = replace(self.situation(actuator), author=person.username)
        return takes_second(self.park.actuators[actuator], _asked(actuator, action), self.park, situation)

    def explain(self, actuator: FacilityId, action: Action, person: Person) -> Node:
        """Return everything that stands for or against `action` now, for `person` as in `allows`."""
        found, facility = self.park.actuators[actuator], self.park.facilities[actuator]
        percent = SET_PERCENT if action is Action.SET else None
        way = direction(found, action, opening_percent=percent)
        reasons = beside(
            Request(actuator=actuator, action=action),
            replace(person, standing=Standing.FRESH),
            self.park,
            way,
            link=self._link(actuator),
            definition=self._definitions[actuator],
            is_recordable=self._recorder.is_available,
            is_checking=is_checked_by(
                found, self._orders.drives[actuator], self._orders.held, author=person.username
            ),
        )
        return explain(
            found,
            action,
            replace(self.situation(actuator), author=person.username),
            self.park,
            opening_percent=percent,
            so_far_s=self.memory.so_far_s,
            more=centre(
                reasons,
                way,
                is_river=facility.tier is Tier.RIVER,
                takes_ticket=self.takes_second(actuator, action, person),
            ),
        )

    def definition(self, actuator: FacilityId) -> tuple[str, str]:
        """Return the hashes of the actuator's definition as control holds it (I18)."""
        return self._definitions[actuator]

    def challenge(self, actuator: FacilityId) -> str | None:
        """Return the newest challenge of the actuator's gateway; None while it is not heard, or when the park has it no more."""
        if actuator not in self.park.actuators:
            return None
        pulse = self._image.pulses[self.park.gateway_of(actuator)]
        if pulse.newest is None or not pulse.is_heard(now_s=self._clock.monotonic()):
            return None
        return pulse.newest.challenge

    def skew_ms(self, actuator: FacilityId) -> int:
        """Return by how much the clock of the actuator's gateway runs ahead of ours (see `Pulse.skew_ms`)."""
        pulse, clock = self._image.pulses[self.park.gateway_of(actuator)], self._clock
        return pulse.skew_ms(now_ms=clock.now_ms(), now_s=clock.monotonic(), speed=clock.speed)

    def evidence(self, actuator: FacilityId) -> tuple[Evidence, ...]:
        """Return what the centre sees of points behind other gateways that the actuator's interlocks use."""
        found = self.park.actuators[actuator]
        gateway = self.park.gateway_of(actuator)
        return evidence_for(found, self.park, self.read, gateway, self.memory.recall)

    def _link(self, actuator: FacilityId) -> Link:
        if actuator not in self.park.actuators:
            return Link(is_heard=False, definition=None)
        pulse = self._image.pulses[self.park.gateway_of(actuator)]
        said = pulse.newest.definitions.get(actuator) if pulse.newest is not None else None
        return Link(is_heard=pulse.is_heard(now_s=self._clock.monotonic()), definition=said)


def _asked(actuator: FacilityId, action: Action) -> Request:
    percent = {"opening_percent": SET_PERCENT} if action is Action.SET else {}
    return Request(actuator=actuator, action=action, parameters=percent)
