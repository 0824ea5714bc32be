"""Watches the field after every poll: cut-off rules, local/remote, movement that nobody commanded, alarm-point crossings.

A cut-off acts whether or not anybody listens (I11); everything else is put on the record and moves nothing, but for one:
the late effect of a move away from safe whose outcome was unknown is countered toward safe (I3).
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from domain.admission import Direction, Situation, admit
from domain.alarm import Alarm, AlarmRule, AlarmState, observe
from domain.command import Action, Phase, State
from domain.cutoff import CutoffRule, CutoffWatch
from domain.drive import writes
from domain.ids import CommandId, DeviceId, FacilityId, PointRef, RuleId
from domain.order import Order
from domain.park import Actuator, SafePosition, Tier
from domain.position import Position, indicate
from domain.refusal import Admission, Admitted, Cause, Refused
from gateway.executor import Executor
from gateway.field import Field
from gateway.guard import Guard
from gateway.image import DeviceImage
from gateway.job import Job
from gateway.ledger import Ledger
from gateway.ledger_entry import Entry
from gateway.overrides import Overrides
from gateway.records import Records
from gateway.transcript import Transcript
from runtime.clock import Clock
from runtime.log import logger
from wire.messages import order_body

OWN_S_MAX = 600.0
"""Wall seconds for which a cut-off keeps trying to reach its PLC; after that a person must go there."""


@dataclass(frozen=True, slots=True)
class _Own:
    """What is looked at after a poll of one device."""

    cutoffs: list[CutoffWatch] = field(default_factory=list)
    alarms: list[AlarmRule] = field(default_factory=list)
    actuators: list[Actuator] = field(default_factory=list)


class Watch:
    """The eyes of the gateway."""

    def __init__(
        self,
        field: Field,
        executor: Executor,
        transcript: Transcript,
        *,
        ledger: Ledger,
        records: Records,
        overrides: Overrides,
        clock: Clock,
    ) -> None:
        self._field = field
        self._executor = executor
        self._transcript = transcript
        self._ledger = ledger
        self._records = records
        self._overrides = overrides
        self._clock = clock
        self._log = logger("watch")
        self._guard = Guard(field, executor, ledger=ledger, records=records, clock=clock)
        self._cutoffs: list[CutoffWatch] = []
        self._alarms: dict[RuleId, tuple[AlarmRule, Alarm]] = {}
        self._positions: dict[FacilityId, Position] = {}
        self._remote: dict[FacilityId, bool] = {}
        self._of: dict[DeviceId, _Own] = {}
        self._looked: dict[PointRef, int] = {}
        """Point of a feedback → time of what was last looked at: the same once more changes nothing."""
        self._undone: set[RuleId] = set()
        """Rules that cut off before the start and never came to their proof: the kill may have fallen before the write."""
        self.park_changed()
        self._undone = {watch.rule.id for watch in self._cutoffs if self._unproved(watch.rule.id)}
        self.orders_changed()

    def park_changed(self) -> None:
        """Take the rules of the park as it is now; one that is what it was goes on where it stands."""
        park, ours = self._field.park, self._field
        cutoffs = {watch.rule.id: watch for watch in self._cutoffs}
        self._cutoffs = [
            known if (known := cutoffs.get(rule.id)) and known.rule == rule else CutoffWatch(rule=rule)
            for rule in park.cutoffs
            if ours.is_own(rule.point)
        ]
        alarms = self._alarms
        self._alarms = {
            rule.id: alarms[rule.id]
            if rule.id in alarms and alarms[rule.id][0] == rule
            else (rule, Alarm(rule=rule.id))
            for rule in park.alarms
            if ours.is_own(rule.point)
        }
        self._of = {}
        for watch in self._cutoffs:
            self._own(watch.rule.point).cutoffs.append(watch)
        for rule, _ in self._alarms.values():
            self._own(rule.point).alarms.append(rule)
        for actuator in ours.actuators.values():
            self._of.setdefault(actuator.device, _Own()).actuators.append(actuator)
        self._looked.clear()
        self._positions = {key: at for key, at in self._positions.items() if key in ours.actuators}
        self._remote = {key: is_remote for key, is_remote in self._remote.items() if key in ours.actuators}
        self.orders_changed()

    def polled(self, image: DeviceImage) -> None:
        """Look at what `image` shows after a poll."""
        self._field.memory.polled(image.device.id)
        own = self._of.get(image.device.id)
        if own is None:
            return
        for watch in own.cutoffs:
            if watch.recent and watch.recent[-1][0] == _time(image, watch.rule.point):
                continue  # counted
            samples = watch.observe(self._field.reading(watch.rule.point))
            if samples is not None:
                self._cut_off(watch.rule, samples)
        for rule in own.alarms:
            if self._alarms[rule.id][1].observed_ms != _time(image, rule.point):
                self._cross(rule.id)
        for actuator in own.actuators:
            names = actuator.feedback
            if self._is_new(image, actuator, (names.remote,)):
                self._watch_mode(actuator)
            if self._is_new(image, actuator, (names.opened, names.closed)):
                self._watch_position(actuator)
                self._guard.look(image, actuator, self._bring_back)

    def orders_changed(self) -> None:
        """A rule is latched while an order that it made stands; one that a restart left undone may cut off once more."""
        for watch in self._cutoffs:
            rule = watch.rule.id
            watch.is_latched = bool(self._standing(rule)) and rule not in self._undone

    def _standing(self, rule: RuleId) -> list[Order]:
        orders = self._ledger.orders
        return [
            order
            for key, order in orders.orders.items()
            if order.by == self._by(rule) and key not in orders.tombstones
        ]

    def _unproved(self, rule: RuleId) -> list[Order]:
        return [order for order in self._standing(rule) if not self._guard.has_proved(order)]

    def _own(self, point: PointRef) -> "_Own":
        return self._of.setdefault(self._field.park.points[point].device, _Own())

    def _is_new(self, image: DeviceImage, actuator: Actuator, names: Iterable[str]) -> bool:
        """Whether one of these feedbacks was read since they were last looked at."""
        found = False
        for name in names:
            point = actuator.point(name)
            at_ms = _time(image, point)
            if self._looked.get(point) != at_ms:
                self._looked[point], found = at_ms, True
        return found

    def _cut_off(self, rule: CutoffRule, samples: Sequence[tuple[int, float]]) -> None:
        if rule.id in self._undone:
            self._undone.discard(rule.id)
            if not self._unproved(rule.id):
                return  # it was only not yet known that it had come about
        self._log.warning("cut-off", rule=rule.id, value=samples[-1][1])
        for facility in rule.actuators:
            actuator = self._field.actuators.get(facility)
            assert actuator is not None
            assert self._field.park.facilities[facility].tier is not Tier.RIVER
            reason = f"{rule.words.zh} / {rule.words.en}"
            command = _new_id()
            self._records.make(
                "cutoff",
                {
                    "rule": rule.id,
                    "command": command,
                    "actuators": list(rule.actuators),
                    "samples": [[at_ms, value] for at_ms, value in samples],
                    "words": rule.words.as_dict(),
                },
                actuator=facility,
            )
            if not any(order.actuator == facility for order in self._standing(rule.id)):
                self._keep(actuator, rule.id, reason)
            self._move_to_safe(actuator, command, f"{self._by(rule.id)}", reason)

    def _keep(self, actuator: Actuator, rule: RuleId, reason: str) -> None:
        """Latch what was closed, or opened into a pool, as an order named by its own record."""
        order = Order(
            id=self._records.next_id,
            kind=actuator.safe_position.kept_by,
            actuator=actuator.facility,
            by=self._by(rule),
            reason=reason,
            since_ms=self._clock.now_ms(),
        )
        self._records.make("order", {"order": order_body(order)}, actuator=actuator.facility)
        self._ledger.hold(self._ledger.orders.with_orders(order))

    def _move_to_safe(self, actuator: Actuator, command: CommandId, author: str, reason: str) -> None:
        """Give a command of our own: no person, no challenge, the same admission and the same executor."""
        action = Action.CLOSE if actuator.safe_position is SafePosition.CLOSED else Action.OPEN
        entry = Entry(
            id=command,
            phase=Phase.OPERATE,
            hash="",
            actuator=actuator.facility,
            action=action,
            author=author,
            reason=reason,
            state=State.REQUESTED,
            at_ms=self._clock.now_ms(),
        )
        match self._admission(actuator, action, author):
            case Refused(reasons=reasons):
                self._refuse(entry, reasons)
            case Admitted(warnings=warnings):
                assert writes(actuator.drive, action)
                self._transcript.intend(entry)
                until_s = self._clock.monotonic() + OWN_S_MAX
                self._executor.start(
                    Job(
                        entry=entry,
                        actuator=actuator,
                        way=Direction.TOWARD_SAFE,
                        is_fresh=lambda grace_s: self._clock.monotonic() < until_s + grace_s,
                        warnings=warnings,
                        is_admitted=lambda: _reasons(self._admission(actuator, action, author)),
                    )
                )

    def _admission(self, actuator: Actuator, action: Action, author: str) -> Admission:
        """Decide as things stand now."""
        situation = Situation(
            read=self._field.reading,
            unit_of=self._field.unit_of,
            orders=self._ledger.orders,
            executing=self._executor.executing(actuator.facility),
            recall=self._field.memory.recall,
            drive=self._field.definitions[actuator.facility][0],
            author=author,
            overridden=self._overrides.of(actuator.facility),
        )
        return admit(actuator, action, situation)

    def _bring_back(self, actuator: Actuator, author: str, reason: str) -> None:
        self._move_to_safe(actuator, _new_id(), author, reason)

    def _refuse(self, entry: Entry, reasons: tuple[Cause, ...]) -> None:
        self._transcript.enter(entry, State.REFUSED, reasons=reasons)

    def _cross(self, rule_id: RuleId) -> None:
        rule, alarm = self._alarms[rule_id]
        reading = self._field.reading(rule.point)
        after = observe(alarm, rule, reading, now_ms=self._clock.now_ms())
        self._alarms[rule_id] = (rule, after)
        if _holds(after) != _holds(alarm):
            value = reading.value if isinstance(reading.value, float) else float(bool(reading.value))
            self._records.make("crossing", {"rule": rule_id, "value": value, "beyond": _holds(after)})

    def _watch_mode(self, actuator: Actuator) -> None:
        reading = self._field.reading(actuator.point(actuator.feedback.remote))
        if not reading.is_trusted or not isinstance(reading.value, bool):
            return
        before = self._remote.get(actuator.facility)
        self._remote[actuator.facility] = reading.value
        if before is not None and before != reading.value:
            self._records.make("mode", {"remote": reading.value}, actuator=actuator.facility)

    def _watch_position(self, actuator: Actuator) -> None:
        names = actuator.feedback
        shown = indicate(
            self._field.reading(actuator.point(names.opened)),
            self._field.reading(actuator.point(names.closed)),
        ).position
        facility = actuator.facility
        if shown in {Position.UNKNOWN, Position.CONTRADICTION}:
            return
        before = self._positions.get(facility)
        self._positions[facility] = shown
        if before is None or before is shown or self._executor.was_just_moving(facility):
            return
        late = self._executor.late_move(facility)
        late_of = late.command if late is not None else None
        self._records.make(
            "moved_by_hand", {"from": before.value, "to": shown.value, "late_of": late_of}, actuator=facility
        )
        safe = Position.CLOSED if actuator.safe_position is SafePosition.CLOSED else Position.OPEN
        is_ours = late is not None and late.way is Direction.AWAY_FROM_SAFE
        # A river sluice is moved by persons only (I11): there the alarm is all.
        if is_ours and before is safe and self._field.park.facilities[facility].tier is not Tier.RIVER:
            reason = f"命令 {late_of} 迟到的动作 / late movement of command {late_of}"
            self._move_to_safe(actuator, _new_id(), f"edge:{self._records.gateway}", reason)

    def _by(self, rule: RuleId) -> str:
        return f"edge:{self._records.gateway}/{rule}"


def _reasons(admission: Admission) -> tuple[Cause, ...]:
    return admission.reasons if isinstance(admission, Refused) else ()


def _time(image: DeviceImage, point: PointRef) -> int:
    return image.observed_ms(image.row_of[point])


def _holds(alarm: Alarm) -> bool:
    return alarm.state in {AlarmState.ACTIVE_UNACK, AlarmState.ACTIVE_ACK}


def _new_id() -> CommandId:
    return CommandId(secrets.token_hex(16))
