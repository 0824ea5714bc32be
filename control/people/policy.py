"""Decides which passwords and PINs are taken, and what of a person's means of proof is due for a change.

Two rules that contradict each other are in force at once, so that a site chooses: OWASP ASVS 5.0 (and NIST SP 800-63B) asks
for length and no common password and forbids composition rules and rotation; GB/T 22239-2019 level 3 (等保) asks for
complexity, rotation and two factors.
"""

from collections.abc import Set as AbstractSet
from enum import StrEnum
from itertools import pairwise

from control.people.standing import Due
from domain.words import Words

LENGTH_MIN = 10
"""Characters; ASVS 5.0 6.2.1 asks for 8, and an operator's password is also typed in the night."""
LENGTH_MAX = 200
CLASSES_MIN = 3
"""Of upper case, lower case, digits and others (GB/T 22239-2019 8.1.4.1 a asks for complexity; three of four is usual)."""
ROTATE_MS = 90 * 86_400_000
"""The same clause asks for a change at intervals; it names none, and 90 days is what assessors look for."""
EARLIER_MAX = 5
"""Passwords of before that may not come again where they rotate."""
PIN_DIGITS_MIN = 6
PIN_DIGITS_MAX = 12
_TAIL_MAX = 6
"""A common word with up to so many digits and signs around it is a common password still."""


class Policy(StrEnum):
    """Which rule a site keeps."""

    ASVS = "asvs"
    MLPS = "mlps"


def faults(password: str, *, username: str, policy: Policy, common: AbstractSet[str]) -> tuple[Words, ...]:
    """Return what speaks against `password`; nothing: it is taken."""
    found = []
    if not LENGTH_MIN <= len(password) <= LENGTH_MAX:
        found.append(
            Words(
                f"口令须有 {LENGTH_MIN}–{LENGTH_MAX} 个字符",
                f"a password has {LENGTH_MIN}–{LENGTH_MAX} characters",
            )
        )
    if _is_common(password, common):
        found.append(Words("口令过于常见", "the password is a common one"))
    bare = username.lower()
    if len(bare) > 2 and bare in password.lower():
        found.append(Words("口令不得含用户名", "the password holds the user name"))
    if policy is Policy.MLPS and _classes(password) < CLASSES_MIN:
        found.append(
            Words(
                "等保要求:大写、小写、数字、符号至少三类 (GB/T 22239-2019 8.1.4.1)",
                "at least three of upper case, lower case, digits, signs (GB/T 22239-2019 8.1.4.1)",
            )
        )
    return tuple(found)


def pin_fault(pin: str) -> Words | None:
    """Return what speaks against `pin`; None: it is taken."""
    if not (pin.isascii() and pin.isdigit() and PIN_DIGITS_MIN <= len(pin) <= PIN_DIGITS_MAX):
        return Words(
            f"PIN 为 {PIN_DIGITS_MIN}–{PIN_DIGITS_MAX} 位数字",
            f"a PIN has {PIN_DIGITS_MIN}–{PIN_DIGITS_MAX} digits",
        )
    steps = {(ord(after) - ord(before)) % 10 for before, after in pairwise(pin)}
    halves = pin[: len(pin) // 2] * 2 == pin or pin[:2] * (len(pin) // 2) == pin
    if (len(steps) == 1 and steps <= {0, 1, 9}) or halves:
        return Words("PIN 过于简单", "the PIN is too simple")
    return None


def due(
    *,
    has_password: bool,
    is_password_given: bool,
    password_ms: int,
    has_second_factor: bool,
    policy: Policy,
    now_ms: int,
) -> Due | None:
    """Return what a person owes before they move anything away from safe; None: nothing.

    A password that somebody else knows is due under either policy: two persons are two only while nobody can be both (I9).
    """
    if not has_password:
        return None
    if is_password_given:
        return Due.GIVEN_PASSWORD
    if policy is Policy.MLPS and now_ms - password_ms >= ROTATE_MS:
        return Due.OLD_PASSWORD
    if policy is Policy.MLPS and not has_second_factor:
        return Due.NO_SECOND_FACTOR
    return None


def _is_common(password: str, common: AbstractSet[str]) -> bool:
    lowered = password.lower()
    core = lowered.strip("0123456789!@#$%^&*()-_=+.,?/~ ")
    has_few_more = len(lowered) - len(core) <= _TAIL_MAX
    return lowered in common or len(set(lowered)) <= 2 or (has_few_more and (core in common or core in _OURS))


_OURS = frozenset({"stoplog", "administrator", "operator", "engineer", "lingang", "zhihuishui", "huanbao"})
"""Words that somebody who guesses at this very system tries first."""


def _classes(password: str) -> int:
    kinds = (str.isupper, str.islower, str.isdigit, lambda one: not one.isalnum())
    return sum(any(kind(one) for one in password) for kind in kinds)
