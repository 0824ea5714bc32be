"""What is written of an alarm: its row, and the audit entry of its change; decides words, writes nothing."""

from collections.abc import Mapping

from control.alarms.watch import Watch
from control.audit.entry import Entry
from control.database.change import Change, Write
from domain.alarm import Alarm, AlarmState
from domain.ids import RuleId
from domain.park import Park
from domain.words import Words
from wire.canonical import Json
from wire.fields import Fields

_STATE_WORDS = {
    AlarmState.NORMAL: Words("消警", "over"),
    AlarmState.ACTIVE_UNACK: Words("告警", "raised"),
    AlarmState.ACTIVE_ACK: Words("已确认", "acknowledged"),
    AlarmState.CLEARED_UNACK: Words("已恢复,待确认", "cleared, not acknowledged"),
}


def written(alarm: Alarm, watch: Watch, park: Park, *, actor: str, at_ms: int) -> Change:
    """Return what is written when `alarm` has changed."""
    said = words_of(alarm.rule, watch)
    state = _STATE_WORDS[alarm.state]
    entry = Entry(
        at_ms=at_ms,
        actor=actor,
        kind=f"alarm.{alarm.state.value}",
        object=facility_of(alarm.rule, watch, park) or alarm.rule,
        words=Words(f"{said.zh}:{state.zh}", f"{said.en}: {state.en}"),
        body={
            "rule": alarm.rule,
            "occurrence": alarm.occurrence,
            "severity": watch.severity_of(alarm.rule),
            "value": alarm.value,
        },
    )
    return Change(
        writes=(Write(table="alarms", row={"rule": alarm.rule, "body": body(alarm)}),), entries=(entry,)
    )


def words_of(rule: RuleId, watch: Watch) -> Words:
    """Return what the alarm says."""
    found = watch.rules.get(rule) or watch.system.get(rule)
    return found.words if found is not None else Words(rule, rule)


def facility_of(rule: RuleId, watch: Watch, park: Park) -> str | None:
    """Return where it is; None for the system itself."""
    threshold = watch.rules.get(rule)
    if threshold is not None:
        return park.points[threshold.point].facility
    system = watch.system.get(rule)
    return system.facility if system is not None else None


def body(alarm: Alarm) -> dict[str, Json]:
    """Return the JSON form kept in the database."""
    return {
        "rule": alarm.rule,
        "state": alarm.state.value,
        "occurrence": alarm.occurrence,
        "beyond": alarm.beyond,
        "observed_ms": alarm.observed_ms,
        "value": alarm.value,
        "raised_ms": alarm.raised_ms,
        "cleared_ms": alarm.cleared_ms,
        "acknowledged_by": alarm.acknowledged_by,
    }


def alarm(held: Mapping[str, Json]) -> Alarm:
    """Return the alarm in `held`. Raises RemoteProtocolError when it is none."""
    fields = Fields(held)
    value = fields.scalar("value")
    return Alarm(
        rule=RuleId(fields.text("rule")),
        state=fields.one_of("state", AlarmState),
        occurrence=fields.integer("occurrence"),
        beyond=fields.integer("beyond"),
        observed_ms=fields.integer_or_none("observed_ms"),
        value=float(value) if isinstance(value, int | float) else None,
        raised_ms=fields.integer_or_none("raised_ms"),
        cleared_ms=fields.integer_or_none("cleared_ms"),
        acknowledged_by=fields.text_or_none("acknowledged_by"),
    )
