"""The judge of samples finds each kind of loss."""

from dataclasses import replace

import pytest

from domain.quality import Quality
from stoplog.oracle.samples import Accepted, Key, Stored, compare

GOOD = Quality.GOOD
SAMPLES: dict[Key, tuple[float | bool | str | None, Quality]] = {
    ("a/x", 1): (1.0, GOOD),
    ("a/x", 2): (2.0, GOOD),
}
ACCEPTED = Accepted(samples=dict(SAMPLES), payloads=2, count=2)
STORED = Stored(samples=dict(SAMPLES), duplicated=0, redelivered=3, conflicts=0, quarantined=0)


def test_everything_once_is_no_problem() -> None:
    assert compare(ACCEPTED, STORED) == []


@pytest.mark.parametrize(
    ("stored", "word"),
    [
        (replace(STORED, samples={("a/x", 1): (1.0, GOOD)}), "not in the store"),
        (replace(STORED, samples={**SAMPLES, ("a/x", 3): (3.0, GOOD)}), "never accepted"),
        (replace(STORED, samples={**SAMPLES, ("a/x", 2): (9.0, GOOD)}), "another value"),
        (replace(STORED, samples={**SAMPLES, ("a/x", 2): (2.0, Quality.BAD)}), "another value or quality"),
        (replace(STORED, conflicts=1), "came with another value"),
        (replace(STORED, duplicated=1), "more than once"),
        (replace(STORED, quarantined=1), "is not accepted"),
    ],
)
def test_each_kind_of_loss_is_found(stored: Stored, word: str) -> None:
    problems = compare(ACCEPTED, stored)
    assert any(word in problem for problem in problems), problems


def test_a_sample_in_quarantine_is_not_lost() -> None:
    assert compare(ACCEPTED, replace(STORED, samples={("a/x", 1): (1.0, GOOD)}, quarantined=1)) == []
