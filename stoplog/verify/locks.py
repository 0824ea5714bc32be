"""Checks each interlock by itself: it can be met, it can be missed, and no other makes it superfluous."""

from collections.abc import Iterator, Sequence

import z3

from domain.admission import Direction, direction
from domain.command import Action
from domain.interlock import Interlock
from domain.park import Actuator, Park
from domain.words import Words
from stoplog.verify import story
from stoplog.verify.conditions import actual
from stoplog.verify.finding import INDUCTION, Finding, Verdict
from stoplog.verify.gate import admitted
from stoplog.verify.world import World

_WORDS = Words(
    "每条联锁都可满足、可拦阻、不被别条遮蔽",
    "every interlock can be met, can bite, and is shadowed by no other",
)


def check_locks(park: Park) -> Iterator[Finding]:
    """Yield one finding for each actuator that has interlocks."""
    for actuator in park.actuators.values():
        if actuator.permits or actuator.inhibits:
            yield _of(actuator, park)


def _of(actuator: Actuator, park: Park) -> Finding:
    faults = [*_permits(actuator, park), *_inhibits(actuator, park)]
    moments = [] if faults else list(_moments(actuator, park))
    faults += [words for words, is_possible in moments if not is_possible]
    return Finding(
        check=f"{actuator.facility} interlocks",
        words=_WORDS,
        verdict=Verdict.BROKEN if faults else Verdict.PROVED,
        method=INDUCTION,
        story=tuple(faults),
        witness=() if faults else tuple(words for words, _ in moments),
    )


def _permits(actuator: Actuator, park: Park) -> Iterator[Words]:
    for lock in actuator.permits:
        others = [item for item in actuator.permits if item is not lock]
        if not _can(park, lock, holds=True):
            yield Words(
                f"{lock.id} 在量程内不可满足",
                f"{lock.id} cannot be met within the ranges: {lock.expression.text}",
            )
        elif not _can(park, lock, holds=False):
            yield Words(
                f"{lock.id} 恒真,不起作用",
                f"{lock.id} is always true and never bites: {lock.expression.text}",
            )
        elif others and not _can(park, lock, holds=False, others=others, others_hold=True):
            yield Words(f"{lock.id} 被其余条件遮蔽", f"{lock.id} is shadowed: the other permits imply it")


def _inhibits(actuator: Actuator, park: Park) -> Iterator[Words]:
    for lock in actuator.inhibits:
        others = [item for item in actuator.inhibits if item is not lock]
        if not _can(park, lock, holds=True):
            yield Words(
                f"闭锁 {lock.id} 永不动作", f"the inhibit {lock.id} never acts: {lock.expression.text}"
            )
        elif not _can(park, lock, holds=False):
            yield Words(
                f"闭锁 {lock.id} 恒闭锁", f"the inhibit {lock.id} always blocks: {lock.expression.text}"
            )
        elif others and not _can(park, lock, holds=True, others=others, others_hold=False):
            yield Words(
                f"闭锁 {lock.id} 被别条遮蔽",
                f"the inhibit {lock.id} is shadowed: another acts whenever it does",
            )


def _can(
    park: Park, lock: Interlock, *, holds: bool, others: Sequence[Interlock] = (), others_hold: bool = True
) -> bool:
    """Whether `lock` can be so, with all `others` as said, on known values."""
    world = World(park, "now")

    def wanted(item: Interlock, *, so: bool) -> z3.BoolRef:
        condition = actual(item.expression, world.value, world)
        return condition if so else z3.Not(condition)

    asked = [wanted(lock, so=holds), *(wanted(item, so=others_hold) for item in others)]
    return story.solve(*asked, world.all_known(), *world.laws) is not None


def _moments(actuator: Actuator, park: Park) -> Iterator[tuple[Words, bool]]:
    """Yield for both directions how the gate can be moved, or that it cannot."""
    name = park.facilities[actuator.facility].words
    for action in (Action.OPEN, Action.CLOSE):
        world = World(park, "now")
        model = story.solve(admitted(actuator, action, world), *world.laws)
        if model is None:
            yield (
                Words(
                    f"{name.zh}的条件合起来永不放行{action}",
                    f"no moment lets {name.en} {action}: its conditions contradict",
                ),
                False,
            )
            continue
        locks = (
            actuator.permits if direction(actuator, action) is Direction.AWAY_FROM_SAFE else actuator.inhibits
        )
        refs = {ref for lock in locks for ref in lock.expression.references}
        told = story.command(park, actuator, action)
        yield story.joined((told, *story.values(park, refs, world, model))), True
