"""What an explanation says: of each kind of condition what it is, what it lacks, and in which words."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from domain.admission import NO_SUCH_ACTION, Situation
from domain.command import Action
from domain.explained import Effect, Kind, Node
from domain.explanation import explain
from domain.ids import PointRef
from domain.interlock import BOOLEAN, Interlock, Recall, Truth, forgotten, parse
from domain.order import Order, OrderKind, OrderSet
from domain.quality import Quality, Reason
from domain.refusal import Code
from domain.sample import NEVER_READ, Reading, Value
from domain.words import Words
from tests.unit.control.world import OUTLET, PARK

NAMES = {
    "cod": Words("COD", "COD"),
    "opened": Words("开限位", "open limit"),
    "closed": Words("关限位", "closed limit"),
    "remote": Words("远程", "remote"),
    "fault": Words("故障", "fault"),
}
NAMED = replace(
    PARK,
    points={ref: replace(point, words=NAMES[point.name]) for ref, point in PARK.points.items()},
)
CALM: Mapping[str, Value] = {
    "hc_outlet/opened": False,
    "hc_outlet/closed": True,
    "hc_outlet/remote": True,
    "hc_outlet/fault": False,
    "hc_outlet/cod": 20.0,
}


def good(value: Value, *, age_s: float = 0.5) -> Reading:
    return Reading(value=value, quality=Quality.GOOD, observed_ms=1, age_s=age_s, fresh=True)


def tree(
    condition: str = "True",
    action: Action = Action.OPEN,
    *,
    orders: OrderSet | None = None,
    executing: Action | None = None,
    is_in_doubt: bool = False,
    recall: Recall = forgotten,
    so_far: Mapping[str, float] | None = None,
    override: Order | None = None,
    **readings: Value | Reading,
) -> Node:
    """Explain the one outlet with `condition` as its permit and its inhibit."""
    lock = Interlock(id="lock", expression=parse(condition), words=Words("条件", "condition"))
    gate = replace(PARK.actuators[OUTLET], permits=(lock,), inhibits=(lock,))
    said = {**CALM, **{f"hc_outlet/{key}": value for key, value in readings.items()}}
    known = {
        PointRef(key): value if isinstance(value, Reading) else good(value) for key, value in said.items()
    }
    situation = Situation(
        read=lambda ref: known.get(ref, NEVER_READ),
        unit_of=lambda ref: NAMED.points[ref].unit or BOOLEAN,
        orders=orders or OrderSet(),
        executing=executing,
        is_in_doubt=is_in_doubt,
        recall=recall,
        overridden={} if override is None else {"lock": override},
    )
    return explain(gate, action, situation, NAMED, so_far_s=(so_far or {}).get)


def lock_of(node: Node) -> Node:
    return next(part for part in node.parts if part.interlock == "lock")


def checks(node: Node) -> dict[Code | None, Node]:
    return {part.code: part for part in node.parts if part.kind is Kind.CHECK}


def every(node: Node) -> Iterator[Node]:
    yield node
    for part in node.parts:
        yield from every(part)


COD = "hc_outlet.cod <= 100 * mg_L"
CASES = [
    (COD, {"cod": 400.0}, "排口COD须 ≤ 100 mg/L,现为 400 mg/L,差 300 mg/L"),
    ("hc_outlet.cod < 10 * mg_L", {}, "排口COD须 < 10 mg/L,现为 20 mg/L,差 10 mg/L"),
    ("100 * ug_L >= hc_outlet.cod", {"cod": 0.25}, "排口COD须 ≤ 0.1 mg/L,现为 0.25 mg/L,差 0.15 mg/L"),
    ("not hc_outlet.cod <= 100 * mg_L", {}, "排口COD须 > 100 mg/L,现为 20 mg/L,差 80 mg/L"),
    ("not hc_outlet.cod > 10 * mg_L", {}, "排口COD须 ≤ 10 mg/L,现为 20 mg/L,差 10 mg/L"),
    ("not hc_outlet.cod == 20 * mg_L", {}, "排口COD须 ≠ 20 mg/L,现为 20 mg/L,差 0 mg/L"),
    ("hc_outlet.cod != 20 * mg_L", {}, "排口COD须 ≠ 20 mg/L,现为 20 mg/L,差 0 mg/L"),
    ("hc_outlet.cod >= 12345 * mg_L", {}, "排口COD须 ≥ 12345 mg/L,现为 20 mg/L,差 12325 mg/L"),
    ("2 * hc_outlet.cod > 100 * mg_L", {}, "须满足 2 * hc_outlet.cod > 100 * mg_L"),
    ("not 2 * hc_outlet.cod > 10 * mg_L", {}, "须不满足 2 * hc_outlet.cod > 10 * mg_L"),
    ("hc_outlet.opened", {}, "排口开限位须为“是”"),
    ("not hc_outlet.closed", {}, "排口关限位须为“否”"),
    (COD, {"cod": NEVER_READ}, "须有新鲜可信的读数:排口COD(从未读到)"),
    (
        COD,
        {"cod": replace(good(1.0, age_s=9.4), fresh=False)},
        "须有新鲜可信的读数:排口COD(过期 9 秒)",
    ),
    (
        COD,
        {"cod": replace(good(1.0), quality=Quality.UNCERTAIN, reason=Reason.CALIBRATION)},
        "须有新鲜可信的读数:排口COD(校准中 0 秒)",
    ),
    (f"{COD} and hc_outlet.opened", {"cod": 400.0}, "排口COD须 ≤ 100 mg/L,现为 400 mg/L,差 300 mg/L;排口开限位须为“是”"),
    (f"{COD} and hc_outlet.opened", {}, "排口开限位须为“是”"),
    ("hc_outlet.fault or hc_outlet.opened", {}, "还须满足 1 项:排口故障须为“是” 或 排口开限位须为“是”"),
    ("not (hc_outlet.remote and hc_outlet.closed)", {}, "还须满足 1 项:排口远程须为“否” 或 排口关限位须为“否”"),
    ("not (hc_outlet.remote or hc_outlet.closed)", {}, "排口远程须为“否”;排口关限位须为“否”"),
    (
        "count(2, hc_outlet.fault, hc_outlet.opened, hc_outlet.remote)",
        {},
        "还须满足 1 项:排口故障须为“是” 或 排口开限位须为“是”",
    ),
    (
        "not count(1, hc_outlet.closed, hc_outlet.remote)",
        {},
        "排口关限位须为“否”;排口远程须为“否”",
    ),
    ("False", {}, None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("condition", "readings", "change"), CASES, ids=[str(case[0]) + str(case[1])[:20] for case in CASES]
)
def test_what_would_have_to_change(condition: str, readings: dict[str, Value], change: str | None) -> None:
    found = lock_of(tree(condition, **readings))
    assert found.effect is Effect.BLOCKS
    assert (found.change.zh if found.change else None) == change
    assert all(node.change is None or node.change.en for node in every(found))


OPPOSITE = {"<": "≥", "<=": ">", ">": "≤", ">=": "<", "==": "≠", "!=": "="}
SIGN = {"<": "<", "<=": "≤", ">": ">", ">=": "≥", "==": "=", "!=": "≠"}
MIRRORED = {"<": ">", "<=": "≥", ">": "<", ">=": "≤", "==": "=", "!=": "≠"}


@pytest.mark.parametrize("sign", SIGN)
def test_every_comparison_is_asked_for_from_either_side_and_either_way(sign: str) -> None:
    def asked(condition: str) -> str:
        for cod in (10.0, 20.0, 30.0):
            found = lock_of(tree(condition, cod=cod))
            if found.effect is Effect.BLOCKS:
                assert found.change is not None
                return found.change.zh.split(" 20 ")[0].removeprefix("排口COD须 ")
        raise AssertionError(condition)

    assert asked(f"hc_outlet.cod {sign} 20 * mg_L") == SIGN[sign]
    assert asked(f"20 * mg_L {sign} hc_outlet.cod") == MIRRORED[sign]
    assert asked(f"not hc_outlet.cod {sign} 20 * mg_L") == OPPOSITE[sign]
    words = lock_of(tree(f"hc_outlet.cod {sign} 20 * mg_L")).parts[0].words
    assert words.zh == f"排口COD {SIGN[sign]} 20 mg/L"


def test_of_two_rates_the_one_that_lacks_more_is_waited_for() -> None:
    fast, slow = "rate(hc_outlet.cod, 10 * s)", "rate(hc_outlet.cod, 60 * s)"
    condition = f"{fast} < {slow}"
    found = lock_of(tree(condition, so_far={fast: 4.0, slow: 5.0}, recall={fast: 1.0}.get)).parts[0]
    assert (found.so_far_s, found.needed_s) == (4.0, 60.0)
    assert found.change == Words("须再观察 55 秒", "it must be watched for 55 s more")
    assert found.words.en == "rate of outlet COD over 10 s < rate of outlet COD over 60 s"
    one = lock_of(tree(condition, so_far={slow: 5.0})).parts[0]
    assert one.so_far_s == 5.0
    assert [node.need for node in every(lock_of(tree(HELD))) if node.kind is Kind.HELD] == [1]


def test_english_says_the_same() -> None:
    said = {
        COD: "outlet COD must be ≤ 100 mg/L; it is 400 mg/L, off by 300 mg/L",
        "hc_outlet.opened": "outlet open limit must be true",
        "not hc_outlet.closed": "outlet closed limit must be false",
        "hc_outlet.opened or hc_outlet.fault": "1 more of these: outlet open limit must be true, or outlet fault must be true",
        "2 * hc_outlet.cod > 1000 * mg_L": "2 * hc_outlet.cod > 1000 * mg_L must hold",
        "not 2 * hc_outlet.cod > 1 * mg_L": "2 * hc_outlet.cod > 1 * mg_L must not hold",
        "hc_outlet.opened and hc_outlet.fault": "outlet open limit must be true; outlet fault must be true",
    }
    for condition, change in said.items():
        found = lock_of(tree(condition, cod=400.0))
        assert found.change is not None
        assert found.change.en == change
    never = lock_of(tree(COD, cod=NEVER_READ)).change
    stale = lock_of(tree(COD, cod=replace(good(1.0, age_s=9.4), fresh=False))).change
    assert never is not None
    assert never.en == "a fresh and good reading must come of outlet COD (never read)"
    assert stale is not None
    assert stale.en == "a fresh and good reading must come of outlet COD (stale 9 s)"


HELD = f"held({COD}, 30 * s)"


@pytest.mark.parametrize(
    ("condition", "known", "so_far_s", "cod", "change", "en"),
    [
        (HELD, Truth.UNKNOWN, 12.0, 20.0, "须再保持 18 秒", "it must stay so for 18 s more"),
        (HELD, Truth.UNKNOWN, None, 20.0, "须再保持 30 秒", "it must stay so for 30 s more"),
        (
            HELD,
            Truth.FALSE,
            0.0,
            400.0,
            "排口COD须 ≤ 100 mg/L,现为 400 mg/L,差 300 mg/L,并连续保持 30 秒",
            "outlet COD must be ≤ 100 mg/L; it is 400 mg/L, off by 300 mg/L, and stay so for 30 s",
        ),
        (f"not {HELD}", Truth.TRUE, 30.0, 20.0, "排口COD须 > 100 mg/L,现为 20 mg/L,差 80 mg/L", None),
        ("held(True, 30 * s)", Truth.UNKNOWN, 1.0, 20.0, "须再保持 29 秒", None),
        ("held(False, 30 * s)", Truth.UNKNOWN, 1.0, 20.0, "条件须成立,并连续保持 30 秒", "the condition must hold, and stay so for 30 s"),
        ("not held(True, 30 * s)", Truth.TRUE, 1.0, 20.0, "条件须中断", "the condition must be interrupted"),
    ],
)  # fmt: skip
def test_time_so_far_and_time_needed(
    condition: str, known: Truth, so_far_s: float | None, cod: float, change: str, en: str | None
) -> None:
    text = parse(condition).timed[0].text
    found = lock_of(
        tree(
            condition, recall={text: known}.get, so_far={} if so_far_s is None else {text: so_far_s}, cod=cod
        )
    )
    held = next(node for node in every(found) if node.kind is Kind.HELD)
    assert (held.needed_s, held.so_far_s) == (30.0, so_far_s)
    assert found.change is not None
    assert found.change.zh == change
    assert en is None or found.change.en == en


def test_a_held_condition_that_has_held_long_enough_passes() -> None:
    found = lock_of(tree(HELD, recall={HELD: Truth.TRUE}.get, so_far={HELD: 30.0}))
    assert (found.effect, found.change, found.truth) == (Effect.PASSES, None, Truth.TRUE)


RATE = "rate(hc_outlet.cod, 60 * s)"


def test_a_rate_says_how_long_it_must_still_be_watched() -> None:
    found = lock_of(tree(f"{RATE} <= 5 * mg_L / min", so_far={RATE: 20.0})).parts[0]
    assert (found.so_far_s, found.needed_s) == (20.0, 60.0)
    assert found.change == Words("须再观察 40 秒", "it must be watched for 40 s more")
    assert found.words.zh == "排口COD 60 秒平均变化率 ≤ 5 mg/L/min"
    assert found.words.en == "rate of outlet COD over 60 s ≤ 5 mg/L/min"
    known = lock_of(tree(f"{RATE} <= 5 * mg_L / min", recall={RATE: 1.0}.get, so_far={RATE: 60.0})).parts[0]
    assert known.change == Words(f"须满足 {RATE} <= 5 * mg_L / min", f"{RATE} <= 5 * mg_L / min must hold")
    silent = lock_of(tree(f"{RATE} <= 5 * mg_L / min", cod=NEVER_READ)).parts[0]
    assert silent.change == Words(
        "须有新鲜可信的读数:排口COD(从未读到)",
        "a fresh and good reading must come of outlet COD (never read)",
    )


@pytest.mark.parametrize(
    ("condition", "zh", "en"),
    [
        (COD, "排口COD ≤ 100 mg/L", "outlet COD ≤ 100 mg/L"),
        (
            "2 * hc_outlet.cod - 3 * mg_L != -(1 * mg_L)",
            "2 × 排口COD − 3 mg/L ≠ −1 mg/L",
            "2 × outlet COD − 3 mg/L ≠ −1 mg/L",
        ),
        ("hc_outlet.cod + 3 * mg_L == 1 * mg_L", "排口COD + 3 mg/L = 1 mg/L", "outlet COD + 3 mg/L = 1 mg/L"),
        ("not hc_outlet.closed", "以下不成立", "not this"),
        ("hc_outlet.closed and hc_outlet.remote", "全部成立", "all of these"),
        ("hc_outlet.closed or hc_outlet.remote", "任一成立", "any of these"),
        ("count(1, hc_outlet.closed, hc_outlet.remote)", "2 项中至少 1 项成立", "at least 1 of 2"),
        ("held(hc_outlet.closed, 90 * s)", "连续成立满 90 秒", "for 90 s without interruption"),
        ("hc_outlet.closed", "排口关限位", "outlet closed limit"),
        ("True", "True", "True"),
    ],
)
def test_a_condition_in_words(condition: str, zh: str, en: str) -> None:
    assert lock_of(tree(condition)).parts[0].words == Words(zh, en)


def test_values_come_with_unit_age_and_quality() -> None:
    (seen,) = lock_of(tree(COD, cod=good(400.0, age_s=1.5))).parts[0].values
    assert (seen.point, seen.value, seen.unit, seen.quality, seen.age_s) == (
        "hc_outlet/cod",
        400.0,
        "mg/L",
        "good",
        1.5,
    )
    assert (seen.is_stale, seen.reason, seen.words) == (False, None, Words("排口COD", "outlet COD"))
    (stale,) = lock_of(tree(COD, cod=replace(good(1.0), fresh=False, reason=Reason.LINK))).parts[0].values
    assert (stale.is_stale, stale.reason) == (True, "link")


def test_a_permit_must_be_known_true_and_an_inhibit_not() -> None:
    effects = {
        (action, truth): lock_of(tree(COD, action, cod=value)).effect
        for action in (Action.OPEN, Action.CLOSE)
        for truth, value in (("true", 20.0), ("false", 400.0), ("unknown", NEVER_READ))
    }
    assert effects == {
        (Action.OPEN, "true"): Effect.PASSES,
        (Action.OPEN, "false"): Effect.BLOCKS,
        (Action.OPEN, "unknown"): Effect.BLOCKS,
        (Action.CLOSE, "true"): Effect.BLOCKS,
        (Action.CLOSE, "false"): Effect.PASSES,
        (Action.CLOSE, "unknown"): Effect.WARNS,
    }
    permit, inhibit = lock_of(tree(COD, cod=400.0)), lock_of(tree(COD, Action.CLOSE))
    assert (permit.kind, permit.wanted, permit.code) == (Kind.PERMIT, True, Code.INTERLOCK)
    assert (inhibit.kind, inhibit.wanted, inhibit.code) == (Kind.INHIBIT, False, Code.INTERLOCK)
    assert inhibit.change is not None
    assert inhibit.change.zh == "排口COD须 > 100 mg/L,现为 20 mg/L,差 80 mg/L"
    assert lock_of(tree(COD, cod=NEVER_READ)).code is Code.STALE_INPUT


def order(kind: OrderKind) -> OrderSet:
    made = Order(id="1", kind=kind, actuator=OUTLET, by="wang", reason="x", since_ms=1)
    return OrderSet().with_orders(made)


def test_an_override_is_shown_and_does_not_block() -> None:
    (given,) = order(OrderKind.OVERRIDE).orders.values()
    found = tree(COD, override=given, cod=400.0)
    assert found.effect is Effect.PASSES
    assert (lock_of(found).effect, lock_of(found).override, lock_of(found).truth) == (
        Effect.OVERRIDDEN,
        given,
        Truth.FALSE,
    )


@pytest.mark.parametrize(
    ("more", "code", "words", "change"),
    [
        ({"orders": order(OrderKind.TAG_OUT)}, Code.TAGGED_OUT, "未检修挂牌", "须由挂牌人摘牌,或由值班长与工程师共同摘牌"),
        ({"remote": False}, Code.LOCAL, "设备处于远程", "须在现场把转换开关打到远程"),
        ({"fault": True}, Code.HEALTH, "设备无故障", "须在现场排除故障并复位"),
        ({"remote": NEVER_READ}, Code.STALE_INPUT, "本体反馈新鲜可信", "须有新鲜可信的读数:排口远程(从未读到)"),
        ({"executing": Action.CLOSE}, Code.BUSY, "没有命令在执行", "须等“关闭”结束,或先停"),
        ({"is_in_doubt": True}, Code.IN_DOUBT, "上一命令结果明确", "须有新的可信反馈:可先核实"),
        ({"orders": order(OrderKind.KEEP_CLOSED)}, Code.KEEP_CLOSED, "没有有效的禁开令", "须经恢复开启程序解除 1 道禁开令"),
        ({"opened": True, "closed": False}, Code.POSITION_REACHED, "尚未开到位", "已到位,无需操作"),
    ],
    ids=lambda value: value.value if isinstance(value, Code) else "",
)  # fmt: skip
def test_every_check_says_what_it_lacks(more: dict[str, object], code: Code, words: str, change: str) -> None:
    calm = checks(tree())
    assert code is Code.POSITION_REACHED or calm[code].effect is Effect.PASSES
    found = tree(**more)  # type: ignore[arg-type]
    assert found.effect is Effect.BLOCKS
    node = checks(found)[code]
    assert (node.effect, node.words.zh) == (Effect.BLOCKS, words)
    assert node.change is not None
    assert node.change.zh == change
    assert node.change.en
    assert node.words.en
    assert [part.code for part in found.parts if part.effect is Effect.BLOCKS] == [code]


def test_what_is_asked_depends_on_the_action() -> None:
    away = [
        Code.NOT_COMMISSIONED, Code.TAGGED_OUT, Code.LOCAL, Code.HEALTH, Code.STALE_INPUT, Code.BUSY,
        Code.IN_DOUBT, Code.KEEP_CLOSED, Code.POSITION_REACHED,
    ]  # fmt: skip
    asked = {action: list(checks(tree(action=action))) for action in Action}
    assert asked[Action.OPEN] == away
    assert asked[Action.SET] == [Code.MODE, *away[:-1]]
    lacking = checks(tree(action=Action.SET))[Code.MODE]
    assert (lacking.effect, lacking.change) == (Effect.BLOCKS, NO_SUCH_ACTION[Action.SET])
    assert asked[Action.CLOSE] == away[:5]
    assert asked[Action.STOP] == away[:3]
    assert asked[Action.VERIFY] == []
    moving = checks(tree(action=Action.STOP, orders=order(OrderKind.TAG_OUT), executing=Action.OPEN))
    assert moving[Code.TAGGED_OUT].effect is Effect.PASSES, "what moves may be stopped under a tag"
    assert Code.POSITION_REACHED not in checks(tree(executing=Action.OPEN, opened=True, closed=False))


def test_a_device_that_is_not_commissioned_says_so_first() -> None:
    gate = replace(PARK.actuators[OUTLET], commissioned_by=None)
    situation = Situation(
        read=lambda ref: good(CALM[ref]),
        unit_of=lambda ref: NAMED.points[ref].unit or BOOLEAN,
        orders=OrderSet(),
    )
    found = explain(gate, Action.CLOSE, situation, NAMED)
    assert (found.parts[0].code, found.parts[0].effect) == (Code.NOT_COMMISSIONED, Effect.BLOCKS)
    assert found.parts[0].change == Words(
        "须完成联调并签字", "the commissioning check must be done and signed"
    )
    assert (found.words, found.kind, found.truth) == (
        Words("关闭排口", "close outlet"),
        Kind.ACTION,
        Truth.FALSE,
    )
    assert found.need == len(found.parts)
