"""The alarms of the system itself: silent gateways, full disks, a lost database, and what an edge reports as not ours."""

from control.alarms.watch import SystemRule
from domain.ids import FacilityId, RuleId
from domain.park import Park
from domain.words import Words
from wire.messages import Record

DATABASE = SystemRule(
    id=RuleId("system_database"),
    words=Words("控制数据库不可用,动作转入暂存", "control database gone; acts are spooled"),
    severity=1,
)


def offline(park: Park, gateway: str) -> SystemRule:
    """A gateway that is not heard."""
    name = _name(park, gateway)
    return SystemRule(
        id=RuleId(f"system_offline_{gateway}"),
        words=Words(f"{name.zh}通讯中断", f"{name.en}: communication lost"),
        severity=1,
    )


def journal_full(park: Park, gateway: str) -> SystemRule:
    """A gateway whose disk takes nothing more."""
    name = _name(park, gateway)
    return SystemRule(
        id=RuleId(f"system_journal_{gateway}"),
        words=Words(f"{name.zh}日志盘已满", f"{name.en}: journal full"),
        severity=1,
    )


def reported(record: Record, park: Park) -> SystemRule | None:
    """Return the alarm that a record of an edge calls for; None when it is no cause for one."""
    facility = record.actuator if record.actuator in park.facilities else None
    match record.kind:
        case "moved_by_hand":
            return _event("moved", record, facility, Words("非本系统动作", "moved by another hand"), park, 2)
        case "cutoff":
            return _event(
                "cutoff", record, facility, Words("边缘截断已动作", "edge cut-off has acted"), park, 1
            )
        case "refused_write":
            return _event("write", record, None, Words("拒绝未签名写入", "unsigned write refused"), park, 2)
        case "command" if _is_suspicious(record):
            return _event(
                "forged", record, facility, Words("拒绝无效签名命令", "forged command refused"), park, 1
            )
        case _:
            return None


def _event(
    kind: str, record: Record, facility: FacilityId | None, words: Words, park: Park, severity: int
) -> SystemRule:
    place = park.facilities[facility].words if facility is not None else _name(park, record.gateway)
    return SystemRule(
        id=RuleId(f"system_{kind}_{facility or record.gateway}"),
        words=Words(f"{place.zh}{words.zh}", f"{place.en}: {words.en}"),
        severity=severity,
        facility=facility,
    )


def _is_suspicious(record: Record) -> bool:
    reasons = record.body.get("reasons")
    codes = (
        {item.get("code") for item in reasons if isinstance(item, dict)}
        if isinstance(reasons, list)
        else set()
    )
    return bool(codes & {"signature-invalid", "replayed"})


def _name(park: Park, gateway: str) -> Words:
    found = next((item for key, item in park.gateways.items() if key == gateway), None)
    return found.words if found is not None else Words(gateway, gateway)
