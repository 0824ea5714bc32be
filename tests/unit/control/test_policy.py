"""Which passwords and PINs are taken under either rule, and what is due for a change."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.people.passwords import common_passwords
from control.people.policy import (
    CLASSES_MIN,
    EARLIER_MAX,
    LENGTH_MAX,
    LENGTH_MIN,
    PIN_DIGITS_MAX,
    PIN_DIGITS_MIN,
    ROTATE_MS,
    Policy,
    due,
    faults,
    pin_fault,
)
from control.people.standing import Due

COMMON = frozenset({"password", "1234567890", "qwertyuiop", "letmein"})


@pytest.mark.parametrize(
    ("password", "asvs", "mlps"),
    [
        ("correct horse", True, False),
        ("chang-cheng-2026!", True, True),
        ("Horse battery 1", True, True),
        ("short", False, False),
        ("Sh0rt!!!!", False, False),
        ("1234567890", False, False),
        ("QWERTYUIOP", False, False),
        ("Password2026!", False, False),
        ("Stoplog-2026", False, False),
        ("aaaaaaaaaaaa", False, False),
        ("zhao.li is here 1A", False, False),
        ("一座安静的水闸在河边上", True, False),
    ],
)
def test_each_rule_takes_what_it_says(password: str, asvs: bool, mlps: bool) -> None:
    for policy, is_taken in ((Policy.ASVS, asvs), (Policy.MLPS, mlps)):
        found = faults(password, username="zhao.li", policy=policy, common=COMMON)
        assert (not found) is is_taken, (policy, found)


def test_the_words_that_a_site_chooses_by_and_the_numbers_that_it_is_told() -> None:
    assert [policy.value for policy in Policy] == ["asvs", "mlps"]
    assert (LENGTH_MIN, LENGTH_MAX, CLASSES_MIN, EARLIER_MAX) == (10, 200, 3, 5)
    assert (PIN_DIGITS_MIN, PIN_DIGITS_MAX) == (6, 12)
    assert ROTATE_MS == 90 * 24 * 60 * 60 * 1000


@pytest.mark.parametrize(
    "word", ["stoplog", "administrator", "operator", "engineer", "lingang", "zhihuishui", "huanbao"]
)
def test_what_is_guessed_first_at_this_very_system_is_a_common_password(word: str) -> None:
    assert faults(f"{word}-2026", username="li", policy=Policy.ASVS, common=frozenset())


@given(st.text(min_size=LENGTH_MIN, max_size=40))
def test_asvs_asks_for_no_classes(password: str) -> None:
    found = faults(password, username="nobody-has-this", policy=Policy.ASVS, common=frozenset())
    assert not found or len(set(password.lower())) <= 2 or "stoplog" in password.lower()


def test_the_list_of_common_passwords_is_there_and_lower_case() -> None:
    held = common_passwords()
    assert len(held) > 9_000
    assert {"1234567890", "password123", "qwertyuiop"} <= held
    assert all(item == item.lower() for item in held)


@pytest.mark.parametrize(
    ("pin", "is_taken"),
    [
        ("482915", True), ("4829150", True), ("12345", False), ("123456", False), ("654321", False), ("890123", False),
        ("000000", False), ("0000000", False), ("121212", False), ("123123", False), ("48291a", False), ("４８２９１５", False), ("9" * 13, False),
    ],
)  # fmt: skip
def test_a_pin_is_six_digits_that_nobody_tries_first(pin: str, is_taken: bool) -> None:
    assert (pin_fault(pin) is None) is is_taken


DAY_MS = 86_400_000


@pytest.mark.parametrize(
    ("policy", "is_given", "age_ms", "has_factor", "wanted"),
    [
        (Policy.ASVS, False, 10**12, False, None),
        (Policy.ASVS, True, 0, True, Due.GIVEN_PASSWORD),
        (Policy.MLPS, True, 0, True, Due.GIVEN_PASSWORD),
        (Policy.MLPS, False, 0, True, None),
        (Policy.MLPS, False, 0, False, Due.NO_SECOND_FACTOR),
        (Policy.MLPS, False, ROTATE_MS, True, Due.OLD_PASSWORD),
        (Policy.MLPS, False, ROTATE_MS - 1, True, None),
    ],
)
def test_what_is_due(
    policy: Policy, is_given: bool, age_ms: int, has_factor: bool, wanted: Due | None
) -> None:
    now_ms = 2 * 10**12
    common = {
        "is_password_given": is_given,
        "has_second_factor": has_factor,
        "policy": policy,
        "now_ms": now_ms,
    }
    assert due(has_password=True, password_ms=now_ms - age_ms, **common) is wanted  # type: ignore[arg-type]
    assert due(has_password=False, password_ms=now_ms - age_ms, **common) is None  # type: ignore[arg-type]
