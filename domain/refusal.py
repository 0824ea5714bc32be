"""Why a command was refused or warned about: a code, the words, and the values it was decided on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from domain.words import Words


class Code(StrEnum):
    """IEC 61850 AddCause names where the standard has one, and our own."""

    LOCAL = "blocked-by-switching-hierarchy"
    INTERLOCK = "blocked-by-interlocking"
    TAGGED_OUT = "tagged-out"
    NOT_COMMISSIONED = "not-commissioned"
    BUSY = "command-already-in-execution"
    ONE_OF_N = "1-of-n-control"
    TIME_LIMIT = "time-limit-over"
    NOT_SELECTED = "object-not-selected"
    ALREADY_SELECTED = "object-already-selected"
    NO_AUTHORITY = "no-access-authority"
    POSITION_REACHED = "position-reached"
    MODE = "blocked-by-mode"
    HEALTH = "blocked-by-health"
    CANCELLED = "abortion-by-cancel"
    SIGNATURE = "signature-invalid"
    CHALLENGE_STALE = "challenge-stale"
    REPLAYED = "replayed"
    TERM = "term-superseded"
    DEFINITION = "definition-mismatch"
    AUDIT = "audit-unavailable"
    PREEMPTED = "preempted"
    STALE_INPUT = "stale-input"
    OVERRIDDEN = "interlock-overridden"
    KEEP_CLOSED = "keep-closed-order"
    KEEP_OPEN = "keep-open-order"
    SAMPLES = "samples-missing"
    NOT_OURS = "not-this-gateway"
    UNKNOWN_ACTUATOR = "unknown-actuator"
    LINK = "link-lost"
    APPROVAL = "approval-missing"
    PROOF = "proof-needed"
    CREDENTIALS = "credentials-due"
    POSITION_LOCKED = "position-locked"
    IN_DOUBT = "outcome-in-doubt"
    DISK_FULL = "journal-unavailable"
    MALFORMED = "malformed-command"


WORDS: Mapping[Code, Words] = {
    Code.LOCAL: Words("设备处于就地", "the device is in local"),
    Code.INTERLOCK: Words("联锁闭锁", "blocked by an interlock"),
    Code.TAGGED_OUT: Words("检修挂牌", "tagged out for maintenance"),
    Code.NOT_COMMISSIONED: Words("未完成联调", "not commissioned"),
    Code.BUSY: Words("已有命令执行中", "a command is already in execution"),
    Code.ONE_OF_N: Words("同组设备正在操作", "another device of its group is being operated"),
    Code.TIME_LIMIT: Words("命令已过期", "the command has expired"),
    Code.NOT_SELECTED: Words("未预选", "not selected"),
    Code.ALREADY_SELECTED: Words("已被他人预选", "already selected by another person"),
    Code.NO_AUTHORITY: Words("越权", "beyond your authority"),
    Code.POSITION_REACHED: Words("已到位", "already in position"),
    Code.MODE: Words("当前模式不允许", "blocked by the mode"),
    Code.HEALTH: Words("设备故障", "the device reports a fault"),
    Code.CANCELLED: Words("已取消", "cancelled"),
    Code.SIGNATURE: Words("签名无效", "the signature is not valid"),
    Code.CHALLENGE_STALE: Words("挑战码失效", "the challenge is stale"),
    Code.REPLAYED: Words("重放的命令", "a replayed command"),
    Code.TERM: Words("任期已被取代", "the term is superseded"),
    Code.DEFINITION: Words("设备定义不一致", "centre and edge hold different definitions"),
    Code.AUDIT: Words("审计不可用", "the audit log is not available"),
    Code.PREEMPTED: Words("被抢占", "preempted"),
    Code.STALE_INPUT: Words("输入数据过期或存疑", "an input is stale or not good"),
    Code.OVERRIDDEN: Words("联锁已旁路", "an interlock is overridden"),
    Code.KEEP_CLOSED: Words("禁开令有效(保持关闭)", "a keep-closed order stands"),
    Code.SAMPLES: Words("合格样本不足", "passing samples are missing"),
    Code.KEEP_OPEN: Words("禁关令有效(保持开启)", "a keep-open order stands"),
    Code.NOT_OURS: Words("不属于本网关", "not a point of this gateway"),
    Code.UNKNOWN_ACTUATOR: Words("未知设备", "no such actuator"),
    Code.LINK: Words("通讯中断", "the link is lost"),
    Code.APPROVAL: Words("缺少双人复核", "a second person's approval is missing"),
    Code.PROOF: Words("请再次验证身份", "prove again who you are"),
    Code.CREDENTIALS: Words("口令或动态码须先更新", "your means of signing in are due for a change"),
    Code.POSITION_LOCKED: Words("席位已锁定", "this operator position is locked"),
    Code.IN_DOUBT: Words("上一命令结果不明", "the outcome of the last command is unknown"),
    Code.DISK_FULL: Words("日志盘不可用", "the journal cannot be written"),
    Code.MALFORMED: Words("命令格式错误", "the command is malformed"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One reason, complete enough to be read aloud."""

    code: Code
    detail: Words | str = ""
    """What exactly, e.g. the interlock's words; a text is one that is the same in both languages (an id, a person's own
    words); empty when the code says it all."""
    values: Mapping[str, str] = field(default_factory=dict)
    """What it was decided on: point → value with unit, quality and age; `by` → the author of an order or command."""

    @property
    def words(self) -> Words:
        """The code's words with the detail behind them."""
        base, more = WORDS[self.code], self.detail
        if not more:
            return base
        if isinstance(more, str):
            more = Words(more, more)
        return Words(f"{base.zh}:{more.zh}", f"{base.en}: {more.en}")

    @property
    def shown(self) -> str:
        """What a person accepts of it as a warning: the code and the names of what it was decided on, in order."""
        return " ".join((self.code.value, *sorted(self.values)))

    def is_accepted(self, accepted: Iterable[str]) -> bool:
        """Whether one of `accepted` was shown of this very warning: of its code, and of all that it is about now."""
        said = (item.split() for item in accepted)
        return any(parts[:1] == [self.code.value] and set(self.values) <= set(parts[1:]) for parts in said)

    def as_dict(self) -> dict[str, object]:
        """Return the form used in records, audit and API."""
        return {"code": self.code.value, **self.words.as_dict(), "values": dict(self.values)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """Nothing stands against it; `warnings` must have been confirmed by the person or are kept in the audit."""

    warnings: tuple[Cause, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """It may not go out. At least one reason."""

    reasons: tuple[Cause, ...]


Admission = Admitted | Refused
