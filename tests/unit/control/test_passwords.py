"""An unknown user costs a guess as much as a known one."""

from control.people import passwords


def test_what_is_checked_for_nobody_takes_as_long_as_a_new_hash() -> None:
    assert not passwords._hasher.check_needs_rehash(passwords._NOBODY)


async def test_nobody_has_a_password_and_somebody_has_his_own() -> None:
    assert not await passwords.matches("", None)
    kept = await passwords.hashed("correct horse")
    assert await passwords.matches("correct horse", kept)
    assert not await passwords.matches("correct hors", kept)
