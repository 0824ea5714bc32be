"""Puts what only the centre checks into the explanation of an action: authority, link, definition, audit; decides nothing new."""

from collections.abc import Sequence

from domain.admission import Direction
from domain.explained import Node
from domain.explanation import check
from domain.refusal import WORDS, Cause, Code
from domain.words import Words

_ASKED = {
    Code.NO_AUTHORITY: (
        Words("您有操作此设备的权限", "you have the authority"),
        Words("须由有权限的人操作", "somebody with the authority must do it"),
    ),
    Code.APPROVAL: (
        Words("河道闸门已双人复核", "a second person has approved the river sluice"),
        Words(
            "关闭走一键方案,开启走恢复程序,均由第二人复核",
            "a one-key plan closes it, a reopening opens it; a second person approves either",
        ),
    ),
    Code.AUDIT: (
        Words("审计可写", "the audit log takes records"),
        Words("须恢复控制数据库", "the control database must come back"),
    ),
    Code.LINK: (
        Words("所属网关在线", "its gateway is heard"),
        Words("须恢复与网关的通讯", "the link to its gateway must come back"),
    ),
    Code.DEFINITION: (
        Words("中心与网关的设备定义一致", "centre and edge hold one definition"),
        Words("须使两端加载同一园区文件", "both must load the same park files"),
    ),
}
_BY_WAY = {
    Direction.AWAY_FROM_SAFE: (Code.NO_AUTHORITY, Code.AUDIT, Code.LINK, Code.DEFINITION),
    Direction.TOWARD_SAFE: (Code.NO_AUTHORITY, Code.DEFINITION),
    Direction.NONE: (Code.NO_AUTHORITY,),
}
"""What is shown when it holds, too."""


TICKET = Words(
    "须另一人同意操作票(不妨碍申请)", "another person has to agree to a ticket, which may be asked for"
)


def centre(
    reasons: Sequence[Cause], way: Direction, *, is_river: bool, takes_ticket: bool = False
) -> tuple[Node, ...]:
    """Return the checks of the centre, of which `reasons` did not hold.

    `takes_ticket`: a second person will be asked, which is said and blocks nothing yet.
    """
    against = {cause.code: cause for cause in reasons}
    asked = list(_BY_WAY[way])
    if is_river and way is not Direction.NONE:
        asked.append(Code.APPROVAL)
    shown = [_node(code, against.get(code)) for code in asked]
    rest = [cause for code, cause in against.items() if code not in asked]
    if takes_ticket:
        shown.append(check(Code.APPROVAL, TICKET, holds=True, change=TICKET))
    return (
        *shown,
        *(check(cause.code, WORDS[cause.code], holds=False, change=cause.words) for cause in rest),
    )


def _node(code: Code, cause: Cause | None) -> Node:
    words, change = _ASKED[code]
    return check(code, words, holds=cause is None, change=change)
