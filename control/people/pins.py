"""Hears the PIN that is given at a locked position: counted before it is checked, void after a few wrong ones."""

import asyncio

from control.people.accounts import Accounts, User
from control.people.limits import PINS_MAX
from control.people.passwords import verifies
from control.people.standing import Standing
from domain.words import Words

_one_at_a_time = asyncio.Semaphore(1)
"""Apart from the passwords' slots: a crowd of strangers' guesses must not hold up a closure."""


def locked_standing(user: User) -> Standing:
    """Return the standing of whoever is at the locked position of `user` and has given no PIN."""
    if user.pin is None:
        return Standing.NO_PIN
    return Standing.PIN_VOID if user.pin_failures >= PINS_MAX else Standing.LOCKED


async def heard(accounts: Accounts, user: User, pin: str) -> Standing:
    """Return the standing of whoever gives `pin` at the locked position of `user`."""
    async with _one_at_a_time:
        user = accounts.get(user.username) or user
        if user.pin is None or locked_standing(user) is not Standing.LOCKED:
            return locked_standing(user)
        failures = user.pin_failures + 1
        await accounts.note_pin(user, failures=failures, words=None)  # many guesses at once count as many
        if await asyncio.to_thread(verifies, pin, user.pin):
            words = Words("锁定席位 PIN 验证通过", "PIN given at a locked position")
            await accounts.note_pin(accounts.get(user.username) or user, failures=0, words=words)
            return Standing.PIN
        words = Words("锁定席位 PIN 错误", "wrong PIN at a locked position")
        await accounts.note_pin(accounts.get(user.username) or user, failures=failures, words=words)
        return Standing.PIN_VOID if failures >= PINS_MAX else Standing.PIN_WRONG
