"""Which readings a gate may be moved on."""

from dataclasses import replace

import pytest

from domain.quality import Quality
from domain.sample import NEVER_READ, Reading, Value

GOOD = Reading(value=1.0, quality=Quality.GOOD, fresh=True)


@pytest.mark.parametrize(
    ("value", "is_trusted"),
    [
        (1.0, True),
        (0.0, True),
        (False, True),
        ("x", True),
        (None, False),
        (float("nan"), False),
        (float("inf"), False),
    ],
)
def test_what_is_good_and_fresh_is_trusted_if_it_is_a_value_at_all(
    value: Value | None, is_trusted: bool
) -> None:
    assert replace(GOOD, value=value).is_trusted is is_trusted


def test_what_is_stale_or_not_good_is_not_trusted() -> None:
    assert not replace(GOOD, fresh=False).is_trusted
    assert not replace(GOOD, quality=Quality.UNCERTAIN).is_trusted
    assert not replace(GOOD, quality=Quality.BAD).is_trusted
    assert not NEVER_READ.is_trusted


def test_a_reading_is_not_fresh_unless_it_is_said_to_be() -> None:
    said = Reading(value=1.0, quality=Quality.GOOD)
    assert (said.fresh, said.is_trusted) == (False, False)
    assert (said.reason, said.observed_ms, said.age_s) == (None, None, None)
