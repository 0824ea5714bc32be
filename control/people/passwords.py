"""Hashes and checks passwords with argon2id, off the event loop; says nothing of who they belong to."""

import asyncio
from functools import cache
from importlib.resources import files

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_hasher = PasswordHasher()
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$t5XgT3jOY4Sg7DzVFF/xJQ$An3JOxvlCw1OB0yeirMK8w15BZh0HWFEjavMe5cVYCg"
"""Of a password that was thrown away; checked when there is no such user, so that the answer takes as long."""
_slots = asyncio.Semaphore(2)
"""One hash takes 64 MB and some 50 ms of a core: no crowd of guesses may take the machine."""


async def hashed(password: str) -> str:
    """Return the hash to keep."""
    async with _slots:
        return await asyncio.to_thread(_hasher.hash, password)


async def matches(password: str, kept: str | None) -> bool:
    """Whether `password` has the hash `kept`; None (no such user, or none set) never matches and takes as long."""
    async with _slots:
        found = await asyncio.to_thread(verifies, password, kept or _NOBODY)
    return found and kept is not None


async def is_one_of(password: str, kept: tuple[str, ...]) -> bool:
    """Whether `password` has one of these hashes."""
    for each in kept:
        if await matches(password, each):
            return True
    return False


@cache
def common_passwords() -> frozenset[str]:
    """Return passwords that are guessed first: the 10,000 commonest of zxcvbn's list (MIT), and its long ones up to 30,000."""
    text = files("control.people").joinpath("common_passwords.txt").read_text("ascii")
    return frozenset(text.split())


def verifies(password: str, kept: str) -> bool:
    """Whether `password` has the hash `kept`; takes some 50 ms of a core."""
    try:
        return _hasher.verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False
