"""Checks the automatic cut-offs: each can fire, and moves nothing but toward safe, in its own reach, never on the river."""

from collections.abc import Iterator

import z3

from domain.alarm import Side
from domain.cutoff import CutoffRule
from domain.park import Park, SafePosition, Tier
from domain.words import Words
from stoplog.verify import story
from stoplog.verify.finding import EVERY_RULE, Finding, Verdict
from stoplog.verify.world import World, number

_WORDS = Words("自动规则只趋向安全位,且能动作", "automatic rules move only toward safe, and can fire")
_ENDS = {SafePosition.CLOSED: Words("关", "closed"), SafePosition.OPEN: Words("开", "open")}


def check_rules(park: Park) -> Iterator[Finding]:
    """Yield one finding for each cut-off."""
    for rule in park.cutoffs:
        faults = list(_faults(rule, park))
        yield Finding(
            check=f"{rule.id} cut-off",
            words=_WORDS,
            verdict=Verdict.BROKEN if faults else Verdict.PROVED,
            method=EVERY_RULE,
            story=tuple(faults),
            witness=() if faults else (_fires(rule, park),),
        )


def _faults(rule: CutoffRule, park: Park) -> Iterator[Words]:
    point = park.points[rule.point]
    world = World(park, "now")
    value = world.value(rule.point)
    limit = number(rule.limit)
    beyond = value > limit if rule.side is Side.ABOVE else value < limit
    if story.solve(z3.And(beyond, world.trust(rule.point)), *world.laws) is None:
        yield Words(
            f"限值 {rule.limit:g} 在量程 {point.range_min}–{point.range_max} 之外,永不动作",
            f"its limit {rule.limit:g} lies beyond the range {point.range_min}–{point.range_max}: it never fires",
        )
    here = park.devices[point.device].gateway
    for key in rule.actuators:
        facility, name = park.facilities[key], park.facilities[key].words
        if facility.tier is Tier.RIVER:
            yield Words(
                f"{name.zh}属河道层级,规则不得动作", f"{name.en} is of the river tier, which no rule may move"
            )
        if park.gateway_of(key) != here:
            yield Words(f"{name.zh}在另一网关后", f"{name.en} is behind another gateway than {point.ref}")
        if park.actuators[key].commissioned_by is None:
            yield Words(
                f"{name.zh}尚未联调,规则动不了它", f"{name.en} is not commissioned: the rule cannot move it"
            )


def _fires(rule: CutoffRule, park: Park) -> Words:
    point = park.points[rule.point]
    name = park.facilities[point.facility].words
    sign = ">" if rule.side is Side.ABOVE else "<"
    ends = [(park.facilities[key].words, _ENDS[park.actuators[key].safe_position]) for key in rule.actuators]
    return Words(
        f"{name.zh}{point.words.zh} {sign} {rule.limit:g}:" + "、".join(f"{a.zh}→{b.zh}" for a, b in ends),
        f"{name.en} {point.words.en} {sign} {rule.limit:g}: "
        + ", ".join(f"{a.en} → {b.en}" for a, b in ends),
    )
