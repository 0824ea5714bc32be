"""An unknown user costs a guess as much as a known one, and a hash says what it cost."""

import pytest

from control.people import passwords
from control.people.passwords import Cost, Passwords


@pytest.mark.parametrize("cost", Cost)
def test_what_is_checked_for_nobody_takes_as_long_as_a_new_hash(cost: Cost) -> None:
    assert not passwords._HASHERS[cost].check_needs_rehash(passwords._NOBODY[cost])


@pytest.mark.parametrize(
    ("cost", "parameters"), [(Cost.RFC_9106, "m=65536,t=3,p=4"), (Cost.OWASP, "m=19456,t=2,p=1")]
)
async def test_a_hash_is_argon2id_at_the_cost_that_was_set(cost: Cost, parameters: str) -> None:
    assert (await Passwords(cost).hashed("correct horse")).startswith(f"$argon2id$v=19${parameters}$")


async def test_nobody_has_a_password_and_somebody_has_his_own() -> None:
    kept = Passwords(Cost.OWASP)
    assert not await kept.matches("", None)
    own = await kept.hashed("correct horse")
    assert await kept.matches("correct horse", own)
    assert not await kept.matches("correct hors", own)
    assert not await kept.matches("correct horse", "no hash")


async def test_what_was_hashed_at_another_cost_still_counts() -> None:
    own = await Passwords(Cost.OWASP).hashed("correct horse")
    dear = Passwords()
    assert await dear.matches("correct horse", own)
    assert await dear.is_one_of("correct horse", ("no hash", own))
    assert not await dear.is_one_of("correct hors", (own,))
