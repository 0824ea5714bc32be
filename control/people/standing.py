"""Decides how well a person has proved who they are at this moment, and whether that is enough for what they ask.

A move toward safe asks for little, a stop for nothing, a move away from safe for a proof of the last minutes.
"""

from collections.abc import Mapping
from enum import IntEnum, StrEnum

from domain.admission import Direction
from domain.refusal import Cause, Code
from domain.words import Words

FRESH_MS = 5 * 60_000
"""A proof (password, code, provider) counts this long for moves away from safe, approvals and changes of people."""


class Standing(StrEnum):
    """How well somebody at an operator position has proved who they are."""

    FRESH = "fresh"
    """Signed in, or proved again, within FRESH_MS; or it is no person's hand: a plan's run that was proved when it began."""
    HELD = "held"
    """Signed in longer ago."""
    GIVEN_PASSWORD = "given-password"  # noqa: S105 (the name of a standing)
    """Signed in with a password that somebody else has made and knows."""
    OLD_PASSWORD = "old-password"  # noqa: S105 (the name of a standing)
    """Signed in with a password that the site's policy holds to be too old."""
    NO_SECOND_FACTOR = "no-second-factor"
    """Signed in by a password alone where the site's policy asks for two factors."""
    PIN = "pin"
    """At a locked position, with the PIN of who is signed in there."""
    LOCKED = "locked"
    """At a locked position: it may be anybody."""
    NO_PIN = "no-pin"
    """At a locked position of somebody who has set no PIN."""
    PIN_WRONG = "pin-wrong"
    PIN_VOID = "pin-void"
    """Too many wrong ones: no PIN counts until the next full sign-in."""


class Needs(IntEnum):
    """What something asks of whoever asks for it; each includes those before."""

    NOTHING = 0
    PIN = 1
    UNLOCKED = 2
    FRESH = 3


_REACHES: Mapping[Standing, Needs] = {
    Standing.FRESH: Needs.FRESH,
    Standing.HELD: Needs.UNLOCKED,
    Standing.GIVEN_PASSWORD: Needs.UNLOCKED,
    Standing.OLD_PASSWORD: Needs.UNLOCKED,
    Standing.NO_SECOND_FACTOR: Needs.UNLOCKED,
    Standing.PIN: Needs.PIN,
    Standing.LOCKED: Needs.NOTHING,
    Standing.NO_PIN: Needs.NOTHING,
    Standing.PIN_WRONG: Needs.NOTHING,
    Standing.PIN_VOID: Needs.NOTHING,
}

_LACKS: Mapping[Standing, Cause] = {
    Standing.HELD: Cause(code=Code.PROOF),
    Standing.GIVEN_PASSWORD: Cause(
        code=Code.CREDENTIALS,
        detail=Words("口令由他人设置,请先改为自己的", "somebody else has set your password: change it first"),
    ),
    Standing.OLD_PASSWORD: Cause(
        code=Code.CREDENTIALS,
        detail=Words("口令已到更换期限", "your password is due for a change"),
    ),
    Standing.NO_SECOND_FACTOR: Cause(
        code=Code.CREDENTIALS,
        detail=Words("须先启用动态码", "set up a second factor first"),
    ),
    Standing.PIN: Cause(code=Code.POSITION_LOCKED),
    Standing.LOCKED: Cause(code=Code.POSITION_LOCKED),
    Standing.NO_PIN: Cause(
        code=Code.POSITION_LOCKED, detail=Words("未设置 PIN", "no PIN is set"), values={"pin": "none"}
    ),
    Standing.PIN_WRONG: Cause(
        code=Code.POSITION_LOCKED, detail=Words("PIN 错误", "the PIN is wrong"), values={"pin": "wrong"}
    ),
    Standing.PIN_VOID: Cause(
        code=Code.POSITION_LOCKED,
        detail=Words("PIN 错误次数过多,须完整登录", "too many wrong PINs: sign in in full"),
        values={"pin": "void"},
    ),
}


class Due(StrEnum):
    """What a person has to put right before they move anything away from safe."""

    GIVEN_PASSWORD = "given-password"  # noqa: S105 (the name of a debt)
    OLD_PASSWORD = "old-password"  # noqa: S105 (the name of a debt)
    NO_SECOND_FACTOR = "no-second-factor"


def needs_of(way: Direction) -> Needs:
    """Return what a move in this direction asks: stop and verify nothing, a closure a PIN, an opening a fresh proof."""
    match way:
        case Direction.NONE:
            return Needs.NOTHING
        case Direction.TOWARD_SAFE:
            return Needs.PIN
        case Direction.AWAY_FROM_SAFE:
            return Needs.FRESH


def lacking(standing: Standing, needs: Needs) -> Cause | None:
    """Return why `standing` is not enough for what asks `needs`; None: it is."""
    return None if _REACHES[standing] >= needs else _LACKS[standing]


def standing_of(*, proved_ms: int, now_ms: int, locked: Standing | None, due: Due | None) -> Standing:
    """Return the standing of somebody whose last full proof was at `proved_ms`; `locked`: what a locked position leaves them."""
    if locked is not None:
        return locked
    if due is not None:
        return Standing(due.value)
    return Standing.FRESH if 0 <= now_ms - proved_ms < FRESH_MS else Standing.HELD
