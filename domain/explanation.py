"""Explains what stands for and against an action now (为什么不能操作): the whole tree of conditions, and what would have to change.

It decides nothing: domain.admission does, and a property test holds the two together.
"""

from collections.abc import Callable, Iterator

from domain.admission import NO_SUCH_ACTION, Direction, Situation, direction, target
from domain.command import ACTION_WORDS, Action
from domain.commissioning import may_be_driven
from domain.drive import takes
from domain.explained import Effect, Kind, Node, Seen, View, readings, seen
from domain.explained_condition import part_of
from domain.interlock import Interlock, Truth
from domain.order import KIND_WORDS, OrderKind
from domain.park import Actuator, Park
from domain.position import POSITION_WORDS, indicate
from domain.refusal import Code
from domain.words import Words


def never(_text: str) -> None:
    """Know of no operator for how long it has been so."""


def explain(
    actuator: Actuator,
    action: Action,
    situation: Situation,
    park: Park,
    *,
    opening_percent: float | None = None,
    so_far_s: Callable[[str], float | None] = never,
    more: tuple[Node, ...] = (),
) -> Node:
    """Return everything that stands for or against `action`; `more` are checks that only the centre makes."""
    view = View(park, situation, so_far_s)
    way = direction(actuator, action, opening_percent=opening_percent)
    parts = [*more, *_standing(actuator, action, way, view)]
    if way is not Direction.NONE:
        parts.append(_feedback(actuator, way, view))
    if way is Direction.AWAY_FROM_SAFE:
        parts += _away(actuator, action, view)
        parts += [_lock(lock, Kind.PERMIT, view) for lock in actuator.permits]
    if way is Direction.TOWARD_SAFE:
        parts += [_lock(lock, Kind.INHIBIT, view) for lock in actuator.inhibits]
    name, verb = park.facilities[actuator.facility].words, ACTION_WORDS[action]
    effects = {part.effect for part in parts}
    effect = next((item for item in (Effect.BLOCKS, Effect.WARNS) if item in effects), Effect.PASSES)
    return Node(
        kind=Kind.ACTION,
        words=Words(f"{verb.zh}{name.zh}", f"{verb.en} {name.en}"),
        truth=Truth.FALSE if effect is Effect.BLOCKS else Truth.TRUE,
        effect=effect,
        need=len(parts),
        parts=tuple(parts),
    )


def check(code: Code, words: Words, *, holds: bool, change: Words, values: tuple[Seen, ...] = ()) -> Node:
    """Return a check that is no interlock; one that does not hold blocks."""
    return Node(
        kind=Kind.CHECK,
        words=words,
        truth=Truth.TRUE if holds else Truth.FALSE,
        effect=Effect.PASSES if holds else Effect.BLOCKS,
        change=None if holds else change,
        code=code,
        values=values,
    )


def _standing(actuator: Actuator, action: Action, way: Direction, view: View) -> Iterator[Node]:
    if action is Action.VERIFY:
        return
    at, names = view.situation, actuator.feedback
    if action is Action.SET or not takes(actuator.drive, action):
        yield check(
            Code.MODE,
            Words("驱动支持此操作", "the drive has this action"),
            holds=takes(actuator.drive, action),
            change=NO_SUCH_ACTION[action],
        )
    yield check(
        Code.NOT_COMMISSIONED,
        Words("已完成联调", "commissioned"),
        holds=may_be_driven(actuator, at.drive, at.orders, author=at.author),
        change=Words("须完成联调并签字", "the commissioning check must be done and signed"),
    )
    tags = at.orders.standing(actuator.facility, OrderKind.TAG_OUT)
    is_ours_to_stop = action is Action.STOP and at.executing is not None
    yield check(
        Code.TAGGED_OUT,
        Words("未检修挂牌", "not tagged out"),
        holds=not tags or is_ours_to_stop,
        change=Words(
            "须由挂牌人摘牌,或由值班长与工程师共同摘牌",
            "whoever hung the tag must lift it, or a shift chief and an engineer together",
        ),
    )
    remote = at.read(actuator.point(names.remote))
    yield check(
        Code.LOCAL,
        Words("设备处于远程", "the device is in remote"),
        holds=not (remote.is_trusted and remote.value is False),
        change=Words("须在现场把转换开关打到远程", "somebody must turn the switch at the cabinet to remote"),
        values=seen(view, [actuator.point(names.remote)]),
    )
    if way is not Direction.NONE and names.fault is not None:
        fault = at.read(actuator.point(names.fault))
        yield check(
            Code.HEALTH,
            Words("设备无故障", "the device reports no fault"),
            holds=not (fault.is_trusted and fault.value is True),
            change=Words("须在现场排除故障并复位", "the fault must be cleared at the device"),
            values=seen(view, [actuator.point(names.fault)]),
        )


def _feedback(actuator: Actuator, way: Direction, view: View) -> Node:
    names = actuator.feedback
    refs = [
        actuator.point(name)
        for name in (names.opened, names.closed, names.remote, names.fault)
        if name is not None
    ]
    missing = [ref for ref in refs if not view.situation.read(ref).is_trusted]
    effect = Effect.PASSES
    if missing:
        effect = Effect.BLOCKS if way is Direction.AWAY_FROM_SAFE else Effect.WARNS
    return Node(
        kind=Kind.CHECK,
        words=Words("本体反馈新鲜可信", "its own feedback is fresh and good"),
        truth=Truth.UNKNOWN if missing else Truth.TRUE,
        effect=effect,
        change=readings(view, missing) if missing else None,
        code=Code.STALE_INPUT,
        values=seen(view, refs),
    )


def _away(actuator: Actuator, action: Action, view: View) -> Iterator[Node]:
    at = view.situation
    doing = ACTION_WORDS[at.executing] if at.executing is not None else Words("", "")
    yield check(
        Code.BUSY,
        Words("没有命令在执行", "no command is being executed"),
        holds=at.executing is None,
        change=Words(f"须等“{doing.zh}”结束,或先停", f"wait for “{doing.en}” to end, or stop it first"),
    )
    yield check(
        Code.IN_DOUBT,
        Words("上一命令结果明确", "the outcome of the last command is known"),
        holds=not at.is_in_doubt,
        change=Words("须有新的可信反馈:可先核实", "fresh feedback must come: verify it first"),
    )
    keeping = at.orders.keeping(actuator.facility)
    kept = KIND_WORDS[actuator.safe_position.kept_by]
    yield check(
        Code.KEEP_CLOSED if actuator.safe_position.kept_by is OrderKind.KEEP_CLOSED else Code.KEEP_OPEN,
        Words(f"没有有效的{kept.zh}", f"no {kept.en} stands"),
        holds=not keeping,
        change=Words(
            f"须经恢复开启程序解除 {len(keeping)} 道{kept.zh}",
            f"the reopening procedure must release {len(keeping)} orders",
        ),
    )
    wanted = target(action)
    if wanted is not None and at.executing is None:
        names = actuator.feedback
        ends = [actuator.point(names.opened), actuator.point(names.closed)]
        position = indicate(*(at.read(ref) for ref in ends)).position
        words = POSITION_WORDS[wanted]
        yield check(
            Code.POSITION_REACHED,
            Words(f"尚未{words.zh}", f"not yet {words.en}"),
            holds=position is not wanted,
            change=Words("已到位,无需操作", "it is there already: nothing is to be done"),
            values=seen(view, ends),
        )


def _lock(lock: Interlock, kind: Kind, view: View) -> Node:
    truth = view.truth(lock.expression.tree)
    is_wanted = kind is Kind.PERMIT
    order = view.situation.overridden.get(lock.id)
    if order is not None:
        effect = Effect.OVERRIDDEN
    elif kind is Kind.PERMIT:
        effect = Effect.PASSES if truth is Truth.TRUE else Effect.BLOCKS
    else:
        effects = {Truth.TRUE: Effect.BLOCKS, Truth.UNKNOWN: Effect.WARNS, Truth.FALSE: Effect.PASSES}
        effect = effects[truth]
    part = part_of(lock.expression.tree, view, wanted=is_wanted)
    return Node(
        kind=kind,
        words=lock.words,
        text=lock.expression.text,
        truth=truth,
        wanted=is_wanted,
        effect=effect,
        change=None if effect is Effect.PASSES else part.change,
        code=Code.STALE_INPUT if truth is Truth.UNKNOWN else Code.INTERLOCK,
        interlock=lock.id,
        override=order,
        parts=(part,),
    )
