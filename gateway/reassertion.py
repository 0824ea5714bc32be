"""Decides whether the edge itself brings an actuator back that an order keeps at its safe position, or asks a person first.

Only what was proved there once, after a link, the gateway or its power came back, and only when the PLC's own counters prove
that nobody has switched it to local and that it was not without power meanwhile. Anything else asks one operator.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from domain.drive import Drive, MomentaryCoils, Repeat
from domain.words import Words

TRIES_MAX = 3
BACK_OFF_S = (0.0, 30.0, 120.0)
"""Wall seconds before the first, second and third try."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What is remembered of an actuator that was seen at its safe position under its orders; survives a restart."""

    orders: frozenset[str] = frozenset()
    """Ids that were proved: seen at the safe position, on trusted feedback."""
    counters: Mapping[str, float] = field(default_factory=dict)
    """The PLC's counters (local switch, boot) when it was last seen there; empty: it has none."""
    tags: frozenset[str] = frozenset()
    """Every tag-out that was ever known then: another one since means that somebody has worked on it."""
    is_touched: bool = False
    """Seen in local, or tagged out, since it was last seen there."""
    tries: int = 0
    is_asked: bool = False
    """A person was asked, or the tries are used up: nothing more by itself until it is seen there again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What is seen of the actuator now, on trusted feedback."""

    standing: frozenset[str]
    """Ids of the orders that keep it."""
    is_safe: bool
    is_remote: bool
    is_tagged: bool
    tags: frozenset[str]
    """Every tag-out ever known on it, lifted ones too."""
    counters: Mapping[str, float] | None
    """None: it has none, or they are not known."""
    is_moving: bool | None
    """None: it does not report it."""
    has_come_back: bool
    """Whether its link, the gateway or its power was gone since it was last seen at its safe position."""
    is_river: bool


class Act(StrEnum):
    """What follows."""

    REST = "rest"
    REASSERT = "reassert"
    ASK = "confirm"
    GIVE_UP = "given_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What follows, and what is remembered from now on."""

    act: Act
    proof: Proof
    words: Words = field(default_factory=lambda: Words("", ""))


def decide(proof: Proof, look: Look, drive: Drive, *, waited_s: float) -> Verdict:
    """Return what follows from `look`; `waited_s`: wall seconds since the last try ended."""
    if not look.standing:
        return Verdict(act=Act.REST, proof=Proof())
    if look.is_safe:
        return Verdict(act=Act.REST, proof=_proved(look))
    if not look.is_remote or look.is_tagged:
        return Verdict(act=Act.REST, proof=replace(proof, is_touched=True))
    if not proof.orders & look.standing or proof.is_asked:
        # Never proved: a fresh command carries it out, and whoever gives that sees whether it came about.
        return Verdict(act=Act.REST, proof=proof)
    why = _against(proof, look, drive)
    if why is not None:
        return Verdict(act=Act.ASK, proof=replace(proof, is_asked=True), words=why)
    if proof.tries >= TRIES_MAX:
        words = Words(f"自动复位 {TRIES_MAX} 次未成", f"not back after {TRIES_MAX} tries")
        return Verdict(act=Act.GIVE_UP, proof=replace(proof, is_asked=True), words=words)
    if waited_s < BACK_OFF_S[proof.tries] or not _is_quiet(look, drive):
        return Verdict(act=Act.REST, proof=proof)
    number = proof.tries + 1
    words = Words(f"第 {number} 次自动复位", f"brought back by the edge, try {number}")
    return Verdict(act=Act.REASSERT, proof=replace(proof, tries=number), words=words)


def _proved(look: Look) -> Proof:
    """At its safe position: what stands is proved; what was switched or hung until now is no longer held against it."""
    is_quiet = look.is_remote and not look.is_tagged
    return Proof(
        orders=look.standing,
        counters=dict(look.counters or {}),
        tags=look.tags,
        is_touched=not is_quiet,
    )


def _against(proof: Proof, look: Look, drive: Drive) -> Words | None:
    """Return why a person has to confirm first; None: nothing."""
    if look.is_river:
        return Words("河道闸只由人操作", "a river sluice is moved by persons only")
    if not look.has_come_back:
        return Words("通讯正常时离开安全位", "it left its safe position while the link stood")
    if proof.is_touched:
        return Words("曾就地操作或挂牌", "it was in local or tagged out since")
    if look.tags != proof.tags:
        return Words("其间挂过检修牌", "it was tagged out meanwhile")
    if not proof.counters or look.counters is None:
        return Words("无就地/上电计数,不能证明无人操作", "no counters prove that nobody has worked on it")
    if dict(look.counters) != dict(proof.counters):
        return Words("就地或上电计数已变", "its local or boot counter has changed")
    if _is_rough(drive) and look.is_moving is None:
        return Words(
            "脉冲会反转或停止,且不报运行", "its pulse toggles or stops, and it does not report its movement"
        )
    return None


def _is_quiet(look: Look, drive: Drive) -> bool:
    """Whether one more pulse cannot stop or turn a movement."""
    return not _is_rough(drive) or look.is_moving is False


def _is_rough(drive: Drive) -> bool:
    return isinstance(drive, MomentaryCoils) and drive.repeat is not Repeat.SAFE
