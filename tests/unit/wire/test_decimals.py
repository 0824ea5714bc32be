"""Which whole numbers stand for the doubles of an instrument, and that they give them back bit for bit."""

import numpy as np
import pytest

from wire.decimals import doubles_of, whole_numbers


@pytest.mark.parametrize(
    ("values", "whole", "form"),
    [
        ([0.0, 1.0, -7.0], [0, 1, -7], 1),
        ([0.3, 12.5], [3, 125], 2),
        ([0.57, 2.0], [57, 200], 3),
        ([0.009, 0.125], [9, 125], 4),
        ([0.0001, 1.2345], [1, 12345], 5),
        ([0.00001, 1.23456], [1, 123456], 13),
        ([3 * 0.0001, 0.0002], [3, 2], 12),
        ([3 * 0.1, 0.2], [3, 2], 9),  # 0.30000000000000004: a register times its scale
    ],
)
def test_decimals_become_whole_numbers_of_the_first_form_that_fits(
    values: list[float], whole: list[int], form: int
) -> None:
    given = np.array(values)
    found, forms = whole_numbers(given.view(np.uint64), np.zeros(len(values), dtype=np.int64), 1)
    assert (found.tolist(), forms.tolist()) == (whole, [form])
    assert doubles_of(found, forms[np.zeros(len(values), dtype=np.int64)]).tolist() == values


def test_a_single_stays_a_single_and_what_is_neither_stays_its_bits() -> None:
    single, neither = np.float64(np.float32(0.1)), np.float64(np.pi)
    given = np.array([single, neither, np.nan, np.inf, 1e300])
    found, forms = whole_numbers(given.view(np.uint64), np.arange(5), 5)
    assert forms.tolist() == [16, 0, 16, 16, 0]
    assert found[0] == int(np.float32(0.1).view(np.int32))
    assert found[1] == int(neither.view(np.int64))
    assert doubles_of(found, forms).view(np.uint64).tolist() == given.view(np.uint64).tolist()


def test_the_values_of_a_stem_have_one_form_and_each_stem_its_own() -> None:
    given = np.array([0.3, 2.5, 4.0, 5.0])
    found, forms = whole_numbers(given.view(np.uint64), np.array([0, 0, 1, 1]), 2)
    assert forms.tolist() == [2, 1]
    assert found.tolist() == [3, 25, 4, 5]


@pytest.mark.parametrize(
    ("value", "whole", "form"),
    [(13 / 10**7, 13, 8), (2.0**53 - 1, 2**53 - 1, 1), (-(2.0**53) + 1, -(2**53) + 1, 1)],
)
def test_each_form_gives_its_value_back(value: float, whole: int, form: int) -> None:
    forms = np.array([form], dtype=np.uint8)
    assert doubles_of(np.array([whole], dtype=np.int64), forms).tolist() == [value]


def test_beyond_what_a_double_counts_exactly_there_is_no_whole_number() -> None:
    given = np.array([2.0**53, 2.0**53 - 1])
    found, forms = whole_numbers(given.view(np.uint64), np.arange(2), 2)
    assert forms.tolist() == [16, 1], "2 to the 53rd is a single all the same"
    assert found.tolist() == [int(np.float32(2.0**53).view(np.int32)), 2**53 - 1]


def test_one_value_that_does_not_fit_takes_its_whole_stem_to_another_form_and_no_other_stem() -> None:
    given = np.array([5.0, 0.5, 7.0, 9.0, np.pi, 8.0])
    stems = np.array([0, 0, 0, 1, 2, 3])
    found, forms = whole_numbers(given.view(np.uint64), stems, 4)
    assert forms.tolist() == [9, 1, 0, 1]
    assert found.tolist() == [50, 5, 70, 9, int(np.float64(np.pi).view(np.int64)), 8]
    assert doubles_of(found, forms[stems]).tolist() == given.tolist()


def test_the_first_of_each_stem_is_looked_at_even_of_a_single_value() -> None:
    given = np.array([0.25, 3.0, 0.125])
    found, forms = whole_numbers(given.view(np.uint64), np.array([0, 1, 2]), 3)
    assert (found.tolist(), forms.tolist()) == ([25, 3, 125], [10, 1, 11])


def test_of_nothing_nothing_is_said() -> None:
    none = np.array([], dtype=np.uint64)
    found, forms = whole_numbers(none, np.array([], dtype=np.int64), 0)
    assert (found.tolist(), forms.tolist()) == ([], [])


def test_what_is_left_over_begins_with_its_first_stem() -> None:
    found, forms = whole_numbers(np.array([5.0, 0.5]).view(np.uint64), np.array([0, 1]), 2)
    assert (found.tolist(), forms.tolist()) == ([5, 5], [1, 9])
