"""What is written of an alarm, and which of an edge's records and of the system's own conditions call for one."""

from dataclasses import replace

import pytest

from control.alarms.conditions import DATABASE, every, journal_full, offline, reported, tag_overdue
from control.alarms.entries import alarm, body, facility_of, words_of, written
from control.alarms.watch import SystemRule, Watch
from control.audit.entry import Entry
from control.database.change import Write
from domain.alarm import Alarm, AlarmRule, AlarmState, Side
from domain.command import State
from domain.ids import FacilityId, PointRef, RuleId
from domain.words import Words
from tests.unit.control.world import GW, OUTLET, PARK
from wire.messages import Record

COD = RuleId("cod_high")
HIGH = AlarmRule(
    id=COD, point=PointRef("hc_outlet/cod"), side=Side.ABOVE, limit=100.0, hysteresis=1.0, severity=2,
    words=Words("COD 超标", "COD high"),
)  # fmt: skip
FULL = Alarm(
    rule=COD, state=AlarmState.CLEARED_UNACK, occurrence=3, beyond=2, observed_ms=5, value=120.5, raised_ms=4,
    cleared_ms=6, acknowledged_by="zhao",
)  # fmt: skip
BODY = {
    "rule": "cod_high", "state": "cleared_unack", "occurrence": 3, "beyond": 2, "observed_ms": 5, "value": 120.5,
    "raised_ms": 4, "cleared_ms": 6, "acknowledged_by": "zhao",
}  # fmt: skip


def watch(*system: SystemRule) -> Watch:
    made = Watch([HIGH])
    made.load([], system)
    return made


def test_an_alarm_is_kept_whole_and_read_back() -> None:
    assert body(FULL) == BODY
    assert alarm(BODY) == FULL
    bare = Alarm(rule=COD)
    assert alarm(body(bare)) == bare
    assert alarm({**BODY, "value": 3}).value == 3.0
    assert alarm({**BODY, "value": None}).value is None


def test_its_row_and_its_entry() -> None:
    made = written(FULL, watch(), PARK, actor="zhao", at_ms=9)
    assert made.writes == (Write(table="alarms", row={"rule": "cod_high", "body": BODY}),)
    assert made.entries == (
        Entry(
            at_ms=9, actor="zhao", kind="alarm.cleared_unack", object="hc_outlet",
            words=Words("COD 超标:已恢复,待确认", "COD high: cleared, not acknowledged"),
            body={"rule": "cod_high", "occurrence": 3, "severity": 2, "value": 120.5},
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (AlarmState.ACTIVE_UNACK, Words("COD 超标:告警", "COD high: raised")),
        (AlarmState.ACTIVE_ACK, Words("COD 超标:已确认", "COD high: acknowledged")),
        (AlarmState.NORMAL, Words("COD 超标:消警", "COD high: over")),
    ],
)
def test_each_change_of_an_alarm_is_told_in_its_words(state: AlarmState, words: Words) -> None:
    (entry,) = written(replace(FULL, state=state), watch(), PARK, actor="zhao", at_ms=9).entries
    assert (entry.kind, entry.words) == (f"alarm.{state.value}", words)


def test_where_an_alarm_is_and_what_it_says() -> None:
    tag = tag_overdue(PARK, OUTLET)
    known = watch(tag, DATABASE)
    assert (facility_of(COD, known, PARK), words_of(COD, known)) == ("hc_outlet", HIGH.words)
    assert (facility_of(tag.id, known, PARK), words_of(tag.id, known)) == ("hc_outlet", tag.words)
    assert (facility_of(DATABASE.id, known, PARK), words_of(DATABASE.id, known)) == (None, DATABASE.words)
    gone = RuleId("gone")
    assert (facility_of(gone, known, PARK), words_of(gone, known)) == (None, Words("gone", "gone"))
    (entry,) = written(Alarm(rule=DATABASE.id), known, PARK, actor="system", at_ms=1).entries
    assert (entry.object, entry.body["severity"]) == ("system_database", 1)


def test_the_system_s_own_conditions() -> None:
    name = PARK.gateways[GW].words
    for rule, kind, zh, severity in (
        (offline(PARK, GW), "offline", f"{name.zh}通讯中断", 1),
        (journal_full(PARK, GW), "journal", f"{name.zh}日志盘已满", 1),
    ):
        assert (rule.id, rule.words.zh, rule.severity, rule.facility) == (
            f"system_{kind}_gw",
            zh,
            severity,
            None,
        )
    assert offline(PARK, "other").words == Words("other通讯中断", "other: communication lost")
    tag = tag_overdue(PARK, OUTLET)
    assert (tag.id, tag.severity, tag.facility) == ("system_tag_hc_outlet", 3, OUTLET)
    assert (DATABASE.id, DATABASE.severity) == ("system_database", 1)


def record(kind: str, *, actuator: str | None = OUTLET, codes: object = None) -> Record:
    found = None if actuator is None else FacilityId(actuator)
    said = {} if codes is None else {"reasons": codes}
    return Record(
        park=PARK.id, gateway=GW, epoch="e" * 32, offset=1, at_ms=1, kind=kind, actuator=found, body=said  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "name", "zh", "severity"),
    [
        ("reassert", "unkept", "离开禁令保持的安全位,请确认关回", 1),
        ("moved_by_hand", "moved", "非本系统动作", 2),
        ("cutoff", "cutoff", "边缘截断已动作", 1),
    ],
)
def test_what_an_edge_reports_is_alarmed_where_it_is(kind: str, name: str, zh: str, severity: int) -> None:
    found = reported(record(kind), PARK)
    assert found is not None
    assert (found.id, found.severity, found.facility) == (f"system_{name}_hc_outlet", severity, OUTLET)
    assert found.words.zh == f"排口{zh}"
    elsewhere = reported(record(kind, actuator="gone"), PARK)
    assert elsewhere is not None
    assert (elsewhere.id, elsewhere.facility) == (f"system_{name}_gw", None)
    assert elsewhere.words.zh == f"{PARK.gateways[GW].words.zh}{zh}"
    assert found in tuple(every(PARK))


def test_an_unsigned_write_is_its_gateway_s() -> None:
    found = reported(record("refused_write"), PARK)
    assert found is not None
    assert (found.id, found.severity, found.facility) == ("system_write_gw", 2, None)


@pytest.mark.parametrize(
    ("codes", "is_alarm"),
    [
        ([{"code": "signature-invalid"}], True),
        ([{"code": "link-lost"}, {"code": "replayed"}], True),
        ([{"code": "link-lost"}], False),
        (["replayed"], False),
        ("replayed", False),
        (None, False),
    ],
)
def test_a_command_is_alarmed_only_when_it_was_forged(codes: object, is_alarm: bool) -> None:
    found = reported(record("command", codes=codes), PARK)
    assert (found is not None) == is_alarm
    assert found is None or (found.id, found.severity) == ("system_forged_hc_outlet", 1)


@pytest.mark.parametrize("author", ["edge:gw", "edge:gw/hc_acid", "zhao", "edge:gw_west/hc_acid"])
@pytest.mark.parametrize("state", list(State))
def test_an_act_of_the_edge_s_own_is_alarmed_when_it_did_not_come_about(state: State, author: str) -> None:
    said = replace(record("command"), body={"author": author, "state": state.value})
    found = reported(said, PARK)
    is_unproved = state in {State.FAILED, State.UNKNOWN, State.REFUSED, State.EXPIRED}
    assert (found is not None) == (is_unproved and author in {"edge:gw", "edge:gw/hc_acid"})
    if found is not None:
        assert (found.id, found.severity, found.facility) == ("system_unproved_hc_outlet", 1, OUTLET)
        assert found.words.zh == "排口边缘自动动作未到位,请按人工操作卡处置"
        assert found in tuple(every(PARK))


def test_the_rest_is_no_cause_for_an_alarm() -> None:
    assert reported(record("start"), PARK) is None
    assert reported(record("mode"), PARK) is None


def test_every_condition_is_known_by_its_words_over_a_restart() -> None:
    ids = {rule.id for rule in every(PARK)}
    places = (*PARK.facilities, *PARK.gateways)
    kinds = ("moved", "unkept", "cutoff", "unproved", "write", "forged")
    tags = {f"system_tag_{key}" for key in PARK.actuators}
    gateways = {f"system_{kind}_gw" for kind in ("offline", "journal")}
    assert {f"system_{kind}_{place}" for kind in kinds for place in places} | tags | gateways | {
        DATABASE.id
    } <= ids
