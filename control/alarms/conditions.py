"""The alarms of the system itself: silent gateways and PLCs, full disks, a lost database, and what an edge reports as not ours."""

from collections.abc import Iterator

from control.alarms.watch import SystemRule
from control.commands.reports import is_of_the_edge
from domain.command import State
from domain.ids import DeviceId, FacilityId, RuleId
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


def unreached(park: Park, device: DeviceId) -> SystemRule:
    """A PLC, or a data logger, that does not answer its gateway while that is heard."""
    words = park.devices[device].words
    facilities = {point.facility for point in park.points_of(device)}
    return SystemRule(
        id=RuleId(f"system_unreached_{device}"),
        words=Words(
            f"{words.zh}无应答,其设备不能遥控", f"{words.en} does not answer: nothing of it can be commanded"
        ),
        severity=2,
        facility=facilities.pop() if len(facilities) == 1 else None,
    )


def journal_full(park: Park, gateway: str) -> SystemRule:
    """A gateway whose disk takes nothing more."""
    name = _name(park, gateway)
    return SystemRule(
        id=RuleId(f"system_journal_{gateway}"),
        words=Words(f"{name.zh}日志盘已满", f"{name.en}: journal full"),
        severity=1,
    )


def tag_overdue(park: Park, actuator: FacilityId) -> SystemRule:
    """A tag-out that hangs beyond its announced end: it stands all the same, and somebody should look."""
    name = park.facilities[actuator].words
    return SystemRule(
        id=RuleId(f"system_tag_{actuator}"),
        words=Words(f"{name.zh}检修挂牌超期未摘", f"{name.en}: tagged out beyond the announced end"),
        severity=3,
        facility=actuator,
    )


def reported(record: Record, park: Park) -> SystemRule | None:
    """Return the alarm that a record of an edge calls for; None when it is no cause for one."""
    kind = _of_command(record) if record.kind == "command" else _KINDS.get(record.kind)
    if kind is None:
        return None
    place = record.actuator if record.actuator in park.facilities and kind != "write" else None
    return _event(kind, place or record.gateway, park)


def every(park: Park) -> Iterator[SystemRule]:
    """Yield every condition that may ever be alarmed: an alarm kept over a restart is still known by its words."""
    yield DATABASE
    for gateway in park.gateways:
        yield offline(park, gateway)
        yield journal_full(park, gateway)
    for device in park.devices:
        yield unreached(park, device)
    for actuator in park.actuators:
        yield tag_overdue(park, actuator)
    for kind in _EVENTS:
        for place in (*park.facilities, *park.gateways):
            yield _event(kind, place, park)


_KINDS = {
    "reassert": "unkept",
    "moved_by_hand": "moved",
    "cutoff": "cutoff",
    "refused_write": "write",
}
"""Kinds of an edge's records, and the alarms that they call for."""
_NOT_PROVED = frozenset({State.FAILED, State.UNKNOWN, State.REFUSED, State.EXPIRED})
"""Ends of a move that nobody took over and that did not bring its gate where it was to be."""
_EVENTS = {
    "moved": (Words("非本系统动作", "moved by another hand"), 2),
    "unkept": (
        Words("离开禁令保持的安全位,请确认关回", "not where an order keeps it: confirm to bring it back"),
        1,
    ),
    "cutoff": (Words("边缘截断已动作", "edge cut-off has acted"), 1),
    "unproved": (
        Words(
            "边缘自动动作未到位,请按人工操作卡处置",
            "what the edge did by itself is not proved: see the hand card",
        ),
        1,
    ),
    "write": (Words("拒绝未签名写入", "unsigned write refused"), 2),
    "forged": (Words("拒绝无效签名命令", "forged command refused"), 1),
}
"""Words and severity."""


def _event(kind: str, place: str, park: Park) -> SystemRule:
    words, severity = _EVENTS[kind]
    facility = next((item for key, item in park.facilities.items() if key == place), None)
    name = facility.words if facility is not None else _name(park, place)
    return SystemRule(
        id=RuleId(f"system_{kind}_{place}"),
        words=Words(f"{name.zh}{words.zh}", f"{name.en}: {words.en}"),
        severity=severity,
        facility=facility.id if facility is not None else None,
    )


def _of_command(record: Record) -> str | None:
    """Return what of a command is alarmed: that it was forged, or that an act of the edge's own did not come about."""
    if _is_suspicious(record):
        return "forged"
    is_own = is_of_the_edge(str(record.body.get("author")), record.gateway)
    return "unproved" if is_own and str(record.body.get("state")) in _NOT_PROVED else None


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
