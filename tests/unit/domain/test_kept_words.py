"""Words that leave a process: on the wire, in the audit log, in the database, in a park's files. They change on purpose only.

A member may be added freely; one that is changed or gone makes what is stored, sent or written unreadable.
"""

import importlib
from enum import Enum

import pytest

KEPT = {
    "control.api.rules.Area": (
        "none filtered actuator command plan run alarm point tag check override reopening username token"
    ),
    "control.commands.pending.What": "override lift",
    "control.people.policy.Policy": "asvs mlps",
    "control.people.roles.Role": (
        "viewer operator shift_chief engineer auditor enterprise system administrator"
    ),
    "control.people.standing.Standing": (
        "fresh held given-password old-password no-second-factor pin locked no-pin pin-wrong pin-void"
    ),
    "control.people.standing.Needs": "0 1 2 3",
    "control.people.standing.Due": "given-password old-password no-second-factor",
    "control.plans.reopening.Kind": "release move",
    "control.plans.reopening.StageState": "waiting running observing confirmed failed skipped",
    "control.plans.reopening.State": "waiting_approval running done stopped voided aborted",
    "control.plans.run.StepState": (
        "waiting waiting_approval running confirmed failed unknown refused preempted skipped"
    ),
    "control.plans.run.RunState": "running waiting_approval paused done done_with_failures aborted",
    "domain.admission.Direction": "toward_safe away_from_safe none",
    "domain.alarm.Side": "above below",
    "domain.alarm.AlarmState": "normal active_unack active_ack cleared_unack",
    "domain.alarm.AlarmEvent": "raise clear acknowledge",
    "domain.command.Action": "open close stop set verify",
    "domain.command.Phase": "select operate cancel",
    "domain.command.State": (
        "requested approved selected operating confirmed failed unknown refused expired withdrawn preempted"
    ),
    "domain.command.Event": (
        "approve select operate position_reached device_refused switched_to_local travel_exceeded "
        "silence refuse time_out withdraw preempt"
    ),
    "domain.commissioning.Part": "point action travel site",
    "domain.connection.Transport": "tcp tls rtu rtu_over_tcp",
    "domain.connection.Parity": "none even odd",
    "domain.connection.Writes": "single multiple",
    "domain.drive.Table": "coil discrete input holding",
    "domain.drive.Pulse": "plc_resets gateway_resets",
    "domain.drive.Repeat": "safe stops toggles",
    "domain.explained.Kind": "action check permit inhibit several not compare state held constant",
    "domain.explained.Effect": "passes warns blocks overridden",
    "domain.interlock.Truth": "true false unknown",
    "domain.logger.Edition": "2005 2017 2025",
    "domain.logger.Mode": "strict lenient",
    "domain.logger.ReportKind": "realtime state minute hour day run_time",
    "domain.order.OrderKind": (
        "keep_closed keep_open tag_out override commissioning commissioned commission_void"
    ),
    "domain.park.Tier": "enterprise park river",
    "domain.park.Risk": "major larger general",
    "domain.park.FacilityKind": (
        "risk_unit bund_valve first_flush_pool rain_outlet diversion_valve accident_pool "
        "sewage_outlet analyser flow_meter storm_node park_sluice lift_pump pool_inlet public_pool "
        "buffer_pool river_reach river_sluice sensitive_target rain_gauge river_stage"
    ),
    "domain.park.SafePosition": "open closed",
    "domain.park.RegisterType": (
        "bit int16 uint16 int32 uint32 float32 int64 uint64 float64 bcd16 bcd32 string"
    ),
    "domain.park.WordOrder": "ABCD CDAB BADC DCBA",
    "domain.plan.OnFailure": "continue alternative hold_dependants",
    "domain.position.Position": "closed open between contradiction unknown",
    "domain.quality.Quality": "0 192 500",
    "domain.quality.Reason": (
        "stale link range frozen contradiction sensor_fault calibration manual clock gap illegal_address rate"
    ),
    "domain.refusal.Code": (
        "blocked-by-switching-hierarchy blocked-by-interlocking tagged-out not-commissioned "
        "command-already-in-execution 1-of-n-control time-limit-over object-not-selected "
        "object-already-selected no-access-authority position-reached blocked-by-mode "
        "blocked-by-health abortion-by-cancel signature-invalid challenge-stale replayed "
        "term-superseded definition-mismatch audit-unavailable preempted stale-input "
        "interlock-overridden keep-closed-order keep-open-order samples-missing not-this-gateway "
        "unknown-actuator link-lost approval-missing proof-needed credentials-due position-locked "
        "outcome-in-doubt journal-unavailable malformed-command"
    ),
    "gateway.hj212_talk.RequestState": "sent accepted executed refused failed unanswered",
    "gateway.hj212_talk.RequestEvent": "ready refusal done failure silence",
    "gateway.reassertion.Act": "rest reassert confirm given_up",
    "simulators.acts.FaultKind": (
        "link_cut hang slow stuck local device_fault no_power limits not_available frozen bias "
        "calibration sensor_fault"
    ),
    "simulators.acts.TargetKind": "device actuator point analyser",
    "simulators.acts.Switch": "local remote",
    "simulators.acts.Question": "status baseline",
    "simulators.hj212_logger.LoggerFault": (
        "frozen split half_split wrong_password wrong_crc garbage drip mute deaf clock_ahead"
    ),
    "simulators.plc.drive.Ask": "open close stop set release held nonsense",
    "wire.hj212.Deviation": (
        "garbage oversized crc-wrong crc-lower-case length-wrong length-in-characters tail-missing "
        "segment-too-long encoding field-order field-case field-missing field-twice field-unknown "
        "field-bad cp-unended version packet-number split-incomplete value-bad time-bad "
        "time-missing time-ahead flag-missing flag-unknown factor-unknown factor-other-edition "
        "sample-time-frozen cn-unknown"
    ),
    "wire.hj212.FlagBits": "1 2",
    "wire.modbus_frames.ModbusCode": "1 2 3",
    "wire.signing.Role": "gateway control ingest",
    "wire.sparkplug.DataType": "1 2 3 4 5 6 7 8 9 10 11 12 13 14",
    "wire.topics.Kind": "NBIRTH NDEATH DBIRTH DDEATH NDATA DDATA NCMD DCMD",
    "wire.topics.Channel": (
        "heartbeat history ack/samples records ack/records command orders term reply canary"
    ),
}


@pytest.mark.parametrize("name", KEPT)
def test_what_was_written_can_be_read(name: str) -> None:
    module, kind = name.rsplit(".", 1)
    members = getattr(importlib.import_module(module), kind)
    assert issubclass(members, Enum)
    assert set(KEPT[name].split()) <= {str(member.value) for member in members}


WORDED = [
    ("control.alarms.entries", "_STATE_WORDS", "domain.alarm.AlarmState"),
    ("control.plans.entries", "_STEP_WORDS", "control.plans.run.StepState"),
    ("control.plans.entries", "_RUN_WORDS", "control.plans.run.RunState"),
    ("control.plans.reopening_entries", "STATE_WORDS", "control.plans.reopening.State"),
    ("control.plans.reopening_entries", "_STAGE_WORDS", "control.plans.reopening.StageState"),
    ("domain.command", "STATE_WORDS", "domain.command.State"),
    ("domain.command", "ACTION_WORDS", "domain.command.Action"),
    ("domain.order", "KIND_WORDS", "domain.order.OrderKind"),
    ("domain.position", "POSITION_WORDS", "domain.position.Position"),
]
"""Tables of words, and whose members each has to have."""


@pytest.mark.parametrize(("module", "table", "kind"), WORDED)
def test_every_member_has_words_of_its_own(module: str, table: str, kind: str) -> None:
    words = getattr(importlib.import_module(module), table)
    home, name = kind.rsplit(".", 1)
    members = getattr(importlib.import_module(home), name)
    assert set(words) == set(members)
    assert len({found.zh for found in words.values()}) == len(members)
