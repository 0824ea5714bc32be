"""What the gateway has measured of its actuators' travels, kept over restarts; what follows from it is decided by domain.travel."""

import json

from domain.command import Action
from domain.ids import FacilityId
from domain.park import Actuator
from domain.travel import KEPT, learned_s, remembered, timeout_s
from gateway.field import Field
from gateway.ledger import Ledger

_DIRECTIONS = (Action.OPEN, Action.CLOSE)


class Travels:
    """The history of every actuator of this gateway, each as long as its drive stays the same."""

    def __init__(self, ledger: Ledger, field: Field) -> None:
        self._ledger = ledger
        self._field = field

    def learned_s(self, actuator: Actuator, action: Action) -> float:
        """Return the full travel time to reckon with, model seconds."""
        return learned_s(self._history(actuator.facility, action), declared_s=actuator.travel_time_s)

    def timeout_s(self, actuator: Actuator, action: Action) -> float:
        """Return after how many model seconds a move has failed; one between the limits may go either way."""
        directions = (action,) if action in _DIRECTIONS else _DIRECTIONS
        return max(
            timeout_s(self._history(actuator.facility, way), declared_s=actuator.travel_time_s)
            for way in directions
        )

    def measured(self, actuator: Actuator, action: Action, travel_s: float) -> None:
        """Remember one travel from limit to limit."""
        history = remembered(self._history(actuator.facility, action), travel_s)
        body = {"drive": self._drive(actuator.facility), "travels_s": [round(item, 3) for item in history]}
        self._ledger.keep_travels(_name(actuator.facility, action), json.dumps(body))

    def _history(self, actuator: FacilityId, action: Action) -> tuple[float, ...]:
        held = self._ledger.travels.get(_name(actuator, action))
        if held is None:
            return ()
        body = json.loads(held)
        if body["drive"] != self._drive(actuator):
            return ()
        return tuple(float(item) for item in body["travels_s"][-KEPT:])

    def _drive(self, actuator: FacilityId) -> str:
        return self._field.definitions[actuator][0]


def _name(actuator: FacilityId, action: Action) -> str:
    return f"{actuator} {action.value}"
