"""What the centre adds to an explanation, and the form in which the screen gets it."""

import pytest

from control.commands.why import TICKET, centre
from control.live.why_view import why_view
from domain.admission import Direction
from domain.explained import Effect, Kind, Node, Seen
from domain.ids import PointRef
from domain.interlock import Truth
from domain.order import Order, OrderKind
from domain.refusal import Cause, Code
from domain.words import Words
from tests.unit.control.world import OUTLET


@pytest.mark.parametrize(
    ("way", "is_river", "codes"),
    [
        (Direction.AWAY_FROM_SAFE, False, [Code.NO_AUTHORITY, Code.AUDIT, Code.LINK, Code.DEFINITION]),
        (Direction.TOWARD_SAFE, False, [Code.NO_AUTHORITY, Code.DEFINITION]),
        (Direction.NONE, False, [Code.NO_AUTHORITY]),
        (Direction.TOWARD_SAFE, True, [Code.NO_AUTHORITY, Code.DEFINITION, Code.APPROVAL]),
        (Direction.NONE, True, [Code.NO_AUTHORITY]),
    ],
)
def test_what_holds_is_shown_too(way: Direction, is_river: bool, codes: list[Code]) -> None:
    shown = centre([], way, is_river=is_river)
    assert [node.code for node in shown] == codes
    assert {node.effect for node in shown} == {Effect.PASSES}
    for code in codes:
        blocked = centre([Cause(code=code)], way, is_river=is_river)
        assert [node.code for node in blocked if node.effect is Effect.BLOCKS] == [code]
        assert all(node.change is not None for node in blocked if node.effect is Effect.BLOCKS)
        assert [node.words for node in blocked] == [node.words for node in shown]


def test_the_words_are_those_of_a_control_room() -> None:
    reasons = [Cause(code=code) for code in (Code.NO_AUTHORITY, Code.AUDIT, Code.LINK, Code.DEFINITION)]
    found = centre(reasons, Direction.AWAY_FROM_SAFE, is_river=True)
    assert [(node.words.zh, node.change.zh if node.change else None) for node in found] == [
        ("您有操作此设备的权限", "须由有权限的人操作"),
        ("审计可写", "须恢复控制数据库"),
        ("所属网关在线", "须恢复与网关的通讯"),
        ("中心与网关的设备定义一致", "须使两端加载同一园区文件"),
        ("河道闸门已双人复核", None),
    ]


def test_a_reason_that_nobody_foresaw_is_shown_as_it_is() -> None:
    cause = Cause(code=Code.POSITION_LOCKED, detail=Words("请输入 PIN", "enter the PIN"))
    *_, last = centre([cause], Direction.NONE, is_river=False)
    assert (last.code, last.effect, last.change) == (Code.POSITION_LOCKED, Effect.BLOCKS, cause.words)


def test_that_a_second_person_will_be_asked_is_said_and_blocks_nothing() -> None:
    for reasons in ([], [Cause(code=Code.LINK)]):
        plain = centre(reasons, Direction.AWAY_FROM_SAFE, is_river=False)
        asked = centre(reasons, Direction.AWAY_FROM_SAFE, is_river=False, takes_ticket=True)
        (more,) = [node for node in asked if node not in plain]
        assert (more.code, more.effect, more.words) == (Code.APPROVAL, Effect.PASSES, TICKET)
        assert [node for node in asked if node is not more] == [*plain]


def test_the_screen_gets_everything_that_a_node_has() -> None:
    order = Order(id="o1", kind=OrderKind.OVERRIDE, actuator=OUTLET, by="qian", reason="x", since_ms=1)
    seen = Seen(
        point=PointRef("a/b"), words=Words("甲", "a"), value=1.5, unit="m", quality="bad", reason="link",
        age_s=1.26, is_stale=True,
    )  # fmt: skip
    words = Words("条件", "condition")
    leaf = Node(kind=Kind.STATE, words=words, truth=Truth.UNKNOWN, effect=Effect.PASSES, values=(seen,))
    node = Node(
        kind=Kind.HELD, words=words, text="held(a.b, 2 * s)", truth=Truth.FALSE, wanted=False, effect=Effect.BLOCKS,
        change=words, need=1, so_far_s=0.26, needed_s=2.0, code=Code.INTERLOCK, interlock="lock", override=order,
        parts=(leaf,),
    )  # fmt: skip
    said = {"zh": "条件", "en": "condition"}
    nothing = {
        "text": "", "wanted": True, "change": None, "need": None, "so_far_s": None, "needed_s": None, "code": None,
        "interlock": None, "override": None, "parts": [],
    }  # fmt: skip
    assert why_view(node) == {
        "kind": "held", "words": said, "text": "held(a.b, 2 * s)", "truth": "false", "wanted": False, "effect": "blocks",
        "change": said, "need": 1, "so_far_s": 0.3, "needed_s": 2.0, "code": "blocked-by-interlocking",
        "interlock": "lock", "override": "o1", "values": [],
        "parts": [
            {
                **nothing, "kind": "state", "words": said, "truth": "unknown", "effect": "passes",
                "values": [
                    {
                        "point": "a/b", "words": {"zh": "甲", "en": "a"}, "value": 1.5, "unit": "m", "quality": "bad",
                        "reason": "link", "age_s": 1.3, "stale": True,
                    }
                ],
            }
        ],
    }  # fmt: skip
