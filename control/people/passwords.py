"""Hashes and checks passwords with argon2id, off the event loop; says nothing of who they belong to."""

import asyncio
from enum import StrEnum
from functools import cache
from importlib.resources import files

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError


class Cost(StrEnum):
    """What a guess at a stolen hash costs, and each sign-in too."""

    RFC_9106 = "rfc9106"
    """64 MiB, three passes, four lanes: what RFC 9106 section 4 asks for where memory is short; a quarter of a second of a core."""
    OWASP = "owasp"
    """19 MiB, two passes, one lane: the least that OWASP's Password Storage Cheat Sheet takes; for a small machine."""


_HASHERS = {
    Cost.RFC_9106: PasswordHasher(memory_cost=65_536, time_cost=3, parallelism=4),
    Cost.OWASP: PasswordHasher(memory_cost=19_456, time_cost=2, parallelism=1),
}
_NOBODY = {
    Cost.RFC_9106: "$argon2id$v=19$m=65536,t=3,p=4$t5XgT3jOY4Sg7DzVFF/xJQ$An3JOxvlCw1OB0yeirMK8w15BZh0HWFEjavMe5cVYCg",
    Cost.OWASP: "$argon2id$v=19$m=19456,t=2,p=1$Voc7VS1q+1LGLrubyWXkwQ$R7zRXxoYcRLtfPO3wq+M5zVIgFT9kq/66SyPQ1EGroI",
}
"""Of passwords that were thrown away; checked when there is no such user, so that the answer takes as long."""
_slots = asyncio.Semaphore(2)
"""One hash takes memory and a core: no crowd of guesses may take the machine."""


class Passwords:
    """Hashes at one cost, and checks what was hashed at any."""

    def __init__(self, cost: Cost = Cost.RFC_9106) -> None:
        """`cost` is that of passwords and PINs set from now on."""
        self._hasher, self._nobody = _HASHERS[cost], _NOBODY[cost]

    async def hashed(self, password: str) -> str:
        """Return the hash to keep."""
        async with _slots:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def matches(self, password: str, kept: str | None) -> bool:
        """Whether `password` has the hash `kept`; None (no such user, or none set) never matches and takes as long."""
        async with _slots:
            found = await asyncio.to_thread(verifies, password, kept or self._nobody)
        return found and kept is not None

    async def is_one_of(self, password: str, kept: tuple[str, ...]) -> bool:
        """Whether `password` has one of these hashes."""
        for each in kept:
            if await self.matches(password, each):
                return True
        return False


_ANY = PasswordHasher()


@cache
def common_passwords() -> frozenset[str]:
    """Return passwords that are guessed first: the 10,000 commonest of zxcvbn's list (MIT), and its long ones up to 30,000."""
    text = files("control.people").joinpath("common_passwords.txt").read_text("ascii")
    return frozenset(text.split())


def verifies(password: str, kept: str) -> bool:
    """Whether `password` has the hash `kept`, which says its own cost."""
    try:
        return _ANY.verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False
