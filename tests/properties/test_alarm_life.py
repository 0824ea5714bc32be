"""An alarm through any history of readings and acknowledgements: never lost, never raised on what is not trusted (I12)."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from domain.alarm import Alarm, AlarmRule, AlarmState, Side, acknowledge, observe
from domain.ids import PointRef, RuleId
from domain.quality import Quality
from domain.sample import Reading
from domain.words import Words

RULE = AlarmRule(
    id=RuleId("high"),
    point=PointRef("hc_analyser/conductivity"),
    side=Side.ABOVE,
    limit=100.0,
    hysteresis=10.0,
    samples=2,
    severity=1,
    words=Words("高", "high"),
)
values = st.floats(0.0, 200.0) | st.sampled_from([90.0, 100.0, float("nan"), float("inf")])


class AlarmLife(RuleBasedStateMachine):
    """Plays readings and people against one alarm and keeps its own account of what nobody has seen."""

    def __init__(self) -> None:
        super().__init__()
        self.alarm = Alarm(rule=RULE.id)
        self.now_ms = 0
        self.unseen = 0
        """The occurrence that nobody has acknowledged; 0: none."""

    def receive(self, reading: Reading) -> None:
        before = self.alarm
        self.alarm = observe(before, RULE, reading, now_ms=self.now_ms)
        assert self.alarm.occurrence in {before.occurrence, before.occurrence + 1}
        if self.alarm.occurrence > before.occurrence:
            assert before.state in {AlarmState.NORMAL, AlarmState.CLEARED_UNACK}
            self.unseen = self.alarm.occurrence

    @rule(value=values)
    def good(self, value: float) -> None:
        self.now_ms += 1000
        self.receive(
            Reading(value=value, quality=Quality.GOOD, observed_ms=self.now_ms, age_s=0.1, fresh=True)
        )

    @rule(value=values, quality=st.sampled_from(Quality), fresh=st.booleans())
    def doubtful(self, value: float, quality: Quality, fresh: bool) -> None:
        before = self.alarm
        self.now_ms += 1000
        reading = Reading(value=value, quality=quality, observed_ms=self.now_ms, age_s=0.1, fresh=fresh)
        self.receive(reading)
        if not reading.is_trusted:
            assert self.alarm == before

    @rule(ago=st.integers(0, 2))
    def acknowledged(self, ago: int) -> None:
        occurrence = self.alarm.occurrence - ago
        seen = acknowledge(self.alarm, occurrence=occurrence, person="op")
        if seen is None:
            return
        assert occurrence == self.unseen
        self.alarm, self.unseen = seen, 0

    @invariant()
    def nothing_unseen_is_lost(self) -> None:
        is_waiting = self.alarm.state in {AlarmState.ACTIVE_UNACK, AlarmState.CLEARED_UNACK}
        assert is_waiting == (self.unseen != 0)

    @invariant()
    def an_active_alarm_has_its_worst_value(self) -> None:
        if self.alarm.state in {AlarmState.ACTIVE_UNACK, AlarmState.ACTIVE_ACK}:
            assert self.alarm.value is not None
            assert self.alarm.value > RULE.limit - RULE.hysteresis


TestAlarmLife = AlarmLife.TestCase
