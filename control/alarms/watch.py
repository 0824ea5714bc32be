"""Every alarm of the park and of the system itself, from readings and conditions; decides, keeps no file and tells nobody."""

from collections import defaultdict
from collections.abc import Iterable, KeysView, Mapping
from dataclasses import dataclass, replace

from domain.alarm import (
    TRANSITIONS,
    Alarm,
    AlarmEvent,
    AlarmRule,
    AlarmState,
    acknowledge,
    next_state,
    observe,
)
from domain.ids import FacilityId, PointRef, RuleId
from domain.sample import Reading
from domain.words import Words


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemRule:
    """A condition of the system itself."""

    id: RuleId
    words: Words
    severity: int
    facility: FacilityId | None = None


class Watch:
    """The one instance of every rule's condition (I12)."""

    def __init__(self, rules: Iterable[AlarmRule]) -> None:
        self.rules: Mapping[RuleId, AlarmRule] = {rule.id: rule for rule in rules}
        self.system: dict[RuleId, SystemRule] = {}
        self.alarms: dict[RuleId, Alarm] = {}
        self._by_point: dict[PointRef, list[AlarmRule]] = defaultdict(list)
        for rule in self.rules.values():
            self._by_point[rule.point].append(rule)

    @property
    def points(self) -> KeysView[PointRef]:
        """The points that thresholds watch."""
        return self._by_point.keys()

    def load(self, alarms: Iterable[Alarm], system: Iterable[SystemRule]) -> None:
        """Take what was kept before a restart: an alarm is never lost in between, nor its severity (I12)."""
        self.system.update({rule.id: rule for rule in system})
        self.alarms.update({alarm.rule: alarm for alarm in alarms})

    def see(self, ref: PointRef, reading: Reading, *, now_ms: int) -> tuple[Alarm, ...]:
        """Return the alarms that changed because of one reading."""
        changed = []
        for rule in self._by_point.get(ref, ()):
            before = self.of(rule.id)
            after = observe(before, rule, reading, now_ms=now_ms)
            if after is not before:
                self.alarms[rule.id] = after
                if (after.state, after.occurrence, after.value) != (
                    before.state,
                    before.occurrence,
                    before.value,
                ):
                    changed.append(after)
        return tuple(changed)

    def holds(self, rule: SystemRule, *, is_so: bool, now_ms: int) -> Alarm | None:
        """Note whether a system condition holds; return the alarm if it changed."""
        self.system.setdefault(rule.id, rule)
        before = self.of(rule.id)
        after = before
        if is_so and AlarmEvent.RAISE in TRANSITIONS[before.state]:
            after = _raised(before, now_ms=now_ms)
        elif not is_so and AlarmEvent.CLEAR in TRANSITIONS[before.state]:
            after = replace(before, state=next_state(before.state, AlarmEvent.CLEAR), cleared_ms=now_ms)
        if after is before:
            return None
        self.alarms[rule.id] = after
        return after

    def holding(self, rule: RuleId) -> bool:
        """Whether the condition of a rule holds as last noted."""
        return AlarmEvent.CLEAR in TRANSITIONS[self.of(rule).state]

    def happened(self, rule: SystemRule, *, now_ms: int) -> Alarm:
        """Note something that happened once: it is over, and stays until somebody has seen it."""
        self.holds(rule, is_so=True, now_ms=now_ms)
        self.holds(rule, is_so=False, now_ms=now_ms)
        return self.alarms[rule.id]

    def acknowledge(self, rule: RuleId, *, occurrence: int, severity: int, person: str) -> Alarm | None:
        """Return the alarm acknowledged; None when the person saw another occurrence or severity, or nothing stands."""
        if rule not in self.alarms or self.severity_of(rule) != severity:
            return None
        after = acknowledge(self.alarms[rule], occurrence=occurrence, person=person)
        if after is not None:
            self.alarms[rule] = after
        return after

    def of(self, rule: RuleId) -> Alarm:
        """Return the rule's alarm as it stands."""
        return self.alarms.get(rule) or Alarm(rule=rule)

    def severity_of(self, rule: RuleId) -> int:
        """Return 1 (highest) to 3."""
        found = self.rules.get(rule) or self.system.get(rule)
        return found.severity if found is not None else 3

    def standing(self) -> tuple[Alarm, ...]:
        """Return the alarms that are not normal, the newest last."""
        alive = [alarm for alarm in self.alarms.values() if alarm.state is not AlarmState.NORMAL]
        return tuple(sorted(alive, key=lambda alarm: alarm.raised_ms or 0))


def _raised(alarm: Alarm, *, now_ms: int) -> Alarm:
    return replace(
        alarm,
        state=next_state(alarm.state, AlarmEvent.RAISE),
        occurrence=alarm.occurrence + 1,
        raised_ms=now_ms,
        cleared_ms=None,
        acknowledged_by=None,
    )
